import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// What the presolve takes out comes back, with multipliers that the checker accepts.
@Suite struct ConePresolveTests {
  private func solve(_ sample: ConeSample, _ presolve: Bool) throws -> Result {
    try sample.solve { try $0.set("presolve", .flag(presolve)) }
  }

  /// x0 = 2; then x0 + x1 = 5 fixes x1; then row 2 bounds x2; rows 3 and 4 are parallel; row 5 is
  /// free and row 6 empty.
  private let chain = ConeSample(
    p: [[1, 0.5, 0, 0], [0.5, 2, 0.25, 0], [0, 0.25, 1, 0], [0, 0, 0, 1]], q: [1, -1, -3, -9],
    a: [
      [2, 0, 0, 0], [1, 1, 0, 0], [-1, 1, 1, 0], [0, 0, 1, 1], [0, 0, -2, -2], [1, 2, 3, 4],
      [0, 0, 0, 0],
    ], b: [4, 5, 0, 0, 0, 0, 0], cones: "zero 2, box 5",
    lower: [-2.5, -5, -8, -.infinity, -1], upper: [.infinity, 7, 20, .infinity, 1])

  @Test func chainsOfReductions() throws {
    let (with, without) = (try solve(chain, true), try solve(chain, false))
    #expect(with.status == .solved && without.status == .solved)
    #expect(try with.int("removed_variables") == 2)
    #expect(try with.int("removed_rows") == 5 && without.int("removed_rows") == 0)
    #expect(abs(try with.real("objective") - without.real("objective")) < 1e-6)
    let (x, z) = (try with.array("x").list(), try with.array("z").list())
    #expect(x[0] == 2 && x[1] == 3)
    // Px + A'z + q = 0 by hand.
    for j in 0..<4 {
      var sum = chain.q[j]
      for i in 0..<4 { sum += chain.p[j][i] * x[i] }
      for i in z.indices { sum += chain.a[i][j] * z[i] }
      #expect(abs(sum) < 1e-6)
    }
    #expect(z[5] == 0 && z[6] == 0)
  }

  @Test func everythingIsFixed() throws {
    let sample = ConeSample(
      p: [[2, 0], [0, 0]], q: [-2, 1], a: [[-1, 0], [0, 1], [0, -1]], b: [0, 3, 1],
      cones: "nonnegative 3")
    let result = try solve(sample, true)
    #expect(try result.status == .solved && result.int("removed_variables") == 2)
    #expect(try result.int("iterations") == 0)
    #expect(try result.array("x").list() == [1, -1])
    #expect(try result.array("z").list() == [0, 0, 1])
  }

  @Test func contradictionsHaveRays() throws {
    let chained = ConeSample(
      q: [1, 1, 1], a: [[2, 0, 0], [1, 1, 0], [3, 1, 0], [0, 0, 1]], b: [4, 5, 0, 1],
      cones: "zero 3, nonnegative 1")
    let parallel = ConeSample(
      q: [1, 1], a: [[1, 1], [-3, -3]], b: [1, -6], cones: "nonnegative 2")
    for sample in [chained, parallel] {
      let result = try solve(sample, true)
      #expect(try result.status == .infeasible && result.int("iterations") == 0)
      let z = try result.array("ray_dual").list()
      for j in sample.q.indices {
        let sum = sample.a.indices.reduce(0) { $0 + sample.a[$1][j] * z[$1] }
        #expect(abs(sum) < 1e-12)
      }
    }
  }

  @Test func roundingIsNoContradiction() throws {
    // 0.1 + 0.2 is not 0.3; 3 (x + y) = 0.9 is not x + y = 0.3 either.
    let sample = ConeSample(
      p: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], q: [1, 2, 0],
      a: [[1, 0, 0], [-1, 0, 0], [0, 1, 1], [0, 3, 3]],
      b: [0.3, -(0.1 + 0.2), 0.3, 0.1 + 0.1 + 0.7], cones: "nonnegative 2, zero 2")
    #expect(try solve(sample, true).status == .solved)
    // A right-hand side that stands for 0.
    let zero = ConeSample(
      p: [[1, 0], [0, 1]], q: [1, 2], a: [[1, 0], [1, 1], [0, -1], [0, 1]],
      b: [0, -1.1e-16, 0, 5], cones: "zero 2, nonnegative 2")
    #expect(try solve(zero, true).status == .solved)
  }

  @Test func unboundedStaysUnbounded() throws {
    let sample = ConeSample(
      q: [1, 1, -1], a: [[1, 0, 0], [1, -1, 0], [2, -2, 0]], b: [2, 7, 14],
      cones: "zero 1, nonnegative 2")
    let result = try solve(sample, true)
    #expect(result.status == .unbounded)
    #expect(try result.array("ray_primal").list()[0] == 0)
  }

  /// Rows of other cones stay, and get what the fixed variables contribute.
  @Test func otherCones() throws {
    let sample = ConeSample(
      q: [0, 1, 1], a: [[1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -2]],
      b: [3, 0, 0, 4, 0], cones: "zero 1, second_order 3, nonnegative 1")
    for presolve in [true, false] {
      let result = try solve(sample, presolve)
      #expect(result.status == .solved)
      #expect(abs(try result.real("objective") - 5) < 1e-6)
      #expect(try result.int("removed_variables") == (presolve ? 1 : 0))
    }
  }

  /// Max-cut of a triangle in standard form: min <L, X>, X_ii = 1. Without its diagonal the program
  /// would have no small dense system any more.
  @Test func entriesOfMatricesStay() throws {
    let r = 2.0.squareRoot()
    let diagonal: [[Double]] = [[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    let identity = (0..<6).map { i in (0..<6).map { $0 == i ? -1.0 : 0 } }
    let sample = ConeSample(
      q: [0, r, 0, r, r, 0], a: diagonal + identity,
      b: [1, 1, 1, 0, 0, 0, 0, 0, 0], cones: "zero 3, psd 3")
    let result = try solve(sample, true)
    #expect(try result.status == .solved && result.int("removed_variables") == 0)
    // Three vectors that sum to 0: every product is -1/2.
    #expect(abs(try result.real("objective") + 3) < 1e-6)
    var twice = sample
    twice.a.insert([1, 0, 0, 0, 0, 0], at: 0)
    twice.b.insert(2, at: 0)
    twice.cones = "zero 4, psd 3"
    #expect(try solve(twice, true).status == .infeasible)
  }

  @Test func warmStartsPassThrough() throws {
    let first = try solve(chain, true)
    let again = try chain.solve { $0.setStart(first) }
    #expect(try again.status == .solved && again.int("iterations") == 0)
  }

  /// The method sees a convex program, but P is not.
  @Test func curvatureOfFixedVariablesIsSeen() throws {
    let sample = ConeSample(
      p: [[-1, 0], [0, 1]], q: [0, 1], a: [[1, 0]], b: [1], cones: "zero 1")
    #expect(throws: KantorError.self) { try solve(sample, true) }
  }

  @Test func firstOrderTakesItToo() throws {
    let result = try chain.solve("first_order")
    #expect(try result.status == .solved && result.int("removed_variables") == 2)
  }
}
