import Dispatch
import KantorCore
import Synchronization
import TestSupport
import Testing

@Suite struct ResultTests {
  private let spec = ToyKind.adder().spec

  private func result() throws -> Result {
    var fields = ResultFields()
    fields.add("x", 1.5)
    fields.add("k", 3)
    fields.add("word", "yes")
    fields.add("list", Tensor(try Buffer([1.0, 2])))
    fields.certify("gap", 0.25)
    return Result(spec: spec, status: .solved, fields: fields)
  }

  @Test func typedReads() throws {
    let result = try result()
    #expect(try result.real("x") == 1.5)
    #expect(try result.real("k") == 3)
    #expect(try result.int("k") == 3)
    #expect(try result.text("word") == "yes")
    #expect(try result.array("list").list() == [1, 2])
    #expect(result.fields.map(\.name) == ["x", "k", "word", "list", "gap"])
    #expect(result.fields.map(\.isCertificate) == [false, false, false, false, true])
  }

  @Test func wrongNamesAndTypes() throws {
    let result = try result()
    #expect(failure { () throws(KantorError) in _ = try result.real("y") } == .name)
    #expect(failure { () throws(KantorError) in _ = try result.real("word") } == .type)
    #expect(failure { () throws(KantorError) in _ = try result.int("x") } == .type)
    #expect(failure { () throws(KantorError) in _ = try result.text("x") } == .type)
    #expect(failure { () throws(KantorError) in _ = try result.array("x") } == .type)
    #expect(
      failure { () throws(KantorError) in
        _ = try result.vjp(cotangents: [:], wanted: [])
      } == .unsupported)
  }

  @Test func lazyArraysAreMadeOnce() throws {
    let made = Mutex(0)
    var fields = ResultFields()
    fields.addLazily("plan") { () throws(KantorError) in
      made.withLock { $0 += 1 }
      return Tensor(try Buffer([7.0]))
    }
    let result = Result(spec: spec, status: .solved, fields: fields)
    #expect(made.withLock { $0 } == 0)
    let bases = Mutex(Set<UInt>())
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      if let tensor = try? result.array("plan") {
        _ = bases.withLock { $0.insert(UInt(bitPattern: tensor.base)) }
      }
    }
    #expect(made.withLock { $0 } == 1)
    #expect(bases.withLock { $0.count } == 1)
  }

  @Test func aLazyArrayThatFailsMayBeAskedAgain() throws {
    let attempts = Mutex(0)
    let lazy = LazyTensor { () throws(KantorError) in
      let attempt = attempts.withLock { count in
        count += 1
        return count
      }
      if attempt == 1 { throw KantorError(.outOfMemory, "not yet") }
      return Tensor(try Buffer([1.0]))
    }
    #expect(failure { () throws(KantorError) in _ = try lazy.tensor() } == .outOfMemory)
    #expect(try lazy.tensor().list() == [1])
  }

  @Test func furtherFieldsDoNotReplace() throws {
    var more = ResultFields()
    more.add("x", 9)
    more.add("new", 2)
    let both = try result().adding(more)
    #expect(try both.real("x") == 1.5)
    #expect(try both.int("new") == 2)
    #expect(both.status == .solved)
  }

  @Test func everySolveHasTheCommonFields() throws {
    let monitor = Monitor(
      keepsTrace: true, hooks: Hooks(progress: { $0.iteration == 2 ? 6 : 0 }))
    _ = monitor.check(iteration: 1)
    _ = monitor.check(iteration: 2)
    let bare = Result(spec: spec, status: .stoppedByCallback, fields: ResultFields())
    let full = bare.adding(try CommonOutputs.fields(of: bare, monitor))
    #expect(try full.text("status") == "stopped_by_callback")
    #expect(try full.text("method") == "toy/adder")
    #expect(try !full.text("message").isEmpty)
    #expect(try full.int("iterations") == 2)
    #expect(try full.int("callback_code") == 6)
    #expect(try full.array("trace_iteration").list() == [1, 2])
    for field in full.fields {
      #expect(spec.outputs.contains { $0.name == field.name }, "\(field.name) is not described")
    }
  }

  @Test func codesAndStatusesHaveNames() {
    let names = Status.allCases.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(Status.allCases.allSatisfy { $0.rawValue > 0 && !$0.sentence.isEmpty })
    #expect(KantorError.Code.allCases.allSatisfy { $0.rawValue < 0 })
  }
}
