/// Barycentre problems of every shape that their methods may meet.
enum BarycentreSpecimens {
  static func specimen(
    _ name: String, _ arrays: [Specimen.Field], _ words: [String: String] = [:]
  ) -> Specimen {
    Specimen(name: name, data: .other(kind: "barycentre", arrays: arrays, words: words))
  }

  /// k bumps on n points of [0, 1], of sum `mass`.
  static func bumps(_ k: Int, _ n: Int, mass: Double = 1) -> [Double] {
    (0..<k).flatMap { row -> [Double] in
      let centre = (Double(row) + 0.5) / Double(k)
      let raw = (0..<n).map { i -> Double in
        let distance = abs((Double(i) + 0.5) / Double(n) - centre)
        return distance < 0.3 ? 0.3 - distance : 0
      }
      let sum = raw.reduce(0, +)
      return raw.map { mass * $0 / sum }
    }
  }

  private static func squares(_ n: Int) -> [Double] {
    (0..<n * n).map {
      let distance = Double($0 / n - $0 % n) / Double(n)
      return distance * distance
    }
  }

  static let ordinary: [Specimen] = [
    specimen(
      "dense cost",
      [
        .init("histograms", [3, 40], bumps(3, 40)), .init("cost", [40, 40], squares(40)),
        .init("weights", [3], [0.5, 0.3, 0.2]),
      ]),
    specimen("line of points",
      [
        .init("histograms", [2, 30], bumps(2, 30)),
        .init("points_source", [30, 1], (0..<30).map { Double($0) / 30 }),
      ], ["metric": "sqeuclidean"]),
    specimen("grid of one axis", [.init("histograms", [3, 50], bumps(3, 50))]),
    specimen("grid of two axes",
      [
        .init("histograms", [2, 6, 8], bumps(2, 48)), .init("grid_spacing", [2], [0.2, 0.1]),
      ]),
    specimen("grid of three axes", [.init("histograms", [2, 4, 3, 5], bumps(2, 60))]),
  ]

  static let extreme: [Specimen] = [
    specimen("one measure", [.init("histograms", [1, 12], bumps(1, 12))]),
    specimen("one point", [.init("histograms", [2, 1], [1, 1])]),
    specimen("large mass", [.init("histograms", [2, 20], bumps(2, 20, mass: 1e6))]),
    specimen("a weight of zero",
      [.init("histograms", [2, 20], bumps(2, 20)), .init("weights", [2], [1, 0])]),
  ]
}
