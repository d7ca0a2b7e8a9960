import KantorCore
import TestSupport
import Testing

@Suite struct OptionSpecTests {
  private let real = OptionSpec("epsilon", .real(0.5, min: 0, max: 10), "A real.")
  private let int = OptionSpec("steps", .int(3, min: 1, max: 100), "An integer.")
  private let flag = OptionSpec("trace", .flag(false), "A flag.")
  private let text = OptionSpec("engine", .text("auto", choices: ["auto", "log"]), "A word.")
  private let free = OptionSpec("label", .text("", choices: []), "Any text.")

  private func code(_ spec: OptionSpec, _ value: OptionValue) -> KantorError.Code? {
    failure { () throws(KantorError) in _ = try spec.validate(value) }
  }

  @Test func valuesInRangeAreKept() throws {
    #expect(try real.validate(.real(0)) == .real(0))
    #expect(try real.validate(.real(10)) == .real(10))
    #expect(try real.validate(.int(3)) == .real(3))
    #expect(try int.validate(.int(100)) == .int(100))
    #expect(try flag.validate(.flag(true)) == .flag(true))
    #expect(try flag.validate(.int(1)) == .flag(true))
    #expect(try text.validate(.text("log")) == .text("log"))
    #expect(try free.validate(.text("whatever")) == .text("whatever"))
  }

  @Test func valuesOutsideAreRefusedNotClamped() {
    for x in [-0.1, 10.1, .nan, .infinity, -.infinity] { #expect(code(real, .real(x)) == .range) }
    for k in [0, 101, .min, .max] as [Int64] { #expect(code(int, .int(k)) == .range) }
    #expect(code(flag, .int(2)) == .range)
    #expect(code(text, .text("fast")) == .range)
  }

  @Test func typesAreNotMixed() {
    #expect(code(int, .real(3)) == .type)
    #expect(code(real, .text("1")) == .type)
    #expect(code(flag, .real(1)) == .type)
    #expect(code(text, .flag(true)) == .type)
  }

  @Test func infinityIsAValueWhereTheRangeSaysSo() throws {
    let limit = OptionSpec("time_limit", .real(.infinity, min: 0, max: .infinity), "Seconds.")
    #expect(try limit.validate(.real(.infinity)) == .real(.infinity))
    #expect(try limit.parse("inf") == .real(.infinity))
    #expect(failure { () throws(KantorError) in _ = try limit.parse("nan") } == .range)
  }

  @Test func textIsReadByType() throws {
    #expect(try real.parse("1e-1") == .real(0.1))
    #expect(try int.parse("12") == .int(12))
    #expect(try flag.parse("yes") == .flag(true))
    #expect(try flag.parse("off") == .flag(false))
    #expect(try text.parse("auto") == .text("auto"))
  }

  @Test(arguments: ["", " 1", "1 ", "0x", "one", "1,5", "99999999999999999999999"])
  func textThatIsNoNumber(text: String) {
    #expect(failure { () throws(KantorError) in _ = try int.parse(text) } == .type)
  }

  @Test func messagesNameOptionValueAndRange() throws {
    let message = try #require(error { () throws(KantorError) in _ = try real.validate(.real(11)) })
    for part in ["epsilon", "11", "0.0", "10.0"] { #expect(message.message.contains(part)) }
  }

  @Test func defaultsAreValid() throws {
    for spec in CommonOptions.specs {
      #expect(try spec.validate(spec.defaultValue) == spec.defaultValue, "\(spec.name)")
    }
  }
}

@Suite struct NamesTests {
  private let known = ["epsilon", "tolerance", "max_iterations", "threads"]

  @Test(arguments: [
    ("epsilom", "epsilon"), ("epsil", "epsilon"), ("tolerence", "tolerance"),
    ("max_iteration", "max_iterations"), ("thread", "threads"), ("Threads", "threads"),
  ])
  func theClosestNameIsOffered(name: String, expected: String) {
    #expect(closestName(to: name, among: known) == expected)
    #expect(unknownName("option", name, among: known).message.contains("'\(name)'"))
  }

  @Test func farNamesGetTheWholeList() {
    #expect(closestName(to: "zzzzzzzzzzzz", among: known) == nil)
    let message = unknownName("option", "zzzzzzzzzzzz", among: known).message
    for name in known { #expect(message.contains(name)) }
  }

  @Test func strangeNames() {
    #expect(closestName(to: "", among: []) == nil)
    let endless = String(repeating: "x", count: 100_000)
    #expect(unknownName("option", endless, among: known).message.utf8.count < 300)
  }
}
