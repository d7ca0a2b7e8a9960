import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Problems that need what goes beyond plain Newton steps: watchdog, residuals in place of a flat
/// objective, a second start, and a barrier that may rise again.
@Suite struct InteriorPointHardTests {
  private static let ways: [String: MethodEntry] = [
    "interior_point": NonlinearInteriorPoint.entry, "sqp": SQP.entry
  ]

  @Test(arguments: ["interior_point", "sqp"]) func hardProblemsAreSolved(name: String) throws {
    let entry = try #require(Self.ways[name])
    for p in TextCollection.hard {
      let s = try p.solve(entry)
      let message = (try? s.result.text("message")) ?? ""
      if p.optima.isEmpty {
        #expect(s.status == .locallyInfeasible, "\(p.name) \(s.status) \(message)")
      } else {
        #expect(s.status == .solved && p.isOptimum(s.objective), "\(p.name) \(message)")
      }
    }
  }

  @Test func bothBarrierRulesReachTheSamePoints() throws {
    var (fewer, more) = (0, 0)
    for p in TextCollection.hockSchittkowski where p.name != "HS13" {
      let adaptive = try p.solve(NonlinearInteriorPoint.entry)
      let monotone = try p.solve(
        NonlinearInteriorPoint.entry, ["barrier": .text("monotone")])
      #expect(adaptive.status == .solved && monotone.status == .solved, "\(p.name)")
      if adaptive.count("evaluations") < monotone.count("evaluations") { fewer += 1 }
      if adaptive.count("evaluations") > monotone.count("evaluations") { more += 1 }
    }
    #expect(fewer > more)
  }
}
