import KantorCore
import TestSupport
import Testing

@Suite struct ProblemTests {
  private func code(_ problem: Problem, _ name: String, _ value: FieldValue) -> KantorError.Code? {
    failure { () throws(KantorError) in try problem.set(name, value) }
  }

  @Test func fieldsAreCheckedWhenSet() throws {
    let problem = Problem(kind: ToyKind.kind)
    let vector = Tensor(try Buffer([1.0, 2]))
    let matrix = Tensor(try Buffer([1.0, 2]), shape: [1, 2])
    #expect(code(problem, "values", .array(vector)) == nil)
    #expect(code(problem, "scale", .real(2)) == nil)
    #expect(code(problem, "count", .int(.min)) == nil)
    #expect(code(problem, "mode", .text("fancy")) == nil)
    #expect(code(problem, "valves", .array(vector)) == .name)
    #expect(code(problem, "values", .real(1)) == .type)
    #expect(code(problem, "values", .array(matrix)) == .shape)
    #expect(code(problem, "scale", .real(.nan)) == .notFinite)
    #expect(code(problem, "scale", .real(.infinity)) == .notFinite)
    #expect(code(problem, "scale", .int(1)) == .type)
    #expect(code(problem, "mode", .text("other")) == .range)
    guard case .real(2) = try problem.get("scale") else {
      Issue.record("a refused value replaced the field")
      return
    }
  }

  @Test func whatIsNotThere() {
    let problem = Problem(kind: ToyKind.kind)
    #expect(failure { () throws(KantorError) in _ = try problem.get("values") } == .missing)
    #expect(failure { () throws(KantorError) in _ = try problem.get("valves") } == .name)
  }

  @Test func sealingEndsTheSetting() throws {
    let problem = try ToyKind.problem([1, 2])
    let sealed = try problem.seal()
    #expect(try problem.seal() === sealed)
    #expect(code(problem, "scale", .real(2)) == .state)
    guard case .array = try problem.get("values") else {
      Issue.record("the field of a sealed problem cannot be read")
      return
    }
  }

  @Test func aFailedSealLeavesTheProblemOpen() throws {
    let problem = Problem(kind: ToyKind.kind)
    #expect(failure { () throws(KantorError) in try problem.seal() } == .missing)
    #expect(code(problem, "values", .array(Tensor(try Buffer([1.0])))) == nil)
    #expect(failure { () throws(KantorError) in try problem.seal() } == nil)
  }

  @Test func aTwinIsOpenAndSharesArrays() throws {
    let problem = try ToyKind.problem([1, 2])
    try problem.seal()
    let twin = problem.copy()
    guard case .array(let one) = try problem.get("values"),
      case .array(let two) = try twin.get("values")
    else {
      Issue.record("the twin has no values")
      return
    }
    #expect(one.base == two.base)
    #expect(code(twin, "values", .array(Tensor(try Buffer([5.0])))) == nil)
    guard case .array(let kept) = try problem.get("values") else { return }
    #expect(kept.base == one.base)
  }

  /// The host's memory is let go outside the lock: its release may use the problem.
  @Test func releasingMayUseTheProblem() throws {
    let problem = Problem(kind: ToyKind.kind)
    final class Loan {
      let atEnd: () -> Void
      init(_ atEnd: @escaping () -> Void) { self.atEnd = atEnd }
      deinit { atEnd() }
    }
    let memory = try Buffer([1.0, 2])
    var seen: KantorError.Code?
    var calls = 0
    try problem.set(
      "values",
      .array(
        Tensor(
          type: .f64, shape: [2], strides: [1], base: UnsafeMutableRawPointer(memory.pointer),
          owner: Loan {
            calls += 1
            seen = failure { () throws(KantorError) in _ = try problem.get("values") }
          })))
    try problem.set("values", .array(Tensor(try Buffer([3.0]))))
    #expect(calls == 1)
    #expect(seen == nil)
    withExtendedLifetime(memory) {}
  }
}
