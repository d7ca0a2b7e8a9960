/// What the catalogue tells about a method. The method's own file holds it, next to the code.
public struct MethodSpec: Sendable {
  public let name: String
  public let kind: String
  /// One line.
  public let summary: String
  /// Authors, year, title of the source.
  public let source: String
  /// What a `solved` result of this method guarantees.
  public let guarantee: String
  /// Method options, without the common ones.
  public let ownOptions: [OptionSpec]
  /// Result fields of the method, without the common ones.
  public let ownOutputs: [FieldSpec]
  public let usesWarmStart: Bool
  public let hasDerivatives: Bool

  public init(
    name: String, kind: String, summary: String, source: String, guarantee: String,
    options: [OptionSpec], outputs: [FieldSpec], usesWarmStart: Bool, hasDerivatives: Bool
  ) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.source = source
    self.guarantee = guarantee
    self.ownOptions = options
    ownOutputs = outputs
    self.usesWarmStart = usesWarmStart
    self.hasDerivatives = hasDerivatives
  }

  public var options: [OptionSpec] { ownOptions + CommonOptions.specs }

  /// A method that describes a common field itself, in its own words, is believed.
  public var outputs: [FieldSpec] {
    ownOutputs
      + CommonOutputs.specs.filter { common in
        !ownOutputs.contains { $0.name == common.name }
      }
  }

  public func output(_ name: String) -> FieldSpec? {
    ownOutputs.first { $0.name == name } ?? CommonOutputs.specs.first { $0.name == name }
  }

  public func option(_ name: String) throws(KantorError) -> OptionSpec {
    if let spec = ownOptions.first(where: { $0.name == name }) { return spec }
    if let spec = CommonOptions.specs.first(where: { $0.name == name }) { return spec }
    throw unknownName("option of '\(self.name)'", name, among: options.map(\.name))
  }
}

/// A method as the catalogue holds it.
public struct MethodEntry: Sendable {
  public let spec: MethodSpec
  public let solve: @Sendable (any SealedProblem, Run) throws(KantorError) -> Result

  public init(
    spec: MethodSpec,
    solve: @escaping @Sendable (any SealedProblem, Run) throws(KantorError) -> Result
  ) {
    self.spec = spec
    self.solve = solve
  }
}
