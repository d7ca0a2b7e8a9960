import KantorCore
import TestSupport
import Testing

@Suite struct SettingsTests {
  private let spec = ToyKind.adder().spec

  @Test func optionsOfTheMethodAndTheCommonOnes() throws {
    let settings = Settings(method: spec)
    #expect(try settings.get("max_iterations") == .int(1000))
    try settings.set("max_iterations", .int(5))
    try settings.set("threads", .int(2))
    #expect(try settings.get("max_iterations") == .int(5))
    #expect(try settings.get("threads") == .int(2))
    try settings.reset("threads")
    #expect(try settings.get("threads") == .int(1))
    #expect(try settings.get("max_iterations") == .int(5))
    try settings.reset(nil)
    #expect(try settings.get("max_iterations") == .int(1000))
  }

  @Test func withoutAMethodOnlyCommonOptions() throws {
    let settings = Settings(method: nil)
    try settings.set("seed", .int(7))
    #expect(
      failure { () throws(KantorError) in try settings.set("max_iterations", .int(5)) } == .name)
    #expect(failure { () throws(KantorError) in try settings.reset("max_iterations") } == .name)
    #expect(failure { () throws(KantorError) in _ = try settings.get("nothing") } == .name)
  }

  @Test func aRefusedValueChangesNothing() throws {
    let settings = Settings(method: spec)
    try settings.set("max_iterations", .int(5))
    #expect(
      failure { () throws(KantorError) in try settings.set("max_iterations", .int(0)) } == .range)
    #expect(
      failure { () throws(KantorError) in try settings.parse("max_iterations", "x") } == .type)
    #expect(try settings.get("max_iterations") == .int(5))
  }

  @Test func aRunIsASnapshot() throws {
    let settings = Settings(method: spec)
    try settings.set("max_iterations", .int(5))
    let run = try settings.run(for: spec)
    try settings.set("max_iterations", .int(6))
    #expect(run.options.int("max_iterations") == 5)
    #expect(run.monitor.iterationLimit == 5)
    #expect(try settings.run(for: spec).options.int("max_iterations") == 6)
  }

  @Test func aTwinSharesOptionsButNotTheCancel() throws {
    let settings = Settings(method: spec)
    try settings.set("seed", .int(3))
    settings.cancel.cancel()
    let twin = settings.copy()
    #expect(try twin.get("seed") == .int(3))
    #expect(!twin.cancel.isCancelled)
    try twin.set("seed", .int(4))
    #expect(try settings.get("seed") == .int(3))
    settings.cancel.clear()
    #expect(!settings.cancel.isCancelled)
  }

  @Test func settingsOfAnotherMethodAreRefused() {
    let settings = Settings(method: spec)
    let other = ToyKind.adder("other").spec
    #expect(failure { () throws(KantorError) in _ = try settings.run(for: other) } == .state)
    let sameNameOtherKind = ToyKind.adder("adder", kind: "else").spec
    #expect(
      failure { () throws(KantorError) in _ = try settings.run(for: sameNameOtherKind) } == .state)
  }

  @Test func startValuesAreChecked() throws {
    let settings = Settings(method: spec)
    settings.setStart("x", Tensor(try Buffer([1.0, 2])))
    let start = try settings.run(for: spec).start
    #expect(try start.vector("x", count: 2).map { Array($0.span) } == [1, 2])
    #expect(try start.vector("y", count: 2) == nil)
    #expect(failure { () throws(KantorError) in _ = try start.vector("x", count: 3) } == .shape)
    settings.setStart("x", Tensor(try Buffer([1.0, .infinity])))
    let bad = try settings.run(for: spec).start
    #expect(failure { () throws(KantorError) in _ = try bad.vector("x", count: 2) } == .notFinite)
    settings.setStart("x", nil)
    #expect(try settings.run(for: spec).start.isEmpty)
  }

  @Test func anArrayWinsOverTheResult() throws {
    var fields = ResultFields()
    fields.add("x", Tensor(try Buffer([1.0, 1])))
    fields.add("y", Tensor(try Buffer([2.0, 2])))
    let settings = Settings(method: spec)
    settings.setStart(Result(spec: spec, status: .solved, fields: fields))
    settings.setStart("x", Tensor(try Buffer([5.0, 5])))
    let start = try settings.run(for: spec).start
    #expect(try start.vector("x", count: 2)?[0] == 5)
    #expect(try start.vector("y", count: 2)?[0] == 2)
  }
}
