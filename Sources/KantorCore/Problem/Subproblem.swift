/// A problem that is data of another one, with the method and the settings of its solves.
///
/// It is sealed when it is handed over and cannot change from then on; the object is kept, so the
/// caller may free his handle. Solves with other values of some fields work on twins, which share
/// the rest.
public struct Subproblem: Sendable {
  public let problem: Problem
  public let entry: MethodEntry
  private let settings: Settings.Snapshot

  public var spec: MethodSpec { entry.spec }

  /// Refuses data that do not fit together, and settings that were made for another method.
  public init(
    _ problem: Problem, by entry: MethodEntry, settings: Settings? = nil
  ) throws(KantorError) {
    if let settings { _ = try settings.run(for: entry.spec) }
    try problem.seal()
    self.problem = problem
    self.entry = entry
    self.settings = settings?.snapshot() ?? Settings.Snapshot()
  }

  /// A twin in which some fields have other values.
  public func sealed(
    with fields: [(name: String, value: FieldValue)]
  ) throws(KantorError) -> any SealedProblem {
    let twin = problem.copy()
    for field in fields { try twin.set(field.name, field.value) }
    return try twin.seal()
  }

  /// The run of one solve inside a larger one, whose time, cancel and hooks reach into it.
  /// `presets` are options that hold where the caller's settings say nothing.
  public func run(
    inside outer: Monitor, presets: [String: OptionValue], start: Result?
  ) -> Run {
    settings.run(for: spec, inside: outer, presets: presets, start: start)
  }
}
