import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Psd cones beside other cones, several of them, and quadratic objectives: systems that are
/// condensed to the variables or to the other rows.
@Suite struct CondensedTests {
  private func check(_ known: KnownOptimum) throws -> Int {
    let result = try known.sample.solve()
    #expect(result.status == .solved)
    let value = try result.real("objective")
    #expect(abs(value - known.objective) <= 2e-7 * max(1, abs(known.objective)))
    return Int(try result.int("factor_entries"))
  }

  private func others(_ numbers: inout Numbers) -> [KnownOptimum.Pair] {
    [
      KnownOptimum.active("nonnegative 2", [0.5, 1]),
      KnownOptimum.secondOrder(size: 3, &numbers), KnownOptimum.secondOrder(size: 6, &numbers),
      KnownOptimum.inactive("exponential", [-1, 1, 1]),
      KnownOptimum.inactive("power 0.3", [1, 1, 0.2]),
    ]
  }

  /// Sides on both sides of the order from which LAPACK is used; the factor is dense, of the order
  /// of the variables.
  @Test(arguments: [(12, 0.0), (12, 1.0), (24, 0.3)])
  func byVariables(side: Int, curvature: Double) throws {
    var numbers = Numbers(UInt64(side))
    let n = 7
    var pairs = [KnownOptimum.matrix(side: side, &numbers)] + others(&numbers)
    pairs.append(KnownOptimum.matrix(side: 4, &numbers))
    let rows = pairs.reduce(0) { $0 + $1.s.count }
    let a = (0..<rows).map { _ in numbers.list(n) }
    let p = (0..<n).map { curvature * Double($0 % 3) }
    let entries = try check(KnownOptimum(pairs, a: a, p: p, x: numbers.list(n)))
    #expect(entries == n * (n + 1) / 2)
  }

  /// Each entry of the matrix is a variable; three more are free, with a quadratic term.
  @Test(arguments: [12, 20]) func byRows(side: Int) throws {
    var numbers = Numbers(UInt64(100 + side))
    let (size, free) = (side * (side + 1) / 2, 3)
    let n = size + free
    let matrix = KnownOptimum.matrix(side: side, &numbers)
    let equations = KnownOptimum.active("zero 3", [1, -2, 0.5])
    let pairs = [equations] + others(&numbers) + [matrix]
    let rows = pairs.reduce(0) { $0 + $1.s.count }
    var a: [[Double]] = []
    for i in 0..<rows {
      if i < rows - size {
        a.append(numbers.list(n))
      } else {
        a.append((0..<n).map { $0 == i - (rows - size) ? -1 : 0 })
      }
    }
    let x = matrix.s + numbers.list(free)
    let p = (0..<n).map { $0 < size ? 0 : 1.0 }
    let order = rows - size + free
    #expect(try check(KnownOptimum(pairs, a: a, p: p, x: x)) == order * (order + 1) / 2)
  }

  /// Dense matrices, whose products are made at once, and sparse ones, by pairs of entries.
  @Test(arguments: [false, true]) func manyMatrices(isDense: Bool) throws {
    var numbers = Numbers(5)
    let (side, n) = (20, 30)
    let matrix = KnownOptimum.matrix(side: side, &numbers)
    let a = matrix.s.indices.map { i in
      (0..<n).map { j in isDense || (i + 3 * j) % 40 == 0 ? numbers.next() : 0 }
    }
    let known = KnownOptimum(
      [matrix], a: a, p: [Double](repeating: 0.1, count: n), x: numbers.list(n))
    #expect(try check(known) == n * (n + 1) / 2)
  }

  /// The relaxation of K-means is exact for clusters that lie far apart. It has a row for each
  /// entry of the matrix, so that the system is solved by iterations.
  @Test func rowsForAllEntries() throws {
    var numbers = Numbers(3)
    let (n, clusters) = (48, 3)
    let points = (0..<n).map { i in
      (10 * Double(i % clusters) + numbers.next(), numbers.next() * 2)
    }
    func distance(_ i: Int, _ j: Int) -> Double {
      let (x, y) = (points[i].0 - points[j].0, points[i].1 - points[j].1)
      return x * x + y * y
    }
    let (size, root) = (n * (n + 1) / 2, 2.0.squareRoot())
    var (q, expected) = ([Double](), 0.0)
    let none = [Double](repeating: 0, count: size)
    var (sums, trace) = ([[Double]](repeating: none, count: n), none)
    var (signs, matrix) = ([[Double]](), [[Double]]())
    for j in 0..<n {
      for i in 0...j {
        var unit = none
        unit[q.count] = -1
        matrix.append(unit)
        sums[i][q.count] = i == j ? 1 : 1 / root
        sums[j][q.count] = sums[i][q.count]
        if i == j { trace[q.count] = 1 } else { signs.append(unit) }
        q.append(i == j ? 0 : root * distance(i, j))
        if (j - i) % clusters == 0 { expected += 2 * distance(i, j) / Double(n / clusters) }
      }
    }
    let sample = ConeSample(
      q: q, a: sums + [trace] + signs + matrix,
      b: [Double](repeating: 1, count: n) + [Double(clusters)]
        + [Double](repeating: 0, count: signs.count + size),
      cones: "zero \(n + 1), nonnegative \(signs.count), psd \(n)")
    let result = try sample.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective") - expected) <= 1e-6 * expected)
    let order = n + 1 + signs.count
    #expect(try result.int("factor_entries") < Int64(order * (order + 1) / 4))
    let short = try sample.solve { try $0.set("max_iterations", .int(2)) }
    #expect(short.status == .iterationLimit)
  }

  @Test func infeasibleAndUnboundedBesideOtherCones() throws {
    // [1, x; x, 1] psd keeps |x| <= 1, the cone wants x >= 2.
    let root = 2.0.squareRoot()
    var sample = ConeSample(
      q: [1, 0], a: [[-1, 0], [0, -1], [0, 0], [-root, 0], [0, 0]], b: [-2, 0, 1, 0, 1],
      cones: "second_order 2, psd 2")
    #expect(try sample.solve().status == .infeasible)
    sample = ConeSample(
      q: [-1, 0], a: [[-1, 0], [0, -1], [-1, 0], [0, 0], [0, 0]], b: [0, 0, 1, 0, 1],
      cones: "second_order 2, psd 2")
    #expect(try sample.solve().status == .unbounded)
  }
}
