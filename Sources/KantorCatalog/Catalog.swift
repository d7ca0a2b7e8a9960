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
    ],
    methods: [
      NetworkSimplex.entry,
      Assignment.entry,
      OneDimensional.entry,
      Sinkhorn.entry,
      SinkhornNewtonSparse.entry,
      SinkhornDivergence.entry,
      EntropicBarycentre.entry,
      DebiasedBarycentre.entry,
      FreeSupportBarycentre.entry,
      QuantileBarycentre.entry,
      BuresWasserstein.entry,
      BuresBarycentre.entry,
    ])
}
