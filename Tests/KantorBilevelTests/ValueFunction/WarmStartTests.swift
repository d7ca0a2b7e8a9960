import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// A solve that starts from a certified result has nothing to do.
@Suite struct WarmStartTests {
  private func check<Method: BilevelMethod>(_ method: Method.Type, _ id: String) throws {
    let problem = try BilevelCase.named(id).sealed()
    let cold = try solveBilevel(method, problem)
    #expect(cold.status == .solved)
    let settings = Settings(method: method.spec)
    settings.setStart(cold)
    let warm = try method.entry.solve(problem, try settings.run(for: method.spec))
    #expect(warm.status == .solved)
    #expect(try warm.int("iterations") == 0 && cold.int("iterations") > 0)
    #expect(try warm.array("x").list() == cold.array("x").list())
    // Elsewhere the start is only a start.
    let far = Settings(method: method.spec)
    far.setStart("x", Tensor(try Buffer<Double>(count: problem.nx, repeating: 0.3)))
    let other = try method.entry.solve(problem, try far.run(for: method.spec))
    #expect(other.status == .solved)
    #expect(try other.int("iterations") > 0)
  }

  @Test func everyMethod() throws {
    try check(LVHBA.self, "ridge_2hp")
    try check(F2SA.self, "ridge_2hp")
    try check(PenaltyMethod.self, "ridge_2hp")
    try check(PBGD.self, "ridge_2hp")
    try check(BoRep.self, "quad_2x3")
    try check(Bamm.self, "ridge_2hp")
    try check(Bda.self, "quad_2x3")
  }
}
