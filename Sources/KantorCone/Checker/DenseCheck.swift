import CKantorKernels
import KantorCore

/// What x and y are worth for a dense quadratic program, computed on the caller's matrices.
public struct DenseCertificate: Sendable {
  public var objective = 0.0
  /// Largest violation of a row or a bound, absolute.
  public var primalResidual = 0.0
  /// Largest component of Px + q + A'y, and of multipliers of bounds that are infinite.
  public var dualResidual = 0.0
  /// Objective minus the value of the dual at (x, y).
  public var gap = 0.0
  /// The same three over the size of what they are differences of, at least 1.
  public var relativePrimal = 0.0
  public var relativeDual = 0.0
  public var relativeGap = 0.0

  public var worst: Double {
    let largest = max(relativePrimal, relativeDual, relativeGap)
    return largest.isNaN ? .infinity : largest
  }
}

/// Checks points and rays of a `DenseQP`. Sums are plain ones: sizes are small, and the rounding of
/// a sum of a few hundred terms lies far below the tolerances that are asked for.
public struct DenseCheck {
  let problem: DenseQP
  /// Room for 2 n + m numbers.
  let gradient: UnsafeMutablePointer<Double>
  let size: UnsafeMutablePointer<Double>
  let rows: UnsafeMutablePointer<Double>

  public init(_ problem: DenseQP, memory: UnsafeMutablePointer<Double>) {
    self.problem = problem
    gradient = memory
    size = memory + problem.n
    rows = memory + 2 * problem.n
  }

  public static func count(_ n: Int, _ m: Int) -> Int { 2 * n + m }

  public func point(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> DenseCertificate {
    let (n, m) = (problem.n, problem.m)
    if let p = problem.p {
      kn_tiny_judge_rows(p, Int64(n), Int64(n), x, gradient)
    } else {
      gradient.update(repeating: 0, count: n)
    }
    var quadratic = 0.0
    var linear = 0.0
    for j in 0..<n {
      let (sum, q, own) = (gradient[j], problem.q[j], y[m + j])
      quadratic += sum * x[j]
      linear += q * x[j]
      gradient[j] = sum + q + own
      size[j] = max(abs(sum), abs(q), abs(own))
    }
    if let a = problem.a {
      kn_tiny_judge_rows(a, Int64(m), Int64(n), x, rows)
      kn_tiny_judge_sum(a, Int64(m), Int64(n), y, gradient, size)
    }
    var answer = DenseCertificate()
    answer.objective = 0.5 * quadratic + linear
    var support = 0.0
    var scale = 1.0
    charge(rows, y, problem.rowLower, problem.rowUpper, m, &answer, &support, &scale)
    charge(x, y + m, problem.lower, problem.upper, n, &answer, &support, &scale)
    answer.relativePrimal = answer.primalResidual / scale
    scale = 1
    for j in 0..<n {
      answer.dualResidual = larger(answer.dualResidual, abs(gradient[j]))
      scale = max(scale, size[j])
    }
    answer.relativeDual = answer.dualResidual / scale
    answer.gap = abs(quadratic + linear + support)
    answer.relativeGap =
      answer.gap / max(1, abs(answer.objective), abs(0.5 * quadratic + support))
    return answer
  }

  /// Takes values with bounds and multipliers y into account.
  @inline(__always)
  private func charge(
    _ values: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ lower: UnsafePointer<Double>?,
    _ upper: UnsafePointer<Double>?, _ count: Int, _ answer: inout DenseCertificate,
    _ support: inout Double, _ scale: inout Double
  ) {
    for c in 0..<count {
      let (value, low, high) = (values[c], lower?[c] ?? -.infinity, upper?[c] ?? .infinity)
      answer.primalResidual = larger(answer.primalResidual, max(low - value, value - high))
      scale = max(scale, abs(value))
      if y[c] == 0 { continue }
      let side = y[c] > 0 ? high : low
      if side.isFinite {
        support += y[c] * side
        scale = max(scale, abs(side))
      } else {
        answer.dualResidual = larger(answer.dualResidual, abs(y[c]))
      }
    }
  }

  /// max that keeps NaN, so that rubbish never passes for an answer.
  @inline(__always) private func larger(_ a: Double, _ b: Double) -> Double { b <= a ? a : b }

  /// Of a ray y. For feasible x, x'(A'y) <= support(y) = -s, so max |x_j| >= s / |A'y|_1 = radius.
  /// What is left of A'y is first charged to finite bounds of variables.
  public func infeasible(_ y: UnsafePointer<Double>) -> DenseRay {
    let (n, m) = (problem.n, problem.m)
    for j in 0..<n {
      gradient[j] = y[m + j]
      size[j] = abs(y[m + j])
    }
    for i in 0..<m where y[i] != 0 {
      guard let a = problem.a else { break }
      for j in 0..<n {
        let t = a[i * n + j] * y[i]
        gradient[j] += t
        size[j] += abs(t)
      }
    }
    var (support, terms) = (0.0, 0.0)
    for c in 0..<(m + n) where y[c] != 0 {
      let side = y[c] > 0 ? problem.high(c) : problem.low(c)
      if !side.isFinite { return DenseRay() }
      support += y[c] * side
      terms += abs(y[c] * side)
    }
    var (left, relative) = (0.0, 0.0)
    for j in 0..<n where gradient[j] != 0 {
      // x'r <= support for all feasible x; a bound of x_j bounds its term from below.
      let side = gradient[j] > 0 ? problem.low(m + j) : problem.high(m + j)
      let charge = abs(gradient[j] * side)
      if side.isFinite && charge <= 0.1 * abs(support) {
        support -= gradient[j] * side
        terms += charge
      } else {
        left += abs(gradient[j])
        relative = larger(relative, abs(gradient[j]) / size[j])
      }
    }
    return DenseRay(value: -support, terms: terms, left: left, relative: relative)
  }

  /// Of a ray x along which the objective falls: every multiplier that certifies a bound of it has
  /// a size of at least the radius.
  public func unbounded(_ x: UnsafePointer<Double>) -> DenseRay {
    let (n, m) = (problem.n, problem.m)
    var ray = DenseRay()
    var slope = 0.0
    for j in 0..<n {
      slope += problem.q[j] * x[j]
      ray.terms += abs(problem.q[j] * x[j])
      guard let p = problem.p else { continue }
      count(p + j * n, x, true, true, &ray)
    }
    ray.value = -slope
    for c in 0..<(m + n) {
      let (up, down) = (problem.high(c).isFinite, problem.low(c).isFinite)
      if c < m {
        if let a = problem.a { count(a + c * n, x, up, down, &ray) }
      } else if (up && x[c - m] > 0) || (down && x[c - m] < 0) {
        ray.left = .infinity
      }
    }
    return ray
  }

  /// Takes a row into account in which x may not go up, or not down.
  private func count(
    _ row: UnsafePointer<Double>, _ x: UnsafePointer<Double>, _ up: Bool, _ down: Bool,
    _ ray: inout DenseRay
  ) {
    var (sum, size) = (0.0, 0.0)
    for j in 0..<problem.n {
      sum += row[j] * x[j]
      size += abs(row[j] * x[j])
    }
    guard (up && !(sum <= 0)) || (down && !(sum >= 0)) else { return }
    ray.left = larger(ray.left, abs(sum))
    ray.relative = larger(ray.relative, abs(sum) / size)
  }
}

/// What a ray proves. Units of the data do not matter to whether it holds.
public struct DenseRay: Sendable {
  /// How far the support lies below zero, or the objective falls.
  public var value = 0.0
  /// The sum of the sizes of the terms of `value`.
  public var terms = 0.0
  /// What should be zero.
  public var left = 0.0
  /// The same over the size of what cancels, the largest of all.
  public var relative = 0.0

  public var radius: Double { left == 0 ? .infinity : value / left }

  /// The value is no rounding error; and a solution, if there were one, would be 1e7 times as long
  /// as the data suggest.
  public var holds: Bool {
    value > 1e-10 * terms && value.isFinite && left.isFinite && value >= 1e7 * relative * terms
  }
}
