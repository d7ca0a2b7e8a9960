import KantorCore

/// Kinds of problems and the methods that solve them, found by name.
///
/// A method is called by its plain name or as "kind/name". Plain names may be shared by methods of
/// different kinds; they are then refused where the kind is not known from elsewhere.
public struct Catalog: Sendable {
  public let kinds: [ProblemKind]
  public let methods: [MethodEntry]

  public init(kinds: [ProblemKind], methods: [MethodEntry]) {
    self.kinds = kinds
    self.methods = methods
  }

  public func kind(_ name: String) throws(KantorError) -> ProblemKind {
    if let kind = kinds.first(where: { $0.name == name }) { return kind }
    throw unknownName("kind of problem", name, among: kinds.map(\.name))
  }

  public func methods(of kind: ProblemKind) -> [MethodEntry] {
    methods.filter { $0.spec.kind == kind.name }
  }

  public func method(_ name: String) throws(KantorError) -> MethodEntry {
    let found = methods.filter { $0.spec.isCalled(name) }
    guard let first = found.first else {
      throw unknownName("method", name, among: known(like: name, methods))
    }
    guard found.count == 1 else {
      let forms = found.map { "'\($0.spec.qualifiedName)'" }.joined(separator: " or ")
      throw KantorError(.name, "method '\(name)' exists for several kinds; say \(forms)")
    }
    return first
  }

  /// The method of that name for problems of a kind.
  public func method(_ name: String, of kind: ProblemKind) throws(KantorError) -> MethodEntry {
    if let entry = methods.first(where: { $0.spec.kind == kind.name && $0.spec.isCalled(name) }) {
      return entry
    }
    if let other = methods.first(where: { $0.spec.isCalled(name) }) {
      throw KantorError(
        .name,
        "method '\(name)' solves problems of the kind '\(other.spec.kind)'; this one is of the "
          + "kind '\(kind.name)'")
    }
    throw unknownName(
      "method for '\(kind.name)'", name, among: known(like: name, methods(of: kind)))
  }

  /// Names in the form in which the caller wrote his, so that the suggestion can be pasted back.
  private func known(like name: String, _ entries: [MethodEntry]) -> [String] {
    entries.map { name.contains("/") ? $0.spec.qualifiedName : $0.spec.name }
  }
}

extension MethodSpec {
  public var qualifiedName: String { "\(kind)/\(name)" }

  /// By its plain or its qualified name.
  func isCalled(_ called: String) -> Bool {
    if called == name { return true }
    return called.utf8.count == kind.utf8.count + 1 + name.utf8.count && called == qualifiedName
  }
}
