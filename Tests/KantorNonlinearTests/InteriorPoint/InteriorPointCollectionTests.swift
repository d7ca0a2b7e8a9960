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
    #expect(TextCollection.all.count == 105)
    for p in TextCollection.all {
      let s = try p.solve(Self.entry, hessian: hessian)
      let message = (try? s.result.text("message")) ?? ""
      #expect(isGood(p, s), "\(p.name) \(s.status) \(s.objective) \(message)")
    }
  }
}
