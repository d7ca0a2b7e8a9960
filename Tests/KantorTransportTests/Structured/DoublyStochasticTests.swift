import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

/// A problem of the kind doubly_stochastic, solved by a method of the catalogue.
func solveMatrices(
  _ method: String, _ numbers: [Double], _ shape: [Int], field: String = "matrices",
  with others: [String: FieldValue] = [:], _ options: [String: OptionValue] = [:]
) throws -> Result {
  let catalog = Catalog.standard
  let problem = Problem(kind: try catalog.kind("doubly_stochastic"))
  try problem.set(field, .array(Tensor(try Buffer(numbers), shape: shape)))
  for (name, value) in others { try problem.set(name, value) }
  let settings = Settings(method: try catalog.method(method).spec)
  for (name, value) in options { try settings.set(name, value) }
  return try catalog.solve(problem, method: method, settings: settings)
}

func told(_ result: Result) -> String { (try? result.text("message")) ?? "no message" }

/// Reproducible numbers of mean 0 and a spread of about `scale`.
func spread(_ count: Int, _ scale: Double, seed: UInt64) -> [Double] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    var sum = 0.0
    for _ in 0..<4 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      sum += Double(state >> 33) * 0x1p-31 - 0.5
    }
    return scale * sum * 1.7
  }
}

func largestSumError(_ x: [Double], _ n: Int) -> Double {
  var worst = 0.0
  for b in 0..<x.count / (n * n) {
    for i in 0..<n {
      let row = (0..<n).map { x[b * n * n + i * n + $0] }.reduce(0, +)
      let column = (0..<n).map { x[b * n * n + $0 * n + i] }.reduce(0, +)
      worst = max(worst, abs(row - 1), abs(column - 1))
    }
  }
  return worst
}

@Suite struct DoublyStochasticTests {
  // ---- the Euclidean projection ---------------------------------------------------------------

  @Test func doublyStochasticMatricesStay() throws {
    let x = [0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.5]
    let result = try solveMatrices("birkhoff_projection", x, [3, 3])
    #expect(result.status == .solved)
    let out = try result.array("doubly_stochastic").list()
    #expect(zip(out, x).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(try result.real("objective") < 1e-20)
  }

  @Test func twoByTwoInClosedForm() throws {
    // Points [p, 1 - p; 1 - p, p]: p is the mean of the four estimates, cut to [0, 1].
    for (g, p) in [
      ([0.9, 0.3, 0.2, 0.6], 0.75), ([5, 0, 0, 5], 1), ([0, 3, 4, 0], 0), ([1, 1, 1, 1], 0.5),
    ] {
      let out = try solveMatrices("birkhoff_projection", g, [2, 2])
        .array("doubly_stochastic").list()
      let expected = [p, 1 - p, 1 - p, p]
      #expect(zip(out, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(g): \(out)")
    }
  }

  @Test func nearAPermutationItIsThePermutation() throws {
    let n = 12
    var g = spread(n * n, 0.02, seed: 3)
    for i in 0..<n { g[i * n + (5 * i + 3) % n] += 4 }
    let out = try solveMatrices("birkhoff_projection", g, [n, n]).array("doubly_stochastic").list()
    for i in 0..<n {
      for j in 0..<n { #expect(abs(out[i * n + j] - (j == (5 * i + 3) % n ? 1 : 0)) < 1e-9) }
    }
  }

  /// The variational inequality <G - X, P - X> <= 0 at every permutation of three rows, and sums.
  @Test(arguments: [0.1, 1, 10, 1000]) func optimalAgainstAllPermutations(scale: Double) throws {
    let g = spread(50 * 9, scale, seed: 4)
    let result = try solveMatrices("birkhoff_projection", g, [50, 3, 3])
    #expect(result.status == .solved)
    let x = try result.array("doubly_stochastic").list()
    #expect(x.allSatisfy { $0 >= 0 } && largestSumError(x, 3) < 1e-9)
    for b in 0..<50 {
      for p in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        var product = 0.0
        for i in 0..<3 {
          for j in 0..<3 {
            let k = b * 9 + i * 3 + j
            product += (g[k] - x[k]) * ((p[i] == j ? 1 : 0) - x[k])
          }
        }
        #expect(product <= 1e-7 * scale, "\(b)")
      }
    }
  }

  @Test(arguments: [(1, 1.0), (5, 1e6), (60, 1), (60, 1e4), (150, 0.001)])
  func sizesAndScales(n: Int, scale: Double) throws {
    let g = spread(n * n, scale, seed: UInt64(n))
    let result = try solveMatrices("birkhoff_projection", g, [n, n])
    #expect(result.status == .solved, "\(told(result))")
    #expect(try result.real("relative_gap") < 1e-9)
    let x = try result.array("doubly_stochastic").list()
    #expect(x.allSatisfy { $0 >= 0 } && largestSumError(x, n) < 1e-9)
  }

  @Test func integersWithManyTies() throws {
    let g = spread(400, 2, seed: 8).map { $0.rounded() }
    let result = try solveMatrices("birkhoff_projection", g, [20, 20])
    #expect(result.status == .solved, "\(told(result))")
  }

  /// Shifts of rows and columns change nothing; permuted rows give permuted rows.
  @Test func invariances() throws {
    let n = 7
    let g = spread(n * n, 1, seed: 5)
    let x = try solveMatrices("birkhoff_projection", g, [n, n]).array("doubly_stochastic").list()
    let shifted = (0..<n * n).map { g[$0] + Double($0 / n) - 2.5 * Double($0 % n) }
    let y = try solveMatrices("birkhoff_projection", shifted, [n, n])
      .array("doubly_stochastic").list()
    #expect(zip(x, y).allSatisfy { abs($0 - $1) < 1e-8 })
    let rows = (0..<n * n).map { g[(($0 / n + 3) % n) * n + $0 % n] }
    let z = try solveMatrices("birkhoff_projection", rows, [n, n])
      .array("doubly_stochastic").list()
    for k in 0..<n * n { #expect(abs(z[k] - x[((k / n + 3) % n) * n + k % n]) < 1e-8) }
  }

  // ---- Sinkhorn and Knopp -------------------------------------------------------------------

  @Test func twoByTwoScaling() throws {
    // X = [p, 1 - p; 1 - p, p] with p^2 / (1 - p)^2 = K11 K22 / (K12 K21).
    let result = try solveMatrices("sinkhorn_knopp", [log(4), 0, 0, log(9)], [2, 2])
    #expect(result.status == .solved)
    let p = try result.array("doubly_stochastic").list()[0]
    #expect(abs(p - 6.0 / 7) < 1e-9)
  }

  /// The same answer for small matrices in groups, single ones, wide exponents and Newton's method.
  @Test(arguments: [(4, 1.0), (4, 30), (4, 2000), (33, 1), (33, 20), (50, 400), (8, 1e4)])
  func formAndSums(n: Int, scale: Double) throws {
    let l = spread(3 * n * n, scale, seed: 10)
    let result = try solveMatrices("sinkhorn_knopp", l, [3, n, n])
    #expect(result.status == .solved, "\(told(result))")
    let x = try result.array("doubly_stochastic").list()
    #expect(largestSumError(x, n) < 1e-8)
    let u = try result.array("dual_row").list()
    let v = try result.array("dual_column").list()
    for k in x.indices {
      let (b, i, j) = (k / (n * n), k / n % n, k % n)
      let form = exp(l[k] + u[b * n + i] + v[b * n + j])
      #expect(abs(form - x[k]) <= 1e-7 * max(1, scale * 1e-6))
    }
  }

  @Test func sweepsAreThoseOfThePaper() throws {
    let n = 5
    let l = spread(n * n, 2, seed: 11)
    let result = try solveMatrices(
      "sinkhorn_knopp", l, [n, n], [ "sweeps": .int(3), "temperature": .real(0.5)])
    var x = l.map { exp($0 / 0.5) }
    for _ in 0..<3 {
      for j in 0..<n {
        let sum = (0..<n).map { x[$0 * n + j] }.reduce(0, +)
        for i in 0..<n { x[i * n + j] /= sum }
      }
      for i in 0..<n {
        let sum = (0..<n).map { x[i * n + $0] }.reduce(0, +)
        for j in 0..<n { x[i * n + j] /= sum }
      }
    }
    let out = try result.array("doubly_stochastic").list()
    #expect(zip(out, x).allSatisfy { abs($0 - $1) < 1e-12 })
    // The columns are not there yet, and the certificate says so.
    #expect(result.status != .solved)
    #expect(try result.real("column_residual") > 1e-6)
    #expect(try result.real("row_residual") < 1e-14)
  }

  @Test(arguments: [0, 1, 4, 20]) func derivativesOfSweeps(sweeps: Int) throws {
    let n = 5
    let options: [String: OptionValue] = [
      "sweeps": .int(Int64(sweeps)), "temperature": .real(0.7), "tolerance": .real(1e-13),
    ]
    let l = spread(2 * n * n, 1, seed: 12)
    let (c, d) = (spread(l.count, 1, seed: 13), spread(l.count, 1, seed: 14))
    func value(_ step: Double) throws -> Double {
      let moved = zip(l, d).map { $0 + step * $1 }
      let out = try solveMatrices("sinkhorn_knopp", moved, [2, n, n], options)
        .array("doubly_stochastic").list()
      return zip(out, c).map { $0 * $1 }.reduce(0, +)
    }
    let result = try solveMatrices("sinkhorn_knopp", l, [2, n, n], options)
    let gradient = try #require(
      try result.vjp(
        cotangents: ["doubly_stochastic": Tensor(try Buffer(c), shape: [2, n, n])],
        wanted: ["matrices"])["matrices"]).list()
    let slope = zip(gradient, d).map { $0 * $1 }.reduce(0, +)
    let difference = (try value(1e-5) - value(-1e-5)) / 2e-5
    #expect(abs(slope - difference) < 1e-7 * max(1, abs(slope)))
  }

  // ---- threads --------------------------------------------------------------------------------

  @Test(arguments: ["sinkhorn_knopp", "birkhoff_projection", "orthostochastic"])
  func threadsChangeNothing(method: String) throws {
    let g = spread(1001 * 16, 2, seed: 15)
    let one = try solveMatrices(method, g, [1001, 4, 4])
    let three = try solveMatrices(method, g, [1001, 4, 4], ["threads": .int(3)])
    #expect(one.status == .solved && three.status == .solved)
    let (x, y) = (
      try one.array("doubly_stochastic").list(), try three.array("doubly_stochastic").list()
    )
    #expect(zip(x, y).allSatisfy { abs($0 - $1) < 1e-8 })
  }
}
