import KantorCore

/// Problems that the conformance tests put to the methods of a kind.
public struct KindSpecimens: Sendable {
  /// Sizes at which an iterative method needs more than one iteration.
  public let ordinary: [Specimen]
  public let extreme: [Specimen]
  public let infeasible: [Specimen]
  public let unbounded: [Specimen]
  /// Fields whose derivatives of the objective the kind's methods offer.
  public let differentiable: [String]
  /// Codes with which a method may refuse a specimen that is not for it.
  public let refusals: [KantorError.Code]

  public init(
    ordinary: [Specimen], extreme: [Specimen] = [], infeasible: [Specimen] = [],
    unbounded: [Specimen] = [], differentiable: [String] = [],
    refusals: [KantorError.Code] = [.unsupported]
  ) {
    self.refusals = refusals
    self.ordinary = ordinary
    self.extreme = extreme
    self.infeasible = infeasible
    self.unbounded = unbounded
    self.differentiable = differentiable
  }

  public var all: [Specimen] { ordinary + extreme + infeasible + unbounded }

  /// nil for a kind without specimens, which no test then covers.
  public static func of(_ kind: String) -> KindSpecimens? {
    switch kind {
    case "transport":
      return KindSpecimens(
        ordinary: TransportSpecimens.ordinary, extreme: TransportSpecimens.extreme,
        infeasible: TransportSpecimens.infeasible,
        differentiable: ["weights_source", "weights_target"])
    case "barycentre":
      return KindSpecimens(
        ordinary: BarycentreSpecimens.ordinary, extreme: BarycentreSpecimens.extreme,
        differentiable: ["histograms"])
    case "point_barycentre":
      return KindSpecimens(
        ordinary: PointBarycentreSpecimens.ordinary, extreme: PointBarycentreSpecimens.extreme,
        differentiable: ["points"])
    case "gaussian_transport":
      return KindSpecimens(
        ordinary: GaussianSpecimens.pairs,
        differentiable: [
          "mean_source", "mean_target", "covariance_source", "covariance_target",
        ])
    case "gaussian_barycentre":
      return KindSpecimens(
        ordinary: GaussianSpecimens.barycentres, differentiable: ["means", "covariances"])
    case "gromov": return GromovSpecimens.all
    case "partial_gromov": return RelaxedGromovSpecimens.partial
    case "unbalanced_gromov": return RelaxedGromovSpecimens.unbalanced
    case "map": return MapSpecimens.all
    case "map_fit": return MapFitSpecimens.all
    case "sliced_transport": return SlicedSpecimens.all
    case "multimarginal": return MultimarginalSpecimens.all
    case "unbalanced_transport": return RelaxedSpecimens.unbalanced
    case "partial_transport": return RelaxedSpecimens.partial
    case "semi_discrete_polygon": return PolygonSpecimens.all
    case "semi_discrete_transport": return SemiDiscreteSpecimens.all
    case "cone": return ConeSpecimens.all
    case "nonlinear": return NonlinearSpecimens.all
    case "inclusion": return InclusionSpecimens.inclusions
    case "saddle": return InclusionSpecimens.saddles
    case "game": return InclusionSpecimens.games
    case "least_squares": return LeastSquaresSpecimens.all
    case "composite": return CompositeSpecimens.all
    case "bilevel": return BilevelSpecimens.all
    case "nested": return NestedSpecimens.all
    case "bilinear": return BilinearSpecimens.all
    case "matrix_game": return BilinearSpecimens.games
    case "game_certificate": return BilinearSpecimens.certificates
    case "doubly_stochastic": return DoublyStochasticSpecimens.all
    default: return nil
    }
  }
}
