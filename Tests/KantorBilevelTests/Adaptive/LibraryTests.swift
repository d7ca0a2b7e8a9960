import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// The default method on problems of the literature, with its defaults only.
@Suite struct LibraryTests {
  static let cases = BilevelCase.read("library_cases.json")

  @Test func areThere() { #expect(Self.cases.count == 39) }

  @Test(arguments: cases) func reachesTheBestKnownValue(_ one: BilevelCase) throws {
    let result = try AdaptiveBilevel.entry.solve(
      try one.sealed(), Settings.defaultRun(for: AdaptiveBilevel.spec))
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(
      abs(objective - one.value) <= one.valueTolerance * (1 + abs(one.value)),
      "F = \(objective), not \(one.value)")
  }
}
