import KantorCore
import KantorNumerics

/// The checker's own solve of the lower level for a fixed x: projected gradients with steps by the
/// last secant, on an augmented Lagrangian where there are rows. Slow and simple; it is to find out
/// whether some y is better, and every feasible y that is tells.
///
/// Source: E. G. Birgin, J. M. Martinez, M. Raydan, "Nonmonotone spectral projected gradient
/// methods on convex sets" (2000); M. R. Hestenes, "Multiplier and gradient methods" (1969).
final class CheckSolve {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  let w: Buffer<Double>
  private let rows: Buffer<Double>
  private let weights: Buffer<Double>
  /// Of the rows, at the last point.
  let multipliers: Buffer<Double>
  private let gradient: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialGradient: Buffer<Double>
  private let joined: Buffer<Double>
  private var penalty = 10.0
  private var free: LBFGS?
  /// Whether f fell without end.
  private(set) var isUnbounded = false

  init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    let (n, ny, m) = (problem.n, problem.ny, problem.lower.rows)
    w = try Buffer(count: n)
    rows = try Buffer(count: m)
    weights = try Buffer(count: m)
    multipliers = try Buffer(count: m)
    gradient = try Buffer(count: ny)
    trial = try Buffer(count: n)
    trialGradient = try Buffer(count: ny)
    joined = try Buffer(count: n)
    if problem.lowerIsFree { free = try LBFGS(count: ny, memory: 8) }
  }

  /// The least value found for x from y, by which f at a feasible point can be judged: violations
  /// that are left are charged at their price. +infinity where nothing feasible was found. The
  /// point is in `w`.
  func least(
    x: UnsafePointer<Double>, from y: UnsafePointer<Double>, effort: Int = 300
  ) throws(KantorError) -> Double {
    let (nx, ny, m) = (problem.nx, problem.ny, problem.lower.rows)
    isUnbounded = false
    for i in 0..<nx { w.pointer[i] = x[i] }
    for j in 0..<ny { w.pointer[nx + j] = y[j] }
    problem.clampY(w.pointer + nx)
    multipliers.fill(0)
    penalty = 10
    guard m > 0 else {
      if free != nil { return try descend(effort) }
      return try spectral(effort, 1e-10)
    }
    var last = Double.infinity
    for round in 0..<14 {
      _ = try spectral(effort, max(1e-9, 1e-3 * pow(round)))
      // f may outrun the price of leaving the rows: again from the start, at a higher one.
      var raises = 0
      while isUnbounded, raises < 4, !oracle.stopped {
        raises += 1
        penalty *= 100
        isUnbounded = false
        multipliers.fill(0)
        for j in 0..<ny { w.pointer[nx + j] = y[j] }
        problem.clampY(w.pointer + nx)
        _ = try spectral(effort, 1e-3)
      }
      guard !oracle.stopped, try oracle.constraints(.lower, w.pointer, rows.pointer) else {
        return .infinity
      }
      // How far rows are violated, or have a price and do not hold with equality.
      var violation = 0.0
      for i in 0..<m {
        let row = rows.pointer[i]
        let free = -multipliers.pointer[i] / penalty
        violation = max(violation, abs(i < problem.lower.inequalities ? max(row, free) : row))
        let moved = multipliers.pointer[i] + penalty * rows.pointer[i]
        multipliers.pointer[i] = i < problem.lower.inequalities ? max(0, moved) : moved
      }
      if violation <= 1e-9, round > 2 { break }
      if violation > 0.25 * last { penalty = min(10 * penalty, 1e8) }
      last = violation
      if isUnbounded { break }
    }
    return try charged()
  }

  private func pow(_ round: Int) -> Double {
    var value = 1.0
    for _ in 0..<round { value *= 0.1 }
    return value
  }

  private func violate(_ c: UnsafePointer<Double>) -> Double {
    var worst = 0.0
    for i in 0..<problem.lower.rows {
      worst = max(worst, i < problem.lower.inequalities ? c[i] : abs(c[i]))
    }
    return worst
  }

  /// f plus what the violations cost at the multipliers.
  private func charged() throws(KantorError) -> Double {
    let value = try oracle.value(.lower, w.pointer)
    guard value.isFinite, try oracle.constraints(.lower, w.pointer, rows.pointer),
      violate(rows.pointer) <= 1e-6
    else { return .infinity }
    var sum = value
    for i in 0..<problem.lower.rows {
      let slack = i < problem.lower.inequalities ? max(rows.pointer[i], 0) : abs(rows.pointer[i])
      sum += 2 * abs(multipliers.pointer[i]) * slack
    }
    return sum
  }

  private func descend(_ effort: Int) throws(KantorError) -> Double {
    guard var solver = free else { return .infinity }
    let (nx, ny) = (problem.nx, problem.ny)
    let outcome = try solver.minimise(
      x: w.pointer + nx, tolerance: 1e-11, maxIterations: effort,
      evaluate: { (y, g) throws(KantorError) -> Double in
        for i in 0..<nx { trial.pointer[i] = w.pointer[i] }
        for j in 0..<ny { trial.pointer[nx + j] = y[j] }
        let value = try oracle.valueAndGradient(.lower, trial.pointer, joined.pointer)
        guard value.isFinite else { return .infinity }
        for j in 0..<ny { g[j] = joined.pointer[nx + j] }
        return value
      }, goesOn: { $0.value > -1e18 })
    if outcome.value <= -1e18 { isUnbounded = true }
    // A line search that asks for curvature gets nowhere on a slope without any.
    if outcome.end == .stalled, outcome.gradient > 1e-8 * (1 + abs(outcome.value)) {
      return try spectral(effort, 1e-10)
    }
    return outcome.value
  }

  /// f, or the augmented Lagrangian, and its gradient in y.
  private func merit(
    _ w: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    let (nx, ny, m) = (problem.nx, problem.ny, problem.lower.rows)
    var value: Double
    if m > 0 {
      value = try oracle.value(.lower, w)
      guard value.isFinite, try oracle.constraints(.lower, w, rows.pointer) else {
        return .infinity
      }
      for i in 0..<m {
        let t = multipliers.pointer[i] + penalty * rows.pointer[i]
        let weight = i < problem.lower.inequalities ? max(0, t) : t
        weights.pointer[i] = weight
        value += (weight * weight - multipliers.pointer[i] * multipliers.pointer[i]) / (2 * penalty)
      }
      guard
        try oracle.lagrangianGradient(.lower, w, sigma: 1, weights.pointer, joined.pointer)
      else { return .infinity }
    } else {
      value = try oracle.valueAndGradient(.lower, w, joined.pointer)
    }
    for j in 0..<ny { g[j] = joined.pointer[nx + j] }
    return value
  }

  private func spectral(_ effort: Int, _ tolerance: Double) throws(KantorError) -> Double {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    var value = try merit(w.pointer, gradient.pointer)
    guard value.isFinite else { return .infinity }
    var recent = [Double](repeating: -.infinity, count: 6)
    recent[0] = value
    var step = 0.0
    for j in 0..<ny { step = max(step, abs(gradient.pointer[j])) }
    step = step > 0 ? min(1, 1 / step) : 1
    for i in 0..<nx { trial.pointer[i] = w.pointer[i] }
    for k in 0..<effort {
      if oracle.stopped { return .infinity }
      var (t, reached, slope) = (1.0, Double.infinity, 0.0)
      var moved = 0.0
      for _ in 0..<40 {
        (slope, moved) = (0, 0)
        for j in 0..<ny {
          let y = w.pointer[nx + j]
          let low = problem.yLower.pointer[j]
          let high = problem.yUpper.pointer[j]
          let full = min(max(y - step * gradient.pointer[j], low), high) - y
          trial.pointer[nx + j] = y + t * full
          slope += gradient.pointer[j] * full
          moved = max(moved, abs(full) / step)
        }
        if moved <= tolerance { return value }
        reached = try merit(trial.pointer, trialGradient.pointer)
        if reached <= (recent.max() ?? value) + 1e-4 * t * slope { break }
        t *= 0.4
        reached = .infinity
      }
      guard reached.isFinite else { return value }
      var (ss, sy) = (0.0, 0.0)
      for j in 0..<ny {
        let s = trial.pointer[nx + j] - w.pointer[nx + j]
        ss += s * s
        sy += s * (trialGradient.pointer[j] - gradient.pointer[j])
      }
      step = sy > 0 ? min(max(ss / sy, 1e-10), 1e10) : min(10 * step, 1e10)
      w.pointer.update(from: trial.pointer, count: n)
      gradient.pointer.update(from: trialGradient.pointer, count: ny)
      value = reached
      recent[(k + 1) % recent.count] = value
      if value < -1e15 {
        isUnbounded = true
        return value
      }
    }
    return value
  }
}
