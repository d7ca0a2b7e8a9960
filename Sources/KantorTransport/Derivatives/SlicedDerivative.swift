import Glibc
import KantorCore
import KantorNumerics

/// Derivatives of the mean cost over fixed directions, by the envelope theorem: the plans of the
/// directions stay as they are.
///
/// d/dx_i = mean over theta of theta sum_j P_ij h'(theta'(x_i - y_j)), and d/da_i is the mean of
/// the potentials along the lines, which are determined up to (t, -t) and centred. Where
/// projections meet, and for p = 1, this is one choice of several.
enum SlicedDerivative {
  static func make(
    _ problem: SlicedProblem, directions: Buffer<Double>, threads: Int
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let fields = ["points_source", "points_target", "weights_source", "weights_target"]
      for name in wanted where !fields.contains(name) {
        throw KantorError(
          .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
            + fields.joined(separator: ", "))
      }
      let count = directions.count / problem.dimension
      let scale = try EnvelopeCotangent.scalar(cotangents) / Double(count)
      let loop = try SliceLoop(problem, threads: threads, slices: count)
      var sums: [SliceGradient] = []
      for _ in loop.parts {
        sums.append(
          try SliceGradient(problem, weights: wanted.contains { $0.hasPrefix("weights") }))
      }
      let all = sums
      _ = try loop.run(directions.pointer, count: count, goesOn: { _ in true }) { slice, part in
        all[part].add(slice, scale)
      }
      for part in all.dropFirst() { all[0].add(part) }
      let shapes = problem.shapes
      var answer: [String: Tensor] = [:]
      for name in wanted {
        switch name {
        case "points_source": answer[name] = Tensor(all[0].points.x, shape: shapes.source)
        case "points_target": answer[name] = Tensor(all[0].points.y, shape: shapes.target)
        case "weights_source": answer[name] = Tensor(all[0].weights.a)
        default: answer[name] = Tensor(all[0].weights.b)
        }
      }
      return answer
    }
  }
}

/// Sums over directions of the derivatives of their costs.
final class SliceGradient: @unchecked Sendable {
  let points: (x: Buffer<Double>, y: Buffer<Double>)
  let weights: (a: Buffer<Double>, b: Buffer<Double>)
  /// sum_j P_ij h'(z), and potentials, of the direction at hand.
  let pull: (x: Buffer<Double>, y: Buffer<Double>)
  private let potentials: (f: Buffer<Double>, g: Buffer<Double>)
  let problem: SlicedProblem
  private let hasWeights: Bool

  init(_ problem: SlicedProblem, weights hasWeights: Bool) throws(KantorError) {
    self.problem = problem
    self.hasWeights = hasWeights
    let (n, m, d) = (problem.n, problem.m, problem.dimension)
    points = (try Buffer(count: n * d), try Buffer(count: m * d))
    pull = (try Buffer(count: n), try Buffer(count: m))
    let (p, q) = hasWeights ? (n, m) : (0, 0)
    weights = (try Buffer(count: p), try Buffer(count: q))
    potentials = (try Buffer(count: p), try Buffer(count: q))
  }

  func add(_ other: SliceGradient) {
    for (mine, theirs) in [
      (points.x, other.points.x), (points.y, other.points.y), (weights.a, other.weights.a),
      (weights.b, other.weights.b),
    ] {
      for k in 0..<mine.count { mine.pointer[k] += theirs.pointer[k] }
    }
  }

  /// Fills `pull` with the derivatives of the cost by the projections.
  func measure(_ slice: SliceLoop.Slice) {
    let (x, y, p) = (pull.x.pointer, pull.y.pointer, problem.power)
    for i in 0..<problem.n { x[i] = 0 }
    for j in 0..<problem.m { y[j] = 0 }
    func collect(_ slope: (Double) -> Double) {
      slice.forEachCell(problem) { i, j, mass, z in
        let force = mass * slope(z)
        x[i] += force
        y[j] -= force
      }
    }
    switch p {
    case 2: collect { 2 * $0 }
    case 1: collect { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
    default: collect { ($0 < 0 ? -p : p) * pow(abs($0), p - 1) }
    }
  }

  func add(_ slice: SliceLoop.Slice, _ scale: Double) {
    measure(slice)
    spread(pull.x, slice.direction, scale, points.x.pointer)
    spread(pull.y, slice.direction, scale, points.y.pointer)
    if hasWeights { addPotentials(slice, scale) }
  }

  private func spread(
    _ pull: Buffer<Double>, _ direction: UnsafePointer<Double>, _ scale: Double,
    _ out: UnsafeMutablePointer<Double>
  ) {
    let d = problem.dimension
    for i in 0..<pull.count {
      let force = scale * pull.pointer[i]
      for c in 0..<d { out[i &* d &+ c] += force * direction[c] }
    }
  }

  private func addPotentials(_ slice: SliceLoop.Slice, _ scale: Double) {
    let (f, g, p) = (potentials.f.pointer, potentials.g.pointer, problem.power)
    var last = -1
    slice.forEachCell(problem) { i, j, _, z in
      let cost = p == 2 ? z * z : p == 1 ? abs(z) : pow(abs(z), p)
      if last < 0 {
        (f[i], g[j]) = (0, cost)
      } else if i != last {
        f[i] = cost - g[j]
      } else {
        g[j] = cost - f[i]
      }
      last = i
    }
    let (a, b) = (problem.marginals.a.pointer, problem.marginals.b.pointer)
    var difference = CompensatedSum()
    for i in 0..<problem.n { difference.add(a[i] * f[i]) }
    for j in 0..<problem.m { difference.add(-b[j] * g[j]) }
    let shift = difference.value / (2 * problem.mass)
    for i in 0..<problem.n { weights.a.pointer[i] += scale * (f[i] - shift) }
    for j in 0..<problem.m { weights.b.pointer[j] += scale * (g[j] + shift) }
  }
}

extension SliceGradient {
  /// The cost of the direction that was measured, and the gradient with respect to it.
  func gather(_ slice: SliceLoop.Slice, _ out: UnsafeMutablePointer<Double>) -> Double {
    let d = problem.dimension
    for c in 0..<d { out[c] = 0 }
    for i in 0..<problem.n {
      let force = pull.x.pointer[i]
      for c in 0..<d { out[c] += force * problem.x[i &* d &+ c] }
    }
    for j in 0..<problem.m {
      let force = pull.y.pointer[j]
      for c in 0..<d { out[c] += force * problem.y[j &* d &+ c] }
    }
    // F has the degree p in theta.
    return SliceDirections.dot(out, slice.direction, d) / problem.power
  }
}
