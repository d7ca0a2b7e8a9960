import KantorCore

/// Problems that the conformance tests put to the methods of a kind.
public struct KindSpecimens: Sendable {
  /// Sizes at which an iterative method needs more than one iteration.
  public let ordinary: [Specimen]
  public let extreme: [Specimen]
  public let infeasible: [Specimen]
  /// Fields whose derivatives of the objective the kind's methods offer.
  public let differentiable: [String]
  /// Codes with which a method may refuse a specimen that is not for it.
  public let refusals: [KantorError.Code]

  public init(
    ordinary: [Specimen], extreme: [Specimen] = [], infeasible: [Specimen] = [],
    differentiable: [String] = [], refusals: [KantorError.Code] = [.unsupported]
  ) {
    self.refusals = refusals
    self.ordinary = ordinary
    self.extreme = extreme
    self.infeasible = infeasible
    self.differentiable = differentiable
  }

  public var all: [Specimen] { ordinary + extreme + infeasible }

  /// nil for a kind without specimens, which no test then covers.
  public static func of(_ kind: String) -> KindSpecimens? {
    switch kind {
    case "transport":
      return KindSpecimens(
        ordinary: TransportSpecimens.ordinary, extreme: TransportSpecimens.extreme,
        infeasible: TransportSpecimens.infeasible,
        differentiable: ["weights_source", "weights_target"])
    case "doubly_stochastic": return DoublyStochasticSpecimens.all
    default: return nil
    }
  }
}
