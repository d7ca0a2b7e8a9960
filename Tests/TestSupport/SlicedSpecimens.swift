/// Pairs of clouds for the methods that look at them along lines.
enum SlicedSpecimens {
  static func specimen(_ name: String, _ arrays: [Specimen.Field]) -> Specimen {
    Specimen(name: name, data: .other(kind: "sliced_transport", arrays: arrays))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "clouds of space, any weights",
        [
          .init("points_source", [40, 3], TransportSpecimens.numbers(120, 51)),
          .init("points_target", [55, 3], TransportSpecimens.numbers(165, 52)),
          .init("weights_source", [40], TransportSpecimens.weights(40, 53)),
          .init("weights_target", [55], TransportSpecimens.weights(55, 54)),
        ]),
      specimen(
        "clouds of the plane",
        [
          .init("points_source", [30, 2], TransportSpecimens.numbers(60, 55)),
          .init("points_target", [30, 2], TransportSpecimens.numbers(60, 56).map { 2 * $0 }),
        ]),
      specimen(
        "seven dimensions, directions given",
        [
          .init("points_source", [20, 7], TransportSpecimens.numbers(140, 57)),
          .init("points_target", [25, 7], TransportSpecimens.numbers(175, 58)),
          .init("projections", [9, 7], TransportSpecimens.numbers(63, 59).map { $0 - 0.5 }),
        ]),
    ],
    extreme: [
      specimen(
        "a line",
        [
          .init("points_source", [12, 1], TransportSpecimens.numbers(12, 60)),
          .init("points_target", [7, 1], TransportSpecimens.numbers(7, 61)),
        ]),
      specimen(
        "one point each",
        [.init("points_source", [1, 2], [1, 2]), .init("points_target", [1, 2], [3, 5])]),
      specimen(
        "points on top of each other",
        [
          .init("points_source", [2, 2], [1, 2, 1, 2]),
          .init("points_target", [2, 2], [1, 2, 1, 2]),
        ]),
      specimen(
        "zero weights, large mass",
        [
          .init("points_source", [4, 2], TransportSpecimens.numbers(8, 62)),
          .init("points_target", [3, 2], TransportSpecimens.numbers(6, 63)),
          .init("weights_source", [4], [0, 5e5, 5e5, 0]),
          .init("weights_target", [3], [7.5e5, 0, 2.5e5]),
        ]),
    ],
    differentiable: ["points_source", "points_target", "weights_source", "weights_target"])
}
