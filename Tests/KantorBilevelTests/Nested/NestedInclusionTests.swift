import KantorBilevel
import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Games and inclusions as lower levels.
@Suite struct NestedInclusionTests {
  /// Two followers with unit costs and the price 10 - x - q_1 - q_2, whose strategies lie in a box;
  /// `now` is where the map leaves x.
  private static func followers(_ now: Notes, most: Double) throws -> Problem {
    var functions = Functions()
    functions.map = { q, out in
      for i in 0..<2 { out[i] = 1 - (10 - now.all[0] - q[0] - q[1]) + q[i] }
      return 0
    }
    functions.jacobian = { _, out in
      for e in 0..<4 { out[e] = e % 3 == 0 ? 2 : 1 }
      return 0
    }
    functions.parameterJacobian = { _, out in
      out[0] = 1
      out[1] = 1
      return 0
    }
    let problem = try Problem.of(
      GameKind.kind,
      [("start", [0, 0], []), ("players", [1, 1], []), ("parameters", [0], []),
        ("prox_lower", [0, 0], []), ("prox_upper", [most, most], [])], words: ["prox": "box"])
    try problem.set("functions", .functions(functions))
    return problem
  }

  private static func identity(_ now: Notes) -> Functions {
    var map = Functions()
    map.map = { x, out in
      out[0] = x[0]
      now.all = [x[0]]
      return 0
    }
    map.jacobian = { _, out in
      out[0] = 1
      return 0
    }
    return map
  }

  /// The leader's loss -x (10 - x - q_1 - q_2 - 1).
  private static let leader = Functions.of { w, gradient in
    let margin = 9 - w[0] - w[1] - w[2]
    gradient[0] = w[0] - margin
    gradient[1] = w[0]
    gradient[2] = w[0]
    return -w[0] * margin
  }

  private static func entry() throws -> MethodEntry {
    try #require(EquilibriumMethods.game.first { $0.spec.name == "golden_ratio" })
  }

  /// q_i = (9 - x)/3, so that the leader maximises x (3 - x/3): x = 4.5, q = 1.5.
  @Test func aLeaderOfCournotFollowers() throws {
    let now = Notes([0])
    let nested = try NestedCase(
      lower: try Self.followers(now, most: 100), by: try Self.entry(), fields: "parameters",
      answers: "x", size: 2, start: [1], upper: Self.leader
    ).map(Self.identity(now)).bounds([0], [9])
    let result = try nested.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.array("x").list()[0] - 4.5) < 1e-4)
    #expect(abs(try result.real("objective") + 6.75) < 1e-8)
    let check = try nested.hypergradient([2], ["check_directions": .int(2)])
    #expect(try check.real("derivative_check") < 1e-6)
    // d/dx of -(3x - x^2/3) at 2.
    #expect(abs(try check.array("gradient").list()[0] + 3 - 4.0 / 3) < 1e-6)
  }

  /// Followers at their capacity 1 do not move: x (7 - x) at 3.5, where they would make 11/6.
  @Test func followersAtTheirCapacity() throws {
    let now = Notes([0])
    let result = try NestedCase(
      lower: try Self.followers(now, most: 1), by: try Self.entry(), fields: "parameters",
      answers: "x", size: 2, start: [1], upper: Self.leader
    ).map(Self.identity(now)).bounds([0], [9]).solve()
    #expect(result.status == .solved)
    #expect(abs(try result.array("x").list()[0] - 3.5) < 1e-4)
  }

  /// The leader sets the capacities: |q - (0.4, 0.7)|^2 / 2 is 0 for these.
  @Test func boundsDependOnTheLeader() throws {
    let result = try NestedCase(
      lower: try Self.followers(Notes([0]), most: 0), by: try Self.entry(), fields: "prox_upper",
      answers: "x", size: 2, start: [0.1, 0.1], upper: .distance(nx: 2, to: [0.4, 0.7])
    ).matrix([[1, 0], [0, 1]]).bounds([0, 0], [5, 5]).solve()
    #expect(result.status == .solved)
    let x = try result.array("x").list()
    #expect(abs(x[0] - 0.4) < 1e-5 && abs(x[1] - 0.7) < 1e-5)
  }
}
