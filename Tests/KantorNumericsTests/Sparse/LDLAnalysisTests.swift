import KantorCore
import KantorNumerics
import Synchronization
import TestSupport
import Testing

@Suite struct LDLAnalysisTests {
  private static let forms: [FactorForm] = [.simplicial, .panels]

  private func entries(
    _ matrix: SparseMatrix, order: EliminationOrder = .minimumDegree,
    form: FactorForm = .automatic
  ) throws -> Int {
    try #require(try LDLAnalysis(matrix, order: order, form: form)).factorEntries
  }

  @Test(arguments: forms, [0, 1, 2, 3, 10, 100, 777])
  func theOrderIsAPermutation(form: FactorForm, n: Int) throws {
    for seed: UInt64 in 1...5 {
      let data = Triplets.random(n, n, count: 3 * n, seed: seed)
      let upper = try data.matrix().upperTriangle().matrix
      let analysis = try #require(try LDLAnalysis(upper, form: form))
      #expect(analysis.permutation.list.sorted() == (0..<n).map { Int32($0) })
      #expect(analysis.count == n)
    }
  }

  @Test func patternsWithoutFill() throws {
    #expect(try entries(SystemSample.band(500, 1)) == 499)
    #expect(try entries(SystemSample.arrow(500)) == 499)
    #expect(try entries(SparseMatrix.diagonal(Buffer(count: 50))) == 0)
    // Every tree can be eliminated from its leaves without fill.
    var random = RandomStream(seed: 3, stream: 9)
    var tree = try SymmetricAssembly(order: 400)
    for i in 1..<400 { try tree.append(i, random.index(below: i), 1) }
    #expect(try entries(tree.finish().matrix) == 399)
  }

  @Test func fillOfTheNaturalOrder() throws {
    // A band fills itself; an arrow that points the wrong way fills everything.
    #expect(try entries(SystemSample.band(40, 3), order: .natural) == 37 * 3 + 2 + 1)
    #expect(try entries(SystemSample.arrow(40), order: .natural) == 40 * 39 / 2)
    #expect(try entries(SystemSample.band(30, 29)) == 30 * 29 / 2)
  }

  @Test func aGridFillsLittle() throws {
    // Nested dissection gives 31/4 n log2 n asymptotically; minimum degree is close at this size.
    let n = 60 * 60
    let fill = try entries(SystemSample.grid(60, 60))
    #expect(fill < 62_000)
    #expect(fill > 5 * n)
    #expect(try entries(SystemSample.grid(60, 60), order: .natural) > 200_000)
  }

  @Test func denseRowsComeLast() throws {
    // Three unknowns tied to all others, and a band.
    let n = 3000
    var system = try SymmetricAssembly(order: n)
    for j in 3..<n {
      for i in 0..<3 { try system.append(i, j, 1) }
      if j > 3 { try system.append(j - 1, j, 1) }
    }
    let matrix = try system.finish().matrix
    let analysis = try #require(try LDLAnalysis(matrix))
    #expect(Set(analysis.permutation.list.suffix(3)) == [0, 1, 2])
    #expect(analysis.factorEntries == (n - 4) + 3 * (n - 3) + 3)
  }

  @Test func theFormFollowsTheFill() throws {
    #expect(try LDLAnalysis(SystemSample.band(1000, 1))?.usesPanels == false)
    #expect(try LDLAnalysis(SystemSample.grid(80, 80))?.usesPanels == true)
    #expect(try LDLAnalysis(SystemSample.band(200, 199))?.usesPanels == true)
  }

  @Test func whatCannotBeAnalysedIsRefused() throws {
    let wide = try matrix([[1, 2, 3], [0, 1, 2]])
    #expect(failure { () throws(KantorError) in _ = try LDLAnalysis(wide) } == .shape)
    let full = try matrix([[1, 2], [2, 1]])
    #expect(failure { () throws(KantorError) in _ = try LDLAnalysis(full) } == .shape)
    let square = try SystemSample.band(3, 1)
    for wrong: [Int32] in [[0, 1, 1], [0, 1, 3], [-1, 0, 1]] {
      let code = failure { () throws(KantorError) in
        _ = try LDLAnalysis(square, order: .given(Buffer(wrong)))
      }
      #expect(code == .range)
    }
    let short = failure { () throws(KantorError) in
      _ = try LDLAnalysis(square, order: .given(Buffer([0, 1])))
    }
    #expect(short == .shape)
  }

  @Test(arguments: forms)
  func anInterruptedAnalysisIsNone(form: FactorForm) throws {
    let grid = try SystemSample.grid(100, 100)
    #expect(try LDLAnalysis(grid, form: form, interruption: Interruption { true }) == nil)
    #expect(
      try LDLAnalysis(grid, order: .natural, form: form, interruption: Interruption { true })
        == nil)
  }

  @Test(arguments: [(FactorForm.simplicial, 1), (.panels, 1), (.panels, 2), (.panels, 3)])
  func aFactorisationCanBeInterruptedAndRepeated(form: FactorForm, threads: Int) throws {
    // Several times the work between two looks at the host, some of it in large panels.
    let k = try SystemSample.grid(150, 150)
    let analysis = try #require(try LDLAnalysis(k, form: form))
    #expect(analysis.work > 2e7)
    let factor = try LDLFactor(analysis, threads: threads)
    let whole = Mutex(0)
    let all = factor.factor(
      values: k.values.pointer,
      interruption: Interruption {
        whole.withLock { $0 += 1 }
        return false
      })
    #expect(all.isUsable && all.positive == k.columns)
    let questions = whole.withLock { $0 }
    #expect(questions >= 2)
    for limit in 0..<min(questions, 4) {
      let asked = Mutex(0)
      let outcome = factor.factor(
        values: k.values.pointer,
        interruption: Interruption {
          asked.withLock { count in
            count += 1
            return count > limit
          }
        })
      #expect(outcome.isInterrupted && !outcome.isUsable)
    }
    #expect(factor.factor(values: k.values.pointer) == all)
    let b = try SystemSample.vector(k.columns, seed: 1)
    let x = try b.copy()
    factor.solve(x.pointer)
    #expect(try k.backwardError(x, b) < 1e-13)
  }

  @Test func theMonitorInterrupts() throws {
    let cancelled = CancelToken()
    cancelled.cancel()
    for monitor in [Monitor(cancel: cancelled), Monitor(timeLimit: 0)] {
      let interruption = Interruption(monitor)
      #expect(interruption.shouldStop() && interruption.beat())
      let grid = try SystemSample.grid(100, 100)
      #expect(try LDLAnalysis(grid, interruption: interruption) == nil)
    }
    let free = Interruption(Monitor())
    #expect(!free.shouldStop() && !free.beat())
  }
}
