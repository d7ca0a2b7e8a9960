/// Problems of the kind "gromov" of every shape that its methods may meet.
public enum GromovSpecimens {
  public static var all: KindSpecimens {
    KindSpecimens(
      ordinary: ordinary, extreme: extreme,
      differentiable: [
        "structure_source", "structure_target", "weights_source", "weights_target", "cost",
      ])
  }

  /// Distances within a cloud of points in the plane.
  public static func distances(_ n: Int, _ seed: UInt64) -> [Double] {
    let points = TransportSpecimens.table(n, 2, seed)
    return (0..<n * n).map { k in
      let (p, q) = (points[k / n], points[k % n])
      let (x, y) = (p[0] - q[0], p[1] - q[1])
      return (x * x + y * y).squareRoot()
    }
  }

  public static func weights(_ n: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.weights(n, seed)
  }

  public static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed)
  }

  private static func specimen(
    _ name: String, _ n: Int, _ m: Int, _ c: [Double], _ d: [Double], cost: [Double]? = nil,
    a: [Double]? = nil, b: [Double]? = nil, loss: String = "square"
  ) -> Specimen {
    var arrays = [
      Specimen.Field("structure_source", [n, n], c), Specimen.Field("structure_target", [m, m], d),
    ]
    if let cost { arrays.append(.init("cost", [n, m], cost)) }
    if let a { arrays.append(.init("weights_source", [n], a)) }
    if let b { arrays.append(.init("weights_target", [m], b)) }
    return Specimen(
      name: name, data: .other(kind: "gromov", arrays: arrays, words: ["loss": loss]))
  }

  private static let ordinary: [Specimen] = [
    specimen(
      "distances, any weights", 18, 23, distances(18, 1), distances(23, 2), a: weights(18, 3),
      b: weights(23, 4)),
    specimen("distances, uniform square", 20, 20, distances(20, 5), distances(20, 6)),
    specimen(
      "fused, more sources", 24, 15, distances(24, 7), distances(15, 8), cost: numbers(24 * 15, 9),
      a: weights(24, 10), b: weights(15, 11)),
    specimen(
      "loss kl", 16, 19, numbers(256, 12).map { $0 + 0.5 }, numbers(361, 13).map { $0 + 0.5 },
      a: weights(16, 14), b: weights(19, 15), loss: "kl"),
    specimen("not symmetric", 12, 14, numbers(144, 16), numbers(196, 17), a: weights(12, 18),
      b: weights(14, 19)),
  ]

  private static let extreme: [Specimen] = [
    specimen("one pair", 1, 1, [2], [5]),
    specimen("one source", 1, 3, [1], distances(3, 20), b: [0.5, 0.25, 0.25]),
    specimen("one target", 3, 1, distances(3, 21), [0], a: [0.5, 0.25, 0.25]),
    specimen("zero weights", 5, 4, distances(5, 22), distances(4, 23), a: [0, 0.5, 0, 0.25, 0.25],
      b: [0, 0.75, 0.25, 0]),
    specimen("all structures 0", 3, 3, [Double](repeating: 0, count: 9),
      [Double](repeating: 0, count: 9)),
    specimen("large mass", 4, 4, distances(4, 24), distances(4, 25),
      a: [Double](repeating: 1e4, count: 4), b: [Double](repeating: 1e4, count: 4)),
  ]
}
