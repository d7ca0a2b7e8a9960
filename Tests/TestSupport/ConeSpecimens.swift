/// Cone programs that every method of the kind takes.
enum ConeSpecimens {
  private static func specimen(
    _ name: String, _ arrays: [Specimen.Field], cones: String
  ) -> Specimen {
    Specimen(name: name, data: .other(kind: "cone", arrays: arrays, words: ["cones": cones]))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "a quadratic program",
        [
          .init("P", [3, 3], [2, 0.5, 0, 0.5, 1, 0, 0, 0, 1]), .init("q", [3], [-1, 1, -2]),
          .init("A", [4, 3], [1, 1, 1, -1, 0, 0, 0, -1, 0, 0, 0, -1]),
          .init("b", [4], [1, 0, 0, 0]),
        ], cones: "zero 1, nonnegative 3"),
      specimen(
        "a linear program",
        [
          .init("q", [2], [-2, -3]), .init("A", [4, 2], [1, 1, 1, 3, -1, 0, 0, -1]),
          .init("b", [4], [4, 6, 0, 0]),
        ], cones: "nonnegative 4"),
    ],
    infeasible: [
      specimen(
        "rows that contradict each other",
        [
          .init("q", [2], [1, 1]), .init("A", [3, 2], [1, 1, -1, 0, 0, -1]),
          .init("b", [3], [-1, 0, 0]),
        ], cones: "nonnegative 3")
    ],
    unbounded: [
      specimen(
        "an objective that falls forever",
        [
          .init("q", [2], [-1, -1]), .init("A", [3, 2], [1, -1, -1, 0, 0, -1]),
          .init("b", [3], [1, 0, 0]),
        ], cones: "nonnegative 3")
    ])
}
