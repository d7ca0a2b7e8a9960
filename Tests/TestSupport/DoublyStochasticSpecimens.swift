import KantorCore

/// Batches of matrices and of parameters. Every method takes some of them.
enum DoublyStochasticSpecimens {
  static let all = KindSpecimens(
    ordinary: ordinary, extreme: extreme, differentiable: ["matrices", "parameters"],
    refusals: [.unsupported, .shape, .missing, .range])

  private static func specimen(_ name: String, _ arrays: Specimen.Field...) -> Specimen {
    Specimen(name: name, data: .other(kind: "doubly_stochastic", arrays: arrays))
  }

  /// Numbers in [-scale, scale).
  private static func numbers(_ count: Int, _ scale: Double, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed).map { scale * (2 * $0 - 1) }
  }

  private static let ordinary: [Specimen] = [
    specimen("a batch of matrices", .init("matrices", [5, 6, 6], numbers(180, 3, 1))),
    specimen("a larger matrix", .init("matrices", [40, 40], numbers(1600, 4, 2))),
    specimen("parameters of 3 x 3", .init("parameters", [4, 6], numbers(24, 1, 3))),
    specimen("parameters of a sphere", .init("parameters", [3, 9], numbers(27, 1, 4))),
    specimen(
      "parameters of factors", .init("factors", [3], [2, 3, 2]),
      .init("parameters", [2, 10], numbers(20, 1, 5))),
    // No entry is 0: there the projection has a kink and no derivative.
    specimen(
      "doubly stochastic matrices",
      .init(
        "matrices", [2, 3, 3],
        [0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.5]
          + [0.625, 0.25, 0.125, 0.125, 0.25, 0.625, 0.25, 0.5, 0.25])),
  ]

  private static let extreme: [Specimen] = [
    specimen("one entry", .init("matrices", [1, 1], [1])),
    specimen("equal entries", .init("matrices", [2, 3, 3], [Double](repeating: 7, count: 18))),
    specimen("one parameter", .init("parameters", [1], [3])),
  ]
}
