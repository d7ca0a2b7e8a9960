/// Maps by their samples, for the tests of the kind "map".
enum MapSpecimens {
  private static func specimen(
    _ name: String, _ arrays: [Specimen.Field], metric: String? = nil
  ) -> Specimen {
    Specimen(
      name: name,
      data: .other(kind: "map", arrays: arrays, words: metric.map { ["metric": $0] } ?? [:]))
  }

  private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed)
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "plane",
        [.init("points", [30, 2], numbers(60, 61)), .init("images", [30, 2], numbers(60, 62))]),
      specimen(
        "space, l1, any weights",
        [
          .init("points", [24, 3], numbers(72, 63)), .init("images", [24, 3], numbers(72, 64)),
          .init("weights", [24], TransportSpecimens.weights(24, 65)),
        ], metric: "l1"),
      specimen(
        "line", [.init("points", [40], numbers(40, 66)), .init("images", [40], numbers(40, 67))],
        metric: "euclidean"),
      specimen("dense", [.init("cost", [22, 22], numbers(484, 68))]),
    ],
    extreme: [
      specimen("one point", [.init("points", [1, 2], [1, 2]), .init("images", [1, 2], [3, 4])]),
      specimen(
        "nothing moves",
        [.init("points", [3, 1], [1, 2, 3]), .init("images", [3, 1], [1, 2, 3])]),
      specimen(
        "zero weights, forbidden pairs",
        [
          .init("cost", [3, 3], [0, .infinity, 1, 2, 1, 0, .infinity, 0, 2]),
          .init("weights", [3], [0.5, 0, 1.5]),
        ]),
    ],
    differentiable: ["points", "images", "cost", "weights"])
}
