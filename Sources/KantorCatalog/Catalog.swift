import KantorCore
import KantorTransport

/// All that the library can do. A method is added with one line here.
extension Catalog {
  public static let standard = Catalog(
    kinds: [
      TransportKind.kind
    ],
    methods: [
      NetworkSimplex.entry,
      Assignment.entry,
      OneDimensional.entry,
      Sinkhorn.entry,
      SinkhornDivergence.entry,
      Quadratic.entry,
      SparsityConstrained.entry,
    ])
}
