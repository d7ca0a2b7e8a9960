import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// Entropic problems in the tests' own form, and their solution through the public calls.
struct EntropicData {
  var cost: [[Double]] = []
  var x: [[Double]] = []
  var y: [[Double]] = []
  var metric = "sqeuclidean"
  var power = 2.0
  var a: [Double]?
  var b: [Double]?
  var costSource: [[Double]]?
  var costTarget: [[Double]]?

  func problem() throws -> Problem {
    let problem = Problem(kind: TransportKind.kind)
    if x.isEmpty {
      try problem.set("cost", .array(matrix(cost)))
    } else {
      try problem.set("points_source", .array(matrix(x)))
      try problem.set("points_target", .array(matrix(y)))
      try problem.set("metric", .text(metric))
      if metric == "power" { try problem.set("power", .real(power)) }
    }
    if let a { try problem.set("weights_source", .array(Tensor(try Buffer(a)))) }
    if let b { try problem.set("weights_target", .array(Tensor(try Buffer(b)))) }
    if let costSource { try problem.set("cost_source", .array(matrix(costSource))) }
    if let costTarget { try problem.set("cost_target", .array(matrix(costTarget))) }
    return problem
  }

  private func matrix(_ rows: [[Double]]) throws -> Tensor {
    Tensor(try Buffer(rows.flatMap { $0 }), shape: [rows.count, rows[0].count])
  }

  func solve(
    _ entry: MethodEntry = Sinkhorn.entry, _ options: [String: OptionValue] = [:],
    start: Result? = nil
  ) throws -> Result {
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    settings.setStart(start)
    return try entry.solve(try problem().seal(), try settings.run(for: entry.spec))
  }

  /// Costs of all pairs by the plain formulas.
  var costs: [[Double]] {
    if x.isEmpty { return cost }
    return x.map { p in y.map { q in distance(p, q) } }
  }

  private func distance(_ p: [Double], _ q: [Double]) -> Double {
    let square = zip(p, q).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    switch metric {
    case "l1": return zip(p, q).reduce(0) { $0 + abs($1.0 - $1.1) }
    case "euclidean": return square.squareRoot()
    case "power": return EntropicData.pow(square, power / 2)
    case "cosine":
      let dot = zip(p, q).reduce(0) { $0 + $1.0 * $1.1 }
      let pp = p.reduce(0) { $0 + $1 * $1 }
      let qq = q.reduce(0) { $0 + $1 * $1 }
      return 1 - dot / (pp * qq).squareRoot()
    default: return square
    }
  }

  static func pow(_ x: Double, _ p: Double) -> Double { exp(p * log(x)) }

  var weights: ([Double], [Double]) {
    let (n, m) = (costs.count, costs[0].count)
    return (
      a ?? [Double](repeating: 1 / Double(n), count: n),
      b ?? [Double](repeating: 1 / Double(m), count: m)
    )
  }
}

extension Result {
  var message: String { (try? text("message")) ?? "" }
  func values(_ name: String) throws -> [Double] { try array(name).list() }
  func matrix(_ name: String) throws -> [[Double]] {
    let tensor = try array(name)
    let all = try values(name)
    return (0..<tensor.shape[0]).map { i in
      Array(all[(i * tensor.shape[1])..<((i + 1) * tensor.shape[1])])
    }
  }
}

extension Tensor {
  func list() throws -> [Double] {
    let values = try doubles()
    return (0..<values.count).map { values[$0] }
  }
}

/// A reference of the tests' own: plain log-domain Sinkhorn in long loops, no shortcuts.
struct PlainSinkhorn {
  var f: [Double]
  var g: [Double]
  var plan: [[Double]]
  var value: Double

  init(_ data: EntropicData, epsilon: Double, sweeps: Int = 20000) {
    let c = data.costs
    let (a, b) = data.weights
    let (n, m) = (c.count, c[0].count)
    var f = [Double](repeating: 0, count: n)
    var g = [Double](repeating: 0, count: m)
    for _ in 0..<sweeps {
      var change = 0.0
      for i in 0..<n {
        let next = -epsilon * logSum((0..<m).map { log(b[$0]) + (g[$0] - c[i][$0]) / epsilon })
        change = max(change, abs(next - f[i]))
        f[i] = next
      }
      for j in 0..<m {
        g[j] = -epsilon * logSum((0..<n).map { log(a[$0]) + (f[$0] - c[$0][j]) / epsilon })
      }
      if change < 1e-15 { break }
    }
    let t =
      (zip(a, f).reduce(0) { $0 + $1.0 * $1.1 } - zip(b, g).reduce(0) { $0 + $1.0 * $1.1 })
      / (2 * a.reduce(0, +))
    f = f.map { $0 - t }
    g = g.map { $0 + t }
    plan = (0..<n).map { i in
      (0..<m).map { j in a[i] * b[j] * exp((f[i] + g[j] - c[i][j]) / epsilon) }
    }
    var value = 0.0
    for i in 0..<n {
      for j in 0..<m where plan[i][j] > 0 {
        let p = plan[i][j]
        value += p * c[i][j] + epsilon * (p * log(p / (a[i] * b[j])) - p + a[i] * b[j])
      }
    }
    (self.f, self.g, self.value) = (f, g, value)
  }
}

/// log sum exp, with the maximum subtracted.
func logSum(_ e: [Double]) -> Double {
  let high = e.max() ?? -.infinity
  guard high > -.infinity else { return high }
  return high + log(e.reduce(0) { $0 + exp($1 - high) })
}

func largestDifference(_ p: [Double], _ q: [Double]) -> Double {
  zip(p, q).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

enum EntropicProblems {
  static func dense(_ n: Int, _ m: Int, seed: UInt64) -> EntropicData {
    var random = RandomStream(seed: seed, stream: 77)
    return EntropicData(
      cost: ExactProblems.uniformCosts(n, m, &random), a: ExactProblems.weights(n, &random),
      b: ExactProblems.weights(m, &random))
  }

  static func points(
    _ n: Int, _ m: Int, _ d: Int, seed: UInt64, metric: String = "sqeuclidean"
  ) -> EntropicData {
    var random = RandomStream(seed: seed, stream: 78)
    return EntropicData(
      x: ExactProblems.points(n, d, &random), y: ExactProblems.points(m, d, &random),
      metric: metric, a: ExactProblems.weights(n, &random), b: ExactProblems.weights(m, &random))
  }
}
