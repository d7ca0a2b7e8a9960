/// A named piece of a problem's data or of a result.
public struct FieldSpec: Sendable {
  public enum FieldType: String, Sendable {
    case real, int, text, array
    /// A matrix as a sparse one or as an array of rank 2.
    case sparse
    /// Functions of the host.
    case functions
    /// Another problem, with a method and settings.
    case problem
  }

  public enum Role: String, Sendable {
    case input, output, certificate
  }

  public let name: String
  public let type: FieldType
  public let role: Role
  /// For arrays: the shapes in words, such as "(n, m)"; empty for scalars.
  public let shape: String
  /// For arrays that are inputs: the ranks accepted.
  public let ranks: [Int]
  /// For texts that are inputs: the words accepted; empty means any. For functions: the members
  /// that are read.
  public let choices: [String]
  public let unit: String
  public let doc: String

  public init(
    _ name: String, _ type: FieldType, _ role: Role, shape: String = "", ranks: [Int] = [],
    choices: [String] = [], unit: String = "", _ doc: String
  ) {
    self.name = name
    self.type = type
    self.role = role
    self.shape = shape
    self.ranks = ranks
    self.choices = choices
    self.unit = unit
    self.doc = doc
  }
}

extension FieldSpec {
  public func accepts(_ given: FieldType) -> Bool {
    given == type || (type == .sparse && given == .array)
  }

  public var allowedRanks: [Int] { type == .sparse ? [2] : ranks }
}

/// The value of a problem's field.
public enum FieldValue: Sendable {
  case real(Double)
  case int(Int64)
  case text(String)
  case array(Tensor)
  case sparse(SparseTensor)
  case functions(Functions)
  case problem(Subproblem)

  public var type: FieldSpec.FieldType {
    switch self {
    case .real: return .real
    case .int: return .int
    case .text: return .text
    case .array: return .array
    case .sparse: return .sparse
    case .functions: return .functions
    case .problem: return .problem
    }
  }
}
