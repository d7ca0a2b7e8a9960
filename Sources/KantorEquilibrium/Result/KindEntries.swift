import KantorCore

/// Which methods the catalogue lists for the kinds that are solved as inclusions.
public enum EquilibriumMethods {
  public static let all = inclusion + saddle + game

  public static let inclusion: [MethodEntry] =
    general.map { $0.entry(InclusionKind.kind) }

  /// Halpern's iteration needs cocoercive F, which those of saddle points and games seldom are.
  public static let saddle: [MethodEntry] =
    twoSided.map { $0.entry(SaddleKind.kind) }
    + [TwoTimescale.entry(SaddleKind.kind), InexactAcceleratedPrimalDual.entry(SaddleKind.kind)]

  public static let game: [MethodEntry] = twoSided.map { $0.entry(GameKind.kind) }

  private static let general: [any InclusionMethod.Type] = [
    FastExtragradient.self, Extragradient.self, PastExtragradient.self,
    ForwardReflectedBackward.self, GoldenRatio.self, Halpern.self, ProximalPoint.self,
    VarianceReducedHalpern.self, StochasticExtragradient.self, AdaptiveOptimistic.self,
  ]

  private static let twoSided = general.filter { $0 != Halpern.self }
}
