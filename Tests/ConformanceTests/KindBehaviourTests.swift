import KantorCatalog
import KantorCore
import TestSupport
import Testing

/// How methods of the kinds that `MethodBehaviourTests` has no specimens of must behave.
@Suite struct KindBehaviourTests {
  static let methods = MethodCase.all.filter { KindSpecimens.of($0.spec.kind) == nil }

  /// The specimens that a method takes: it may refuse others as unsupported or of a wrong shape.
  private func taken(_ method: MethodCase) throws -> [KindSpecimen] {
    try KindSpecimen.all.filter { specimen in
      guard specimen.kind == method.spec.kind else { return false }
      let problem = try specimen.problem()
      let failed = error { () throws(KantorError) in _ = try method.solve(problem) }
      if let failed, ![.unsupported, .shape, .missing, .range].contains(failed.code) { throw failed }
      return failed == nil
    }
  }

  private func message(_ result: Result) -> String {
    (try? result.text("message")) ?? "no message"
  }

  @Test(arguments: methods) func solvesWhatItTakes(method: MethodCase) throws {
    let specimens = try taken(method)
    #expect(!specimens.isEmpty)
    for specimen in specimens {
      let result = try method.solve(try specimen.problem())
      #expect(result.status == .solved, "\(specimen): \(message(result))")
      #expect(try result.real("objective").isFinite, "\(specimen)")
    }
  }

  @Test(arguments: methods) func givesWhatItPromises(method: MethodCase) throws {
    let spec = method.spec
    let traced = Settings(method: spec)
    try traced.set("trace", .flag(true))
    let stopped = Settings(method: spec)
    stopped.setProgress { _ in 3 }
    var seen = Set<String>()
    for specimen in try taken(method) {
      for settings in [nil, traced, stopped] {
        let result = try method.solve(try specimen.problem(), settings)
        for field in result.fields {
          seen.insert(field.name)
          let promised = try #require(
            spec.outputs.first { $0.name == field.name }, "\(field.name) is not described")
          #expect(promised.role == (field.isCertificate ? .certificate : .output), "\(field.name)")
          switch (field.value, promised.type) {
          case (.real, .real), (.int, .int), (.text, .text): break
          case (.array, .array):
            let tensor = try result.array(field.name)
            let commas = promised.shape.filter { $0 == "," }.count
            let rank = commas + (promised.shape.hasSuffix(",)") ? 0 : 1)
            #expect(tensor.rank == rank, "\(field.name) has the shape \(tensor.shapeText)")
          default: Issue.record("\(field.name) is not of the type promised")
          }
        }
      }
    }
    let missing = spec.outputs.map(\.name).filter { !seen.contains($0) && $0 != "callback_code" }
    #expect(missing.isEmpty, "never given: \(missing)")
  }

  @Test(arguments: methods, ["nan", "-inf"])
  func refusesDataThatAreNoNumbers(method: MethodCase, what: String) throws {
    let bad: Double = what == "nan" ? .nan : -.infinity
    for specimen in try taken(method) {
      for (field, value) in specimen.fields {
        guard case .array = value else { continue }
        let problem = try specimen.problem { name, numbers in
          if name == field { numbers[numbers.count / 2] = bad }
        }
        let code = failure { () throws(KantorError) in _ = try method.solve(problem) }
        #expect(code == .notFinite || code == .range, "\(specimen): \(field)")
      }
    }
  }

  /// Stopped at once, a method has its best point and says why, unless that point is certified.
  private func expect(
    _ status: Status, _ method: MethodCase, _ prepare: (Settings) throws -> Void
  ) throws {
    for specimen in try taken(method) {
      let settings = Settings(method: method.spec)
      try prepare(settings)
      let result = try method.solve(try specimen.problem(), settings)
      #expect(
        result.status == status || result.status == .solved, "\(specimen): \(message(result))")
    }
  }

  @Test(arguments: methods) func stops(method: MethodCase) throws {
    try expect(.cancelled, method) { $0.cancel.cancel() }
    try expect(.timeLimit, method) { try $0.set("time_limit", .real(0)) }
    try expect(.stoppedByCallback, method) { $0.setProgress { _ in 1 } }
    if method.spec.options.contains(where: { $0.name == "max_iterations" }) {
      try expect(.iterationLimit, method) { try $0.set("max_iterations", .int(1)) }
    }
  }

  @Test(arguments: methods, [1, 2, 3])
  func givesTheSameBitsTwice(method: MethodCase, threads: Int64) throws {
    let settings = Settings(method: method.spec)
    try settings.set("threads", .int(threads))
    for specimen in try taken(method) {
      let first = try method.solve(try specimen.problem(), settings)
      let second = try method.solve(try specimen.problem(), settings)
      for field in first.fields {
        switch field.value {
        case .array:
          let (one, two) = (try first.array(field.name).list(), try second.array(field.name).list())
          #expect(one.map(\.bitPattern) == two.map(\.bitPattern), "\(specimen): \(field.name)")
        case .real(let x):
          if field.name.contains("seconds") { continue }
          #expect(try x.bitPattern == second.real(field.name).bitPattern, "\(field.name)")
        default: continue
        }
      }
    }
  }

  /// <gradient, d> against central differences of <c, output> along a direction d.
  @Test(arguments: methods) func derivativesAreThoseOfDifferences(method: MethodCase) throws {
    for specimen in try taken(method) {
      guard let (output, input) = specimen.derivative, method.spec.hasDerivatives,
        case .array(let numbers, let shape)? = specimen.fields[input]
      else { continue }
      let result = try method.solve(try specimen.problem())
      let isScalar = method.spec.outputs.first { $0.name == output }?.type == .real
      let size = isScalar ? 1 : try result.array(output).count
      let c = KindSpecimen.numbers(size, 77)
      let cotangent = Tensor(
        try Buffer(c), shape: isScalar ? [] : try result.array(output).shape)
      let pulled = try result.vjp(cotangents: [output: cotangent], wanted: [input])
      let gradient = try #require(pulled[input])
      #expect(gradient.shape == shape, "\(specimen)")
      let d = KindSpecimen.numbers(numbers.count, 78)
      let slope = zip(try gradient.list(), d).map { $0 * $1 }.reduce(0, +)
      let step = 1e-5
      func value(_ sign: Double) throws -> Double {
        let problem = try specimen.problem { name, values in
          if name == input {
            for k in values.indices { values[k] += sign * step * d[k] }
          }
        }
        let moved = try method.solve(problem)
        let out = isScalar ? [try moved.real(output)] : try moved.array(output).list()
        return zip(out, c).map { $0 * $1 }.reduce(0, +)
      }
      let difference = (try value(1) - value(-1)) / (2 * step)
      #expect(
        abs(slope - difference) <= 1e-5 * max(abs(slope), abs(difference), 1e-2),
        "\(specimen): \(slope) against \(difference)")
    }
  }

  @Test(arguments: methods) func callsHooksOnTheCallingThread(method: MethodCase) throws {
    let caller = ObjectIdentifier(ThreadMark.current)
    let settings = Settings(method: method.spec)
    try settings.set("threads", .int(2))
    var calls = 0
    settings.setProgress { _ in
      #expect(ObjectIdentifier(ThreadMark.current) == caller)
      calls += 1
      return 0
    }
    for specimen in try taken(method) { _ = try method.solve(try specimen.problem(), settings) }
    #expect(calls > 0)
  }
}
