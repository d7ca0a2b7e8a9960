import KantorBlocks
import KantorCore
import KantorNumerics

/// Proximal maps with data, for tests.
struct ProximalSample: Sendable {
  let name: String
  var count = 6
  var numbers: [String: Double] = [:]
  var vectors: [String: [Double]] = [:]
  var matrices: [String: [[Double]]] = [:]
  /// Size of the points that show something.
  var scale = 1.0

  func make() throws -> any ProximalMap {
    var values: [String: Tensor] = [:]
    for (name, x) in numbers { values[name] = Tensor(try Buffer([x]), shape: []) }
    for (name, x) in vectors { values[name] = Tensor(try Buffer(x)) }
    for (name, rows) in matrices {
      let columns = rows.first?.count ?? 0
      values[name] = Tensor(try Buffer(rows.flatMap { $0 }), shape: [rows.count, columns])
    }
    return try ProximalLibrary.entry(name).make(count: count, values)
  }

  func apply(_ x: [Double], step: Double = 1) throws -> [Double] {
    let map = try make()
    var out = [Double](repeating: 0, count: count)
    guard map.apply(x, step: step, into: &out) else {
      throw KantorError(.internal, "\(name) failed")
    }
    return out
  }

  static let all: [ProximalSample] = functions + sets + cones + matrices + sequences

  private static let functions: [ProximalSample] = [
    ProximalSample(name: "zero"), ProximalSample(name: "l1", numbers: ["weight": 0.7]),
    ProximalSample(name: "l1", vectors: ["weight": [0, 0.1, 0.5, 1, 2, 0.3]]),
    ProximalSample(name: "huber", numbers: ["weight": 1.5, "delta": 0.4]),
    ProximalSample(
      name: "logistic", numbers: ["weight": 2], vectors: ["labels": [1, -1, 1, 1, -1, -1]]),
    ProximalSample(name: "kullback_leibler", vectors: ["target": [0, 1, 0.2, 3, 0, 0.7]]),
    ProximalSample(
      name: "relative_entropy", numbers: ["weight": 0.6],
      vectors: ["target": [0.1, 1, 0.2, 3, 5, 0.7]]),
    ProximalSample(name: "quadratic", vectors: ["matrix": [0.5, 0, 1, 2, 3, 4]]),
    ProximalSample(
      name: "quadratic", count: 3, vectors: ["linear": [1, -1, 0.5]],
      matrices: ["matrix": [[2, 1, 0], [1, 2, -1], [0, -1, 3]]]),
    ProximalSample(
      name: "quadratic", count: 3, matrices: ["matrix": [[1, 1, 0], [1, 1, 0], [0, 0, 2]]]),
    ProximalSample(name: "l2", numbers: ["weight": 1.3]),
    ProximalSample(name: "linf", numbers: ["weight": 1.3]),
    ProximalSample(
      name: "group_l2", vectors: ["sizes": [1, 3, 2], "weight": [0.5, 1, 0.9]]),
    ProximalSample(name: "group_l2", numbers: ["sizes": 2, "weight": 0.8]),
  ]

  private static let sets: [ProximalSample] = [
    ProximalSample(
      name: "box", numbers: ["upper": 0.4], vectors: ["lower": [-1, 0, -0.3, -0.2, -5, -.infinity]]
    ),
    ProximalSample(name: "nonnegative"), ProximalSample(name: "simplex", numbers: ["radius": 1.5]),
    ProximalSample(name: "budget", numbers: ["radius": 1.2]), ProximalSample(name: "l1_ball"),
    ProximalSample(name: "l1_ball", numbers: ["radius": 6]), ProximalSample(name: "l2_ball"),
    ProximalSample(name: "l2_ball", numbers: ["radius": 5]),
    ProximalSample(name: "linf_ball", numbers: ["radius": 0.5]),
    ProximalSample(
      name: "box_sum", numbers: ["total": 2], vectors: ["coefficients": [1, 2, 0.5, 1, 1, 3]]),
    ProximalSample(
      name: "box_sum", numbers: ["lower": -1, "upper": 0.5, "total_lower": -0.5, "total_upper": 0.5]
    ),
    ProximalSample(name: "box_sum", numbers: ["lower": -.infinity, "total": 1]),
    ProximalSample(
      name: "halfspace", numbers: ["bound": 0.3], vectors: ["normal": [1, 2, 0, -1, 1, 0]]),
    ProximalSample(
      name: "affine", vectors: ["rhs": [1, 2, 3]],
      matrices: [
        "matrix": [[1, 2, 0, -1, 1, 0], [0, 1, 1, 1, 0, 2], [1, 3, 1, 0, 1, 2]]
      ]),
    ProximalSample(name: "affine", matrices: ["matrix": [[0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]]),
  ]

  private static let cones: [ProximalSample] = [
    ProximalSample(name: "second_order"), ProximalSample(name: "exponential"),
    ProximalSample(name: "psd", count: 9), ProximalSample(name: "psd", count: 625),
    ProximalSample(name: "simplex_entropy", numbers: ["weight": 0.5, "radius": 2]),
    ProximalSample(name: "simplex_entropy", numbers: ["weight": 0.01], scale: 3),
  ]

  private static let matrices: [ProximalSample] = [
    ProximalSample(name: "nuclear", numbers: ["rows": 2, "weight": 0.6]),
    ProximalSample(name: "nuclear", count: 12, numbers: ["rows": 4, "weight": 0.6]),
    ProximalSample(name: "spectral", count: 9, numbers: ["rows": 3, "weight": 0.9]),
    ProximalSample(name: "nuclear_ball", numbers: ["rows": 3]),
    ProximalSample(name: "spectral_ball", count: 20, numbers: ["rows": 4]),
  ]

  private static let sequences: [ProximalSample] = [
    ProximalSample(name: "total_variation", count: 30, numbers: ["weight": 0.5]),
    ProximalSample(name: "total_variation", count: 8, numbers: ["weight": 40]),
    ProximalSample(name: "total_variation", count: 1), ProximalSample(name: "isotonic", count: 20),
    ProximalSample(
      name: "sorted_l1", vectors: ["weights": [2, 1, 0.5, 0.5, 0.1, 0]]),
    ProximalSample(name: "sorted_l1", numbers: ["weights": 0.4]),
  ]

  /// The same numbers each time.
  func points(_ number: Int, seed: UInt64) -> [[Double]] {
    var stream = RandomStream(seed: seed)
    return (0..<number).map { k in
      (0..<count).map { (_: Int) -> Double in
        // Some points far out, some close by.
        let far: Double = k % 3 == 0 ? 5 : 1
        let x: Double = 4 * stream.uniform() - 2
        return scale * far * x
      }
    }
  }
}
