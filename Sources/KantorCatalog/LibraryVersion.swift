import KantorCore

/// The version of the library. The C headers state it too; a C test compares the two.
public enum LibraryVersion {
  public static let major = 0
  public static let minor = 1
  public static let patch = 0
  /// The number in the soname.
  public static let abi = 0

  public static var text: String { "\(major).\(minor).\(patch)" }
  public static var number: Int { major * 10_000 + minor * 100 + patch }
}

extension KantorError.Code {
  public var name: String {
    switch self {
    case .null: return "null"
    case .handle: return "handle"
    case .busy: return "busy"
    case .state: return "state"
    case .name: return "name"
    case .type: return "type"
    case .range: return "range"
    case .shape: return "shape"
    case .layout: return "layout"
    case .notFinite: return "not_finite"
    case .missing: return "missing"
    case .unsupported: return "unsupported"
    case .tooLarge: return "too_large"
    case .outOfMemory: return "out_of_memory"
    case .format: return "format"
    case .version: return "version"
    case .buffer: return "buffer"
    case .internal: return "internal"
    }
  }
}

/// Call codes and statuses share one space of numbers.
public enum CodeNames {
  public static func name(_ code: Int32) -> String {
    if code == 0 { return "ok" }
    if let failure = KantorError.Code(rawValue: code) { return failure.name }
    return Status(rawValue: code)?.name ?? "unknown"
  }

  /// Every number that has a name, from the failures over 0 to the statuses.
  public static var all: [Int32] {
    KantorError.Code.allCases.map(\.rawValue).sorted(by: >) + [0] + Status.allCases.map(\.rawValue)
  }
}
