import KantorCone
import KantorCore
import KantorTransport

/// All that the library can do. A method is added with one line here.
extension Catalog {
  public static let standard = Catalog(
    kinds: [
      TransportKind.kind,
      BarycentreKind.kind,
      PointBarycentreKind.kind,
      GaussianTransportKind.kind,
      GaussianBarycentreKind.kind,
      DoublyStochasticKind.kind,
      GromovKind.kind,
      MapKind.kind,
      ConeKind.kind,
    ],
    methods: [
      NetworkSimplex.entry,
      Assignment.entry,
      OneDimensional.entry,
      Sinkhorn.entry,
      SinkhornNewtonSparse.entry,
      Greenkhorn.entry,
      SinkhornDivergence.entry,
      Quadratic.entry,
      SparsityConstrained.entry,
      GromovConditionalGradient.entry,
      MongeGap.entry,
      EntropicBarycentre.entry,
      DebiasedBarycentre.entry,
      FreeSupportBarycentre.entry,
      QuantileBarycentre.entry,
      BuresWasserstein.entry,
      BuresBarycentre.entry,
      SinkhornKnopp.entry,
      BirkhoffProjection.entry,
      PermutationMixture.entry,
      KroneckerProduct.entry,
      SpectralSphere.entry,
      Orthostochastic.entry,
      BirkhoffDecomposition.entry,
      InteriorPoint.entry,
    ])
}
