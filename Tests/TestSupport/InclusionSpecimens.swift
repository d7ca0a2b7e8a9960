import KantorCore

/// Inclusions, saddle points and games that are strongly monotone, so that every method of the
/// kinds solves them.
enum InclusionSpecimens {
  private typealias Point = UnsafePointer<Double>
  private typealias Out = UnsafeMutablePointer<Double>
  private typealias Field = @Sendable (Point, Out) -> Void

  /// As a whole and as a sum of components, which are multiples of it with the mean 1.
  private static func bundle(_ n: Int, sum: Bool, _ field: @escaping Field) -> Functions {
    var functions = Functions()
    functions.map = { x, out in
      field(x, out)
      return 0
    }
    guard sum else { return functions }
    functions.batchMap = { x, indices, count, out in
      field(x, out)
      var weight = 0.0
      for k in 0..<count { weight += factor(indices[k]) / Double(count) }
      for i in 0..<n { out[i] *= weight }
      return 0
    }
    return functions
  }

  private static let components: Int64 = 12
  private static func factor(_ i: Int64) -> Double { i % 2 == 0 ? 0.7 : 1.3 }

  private static func specimen(
    _ name: String, _ kind: String, _ functions: Functions, _ arrays: [Specimen.Field],
    words: [String: String] = [:], reals: [String: Double] = [:]
  ) -> Specimen {
    var made = Specimen(
      name: name, data: .other(kind: kind, arrays: arrays, words: words, reals: reals))
    made.functions = ["functions": functions]
    if functions.batchMap != nil || functions.batchGradient != nil {
      made.integers = ["components": components]
    }
    return made
  }

  /// F(z)_i = 2 z_i + z_{i+1} - z_{i-1} - i/n, on a ring.
  private static func ring(_ n: Int) -> Field {
    return { x, out in
      for i in 0..<n {
        out[i] = 2 * x[i] + x[(i + 1) % n] - x[(i + n - 1) % n] - Double(i) / Double(n)
      }
    }
  }

  private static func start(_ n: Int) -> [Double] { (0..<n).map { 1 - Double($0 % 3) } }

  private static var soft: Functions {
    var functions = bundle(5, sum: false, ring(5))
    functions.prox = { x, step, out in
      for i in 0..<5 {
        let size = abs(x[i]) - 0.1 * step
        out[i] = size > 0 ? (x[i] > 0 ? size : -size) : 0
      }
      return 0
    }
    return functions
  }

  static let inclusions = KindSpecimens(ordinary: [
    specimen(
      "a sum on the whole space", "inclusion", bundle(6, sum: true, ring(6)),
      [.init("start", [6], start(6))]),
    specimen(
      "a sum on a box", "inclusion", bundle(6, sum: true, ring(6)),
      [.init("start", [6], start(6))], words: ["prox": "box 0 0.2"]),
    specimen(
      "two simplices", "inclusion", bundle(8, sum: false, ring(8)),
      [.init("start", [8], start(8)), .init("prox_blocks", [2], [5, 3])],
      words: ["prox": "simplex 1, simplex 2"]),
    specimen("a prox of the host", "inclusion", soft, [.init("start", [5], start(5))]),
    specimen(
      "a ball", "inclusion", bundle(4, sum: false, ring(4)), [.init("start", [4], start(4))],
      words: ["prox": "l2_ball 0.3"]),
  ])

  /// |x|^2 + x'y - |y|^2 - sum of x / 4 with three x and two y.
  private static func valley(sum: Bool) -> Functions {
    let slope: Field = { z, out in
      for i in 0..<3 { out[i] = 2 * z[i] + (i < 2 ? z[3 + i] : 0) - 0.25 }
      for i in 0..<2 { out[3 + i] = z[i] - 2 * z[3 + i] }
    }
    let made = bundle(5, sum: sum, slope)
    var functions = Functions()
    functions.gradient = made.map
    functions.batchGradient = made.batchMap
    functions.value = { z, out in
      out[0] = 0
      for i in 0..<3 { out[0] += z[i] * z[i] - z[i] / 4 + (i < 2 ? z[i] * z[3 + i] : 0) }
      for i in 0..<2 { out[0] -= z[3 + i] * z[3 + i] }
      return 0
    }
    return functions
  }

  static let saddles = KindSpecimens(ordinary: [
    specimen(
      "convex and concave", "saddle", valley(sum: true),
      [.init("start_x", [3], [1, -1, 2]), .init("start_y", [2], [0.5, 1])]),
    specimen(
      "on a box and a simplex", "saddle", valley(sum: true),
      [.init("start_x", [3], [1, -1, 2]), .init("start_y", [2], [0.5, 1])],
      words: ["prox_x": "box -1 0.05", "prox_y": "simplex"]),
    strong,
  ])

  /// The same with |x|^2/2 of its own, strongly concave in y.
  private static var strong: Specimen {
    var primal = Functions()
    primal.valueGradient = { x, value, out in
      value[0] = 0
      for i in 0..<3 {
        value[0] += 0.5 * x[i] * x[i]
        out[i] = x[i]
      }
      return 0
    }
    var made = specimen(
      "a function of x apart", "saddle", valley(sum: true),
      [.init("start_x", [3], [1, -1, 2]), .init("start_y", [2], [0.5, 1])],
      words: ["prox_x": "box -1 0.05", "prox_y": "box 0 1"], reals: ["mu": 2])
    made.functions["primal"] = primal
    return made
  }

  /// Three firms with the price 1 - sum q and quadratic costs.
  private static func firms(_ n: Int) -> Field {
    return { q, out in
      var total = 0.0
      for i in 0..<n { total += q[i] }
      for i in 0..<n { out[i] = 0.1 * Double(i) - 1 + total + 3 * q[i] }
    }
  }

  static let games = KindSpecimens(ordinary: [
    specimen(
      "firms", "game", bundle(3, sum: true, firms(3)),
      [.init("start", [3], [1, 1, 1]), .init("players", [3], [1, 1, 1])]),
    specimen(
      "firms with capacities", "game", bundle(4, sum: true, firms(4)),
      [.init("start", [4], [0, 0, 0, 0]), .init("players", [2], [2, 2])],
      words: ["prox": "box 0 0.15"]),
  ])
}
