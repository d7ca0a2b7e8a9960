/// The value of an option, or of a scalar field.
public enum OptionValue: Sendable, Equatable {
  case real(Double)
  case int(Int64)
  case flag(Bool)
  case text(String)
}

/// One option of a method: the only place where its name, type, default, range and meaning stand.
/// Validation, the JSON description, manuals and Python signatures come from it.
public struct OptionSpec: Sendable {
  public enum Domain: Sendable {
    case real(Double, min: Double, max: Double)
    case int(Int64, min: Int64, max: Int64)
    case flag(Bool)
    case text(String, choices: [String])
  }

  public let name: String
  public let domain: Domain
  public let unit: String
  public let doc: String
  public let isAdvanced: Bool

  public init(
    _ name: String, _ domain: Domain, unit: String = "", _ doc: String, advanced: Bool = false
  ) {
    self.name = name
    self.domain = domain
    self.unit = unit
    self.doc = doc
    self.isAdvanced = advanced
  }

  public var typeName: String {
    switch domain {
    case .real: return "real"
    case .int: return "int"
    case .flag: return "flag"
    case .text: return "text"
    }
  }

  public var defaultValue: OptionValue {
    switch domain {
    case .real(let value, _, _): return .real(value)
    case .int(let value, _, _): return .int(value)
    case .flag(let value): return .flag(value)
    case .text(let value, _): return .text(value)
    }
  }

  /// The value as this option stores it, or the reason why it cannot. Never clamps.
  public func validate(_ value: OptionValue) throws(KantorError) -> OptionValue {
    switch (domain, value) {
    case (.real(_, let low, let high), .real(let x)):
      guard x >= low && x <= high else { throw rangeError("\(x)", "\(low)", "\(high)") }
      return value
    case (.real, .int(let k)):
      return try validate(.real(Double(k)))
    case (.int(_, let low, let high), .int(let k)):
      guard k >= low && k <= high else { throw rangeError("\(k)", "\(low)", "\(high)") }
      return value
    case (.flag, .flag):
      return value
    case (.flag, .int(let k)):
      guard k == 0 || k == 1 else { throw rangeError("\(k)", "0", "1") }
      return .flag(k == 1)
    case (.text(_, let choices), .text(let word)):
      guard choices.isEmpty || choices.contains(word) else {
        throw KantorError(
          .range, "option '\(name)': '\(word)' is not one of \(choices.joined(separator: ", "))")
      }
      return value
    default:
      throw KantorError(.type, "option '\(name)' is of type \(typeName), not \(value.typeName)")
    }
  }

  /// Reads a value of this option's type from text, as configuration files and shells have it.
  public func parse(_ text: String) throws(KantorError) -> OptionValue {
    switch domain {
    case .real:
      if let x = Double(text) { return try validate(.real(x)) }
    case .int:
      if let k = Int64(text) { return try validate(.int(k)) }
    case .flag:
      if ["true", "1", "yes", "on"].contains(text) { return .flag(true) }
      if ["false", "0", "no", "off"].contains(text) { return .flag(false) }
    case .text:
      return try validate(.text(text))
    }
    throw KantorError(.type, "option '\(name)': '\(text)' is not of type \(typeName)")
  }

  private func rangeError(_ x: String, _ low: String, _ high: String) -> KantorError {
    KantorError(.range, "option '\(name)': \(x) is outside [\(low), \(high)]")
  }
}

extension OptionValue {
  public var typeName: String {
    switch self {
    case .real: return "real"
    case .int: return "int"
    case .flag: return "flag"
    case .text: return "text"
    }
  }
}

/// Options that every method has.
public enum CommonOptions {
  public static let specs: [OptionSpec] = [
    OptionSpec(
      "time_limit", .real(.infinity, min: 0, max: .infinity), unit: "s",
      "Wall-clock seconds after which the solve stops and returns its best point."),
    OptionSpec(
      "threads", .int(1, min: 1, max: 1024),
      "Threads used by the solve. A thread count fixes the bits of the answer."),
    OptionSpec(
      "seed", .int(0, min: 0, max: .max),
      "Seed of the counter-based random streams; the same seed gives the same answer."),
    OptionSpec(
      "memory_limit", .real(.infinity, min: 0, max: .infinity), unit: "byte",
      "Most memory that the solve may take beside its problem's data; what would pass it is "
        + "refused before it is allocated.", advanced: true),
    OptionSpec(
      "heartbeat", .real(0.02, min: 0.001, max: 3600), unit: "s",
      "Longest pause between two calls of the progress hook.", advanced: true),
    OptionSpec(
      "trace", .flag(false),
      "Keep iteration, seconds, objective, residual and gap of every iteration."),
  ]
}
