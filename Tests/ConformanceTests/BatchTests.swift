import KantorCatalog
import KantorCore
import TestSupport
import Testing

@Suite struct BatchTests {
  private let catalog = Catalog(
    kinds: [ToyKind.kind, ToyKind.make("game")],
    methods: [ToyKind.adder(), ToyKind.adder("quick", kind: "game")])

  private func problems(_ count: Int) throws -> [Problem] {
    try (0..<count).map { k in try ToyKind.problem((0...k).map(Double.init)) }
  }

  private func sum(_ outcome: Swift.Result<Result, KantorError>) throws -> Double {
    try outcome.get().real("objective")
  }

  @Test(arguments: [1, 2, 7, 100])
  func everyProblemHasItsAnswer(threads: Int64) throws {
    let settings = Settings(method: nil)
    try settings.set("threads", .int(threads))
    let outcomes = try catalog.solveBatch(try problems(40), settings: settings)
    #expect(outcomes.count == 40)
    for (k, outcome) in outcomes.enumerated() {
      #expect(try sum(outcome) == Double(k * (k + 1) / 2))
      #expect(try outcome.get().status == .solved)
    }
  }

  @Test func nothingToDo() throws {
    #expect(try catalog.solveBatch([]).isEmpty)
  }

  @Test func badDataStayWithTheirProblem() throws {
    let mixed = [try ToyKind.problem([1]), Problem(kind: ToyKind.kind), try ToyKind.problem([2])]
    let outcomes = try catalog.solveBatch(mixed, method: "adder")
    #expect(try sum(outcomes[0]) == 1 && sum(outcomes[2]) == 2)
    guard case .failure(let error) = outcomes[1] else {
      Issue.record("a problem without data was solved")
      return
    }
    #expect(error.code == .missing)
  }

  @Test func kindsAreNotMixed() throws {
    let other = Problem(kind: ToyKind.make("game"))
    let error = error { () throws(KantorError) in
      _ = try catalog.solveBatch([try toy(), other])
    }
    #expect(error?.code == .type)
    #expect(error?.message.contains("problem 1") == true)
  }

  private func toy() throws(KantorError) -> Problem {
    let problem = Problem(kind: ToyKind.kind)
    try problem.set("values", .array(Tensor(try Buffer([1.0]))))
    return problem
  }

  @Test func progressCountsAndStops() throws {
    let settings = Settings(method: nil)
    nonisolated(unsafe) var seen: [Int] = []
    settings.setProgress { progress in
      if !progress.isHeartbeat { seen.append(progress.iteration) }
      return progress.iteration >= 3 ? 9 : 0
    }
    let outcomes = try catalog.solveBatch(try problems(10), settings: settings)
    #expect(seen == [1, 2, 3])
    let statuses = try outcomes.map { try $0.get().status }
    #expect(statuses[0..<3].allSatisfy { $0 == .solved })
    #expect(statuses[3...].allSatisfy { $0 == .stoppedByCallback })
  }

  @Test(arguments: [1, 3] as [Int64])
  func cancelReachesAll(threads: Int64) throws {
    let settings = Settings(method: nil)
    try settings.set("threads", .int(threads))
    settings.cancel.cancel()
    let outcomes = try catalog.solveBatch(try problems(6), settings: settings)
    #expect(try outcomes.allSatisfy { try $0.get().status == .cancelled })
    settings.cancel.clear()
    #expect(try catalog.solveBatch(try problems(2), settings: settings)[1].get().status == .solved)
  }

  @Test func optionsOfTheMethodReachEveryProblem() throws {
    let settings = Settings(method: try catalog.method("adder").spec)
    try settings.set("max_iterations", .int(2))
    let outcomes = try catalog.solveBatch(try problems(4), settings: settings)
    let statuses = try outcomes.map { try $0.get().status }
    #expect(statuses == [.solved, .iterationLimit, .iterationLimit, .iterationLimit])
  }
}
