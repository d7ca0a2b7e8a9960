import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// x in a ball or on a simplex, y = x below and a target above: the answer is the target's
/// projection.
@Suite struct SetTests {
  private func problem(_ set: String, _ size: Double) throws -> BilevelProblem {
    let target = [0.9, 0.6, -0.4]
    var upper = Functions()
    upper.value = { w, out in
      out[0] = 0
      for i in 0..<3 { out[0] += 0.5 * (w[3 + i] - target[i]) * (w[3 + i] - target[i]) }
      return 0
    }
    upper.gradient = { w, out in
      for i in 0..<3 {
        out[i] = 0
        out[3 + i] = w[3 + i] - target[i]
      }
      return 0
    }
    var lower = Functions()
    lower.value = { w, out in
      out[0] = 0
      for i in 0..<3 { out[0] += 0.5 * (w[3 + i] - w[i]) * (w[3 + i] - w[i]) }
      return 0
    }
    lower.gradient = { w, out in
      for i in 0..<3 {
        out[i] = w[i] - w[3 + i]
        out[3 + i] = w[3 + i] - w[i]
      }
      return 0
    }
    let problem = Problem(kind: BilevelKind.kind)
    try problem.set("upper", .functions(upper))
    try problem.set("lower", .functions(lower))
    try problem.set("start_x", .array(Tensor(try Buffer<Double>([0.1, 0.2, 0.3]))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: 3))))
    try problem.set("x_set", .text(set))
    try problem.set("x_size", .real(size))
    return try #require(try problem.seal() as? BilevelProblem)
  }

  private func check<Method: BilevelMethod>(_ method: Method.Type) throws {
    let length = (0.81 + 0.36 + 0.16).squareRoot()
    for (set, size, answer) in [
      ("ball", 0.5, [0.45, 0.3, -0.2].map { $0 / length }), ("simplex", 1.0, [0.65, 0.35, 0]),
    ] {
      let result = try solveBilevel(method, try problem(set, size))
      let x = try result.array("x").list()
      #expect(result.status == .solved, "\(method.spec.name) on \(set)")
      for i in 0..<3 { #expect(abs(x[i] - answer[i]) < 1e-4, "\(method.spec.name): \(x)") }
    }
  }

  @Test func everyMethod() throws {
    try check(LVHBA.self)
    try check(F2SA.self)
    try check(PenaltyMethod.self)
    try check(PBGD.self)
    try check(Bamm.self)
    try check(BoRep.self)
    try check(Bda.self)
  }
}
