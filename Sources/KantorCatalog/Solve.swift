import KantorCore

extension MethodEntry {
  /// Solves within the memory that the options allow.
  func solve(_ problem: any SealedProblem, within run: Run) throws(KantorError) -> Result {
    try withBudget(MemoryBudget(bytes: run.options.real("memory_limit"))) {
      () throws(KantorError) in
      try solve(problem, run)
    }
  }
}

extension Catalog {
  /// Solves a problem by the method named, else the one the settings were made for, else the
  /// default of the problem's kind for these data.
  public func solve(
    _ problem: Problem, method name: String? = nil, settings: Settings? = nil
  ) throws(KantorError) -> Result {
    let (chosen, sealed) = try choose(problem, name, settings)
    let work = try Self.run(chosen.spec, settings)
    work.monitor.log(.debug, "\(chosen.spec.qualifiedName) starts")
    let result = try chosen.solve(sealed, within: work)
    let outcome = (try? result.text("message")) ?? result.status.name
    work.monitor.log(.info, "\(chosen.spec.qualifiedName): \(outcome)")
    return result.adding(try CommonOutputs.fields(of: result, work.monitor))
  }

  /// What a solve would refuse before it starts.
  func check(
    _ problem: Problem, method name: String?, settings: Settings?
  ) throws(KantorError) {
    let (chosen, _) = try choose(problem, name, settings)
    _ = try Self.run(chosen.spec, settings)
  }

  /// A problem with the method that solves it, chosen as `solve` does, as data of another problem.
  public func subproblem(
    _ problem: Problem, method name: String?, settings: Settings?
  ) throws(KantorError) -> Subproblem {
    let (chosen, _) = try choose(problem, name, settings)
    return try Subproblem(problem, by: chosen, settings: settings)
  }

  private func choose(
    _ problem: Problem, _ name: String?, _ settings: Settings?
  ) throws(KantorError) -> (MethodEntry, any SealedProblem) {
    // Names and settings are checked before the data: a slip there must not seal the problem.
    var entry: MethodEntry?
    if let name {
      entry = try method(name, of: problem.kind)
    } else if let spec = settings?.method {
      entry = try method(spec.qualifiedName, of: problem.kind)
    }
    if let entry { _ = try Self.run(entry.spec, settings) }
    let sealed = try problem.seal()
    if let entry { return (entry, sealed) }
    return (try method(problem.kind.defaultMethod(sealed), of: problem.kind), sealed)
  }

  private static func run(_ spec: MethodSpec, _ settings: Settings?) throws(KantorError) -> Run {
    guard let settings else { return Settings.defaultRun(for: spec) }
    return try settings.run(for: spec)
  }
}
