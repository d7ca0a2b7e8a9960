/// Several measures for the tests of the kind "multimarginal".
enum MultimarginalSpecimens {
  private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed)
  }

  private static func weights(_ sizes: [Int], _ seed: UInt64) -> [Double] {
    sizes.enumerated().flatMap { TransportSpecimens.weights($1, seed + UInt64($0)) }
  }

  private static func specimen(
    _ name: String, _ sizes: [Double], _ arrays: [Specimen.Field]
  ) -> Specimen {
    Specimen(
      name: name,
      data: .other(
        kind: "multimarginal",
        arrays: [.init("sizes", [sizes.count], sizes)] + arrays))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "tensor of three", [7, 9, 8],
        [
          .init("cost", [504], numbers(504, 81)), .init("weights", [24], weights([7, 9, 8], 82)),
        ]),
      specimen(
        "chain of points", [12, 10, 11, 9],
        [
          .init("points", [42, 2], numbers(84, 85)), .init("edges", [3, 2], [0, 1, 1, 2, 2, 3]),
          .init("weights", [42], weights([12, 10, 11, 9], 86)),
        ]),
      specimen(
        "star of matrices", [6, 8, 7],
        [
          .init("edge_costs", [90], numbers(90, 87)), .init("edges", [2, 2], [0, 1, 2, 0]),
          .init("edge_weights", [2], [0.5, 2]),
        ]),
      specimen("all pairs of points", [6, 5, 7], [.init("points", [18], numbers(18, 88))]),
    ],
    extreme: [
      specimen("one point each", [1, 1, 1], [.init("cost", [1], [3])]),
      specimen(
        "zero weights", [2, 3, 2],
        [
          .init("cost", [12], numbers(12, 89)),
          .init("weights", [7], [0, 1, 0.5, 0, 0.5, 0.2, 0.8]),
        ]),
      specimen(
        "zero weights in a tree", [2, 3, 2],
        [
          .init("points", [7, 1], numbers(7, 90)), .init("edges", [2, 2], [0, 1, 1, 2]),
          .init("weights", [7], [0, 2, 1, 0, 1, 0.5, 1.5]),
        ]),
      specimen("equal costs", [2, 2, 2], [.init("cost", [8], [Double](repeating: 1, count: 8))]),
    ],
    differentiable: ["weights", "cost", "points", "edge_costs", "edge_weights"])
}
