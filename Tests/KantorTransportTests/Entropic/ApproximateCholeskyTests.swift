import Glibc
import KantorCore
import KantorNumerics
import Testing

@Suite struct ApproximateCholeskyTests {
  struct Graph {
    var count: Int
    var edges: [(Int, Int, Double)]
    var excess: [Double]

    /// A ring with random chords; weights over `decades` powers of ten.
    static func random(_ count: Int, decades: Double, seed: UInt64) -> Graph {
      var random = RandomStream(seed: seed)
      var edges: [(Int, Int, Double)] = []
      for v in 0..<count {
        for u in [(v + 1) % count, random.index(below: count)] where u != v {
          edges.append((v, u, pow(10, -decades * random.uniform())))
        }
      }
      let excess = (0..<count).map { $0 % 7 == 0 ? 1e-3 * random.uniform() : 0 }
      return Graph(count: count, edges: edges, excess: excess)
    }

    func product(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
      for v in 0..<count { out[v] = excess[v] * x[v] }
      for (u, v, w) in edges {
        let flow = w * (x[u] - x[v])
        out[u] += flow
        out[v] -= flow
      }
    }

    func factor() throws -> ApproximateCholesky {
      var degrees = [Int32](repeating: 0, count: count)
      for (u, v, _) in edges {
        degrees[u] += 1
        degrees[v] += 1
      }
      var factor = try ApproximateCholesky(count: count, edgeCount: edges.count)
      try factor.begin(degrees: degrees)
      for (u, v, w) in edges { factor.join(u, v, w) }
      for v in 0..<count { factor.join(v, count, excess[v]) }
      var random = RandomStream(seed: 3)
      #expect(try factor.factorise(random: &random))
      return factor
    }
  }

  @Test func treesAreSolvedExactly() throws {
    // Without cycles nothing is sampled: every vertex is eliminated as a leaf of what is left.
    var graph = Graph(count: 6, edges: [], excess: [0, 0, 0, 0, 0, 2])
    graph.edges = [(0, 1, 1), (1, 2, 1e-9), (2, 3, 5), (3, 4, 1e6), (4, 5, 3)]
    let factor = try graph.factor()
    let wanted = [3.0, -1, 2, 0.5, 4, -2]
    var side = [Double](repeating: 0, count: 6)
    graph.product(wanted, &side)
    factor.solve(&side)
    for v in 0..<6 { #expect(abs(side[v] - wanted[v]) < 1e-6) }
  }

  @Test(arguments: [0.0, 6, 14]) func conjugateGradientsNeedFewIterations(decades: Double) throws {
    let graph = Graph.random(2000, decades: decades, seed: 5)
    let factor = try graph.factor()
    var random = RandomStream(seed: 9)
    let wanted = try Buffer((0..<graph.count).map { _ in random.uniform() - 0.5 })
    let side = try Buffer<Double>(count: graph.count)
    graph.product(wanted.pointer, side.pointer)
    let x = try Buffer<Double>(count: graph.count)
    let solver = try ConjugateGradient(count: graph.count)
    let outcome = solver.solve(
      rightHandSide: side.pointer, x: x.pointer, tolerance: 1e-10, maxIterations: 500,
      multiply: { graph.product($0, $1) },
      precondition: { r, z in
        z.update(from: r, count: graph.count)
        factor.solve(z)
      })
    #expect(outcome.relativeResidual <= 1e-10)
    #expect(outcome.iterations < 120)
  }

  @Test func sameSeedSameFactor() throws {
    let graph = Graph.random(300, decades: 3, seed: 8)
    let (one, two) = (try graph.factor(), try graph.factor())
    var x = (0..<300).map { sin(Double($0)) }
    var y = x
    one.solve(&x)
    two.solve(&y)
    #expect(x == y)
  }
}

@Suite struct ConjugateGradientTests {
  @Test func solvesASmallSystem() throws {
    let matrix = [[4.0, 1, 0], [1, 3, -1], [0, -1, 2]]
    let side = try Buffer([1.0, 2, 3])
    let x = try Buffer<Double>(count: 3)
    let solver = try ConjugateGradient(count: 3)
    let outcome = solver.solve(
      rightHandSide: side.pointer, x: x.pointer, tolerance: 1e-14, maxIterations: 10,
      multiply: { v, out in
        for i in 0..<3 { out[i] = (0..<3).reduce(0) { $0 + matrix[i][$1] * v[$1] } }
      },
      precondition: { r, z in for i in 0..<3 { z[i] = r[i] / matrix[i][i] } })
    #expect(outcome.iterations <= 4)
    for i in 0..<3 {
      let product = (0..<3).reduce(0) { $0 + matrix[i][$1] * x[$1] }
      #expect(abs(product - side[i]) < 1e-13)
    }
  }

  @Test func stopsWhereThereIsNoCurvature() throws {
    let side = try Buffer([1.0, 0])
    let x = try Buffer<Double>(count: 2)
    let solver = try ConjugateGradient(count: 2)
    let outcome = solver.solve(
      rightHandSide: side.pointer, x: x.pointer, tolerance: 1e-10, maxIterations: 10,
      multiply: { v, out in (out[0], out[1]) = (-v[0], v[1]) },
      precondition: { r, z in (z[0], z[1]) = (r[0], r[1]) })
    #expect(outcome.brokeOff)
    #expect(x[0] == 0)
  }
}
