import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

private func cloud(_ n: Int, _ d: Int, seed: UInt64, shift: Double = 0) -> [[Double]] {
  var random = RandomStream(seed: seed)
  return (0..<n).map { _ in (0..<d).map { _ in random.uniform() + shift } }
}

private func weights(_ n: Int, seed: UInt64) -> [Double] {
  var random = RandomStream(seed: seed)
  let raw = (0..<n).map { $0 % 7 == 0 ? 0 : 0.2 + random.uniform() }
  let total = raw.reduce(0, +)
  return raw.map { $0 / total }
}

@Suite struct PointTreeTests {
  private func tree(_ points: [[Double]], _ weights: [Double]) throws -> PointTree {
    try PointTree(
      try Buffer(points.flatMap { $0 }), weights: try Buffer(weights),
      dimension: points[0].count, threads: 2)
  }

  @Test(arguments: [1, 2, 5, 64, 1000]) func nodesHoldTheirPoints(count: Int) throws {
    let points = cloud(count, 3, seed: UInt64(count))
    let tree = try tree(points, [Double](repeating: 1 / Double(count), count: count))
    #expect(Set(tree.order.span.map { Int($0) }) == Set(0..<count))
    for i in 0..<count {
      let own = points[Int(tree.order.pointer[i])]
      #expect((0..<3).allSatisfy { tree.points.pointer[3 * i + $0] == own[$0] })
    }
    for level in 0...tree.depth {
      var next = 0
      for place in 0..<(1 << level) {
        let range = tree.range(level, place)
        #expect(range.lowerBound == next)
        next = range.upperBound
        let node = PointTree.number(level, place)
        for i in range {
          for k in 0..<3 {
            let value = tree.points.pointer[3 * i + k]
            #expect(tree.lowCorner(node)[k] <= value && value <= tree.highCorner(node)[k])
          }
        }
      }
      #expect(next == count)
    }
  }

  /// No pair of two nodes has a larger exponent than the bound says.
  @Test(arguments: [Metric.sqeuclidean, .euclidean, .l1]) func boundsHold(metric: Metric) throws {
    let (n, m) = (300, 280)
    let (a, b) = (weights(n, seed: 11), weights(m, seed: 12))
    let x = try tree(cloud(n, 2, seed: 13), a)
    let y = try tree(cloud(m, 2, seed: 14, shift: 0.7), b)
    let epsilon = 0.02
    let u = (0..<n).map { 20 * x.points.pointer[2 * $0] }
    let v = (0..<m).map { sin(9 * y.points.pointer[2 * $0 + 1]) }
    let (logA, logB) = (x.weights.span.map { log($0) }, y.weights.span.map { log($0) })
    let (phi, gamma) = (zip(u, logA).map { $0 + $1 }, zip(v, logB).map { $0 + $1 })
    let (levelX, levelY) = (x.level(ofSize: 40), y.level(ofSize: 20))
    let rows = try NodeBounds(x, metric, level: levelX, isRows: true)
    let columns = try NodeBounds(y, metric, level: levelY, isRows: false)
    rows.update(phi, logA)
    columns.update(gamma, logB)
    let cost = BoxCost(metric: metric, power: 2, dimension: 2)
    for p in 0..<(1 << levelX) {
      for q in 0..<(1 << levelY) {
        let (node, other) = (PointTree.number(levelX, p), PointTree.number(levelY, q))
        let bound = rows.exponent(node, columns, other, cost, 1 / epsilon)
        // The mass of the block, relative to the product of the weights, is below exp(bound).
        var (mass, product) = (0.0, 0.0)
        for i in x.range(levelX, p) {
          for j in y.range(levelY, q) {
            let (dx, dy) = (
              x.points.pointer[2 * i] - y.points.pointer[2 * j],
              x.points.pointer[2 * i + 1] - y.points.pointer[2 * j + 1]
            )
            let c = metric == .l1 ? abs(dx) + abs(dy)
              : metric == .euclidean ? (dx * dx + dy * dy).squareRoot() : dx * dx + dy * dy
            mass += exp(phi[i] + gamma[j] - c / epsilon)
            product += x.weights.pointer[i] * y.weights.pointer[j]
          }
        }
        #expect(mass <= product * exp(bound) * (1 + 1e-9))
      }
    }
  }
}
