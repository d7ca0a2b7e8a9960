/// Problems of the kinds "partial_gromov" and "unbalanced_gromov" of every shape that their methods
/// may meet.
public enum RelaxedGromovSpecimens {
  public static var partial: KindSpecimens {
    specimens(kind: "partial_gromov", sizes: { ["mass": 0.7 * $0] })
  }

  public static var unbalanced: KindSpecimens {
    specimens(
      kind: "unbalanced_gromov", sizes: { _ in ["strength_source": 1.5, "strength_target": 0.75] })
  }

  /// `sizes` are the numbers that a kind asks for, from the smaller total of the weights.
  private static func specimens(
    kind: String, sizes: (Double) -> [String: Double]
  ) -> KindSpecimens {
    func specimen(
      _ name: String, _ c: [Double], _ d: [Double], cost: [Double]? = nil, a: [Double]? = nil,
      b: [Double]? = nil, loss: String = "square"
    ) -> Specimen {
      let n = Int(Double(c.count).squareRoot())
      let m = Int(Double(d.count).squareRoot())
      var arrays = [
        Specimen.Field("structure_source", [n, n], c),
        Specimen.Field("structure_target", [m, m], d),
      ]
      if let cost { arrays.append(.init("cost", [n, m], cost)) }
      if let a { arrays.append(.init("weights_source", [n], a)) }
      if let b { arrays.append(.init("weights_target", [m], b)) }
      let least = min(a?.reduce(0, +) ?? 1, b?.reduce(0, +) ?? 1)
      return Specimen(
        name: name,
        data: .other(kind: kind, arrays: arrays, words: ["loss": loss], reals: sizes(least)))
    }
    let distances = GromovSpecimens.distances
    let (numbers, weights) = (GromovSpecimens.numbers, GromovSpecimens.weights)
    return KindSpecimens(
      ordinary: [
        specimen(
          "distances, any weights", distances(13, 1), distances(16, 2),
          a: weights(13, 3).map { 1.5 * $0 }, b: weights(16, 4)),
        specimen("distances, uniform square", distances(14, 5), distances(14, 6)),
        specimen(
          "fused, more sources", distances(15, 7), distances(10, 8), cost: numbers(150, 9),
          a: weights(15, 10), b: weights(10, 11)),
        specimen(
          "loss kl", numbers(100, 12).map { $0 + 0.5 }, numbers(144, 13).map { $0 + 0.5 },
          a: weights(10, 14), b: weights(12, 15), loss: "kl"),
        specimen(
          "not symmetric", numbers(100, 16), numbers(81, 17), a: weights(10, 18),
          b: weights(9, 19)),
      ],
      extreme: [
        specimen("one pair", [2], [5]),
        specimen("one source", [1], distances(3, 20), b: [0.5, 0.25, 0.25]),
        specimen("one target", distances(3, 21), [0], a: [0.5, 0.25, 0.25]),
        specimen(
          "zero weights", distances(5, 22), distances(4, 23), a: [0, 0.5, 0, 0.25, 0.25],
          b: [0, 0.75, 0.25, 0]),
        specimen(
          "all structures 0", [Double](repeating: 0, count: 9), [Double](repeating: 0, count: 9)),
      ],
      differentiable: [
        "structure_source", "structure_target", "weights_source", "weights_target", "cost",
      ])
  }
}
