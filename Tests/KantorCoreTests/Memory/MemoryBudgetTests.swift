import KantorCore
import TestSupport
import Testing

@Suite struct MemoryBudgetTests {
  @Test func buffersAreChargedAndGivenBack() throws {
    let budget = MemoryBudget(limit: 1000)
    try withBudget(budget) { () throws(KantorError) in
      let first = try Buffer<Double>(count: 100)
      #expect(budget.bytes == 800)
      #expect(failure { () throws(KantorError) in _ = try Buffer<Double>(count: 26) } == .tooLarge)
      #expect(budget.bytes == 800)
      let second = try Buffer<UInt8>(count: 200)
      #expect(budget.bytes == 1000)
      withExtendedLifetime((first, second)) {}
    }
    #expect(budget.bytes == 0)
  }

  @Test func outsideOfASolveNothingIsCharged() throws {
    let budget = MemoryBudget(limit: 0)
    try withBudget(budget) { () throws(KantorError) in
      // A solve inside a hook has its own limit, or none.
      try withBudget(nil) { () throws(KantorError) in _ = try Buffer<Double>(count: 10) }
    }
    _ = try Buffer<Double>(count: 10)
    #expect(budget.bytes == 0)
  }

  @Test(arguments: [Double.infinity, 1e300, 0x1p62]) func noLimit(bytes: Double) {
    #expect(MemoryBudget(bytes: bytes) == nil)
  }

  @Test(arguments: [(0.0, 0), (-5, 0), (1000.7, 1000)]) func limits(bytes: Double, limit: Int) {
    #expect(MemoryBudget(bytes: bytes)?.limit == limit)
  }
}
