import Synchronization

/// Data of one kind. Fields may be set until the first solve (or `seal`), which validates them as
/// a whole; from then on the problem does not change and may be used by many threads.
public final class Problem: Sendable {
  public let kind: ProblemKind
  private struct State {
    var fields = ProblemFields()
    var sealed: (any SealedProblem)?
  }
  private let state: Mutex<State>

  public init(kind: ProblemKind) {
    self.kind = kind
    state = Mutex(State())
  }

  private init(kind: ProblemKind, fields: ProblemFields) {
    self.kind = kind
    state = Mutex(State(fields: fields))
  }

  /// An unsealed twin that shares the arrays.
  public func copy() -> Problem {
    Problem(kind: kind, fields: state.withLock { $0.fields })
  }

  public func set(_ name: String, _ value: FieldValue) throws(KantorError) {
    let kind = self.kind
    // The old fields are let go outside the lock: freeing a borrowed array calls the host.
    let old = try state.withLock { (state) throws(KantorError) -> ProblemFields in
      guard state.sealed == nil else {
        throw KantorError(
          .state,
          "field '\(name.prefix(60))' cannot be set: the problem is sealed; set it on a copy")
      }
      let old = state.fields
      try state.fields.set(name, value, of: kind)
      return old
    }
    withExtendedLifetime(old) {}
  }

  public func get(_ name: String) throws(KantorError) -> FieldValue {
    if let value = state.withLock({ $0.fields.values[name] }) { return value }
    if kind.fields.contains(where: { $0.name == name }) {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    throw unknownName("field of a \(kind.name) problem", name, among: kind.fields.map(\.name))
  }

  @discardableResult
  public func seal() throws(KantorError) -> any SealedProblem {
    let kind = self.kind
    return try state.withLock { (state) throws(KantorError) in
      if let sealed = state.sealed { return sealed }
      let sealed = try kind.seal(state.fields)
      state.sealed = sealed
      return sealed
    }
  }
}
