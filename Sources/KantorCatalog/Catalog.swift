import KantorCore
import KantorTransport

/// All that the library can do. A method is added with one line here.
extension Catalog {
  public static let standard = Catalog(
    kinds: [
      TransportKind.kind,
      DoublyStochasticKind.kind,
    ],
    methods: [
      NetworkSimplex.entry,
      Assignment.entry,
      OneDimensional.entry,
      Sinkhorn.entry,
      SinkhornDivergence.entry,
      SinkhornKnopp.entry,
      BirkhoffProjection.entry,
      PermutationMixture.entry,
      KroneckerProduct.entry,
      SpectralSphere.entry,
      Orthostochastic.entry,
      BirkhoffDecomposition.entry,
    ])
}
