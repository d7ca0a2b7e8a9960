import KantorCore
import KantorNumerics
import Testing

@Suite struct MatrixProductTests {
  /// Entries in [-1, 1], the same in every run.
  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Buffer<Double> {
    let out = try Buffer<Double>(count: rows * columns)
    var stream = RandomStream(seed: seed)
    for k in 0..<out.count { out.pointer[k] = 2 * stream.uniform() - 1 }
    return out
  }

  private func plain(_ a: MatrixView, _ b: MatrixView, _ i: Int, _ j: Int) -> Double {
    var sum = CompensatedSum()
    for k in 0..<a.columns {
      sum.add(
        a.pointer[i * a.rowStride + k * a.columnStride]
          * b.pointer[k * b.rowStride + j * b.columnStride])
    }
    return sum.value
  }

  @Test(arguments: [
    (1, 1, 1), (3, 5, 2), (8, 24, 256), (9, 25, 257), (97, 49, 300), (130, 961, 7), (40, 1, 600),
    (1, 970, 513),
  ])
  func agreesWithPlainSums(_ n: Int, _ m: Int, _ depth: Int) throws {
    let a = try matrix(n, depth, seed: 1)
    let b = try matrix(depth, m, seed: 2)
    let product = try MatrixProduct()
    let left = MatrixView(a.pointer, rows: n, columns: depth)
    let right = MatrixView(b.pointer, rows: depth, columns: m)
    let turnedA = MatrixView(a.pointer, rows: depth, columns: n).transposed
    let turnedB = MatrixView(b.pointer, rows: m, columns: depth).transposed
    for (x, y) in [(left, right), (turnedA, right), (left, turnedB), (turnedA, turnedB)] {
      // Rows further apart than they are long; what lies between must stay.
      let leading = m + 3
      let c = try Buffer<Double>(count: n * leading, repeating: 0.5)
      try product.multiply(x, y, into: c.pointer, leading: leading, factor: -2, keep: 4)
      var worst = 0.0
      for i in 0..<n {
        for j in 0..<m {
          worst = max(worst, abs(c[i * leading + j] - (2 - 2 * plain(x, y, i, j))))
        }
        for j in m..<leading { #expect(c[i * leading + j] == 0.5) }
      }
      #expect(worst <= 1e-15 * Double(4 * depth + 40))
    }
  }

  @Test func overwritesWhateverWasThere() throws {
    let a = try matrix(5, 300, seed: 3)
    let c = try Buffer<Double>(count: 25, repeating: .nan)
    let view = MatrixView(a.pointer, rows: 5, columns: 300)
    try MatrixProduct().multiply(view, view.transposed, into: c.pointer)
    #expect(c.span.allSatisfy { $0.isFinite })
    let empty = MatrixView(a.pointer, rows: 5, columns: 0)
    try MatrixProduct().multiply(empty, empty.transposed, into: c.pointer)
    #expect(c.span.allSatisfy { $0 == 0 })
  }

  @Test func threadsDoNotChangeTheBits() throws {
    let a = try matrix(333, 270, seed: 4)
    let left = MatrixView(a.pointer, rows: 333, columns: 270)
    let one = try Buffer<Double>(count: 333 * 333)
    let three = try Buffer<Double>(count: 333 * 333)
    try MatrixProduct(threads: 1).multiply(left, left.transposed, into: one.pointer)
    try MatrixProduct(threads: 3).multiply(left, left.transposed, into: three.pointer)
    #expect(one.span.elementsEqual(three.span))
  }

  @Test func stopsWhenTheHostSaysSo() throws {
    let a = try matrix(300, 300, seed: 5)
    let view = MatrixView(a.pointer, rows: 300, columns: 300)
    let c = try Buffer<Double>(count: 300 * 300)
    var asked = 0
    let finished = try MatrixProduct().multiply(view, view, into: c.pointer) {
      asked += 1
      return false
    }
    #expect(!finished && asked == 1)
  }
}
