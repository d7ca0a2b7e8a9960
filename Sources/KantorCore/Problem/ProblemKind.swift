/// A problem whose data were validated as a whole and no longer change.
public protocol SealedProblem: AnyObject, Sendable {}

/// A kind of problem: its fields, how they are validated together, and which method is the
/// default for given data.
public struct ProblemKind: Sendable {
  public let name: String
  public let summary: String
  public let fields: [FieldSpec]
  public let seal: @Sendable (ProblemFields) throws(KantorError) -> any SealedProblem
  public let defaultMethod: @Sendable (any SealedProblem) -> String

  public init(
    name: String, summary: String, fields: [FieldSpec],
    seal: @escaping @Sendable (ProblemFields) throws(KantorError) -> any SealedProblem,
    defaultMethod: @escaping @Sendable (any SealedProblem) -> String
  ) {
    self.name = name
    self.summary = summary
    self.fields = fields
    self.seal = seal
    self.defaultMethod = defaultMethod
  }
}

/// The fields a caller has set, by name.
public struct ProblemFields: Sendable {
  public private(set) var values: [String: FieldValue] = [:]

  public init() {}

  public func tensor(_ name: String) -> Tensor? {
    if case .array(let tensor)? = values[name] { return tensor }
    return nil
  }
  /// The integer of a field, or nil.
  public func int(_ name: String) -> Int64? {
    if case .int(let k)? = values[name] { return k }
    return nil
  }
  /// A matrix field that was given as a sparse matrix; `tensor` gives one that came dense.
  public func sparse(_ name: String) -> SparseTensor? {
    if case .sparse(let matrix)? = values[name] { return matrix }
    return nil
  }
  public func functions(_ name: String) -> Functions? {
    if case .functions(let functions)? = values[name] { return functions }
    return nil
  }
  public func problem(_ name: String) -> Subproblem? {
    if case .problem(let part)? = values[name] { return part }
    return nil
  }
  public func text(_ name: String) -> String? {
    if case .text(let text)? = values[name] { return text }
    return nil
  }
  public func real(_ name: String) -> Double? {
    if case .real(let x)? = values[name] { return x }
    return nil
  }

  /// Checks name, type, rank and choice; what fields mean together is checked when sealing.
  public mutating func set(
    _ name: String, _ value: FieldValue, of kind: ProblemKind
  ) throws(KantorError) {
    guard let spec = kind.fields.first(where: { $0.name == name }) else {
      throw unknownName("field of a \(kind.name) problem", name, among: kind.fields.map(\.name))
    }
    guard spec.accepts(value.type) else {
      throw KantorError(
        .type, "field '\(name)' is of type \(spec.type.rawValue), not \(value.type.rawValue)")
    }
    if case .array(let tensor) = value, !spec.allowedRanks.contains(tensor.rank) {
      throw KantorError(
        .shape, "field '\(name)' has the shape \(tensor.shapeText); allowed is \(spec.shape)")
    }
    if case .text(let word) = value, !spec.choices.isEmpty, !spec.choices.contains(word) {
      throw KantorError(
        .range,
        "field '\(name)': '\(word.prefix(60))' is not one of "
          + spec.choices.joined(separator: ", "))
    }
    if case .functions(let functions) = value {
      let unread = functions.offered.map(\.rawValue).filter { !spec.choices.contains($0) }
      guard unread.isEmpty else {
        throw KantorError(
          .unsupported,
          "field '\(name)' has the function \(unread.joined(separator: ", ")), which is not read; "
            + "it may have " + spec.choices.joined(separator: ", "))
      }
    }
    if case .real(let x) = value, !x.isFinite {
      throw KantorError(.notFinite, "field '\(name)' is \(x); a finite number is needed")
    }
    values[name] = value
  }
}
