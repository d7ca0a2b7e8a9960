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

  /// Rows A x, and gradient + A'y with the sizes of its terms.
  private func products(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>) {
    guard let a = problem.a else { return }
    let n = problem.n
    for i in 0..<problem.m {
      let row = a + i * n
      let w = y[i]
      var sum = 0.0
      for j in 0..<n {
        sum += row[j] * x[j]
        let t = row[j] * w
        gradient[j] += t
        size[j] = max(size[j], abs(t))
      }
      rows[i] = sum
    }
  }

  public func point(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> DenseCertificate {
    let (n, m) = (problem.n, problem.m)
    var quadratic = 0.0
    var linear = 0.0
    for j in 0..<n {
      var sum = 0.0
      if let p = problem.p {
        let row = p + j * n
        for k in 0..<n { sum += row[k] * x[k] }
      }
      quadratic += sum * x[j]
      linear += problem.q[j] * x[j]
      gradient[j] = sum + problem.q[j] + y[m + j]
      size[j] = max(abs(sum), abs(problem.q[j]), abs(y[m + j]))
    }
    products(x, y)
    var answer = DenseCertificate()
    answer.objective = 0.5 * quadratic + linear
    var support = 0.0
    var scale = 1.0
    for c in 0..<(m + n) {
      let (value, low, high) = (c < m ? rows[c] : x[c - m], problem.low(c), problem.high(c))
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

  /// max that keeps NaN, so that rubbish never passes for an answer.
  @inline(__always) private func larger(_ a: Double, _ b: Double) -> Double { b <= a ? a : b }

  /// A ray y proves that no feasible x has max |x_j| below the radius returned: for feasible x,
  /// x'(A'y) <= support(y) = -s, so max |x_j| >= s / |A'y|_1. 0 if it proves nothing. The
  /// residual is first charged to finite bounds of variables.
  public func infeasibleRadius(_ y: UnsafePointer<Double>) -> Double {
    let (n, m) = (problem.n, problem.m)
    for j in 0..<n {
      gradient[j] = y[m + j]
      size[j] = 0
    }
    products(y, y)
    var support = 0.0
    for c in 0..<(m + n) where y[c] != 0 {
      let side = y[c] > 0 ? problem.high(c) : problem.low(c)
      if !side.isFinite { return 0 }
      support += y[c] * side
    }
    var left = 0.0
    for j in 0..<n {
      // x'r <= support for all feasible x; a bound of x_j bounds its term from below.
      let side = gradient[j] > 0 ? problem.low(m + j) : problem.high(m + j)
      if side.isFinite && abs(gradient[j] * side) <= 0.1 * abs(support) {
        support -= gradient[j] * side
      } else {
        left += abs(gradient[j])
      }
    }
    if !(support < 0) { return 0 }
    return left == 0 ? .infinity : -support / left
  }

  /// A ray x along which the objective falls by 1: every multiplier that certifies a bound of it
  /// has a size of at least the radius returned. 0 if the objective does not fall.
  public func unboundedRadius(_ x: UnsafePointer<Double>) -> Double {
    let (n, m) = (problem.n, problem.m)
    var slope = 0.0
    var residual = 0.0
    for j in 0..<n {
      slope += problem.q[j] * x[j]
      guard let p = problem.p else { continue }
      var sum = 0.0
      for k in 0..<n { sum += p[j * n + k] * x[k] }
      residual = larger(residual, abs(sum))
    }
    for c in 0..<(m + n) {
      var value = 0.0
      if c >= m {
        value = x[c - m]
      } else if let a = problem.a {
        for j in 0..<n { value += a[c * n + j] * x[j] }
      }
      if problem.low(c).isFinite { residual = larger(residual, -value) }
      if problem.high(c).isFinite { residual = larger(residual, value) }
    }
    if !(slope < 0) { return 0 }
    return residual == 0 ? .infinity : -slope / residual
  }

  /// Sizes that a radius has to exceed by far to be believed.
  public var boundSize: Double {
    var size = 1.0
    for c in 0..<(problem.m + problem.n) {
      if problem.low(c).isFinite { size = max(size, abs(problem.low(c))) }
      if problem.high(c).isFinite { size = max(size, abs(problem.high(c))) }
    }
    return size
  }
  public var objectiveSize: Double {
    (0..<problem.n).reduce(1.0) { max($0, abs(problem.q[$1])) }
  }
}
