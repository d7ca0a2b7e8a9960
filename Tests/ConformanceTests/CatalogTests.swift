import KantorCatalog
import KantorCore
import TestSupport
import Testing

@Suite struct CatalogTests {
  /// Two kinds that share a method name.
  private let catalog = Catalog(
    kinds: [ToyKind.kind, ToyKind.make("game")],
    methods: [
      ToyKind.adder(), ToyKind.adder("slow"), ToyKind.adder("slow", kind: "game"),
      ToyKind.adder("quick", kind: "game"),
    ])

  private func named(_ name: String) -> KantorError? {
    error { () throws(KantorError) in _ = try catalog.method(name) }
  }

  @Test func plainAndQualifiedNames() throws {
    #expect(try catalog.method("adder").spec.qualifiedName == "toy/adder")
    #expect(try catalog.method("toy/adder").spec.qualifiedName == "toy/adder")
    #expect(try catalog.method("game/slow").spec.kind == "game")
    #expect(try catalog.kind("game").name == "game")
    #expect(try catalog.method("slow", of: try catalog.kind("game")).spec.kind == "game")
  }

  @Test func ambiguousNamesAskForTheKind() throws {
    let error = try #require(named("slow"))
    #expect(error.code == .name)
    #expect(error.message.contains("'toy/slow'") && error.message.contains("'game/slow'"))
  }

  @Test(arguments: [
    ("addr", "adder"), ("toy/addr", "toy/adder"), ("gane/quick", "game/quick"),
  ])
  func suggestionsCanBePastedBack(name: String, suggestion: String) throws {
    let error = try #require(named(name))
    #expect(error.code == .name)
    #expect(error.message.contains("'\(suggestion)'"))
  }

  @Test(arguments: ["", "/", "toy/", "/adder", "toy/adder/", "toy adder"])
  func namesThatAreNone(name: String) {
    #expect(named(name)?.code == .name)
    #expect(failure { () throws(KantorError) in _ = try catalog.kind(name) } == .name)
  }

  @Test func methodsOfAnotherKindAreTurnedAway() throws {
    let problem = try ToyKind.problem([1])
    let wrong = error { () throws(KantorError) in
      _ = try catalog.solve(problem, method: "quick")
    }
    #expect(wrong?.code == .name)
    #expect(wrong?.message.contains("'game'") == true)
  }

  @Test func whoChoosesTheMethod() throws {
    let problem = try ToyKind.problem([1, 2, 4])
    let settings = Settings(method: try catalog.method("toy/slow").spec)
    #expect(try catalog.solve(problem).text("method") == "toy/adder")
    #expect(try catalog.solve(problem, settings: settings).text("method") == "toy/slow")
    #expect(try catalog.solve(problem, method: "slow").text("method") == "toy/slow")
    #expect(try catalog.solve(problem, settings: Settings(method: nil)).real("objective") == 7)
    #expect(
      failure { () throws(KantorError) in
        _ = try catalog.solve(problem, method: "adder", settings: settings)
      } == .state)
  }

  @Test func aSlipDoesNotSeal() throws {
    let problem = try ToyKind.problem([1])
    let settings = Settings(method: try catalog.method("game/quick").spec)
    #expect(
      failure { () throws(KantorError) in _ = try catalog.solve(problem, method: "x") } == .name)
    #expect(
      failure { () throws(KantorError) in _ = try catalog.solve(problem, settings: settings) }
        == .name)
    try problem.set("scale", .real(1))
  }

  @Test func limitsReachTheMethod() throws {
    let problem = try ToyKind.problem([1, 2, 4])
    let settings = Settings(method: try catalog.method("adder").spec)
    try settings.set("max_iterations", .int(2))
    try settings.set("trace", .flag(true))
    let result = try catalog.solve(problem, settings: settings)
    #expect(result.status == .iterationLimit)
    #expect(try result.real("objective") == 3)
    #expect(try result.array("trace_objective").list() == [1, 3])
    settings.setProgress { _ in 17 }
    let stopped = try catalog.solve(problem, settings: settings)
    #expect(stopped.status == .stoppedByCallback)
    #expect(try stopped.int("callback_code") == 17)
  }

  @Test func namesInTheRealOneAreUnique() {
    let catalog = Catalog.standard
    let kinds = catalog.kinds.map(\.name)
    let methods = catalog.methods.map(\.spec.qualifiedName)
    #expect(!kinds.isEmpty && !methods.isEmpty)
    #expect(Set(kinds).count == kinds.count)
    #expect(Set(methods).count == methods.count)
    #expect(catalog.methods.allSatisfy { kinds.contains($0.spec.kind) })
  }
}
