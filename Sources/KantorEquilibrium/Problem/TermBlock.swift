import KantorBlocks
import KantorCore

/// What g is on a block of consecutive variables.
package enum TermShape: Sendable {
  /// No term.
  case zero
  case nonnegative
  /// Between bounds, which may be infinite.
  case box
  /// x >= 0 with the sum `radius`.
  case simplex(radius: Double)
  /// Another one of the library, with its parameters.
  case library(ProximalEntry, [String: Tensor])
  /// The function `prox` of the host; always of all variables.
  case host

  package var name: String {
    switch self {
    case .zero: return "zero"
    case .nonnegative: return "nonnegative"
    case .box: return "box"
    case .simplex: return "simplex"
    case .library(let entry, _): return entry.name
    case .host: return "callback"
    }
  }
}

/// A block of consecutive variables and its term.
package struct TermBlock: Sendable {
  package let start: Int
  package let count: Int
  package let shape: TermShape
}

/// g as a sum over blocks of variables.
package struct ProximalTerm: Sendable {
  package let n: Int
  package let blocks: [TermBlock]
  /// Bounds of the variables that lie in boxes; others' are not read.
  package let lower: Buffer<Double>
  package let upper: Buffer<Double>

  package var isHost: Bool {
    blocks.contains { if case .host = $0.shape { true } else { false } }
  }
  package var isZero: Bool {
    blocks.allSatisfy { if case .zero = $0.shape { true } else { false } }
  }
}
