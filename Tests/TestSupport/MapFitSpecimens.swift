/// Pairs of clouds for the tests of the kind "map_fit".
enum MapFitSpecimens {
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed)
  }

  private static func specimen(
    _ name: String, _ arrays: [Specimen.Field], _ words: [String: String] = [:]
  ) -> Specimen {
    Specimen(name: name, data: .other(kind: "map_fit", arrays: arrays, words: words))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "plane",
        [
          .init("points_source", [20, 2], numbers(40, 71)),
          .init("points_target", [24, 2], numbers(48, 72).map { 2 * $0 * $0 }),
        ]),
      specimen(
        "radial, any weights, more points",
        [
          .init("points_source", [18, 2], numbers(36, 73)),
          .init("points_target", [15, 2], numbers(30, 74).map { $0 * $0 + 1 }),
          .init("weights_source", [18], TransportSpecimens.weights(18, 75)),
          .init("weights_target", [15], TransportSpecimens.weights(15, 76)),
          .init("centres", [3, 2], numbers(6, 77)), .init("points_new", [5, 2], numbers(10, 78)),
        ], ["family": "radial", "metric": "euclidean"]),
      specimen(
        "line",
        [
          .init("points_source", [16], numbers(16, 79)),
          .init("points_target", [12], numbers(12, 80).map { $0 * $0 }),
        ]),
    ],
    extreme: [
      specimen(
        "one point",
        [.init("points_source", [1, 2], [1, 2]), .init("points_target", [1, 2], [3, 5])]),
      specimen(
        "one target",
        [.init("points_source", [3, 1], [1, 2, 4]), .init("points_target", [1, 1], [7])]),
      specimen(
        "zero weights",
        [
          .init("points_source", [4, 1], [0, 1, 2, 3]),
          .init("points_target", [3, 1], [0, 2, 5]), .init("weights_source", [4], [0, 1, 1, 2]),
          .init("weights_target", [3], [1, 1, 0]),
        ]),
    ])
}
