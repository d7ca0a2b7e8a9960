import Glibc
import KantorCore

import KantorNonlinear

/// Functions without rows, and solves of them.
extension Sample {
  static func solve(
    _ method: any NonlinearMethod.Type, _ sample: Sample, hessian: Bool = true,
    _ options: [String: OptionValue] = [:], functions: Functions? = nil
  ) throws -> Result {
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(functions ?? sample.functions(hessian: hessian)))
    try problem.set("start", .array(Tensor(try Buffer(sample.start))))
    if let lower = sample.lower { try problem.set("lower", .array(Tensor(try Buffer(lower)))) }
    if let upper = sample.upper { try problem.set("upper", .array(Tensor(try Buffer(upper)))) }
    return try solve(method, problem, options)
  }

  static func solve(
    _ method: any NonlinearMethod.Type, _ problem: Problem, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: method.spec)
    for (name, value) in options { try settings.set(name, value) }
    let run = try settings.run(for: method.spec)
    let result = try method.entry.solve(try problem.seal(), run)
    return result.adding(try CommonOutputs.fields(of: result, run.monitor))
  }

  /// Rosenbrock's valley, chained to n variables.
  static func rosenbrock(_ n: Int) -> Sample {
    @Sendable func value(_ x: [Double]) -> Double {
      var sum = 0.0
      for i in 0..<(n - 1) {
        let a: Double = x[i + 1] - x[i] * x[i]
        let b: Double = 1 - x[i]
        sum += 100 * a * a + b * b
      }
      return sum
    }
    @Sendable func gradient(_ x: [Double]) -> [Double] {
      var g = [Double](repeating: 0, count: n)
      for i in 0..<(n - 1) {
        let a: Double = x[i + 1] - x[i] * x[i]
        g[i] -= 400 * x[i] * a
        g[i] -= 2 * (1 - x[i])
        g[i + 1] += 200 * a
      }
      return g
    }
    @Sendable func hessian(_ x: [Double], _ s: Double) -> [Double] {
      var h = [Double](repeating: 0, count: n * n)
      for i in 0..<(n - 1) {
        let j = i + 1
        let own: Double = 1200 * x[i] * x[i] - 400 * x[j] + 2
        let across: Double = 400 * x[i] * s
        h[i * n + i] += s * own
        h[i * n + j] -= across
        h[j * n + i] -= across
        h[j * n + j] += s * 200
      }
      return h
    }
    return Sample(
      name: "Rosenbrock", start: (0..<n).map { $0 % 2 == 0 ? -1.2 : 1 }, value: { value($0) },
      gradient: { gradient($0) }, hessian: { (x, s, _) in hessian(x, s) })
  }

  /// The function that is hard for methods of order p - 1: (sum |x_i - x_{i+1}|^p + |x_n|^p)/p -
  /// x_1.
  static func chain(_ n: Int, power p: Double) -> Sample {
    @Sendable func differences(_ x: [Double]) -> [Double] {
      (0..<n).map { $0 + 1 < n ? x[$0] - x[$0 + 1] : x[$0] }
    }
    @Sendable func value(_ x: [Double]) -> Double {
      var sum = 0.0
      for t in differences(x) { sum += pow(abs(t), p) }
      return sum / p - x[0]
    }
    @Sendable func gradient(_ x: [Double]) -> [Double] {
      var g = [Double](repeating: 0, count: n)
      g[0] = -1
      for (i, t) in differences(x).enumerated() {
        let size: Double = pow(abs(t), p - 1)
        let slope: Double = t < 0 ? -size : size
        g[i] += slope
        if i + 1 < n { g[i + 1] -= slope }
      }
      return g
    }
    @Sendable func hessian(_ x: [Double], _ s: Double) -> [Double] {
      var h = [Double](repeating: 0, count: n * n)
      for (i, t) in differences(x).enumerated() {
        let c: Double = s * (p - 1) * pow(abs(t), p - 2)
        h[i * n + i] += c
        guard i + 1 < n else { continue }
        let j = i + 1
        h[j * n + j] += c
        h[i * n + j] -= c
        h[j * n + i] -= c
      }
      return h
    }
    var start: [Double] = []
    for i in 0..<n {
      let size: Double = 0.1 * Double(n - i)
      start.append(i % 3 == 1 ? -size : size)
    }
    return Sample(
      name: "chain", start: start, value: { value($0) }, gradient: { gradient($0) },
      hessian: { (x, s, _) in hessian(x, s) })
  }

  /// Logistic regression with a little ridge: strictly convex, with known smoothness.
  static func logistic(_ n: Int, rows m: Int, ridge: Double = 1e-3) -> Sample {
    // A fixed matrix of waves, columns of sizes from 1 to 10.
    func entry(_ i: Int, _ j: Int) -> Double {
      let size: Double = pow(10, Double(j) / Double(max(n - 1, 1)))
      return size * sin(0.7 * Double((i + 1) * (j + 2)))
    }
    let a: [[Double]] = (0..<m).map { i in (0..<n).map { entry(i, $0) } }
    let b = (0..<m).map { cos(Double($0) * 1.3) > 0 ? 1.0 : -1.0 }
    @Sendable func margins(_ x: [Double]) -> [Double] {
      (0..<m).map { (i: Int) -> Double in
        var sum = 0.0
        for j in 0..<n { sum += a[i][j] * x[j] }
        return b[i] * sum
      }
    }
    @Sendable func value(_ x: [Double]) -> Double {
      var sum = 0.0
      for t in margins(x) { sum += t > 0 ? log1p(exp(-t)) : log1p(exp(t)) - t }
      var square = 0.0
      for t in x { square += t * t }
      return sum / Double(m) + 0.5 * ridge * square
    }
    return Sample(
      name: "logistic", start: [Double](repeating: 0, count: n),
      value: { value($0) },
      gradient: { x in
        var g = x.map { ridge * $0 }
        for (i, t) in margins(x).enumerated() {
          let s = -b[i] / (1 + exp(t)) / Double(m)
          for j in 0..<n { g[j] += s * a[i][j] }
        }
        return g
      },
      hessian: { (x, sigma, _) in
        var h = [Double](repeating: 0, count: n * n)
        for (i, t) in margins(x).enumerated() {
          let p = 1 / (1 + exp(t))
          let w = sigma * p * (1 - p) / Double(m)
          for j in 0..<n {
            for k in 0..<n { h[j * n + k] += w * a[i][j] * a[i][k] }
          }
        }
        for j in 0..<n { h[j * n + j] += sigma * ridge }
        return h
      })
  }

  /// f' at the answer by the sample, with what bounds hold taken out; largest entry.
  func slope(_ x: [Double]) -> Double {
    (gradient?(x) ?? []).enumerated().reduce(0) { (top, entry) in
      let (j, g) = entry
      if let l = lower?[j], x[j] <= l, g > 0 { return top }
      if let u = upper?[j], x[j] >= u, g < 0 { return top }
      return max(top, abs(g))
    }
  }
}

/// Slope of log gap over log k, fitted to k in a range: -p for a gap of the order k^-p.
func fittedRate(_ gaps: [Double], from first: Int, to last: Int) -> Double {
  var (count, sumA, sumB, sumAA, sumAB) = (0.0, 0.0, 0.0, 0.0, 0.0)
  for k in first...min(last, gaps.count - 1) where gaps[k] > 0 {
    let (a, b) = (log(Double(k)), log(gaps[k]))
    count += 1
    sumA += a
    sumB += b
    sumAA += a * a
    sumAB += a * b
  }
  return (count * sumAB - sumA * sumB) / (count * sumAA - sumA * sumA)
}
