import CKantorKernels

/// How far a source point is from a target point.
public enum Metric: String, Sendable, CaseIterable {
  case sqeuclidean
  case euclidean
  case l1
  case power
  case cosine

  var kernelKind: Int32 {
    switch self {
    case .sqeuclidean: return Int32(KN_COST_SQEUCLIDEAN)
    case .euclidean: return Int32(KN_COST_EUCLIDEAN)
    case .l1: return Int32(KN_COST_L1)
    case .power: return Int32(KN_COST_POWER)
    case .cosine: return Int32(KN_COST_COSINE)
    }
  }

  /// Unchanged when both clouds are moved by the same vector.
  var isTranslationInvariant: Bool { self != .cosine }
}
