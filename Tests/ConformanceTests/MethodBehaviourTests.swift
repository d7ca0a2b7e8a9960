import KantorCatalog
import KantorCore
import Synchronization
import TestSupport
import Testing

/// How every method of the catalogue must behave, whatever it computes.
@Suite struct MethodBehaviourTests {
  /// Fields whose values are times.
  private func isTime(_ name: String) -> Bool { name.contains("seconds") }

  private func message(_ result: Result) -> String {
    (try? result.text("message")) ?? "no message"
  }

  private func bits(_ result: Result) throws -> [String: [UInt64]] {
    var bits: [String: [UInt64]] = [:]
    for field in result.fields where !isTime(field.name) {
      switch field.value {
      case .real(let x): bits[field.name] = [x.bitPattern]
      case .int(let k): bits[field.name] = [UInt64(bitPattern: k)]
      case .text(let text): bits[field.name] = text.utf8.map(UInt64.init)
      case .array: bits[field.name] = try result.array(field.name).list().map(\.bitPattern)
      }
    }
    return bits
  }

  @Test(arguments: MethodCase.all) func solvesWhatItTakes(method: MethodCase) throws {
    #expect(!(try method.supported(method.specimens.ordinary)).isEmpty)
    for specimen in method.specimens.ordinary + method.specimens.extreme {
      guard let result = try method.solveIfSupported(specimen) else { continue }
      #expect(result.status == .solved, "\(specimen): \(message(result))")
      #expect(try result.real("objective").isFinite, "\(specimen)")
      if method.spec.kind == "transport", result.has("plan") {
        try checkMarginals(result, specimen)
      }
    }
  }

  /// A second look at the plan, which shares no code with the library's checker.
  private func checkMarginals(_ result: Result, _ specimen: Specimen) throws {
    let plan = try result.array("plan").list()
    let (n, m) = specimen.shape
    let mass = specimen.a?.reduce(0, +) ?? specimen.b?.reduce(0, +) ?? 1
    let a = specimen.a ?? [Double](repeating: mass / Double(n), count: n)
    let b = specimen.b ?? [Double](repeating: mass / Double(m), count: m)
    #expect(plan.count == n * m)
    #expect(plan.allSatisfy { $0 >= 0 }, "\(specimen)")
    var error = 0.0
    for i in 0..<n { error += abs((0..<m).map { plan[i * m + $0] }.reduce(0, +) - a[i]) }
    for j in 0..<m { error += abs((0..<n).map { plan[$0 * m + j] }.reduce(0, +) - b[j]) }
    #expect(error <= 1e-6 * mass, "\(specimen)")
  }

  @Test(arguments: MethodCase.all) func tellsInfeasibleFromFeasible(method: MethodCase) throws {
    for specimen in method.specimens.infeasible {
      guard let result = try method.solveIfSupported(specimen) else { continue }
      #expect(result.status == .infeasible, "\(specimen): \(message(result))")
    }
    for specimen in method.specimens.unbounded {
      guard let result = try method.solveIfSupported(specimen) else { continue }
      #expect(result.status == .unbounded, "\(specimen): \(message(result))")
    }
  }

  @Test(arguments: MethodCase.all) func givesWhatItPromises(method: MethodCase) throws {
    let spec = method.spec
    let traced = Settings(method: spec)
    try traced.set("trace", .flag(true))
    let stopped = Settings(method: spec)
    stopped.setProgress { _ in 3 }
    var seen = Set<String>()
    for specimen in method.specimens.all {
      for settings in [nil, traced, stopped] {
        guard let result = try method.solveIfSupported(specimen, settings) else { continue }
        for field in result.fields {
          seen.insert(field.name)
          try check(field, result, spec)
        }
      }
    }
    // Those of proofs of infeasibility and of stops belong to methods that can give them.
    let conditional = [
      "ray_source", "ray_target", "capacity_source", "capacity_target", "callback_code",
      "curvature", "ray_dual", "ray_primal", "radius", "advantage", "solution_distance",
      "displacement",
    ]
    let missing = spec.outputs.map(\.name).filter { !seen.contains($0) }
      .filter { !conditional.contains($0) }
    #expect(missing.isEmpty, "never given: \(missing)")
  }

  private func check(_ field: Result.Field, _ result: Result, _ spec: MethodSpec) throws {
    let promised = try #require(
      spec.outputs.first { $0.name == field.name }, "\(field.name) is not described")
    #expect(promised.role == (field.isCertificate ? .certificate : .output), "\(field.name)")
    switch (field.value, promised.type) {
    case (.real, .real), (.int, .int), (.text, .text): break
    case (.array, .array):
      let tensor = try result.array(field.name)
      let commas = promised.shape.filter { $0 == "," }.count
      let rank = promised.shape == "()" ? 0 : commas + (promised.shape.hasSuffix(",)") ? 0 : 1)
      #expect(tensor.rank == rank, "\(field.name) has the shape \(tensor.shapeText)")
    default: Issue.record("\(field.name) is not of the type promised")
    }
  }

  @Test(arguments: MethodCase.all, ["nan", "-inf"])
  func refusesDataThatAreNoNumbers(method: MethodCase, what: String) throws {
    let bad: Double = what == "nan" ? .nan : -.infinity
    for specimen in try method.supported(method.specimens.ordinary) {
      var fields = Set<String>()
      _ = try specimen.problem { name, _ in fields.insert(name) }
      for field in fields {
        let problem = try specimen.problem { name, numbers in
          if name == field { numbers[numbers.count / 2] = bad }
        }
        let code = failure { () throws(KantorError) in _ = try method.solve(problem) }
        #expect(code == .notFinite, "\(specimen): \(field)")
      }
    }
  }

  /// Stopped at once, a method has its best point and says why, unless that point is certified.
  private func expect(
    _ status: Status, _ method: MethodCase, _ prepare: (Settings) throws -> Void
  ) throws {
    for specimen in try method.supported(method.specimens.ordinary) {
      let settings = Settings(method: method.spec)
      try prepare(settings)
      let result = try #require(try method.solveIfSupported(specimen, settings))
      #expect(
        result.status == status || result.status == .solved,
        "\(specimen): \(message(result))")
    }
  }

  @Test(arguments: MethodCase.all) func stopsWhenCancelled(method: MethodCase) throws {
    try expect(.cancelled, method) { $0.cancel.cancel() }
  }

  @Test(arguments: MethodCase.all) func stopsWhenTimeIsUp(method: MethodCase) throws {
    try expect(.timeLimit, method) { try $0.set("time_limit", .real(0)) }
  }

  @Test(arguments: MethodCase.all) func stopsWhenTheHookSaysSo(method: MethodCase) throws {
    try expect(.stoppedByCallback, method) { settings in
      var calls = 0
      settings.setProgress { _ in
        calls += 1
        #expect(calls == 1, "asked again after it said stop")
        return 1
      }
    }
  }

  @Test(arguments: MethodCase.all) func stopsAtTheIterationLimit(method: MethodCase) throws {
    guard method.spec.options.contains(where: { $0.name == "max_iterations" }) else { return }
    try expect(.iterationLimit, method) { try $0.set("max_iterations", .int(1)) }
  }

  @Test(arguments: MethodCase.all, [1, 2, 3])
  func givesTheSameBitsTwice(method: MethodCase, threads: Int64) throws {
    let settings = Settings(method: method.spec)
    try settings.set("threads", .int(threads))
    for specimen in method.specimens.ordinary {
      guard let first = try method.solveIfSupported(specimen, settings),
        let second = try method.solveIfSupported(specimen, settings)
      else { continue }
      let (one, two) = (try bits(first), try bits(second))
      for (name, value) in one {
        #expect(two[name] == value, "\(specimen): \(name) differs from run to run")
      }
    }
  }

  @Test(arguments: MethodCase.all) func warmStartIsNeverWorse(method: MethodCase) throws {
    guard method.spec.usesWarmStart else { return }
    for specimen in try method.supported(method.specimens.ordinary) {
      let cold = try method.solve(try specimen.problem())
      let settings = Settings(method: method.spec)
      settings.setStart(cold)
      let warm = try method.solve(try specimen.problem(), settings)
      #expect(warm.status == .solved, "\(specimen): \(message(warm))")
      #expect(try warm.int("iterations") <= cold.int("iterations"), "\(specimen)")
      let (x, y) = (try cold.real("objective"), try warm.real("objective"))
      #expect(abs(x - y) <= 1e-6 * max(abs(x), 1), "\(specimen)")
    }
  }

  @Test(arguments: MethodCase.all) func refusesStartsOfOtherSizes(method: MethodCase) throws {
    guard method.spec.usesWarmStart else { return }
    let settings = Settings(method: method.spec)
    for name in ["potential_source", "potential_target", "x", "column_strategy"] {
      settings.setStart(name, Tensor(try Buffer([1.0, 2, 3, 4, 5, 6, 7])))
    }
    for specimen in try method.supported(method.specimens.ordinary) {
      let problem = try specimen.problem()
      let code = failure { () throws(KantorError) in _ = try method.solve(problem, settings) }
      #expect(code == .shape, "\(specimen)")
    }
  }

  @Test(arguments: MethodCase.all) func derivativesAreWhatTheSpecSays(method: MethodCase) throws {
    for specimen in try method.supported(method.specimens.ordinary) {
      let result = try method.solve(try specimen.problem())
      let one = Tensor(try Buffer([1.0]), shape: [])
      let shapes = specimen.fieldShapes
      guard method.spec.hasDerivatives else {
        let code = failure { () throws(KantorError) in
          _ = try result.vjp(cotangents: ["objective": one], wanted: Array(shapes.keys))
        }
        #expect(code == .unsupported)
        continue
      }
      let fields = method.specimens.differentiable.filter { shapes[$0] != nil }
      let gradients = try result.vjp(cotangents: ["objective": one], wanted: fields)
      for name in fields {
        #expect(gradients[name]?.shape == shapes[name])
        let values = try #require(try gradients[name]?.list())
        #expect(values.allSatisfy { $0.isFinite }, "\(specimen): \(name)")
      }
    }
  }

  @Test(arguments: MethodCase.all) func callsHooksOnTheCallingThread(method: MethodCase) throws {
    let caller = ObjectIdentifier(ThreadMark.current)
    let settings = Settings(method: method.spec)
    try settings.set("threads", .int(2))
    let calls = Mutex((right: 0, wrong: 0))
    let note = {
      let isCaller = ObjectIdentifier(ThreadMark.current) == caller
      calls.withLock { if isCaller { $0.right += 1 } else { $0.wrong += 1 } }
    }
    settings.setProgress { _ in
      note()
      return 0
    }
    settings.setLog(.debug) { _, line in
      note()
      #expect(!line.isEmpty && !line.contains("\n"))
    }
    for specimen in try method.supported(method.specimens.ordinary) {
      _ = try method.solve(try specimen.problem(), settings)
    }
    #expect(calls.withLock { $0.wrong } == 0)
    #expect(calls.withLock { $0.right } > 0)
  }
}
