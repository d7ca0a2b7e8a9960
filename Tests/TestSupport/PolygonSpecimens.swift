/// Convex polygons and points that share them.
enum PolygonSpecimens {
  private static func specimen(_ name: String, _ arrays: [Specimen.Field]) -> Specimen {
    Specimen(name: name, data: .other(kind: "semi_discrete_polygon", arrays: arrays))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "unit square", [.init("points_target", [12, 2], TransportSpecimens.numbers(24, 91))]),
      specimen(
        "points outside of a box",
        [
          .init("box", [2, 2], [3, -1, 5, 1]),
          .init("points_target", [7, 2], TransportSpecimens.numbers(14, 92)),
          .init("weights_target", [7], TransportSpecimens.weights(7, 93)),
        ]),
      specimen(
        "pentagon, clockwise",
        [
          .init("polygon", [5, 2], [0, 0, -1, 1, 0.5, 2.5, 2, 1, 1, 0]),
          .init("points_target", [9, 2], TransportSpecimens.numbers(18, 94)),
          .init("weights_target", [9], TransportSpecimens.weights(9, 95)),
        ]),
    ],
    extreme: [
      specimen("one point", [.init("points_target", [1, 2], [3, 4])]),
      specimen(
        "points on a line, large mass",
        [
          .init("points_target", [4, 2], [0.1, 0.5, 0.2, 0.5, 0.3, 0.5, 0.9, 0.5]),
          .init("weights_target", [4], [1e5, 2e5, 3e5, 1e5]),
        ]),
    ],
    differentiable: ["points_target", "weights_target"])
}
