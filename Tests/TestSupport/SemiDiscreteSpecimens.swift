/// Densities and points for the semi-discrete methods.
enum SemiDiscreteSpecimens {
  static func specimen(_ name: String, _ arrays: [Specimen.Field]) -> Specimen {
    Specimen(name: name, data: .other(kind: "semi_discrete_transport", arrays: arrays))
  }

  private static func density(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed).map { $0 + 0.2 }
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "a density of the plane",
        [
          .init("density", [60, 50], density(3000, 71)), .init("box", [2, 2], [0, -1, 2, 1]),
          .init("points_target", [6, 2], TransportSpecimens.numbers(12, 72)),
        ]),
      specimen(
        "a density of space",
        [
          .init("density", [14, 13, 15], density(2730, 73)),
          .init("points_target", [5, 3], TransportSpecimens.numbers(15, 74)),
          .init("weights_target", [5], TransportSpecimens.weights(5, 75)),
        ]),
      specimen(
        "weighted samples",
        [
          .init("samples", [3000, 2], TransportSpecimens.numbers(6000, 76)),
          .init("sample_weights", [3000], density(3000, 77)),
          .init("points_target", [7, 2], TransportSpecimens.numbers(14, 78)),
        ]),
      specimen(
        "a line",
        [
          .init("density", [2000], density(2000, 79)),
          .init("points_target", [4, 1], TransportSpecimens.numbers(4, 80)),
        ]),
    ],
    extreme: [
      specimen(
        "one point",
        [.init("density", [5, 5], density(25, 81)), .init("points_target", [1, 2], [3, 4])]),
      specimen(
        "large mass",
        [
          .init("samples", [4000, 1], TransportSpecimens.numbers(4000, 82)),
          .init("points_target", [2, 1], [0.2, 0.7]), .init("weights_target", [2], [1e6, 2e6]),
        ]),
    ],
    differentiable: ["points_target", "weights_target"])
}
