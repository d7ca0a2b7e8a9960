import Glibc
import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// The interior-point method on the collections, with and without second derivatives.
@Suite struct InteriorPointCollectionTests {
  private static let entry = NonlinearInteriorPoint.entry

  /// HS13 has no multipliers: what is asked of it is a good point. From its start, WB leads all
  /// methods that linearise rows to a stationary point of the violation.
  private func isGood(_ p: TextProblem, _ s: Solved) -> Bool {
    if p.name == "HS13" { return abs(s.objective - 1) < 1e-2 && s.number("violation") < 1e-6 }
    if p.name == "WB", s.status == .locallyInfeasible { return true }
    return s.status == .solved && p.isOptimum(s.objective)
  }

  @Test(arguments: [true, false]) func everyProblemIsSolved(hessian: Bool) throws {
    var bad = 0
    for p in TextCollection.all {
      let s = try p.solve(Self.entry, hessian: hessian)
      let message = (try? s.result.text("message")) ?? ""
      let good = isGood(p, s)
      if !good { bad += 1 }
      if getenv("KN_SHOW") != nil {
        print(
          good ? "ok " : "BAD", p.name, s.status, s.objective, p.optima,
          "it", s.count("iterations"), "f", s.count("evaluations"), "rest",
          s.count("restorations"), good ? "" : message)
      }
      #expect(good, "\(p.name) \(s.status) \(s.objective) \(message)")
    }
  }
}
