/// Measures on points for the tests of barycentres with free points.
enum PointBarycentreSpecimens {
  static func specimen(_ name: String, _ arrays: [Specimen.Field]) -> Specimen {
    Specimen(name: name, data: .other(kind: "point_barycentre", arrays: arrays))
  }

  static let ordinary: [Specimen] = [
    specimen(
      "three clouds of the plane",
      [
        .init("points", [60, 2], TransportSpecimens.numbers(120, 31)),
        .init("counts", [3], [20, 15, 25]), .init("weights", [3], [0.5, 0.3, 0.2]),
        .init("points_start", [12, 2], TransportSpecimens.numbers(24, 32)),
      ]),
    specimen(
      "weighted clouds of space",
      [
        .init("points", [30, 3], TransportSpecimens.numbers(90, 33)),
        .init("counts", [2], [14, 16]),
        .init(
          "point_weights", [30],
          TransportSpecimens.weights(14, 34) + TransportSpecimens.weights(16, 35)),
        .init("weights_barycentre", [9], TransportSpecimens.weights(9, 36)),
      ]),
    specimen(
      "line",
      [
        .init("points", [50, 1], TransportSpecimens.numbers(50, 37)),
        .init("counts", [3], [20, 20, 10]),
      ]),
  ]

  static let extreme: [Specimen] = [
    specimen("one point", [.init("points", [1, 2], [1, 2]), .init("counts", [1], [1])]),
    specimen(
      "points on top of each other",
      [.init("points", [4, 2], [1, 2, 1, 2, 1, 2, 1, 2]), .init("counts", [2], [2, 2])]),
  ]
}
