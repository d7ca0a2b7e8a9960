import COpenBLAS
import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct DenseLibraryTests {
  private func residual(_ a: [[Double]], _ s: SymmetricSpectrum) -> Double {
    let n = a.count
    var worst = 0.0
    for k in 0..<n {
      for i in 0..<n {
        let product = (0..<n).reduce(0.0) { $0 + a[i][$1] * s.vectors[k * n + $1] }
        worst = max(worst, abs(product - s.values[k] * s.vectors[k * n + i]))
      }
    }
    return worst
  }

  @Test(arguments: [0, 1, 2, 3, 5, 19, 20, 21, 40, 90])
  func eigenvectorsAndProjections(n: Int) throws {
    let a = try DenseLDLTests.sample(n, positive: n / 2, seed: 7)
    let flat = try Buffer<Double>(a.flatMap { $0 })
    let s = try SymmetricSpectrum(order: n)
    // Memory is used again.
    for _ in 0..<2 {
      #expect(s.decompose(flat.pointer))
      #expect(residual(a, s) < 1e-12 * Double(max(n * n, 1)))
      for k in 1..<max(n, 1) { #expect(s.values[k - 1] <= s.values[k]) }
    }
    for k in 0..<n {
      for l in 0...k {
        let inner = (0..<n).reduce(0.0) { $0 + s.vectors[k * n + $1] * s.vectors[l * n + $1] }
        #expect(abs(inner - (k == l ? 1 : 0)) < 1e-12)
      }
    }
    // Moreau: the two projections add up to the matrix and are orthogonal.
    let (plus, minus) = (try Buffer<Double>(count: n * n), try Buffer<Double>(count: n * n))
    s.assemble(into: plus.pointer) { max($0, 0) }
    s.assemble(into: minus.pointer) { min($0, 0) }
    var inner = 0.0
    for e in 0..<(n * n) {
      #expect(abs(plus[e] + minus[e] - flat[e]) < 1e-11)
      inner += plus[e] * minus[e]
    }
    #expect(abs(inner) < 1e-9)
  }

  @Test func knownEigenvalues() throws {
    let s = try SymmetricSpectrum(order: 2)
    let small = try Buffer<Double>([2, 1, 1, 2])
    let isDone = withExtendedLifetime(small) { s.decompose(small.pointer) }
    #expect(isDone)
    #expect(abs(s.values[0] - 1) < 1e-14 && abs(s.values[1] - 3) < 1e-14)
    // The second difference matrix: 2 - 2 cos(k pi / (n + 1)); for k = 1, n = 30 see below.
    let n = 30
    let flat = try Buffer<Double>(count: n * n)
    for i in 0..<n {
      flat[i * n + i] = 2
      if i + 1 < n { (flat[i * n + i + 1], flat[(i + 1) * n + i]) = (-1, -1) }
    }
    let large = try SymmetricSpectrum(order: n)
    #expect(large.decompose(flat.pointer))
    #expect(abs(large.values[0] - 0.010261353216) < 1e-11)
    #expect(abs(large.values.list.reduce(0, +) - 60) < 1e-12)
    flat[5] = .nan
    #expect(!large.decompose(flat.pointer))
  }

  @Test(arguments: [(3, 5), (5, 3), (30, 12), (1, 4), (0, 3)])
  func singularVectorsGiveTheMatrixBack(rows: Int, columns: Int) throws {
    let a = try SystemSample.vector(rows * columns, seed: 3)
    let s = try SingularValues(a.pointer, rows: rows, columns: columns)
    let k = min(rows, columns)
    for i in 0..<rows {
      for j in 0..<columns {
        let sum = (0..<k).reduce(0.0) {
          $0 + s.values[$1] * s.left[$1 * rows + i] * s.right[$1 * columns + j]
        }
        #expect(abs(sum - a[i * columns + j]) < 1e-13)
      }
    }
    let only = try SingularValues(a.pointer, rows: rows, columns: columns, vectors: false)
    for l in 0..<k { #expect(abs(only.values[l] - s.values[l]) < 1e-13) }
    #expect(only.left.count == 0)
  }

  @Test func theOtherFunctionsAreWhatTheirPrototypesSay() throws {
    let library = try DenseLibrary.functions(for: "test")
    var (two, three, one, zero, info) = (Int32(2), Int32(3), 1.0, 0.0, Int32(0))
    // A'A of a 3 x 2 matrix by columns, by two functions.
    let a: [Double] = [1, 2, 2, 0, 1, -1]
    var (gram, other) = ([0.0, 0, 0, 0], [0.0, 0, 0, 0])
    library.dgemm(
      "T", "N", &two, &two, &three, &one, a, &three, a, &three, &zero, &gram, &two, 1, 1)
    library.dsyrk("L", "T", &two, &three, &one, a, &three, &zero, &other, &two, 1, 1)
    #expect(gram == [9, 0, 0, 2] && other == [9, 0, 0, 2])
    var (root, count) = (gram, Int32(1))
    library.dpotrf("L", &two, &root, &two, &info, 1)
    #expect(info == 0 && root[0] == 3)
    var x = [18.0, 4]
    library.dpotrs("L", &two, &count, root, &two, &x, &two, &info, 1)
    #expect(abs(x[0] - 2) < 1e-15 && abs(x[1] - 2) < 1e-15)
    var y = [3.0, 2]
    library.dtrsm("L", "L", "N", "N", &two, &count, &one, root, &two, &y, &two, 1, 1, 1, 1)
    #expect(abs(y[0] - 1) < 1e-15)
    var (swap, pivots, work, room) = ([0.0, 1, 1, 0], [Int32](repeating: 0, count: 2),
      [Double](repeating: 0, count: 128), Int32(128))
    library.dsytrf("L", &two, &swap, &two, &pivots, &work, &room, &info, 1)
    var z = [5.0, 7]
    library.dsytrs("L", &two, &count, swap, &two, pivots, &z, &two, &info, 1)
    #expect(info == 0 && z == [7, 5])
    var (q, tau) = (a, [0.0, 0])
    library.dgeqrf(&three, &two, &q, &three, &tau, &work, &room, &info)
    #expect(info == 0 && abs(abs(q[0]) - 3) < 1e-15)
    var c = a
    library.dormqr(
      "L", "T", &three, &two, &two, q, &three, tau, &c, &three, &work, &room, &info, 1, 1)
    #expect(info == 0 && abs(c[1]) < 1e-15 && abs(c[0] - q[0]) < 1e-15)
    var (s, low, high, tolerance, found, first, last) = (
      gram, 0.0, 0.0, 0.0, Int32(0), Int32(2), Int32(2))
    var (w, vector, support, integers) = ([0.0, 0], [0.0, 0], [Int32](repeating: 0, count: 4),
      [Int32](repeating: 0, count: 64))
    var integerRoom = Int32(64)
    library.dsyevr(
      "V", "I", "L", &two, &s, &two, &low, &high, &first, &last, &tolerance, &found, &w, &vector,
      &two, &support, &work, &room, &integers, &integerRoom, &info, 1, 1, 1)
    #expect(info == 0 && found == 1 && abs(w[0] - 9) < 1e-14)
  }

  @Test func aMissingOrWrongLibraryIsAnErrorValue() {
    var table = kn_openblas()
    var text = [CChar](repeating: 0, count: 200)
    func read() -> String {
      String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    #expect(kn_openblas_try("libno-such-library.so.0", &table, &text, text.count) == 0)
    #expect(read().contains("libno-such-library.so.0"))
    #expect(kn_openblas_try("libm.so.6", &table, &text, text.count) == 0)
    #expect(read() == "it has no function dgemm_")
    // A short buffer is filled, ended and not overrun.
    text[8] = 99
    #expect(kn_openblas_try("libm.so.6", &table, &text, 8) == 0)
    #expect(read() == "it has " && text[8] == 99)
    #expect(kn_openblas_try("libm.so.6", &table, nil, 0) == 0)
  }

  @Test func theErrorNamesThePackage() {
    let error = DenseLibrary.missing(for: "eigenvalues of order 300", why: "no such file")
    #expect(error.code == .unsupported)
    #expect(error.message.contains("libopenblas0") && error.message.contains("no such file"))
  }

  @Test func threadsMayAskTogether() {
    Parallel(threads: 4).forEach(4) { _, _, _ in _ = kn_openblas_get() }
    #expect(kn_openblas_asked() == 1)
    #expect(kn_openblas_get() == kn_openblas_get())
  }
}
