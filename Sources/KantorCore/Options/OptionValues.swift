/// The options of one solve: what the caller set, else the default of the spec.
public struct OptionValues: Sendable {
  private let specs: [OptionSpec]
  private let set: [String: OptionValue]

  public init(specs: [OptionSpec], set: [String: OptionValue] = [:]) {
    self.specs = specs
    self.set = set
  }

  public subscript(name: String) -> OptionValue? {
    if let value = set[name] { return value }
    return specs.first { $0.name == name }?.defaultValue
      ?? CommonOptions.specs.first { $0.name == name }?.defaultValue
  }

  public func isSet(_ name: String) -> Bool { set[name] != nil }

  /// Typed reads. A method reads only names of its own table, with the type that stands there;
  /// the conformance tests solve with every method, so a slip shows at once.
  public func real(_ name: String) -> Double {
    if case .real(let x)? = self[name] { return x }
    return .nan
  }
  public func int(_ name: String) -> Int {
    if case .int(let k)? = self[name] { return Int(clamping: k) }
    return 0
  }
  public func flag(_ name: String) -> Bool {
    if case .flag(let f)? = self[name] { return f }
    return false
  }
  public func text(_ name: String) -> String {
    if case .text(let t)? = self[name] { return t }
    return ""
  }
}
