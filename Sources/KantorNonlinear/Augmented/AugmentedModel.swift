import KantorBlocks
import KantorCore

/// The augmented Lagrangian A and its derivatives, with f and the rows scaled.
final class AugmentedModel {
  typealias Numbers = UnsafeMutablePointer<Double>

  let problem: NonlinearProblem
  let oracle: NonlinearOracle
  let n: Int
  let m: Int
  /// Multipliers of the scaled rows, and the penalty.
  let y: Numbers
  var rho = 1.0
  /// Factors of f and of the rows.
  private(set) var factor = 1.0
  let rowFactor: Numbers
  // At the point:
  /// Scaled f.
  var value = 0.0
  /// c, not scaled.
  let c: Numbers
  let trialC: Numbers
  /// rho p in the caller's units for the rows: the multipliers that belong to `factor` f.
  let weight: Numbers
  /// Gradient of A.
  let gradient: Numbers
  /// Gradient of scaled f.
  let slope: Numbers
  private let rowWork: Numbers
  let work: Numbers
  // At the point before the last `adopt`:
  private var oldValue = 0.0
  private let oldC: Numbers
  private let oldWeight: Numbers
  private let numbers: Buffer<Double>
  private(set) var trialValue = 0.0
  /// No Jacobian matrix is formed.
  let usesProducts: Bool

  init(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) {
    self.problem = problem
    (n, m) = (problem.n, problem.m)
    usesProducts =
      problem.functions.jacobian == nil && problem.functions.jacobianTransposeProduct != nil
    oracle = try NonlinearOracle(problem, run, scheme: .forward, matrixFree: usesProducts)
    numbers = try Buffer(count: try checkedSum(3 * n, 8 * m, of: "variables and rows"))
    var next = numbers.pointer
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    (gradient, slope, work) = (take(n), take(n), take(n))
    (y, rowFactor, c) = (take(m), take(m), take(m))
    (trialC, weight, rowWork) = (take(m), take(m), take(m))
    (oldC, oldWeight) = (take(m), take(m))
    for i in 0..<m { rowFactor[i] = 1 }
  }

  // MARK: Values

  /// rho times what c + y/rho leaves outside the bounds of row i, all scaled: its multiplier as c
  /// tells it. The difference is taken first, so that a large rho does not magnify rounding of y.
  @inline(__always)
  func force(_ i: Int, _ c: Double) -> Double {
    let stiff = rho * rowFactor[i]
    let above = stiff * (c - problem.constraintUpper.pointer[i]) + y[i]
    if above > 0 { return above }
    let below = stiff * (c - problem.constraintLower.pointer[i]) + y[i]
    return below < 0 ? below : 0
  }

  /// A at the values f (scaled) and c.
  func merit(_ f: Double, _ c: Numbers) -> Double {
    var sum = 0.0
    for i in 0..<m {
      let w = force(i, c[i])
      sum += w * w
    }
    return f + 0.5 * sum / rho
  }

  /// f and c at x into `trialValue` and `trialC`.
  func evaluate(_ x: Numbers) throws(KantorError) -> Evaluation {
    let outcome: Evaluation
    if problem.functions.value == nil {
      (outcome, trialValue) = try oracle.valueAndGradient(at: x, into: work)
    } else {
      (outcome, trialValue) = try oracle.value(at: x)
    }
    guard case .fine = outcome else { return outcome }
    trialValue *= factor
    return try oracle.constraints(at: x, into: trialC)
  }

  /// The trial becomes the point, with weights for it or those given.
  func adopt(weights: Numbers? = nil) {
    oldValue = value
    for i in 0..<m { (oldC[i], oldWeight[i]) = (c[i], weight[i]) }
    value = trialValue
    for i in 0..<m { c[i] = trialC[i] }
    if let weights {
      for i in 0..<m { weight[i] = weights[i] }
    } else {
      setWeights()
    }
  }

  /// Values and weights as they were before the last `adopt`; derivatives have to be taken again.
  func takeBack() {
    value = oldValue
    for i in 0..<m { (c[i], weight[i]) = (oldC[i], oldWeight[i]) }
  }

  /// The weights become the multipliers.
  func updateMultipliers() {
    for i in 0..<m { y[i] = min(max(weight[i] / rowFactor[i], -1e16), 1e16) }
  }

  func setWeights() {
    for i in 0..<m { weight[i] = rowFactor[i] * force(i, c[i]) }
  }

  // MARK: Derivatives

  /// f' and c' at x, where `adopt` was called; then the gradient of A.
  func derivatives(_ x: Numbers) throws(KantorError) -> Evaluation {
    let outcome = try oracle.gradient(at: x, value: value / factor, into: slope)
    guard case .fine = outcome else { return outcome }
    for j in 0..<n { slope[j] *= factor }
    return try derivativesOfRows(x)
  }

  /// The same where the slope is known.
  func derivativesOfRows(_ x: Numbers) throws(KantorError) -> Evaluation {
    if !usesProducts {
      let outcome = try oracle.jacobian(at: x, constraints: c)
      guard case .fine = outcome else { return outcome }
    }
    return try assemble(x)
  }

  /// gradient = slope + J'weight.
  func assemble(_ x: Numbers) throws(KantorError) -> Evaluation {
    for j in 0..<n { gradient[j] = slope[j] }
    return try addTransposed(x, weight, to: gradient)
  }

  /// out += c'(x)'w.
  func addTransposed(
    _ x: Numbers, _ w: Numbers, to out: Numbers
  ) throws(KantorError) -> Evaluation {
    guard m > 0 else { return .fine }
    if usesProducts {
      let outcome = try oracle.jacobianTransposeProduct(at: x, times: w, into: work)
      guard case .fine = outcome else { return outcome }
      for j in 0..<n { out[j] += work[j] }
      return .fine
    }
    oracle.jacobianMatrix.multiplyTransposed(w, into: out)
    return .fine
  }

  /// The second derivative of A in row i's direction: rho r^2 where the row counts.
  func stiffness(_ i: Int) -> Double {
    problem.isEquality(i) || weight[i] != 0 ? rho * rowFactor[i] * rowFactor[i] : 0
  }

  /// out = A''(x) v. Where the host offers matrices, `oracle.hessian` has been called at x.
  func product(_ x: Numbers, _ v: Numbers, into out: Numbers) throws(KantorError) -> Evaluation {
    let outcome = try oracle.hessianProduct(
      at: x, sigma: factor, y: weight, times: v, into: out)
    guard case .fine = outcome, m > 0 else { return outcome }
    let first = try oracle.jacobianProduct(at: x, times: v, into: rowWork)
    guard case .fine = first else { return first }
    for i in 0..<m { rowWork[i] *= stiffness(i) }
    return try addTransposed(x, rowWork, to: out)
  }

  // MARK: Scaling

  /// Factors from the derivatives at the start, which were taken with all of them 1.
  func scale(_ x: Numbers) throws(KantorError) -> Evaluation {
    var top = 0.0
    for j in 0..<n { top = max(top, abs(slope[j])) }
    factor = min(1, max(1e-8, 100 / max(top, 1e-300)))
    if !usesProducts {
      sizeRows(x, into: rowWork)
      for i in 0..<m { rowFactor[i] = min(1, max(1e-8, 100 / max(rowWork[i], 1e-300))) }
    }
    value *= factor
    for j in 0..<n { slope[j] *= factor }
    setWeights()
    return try assemble(x)
  }

  /// Largest entries of the rows of c', each times the size of its variable.
  func sizeRows(_ x: Numbers, into out: Numbers) {
    for i in 0..<m { out[i] = 0 }
    if let dense = oracle.jacobianMatrix.dense?.pointer {
      for i in 0..<m {
        for j in 0..<n { out[i] = max(out[i], abs(dense[i &* n &+ j]) * max(1, abs(x[j]))) }
      }
    } else if let sparse = oracle.jacobianMatrix.sparse {
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          let i = Int(sparse.indices.pointer[k])
          out[i] = max(out[i], abs(sparse.values.pointer[k]) * max(1, abs(x[j])))
        }
      }
    }
  }

  /// Largest entries of the rows of c', for `rowSize`, until the next product.
  func measureRows() {
    if usesProducts {
      for i in 0..<m { rowWork[i] = 0 }
    } else {
      oracle.jacobianMatrix.rowSizes(into: rowWork)
    }
  }

  func rowSize(_ i: Int) -> Double { rowWork[i] }

  /// The largest violation, scaled, and V.
  func violations() -> (violation: Double, measure: Double) {
    var (worst, measure) = (0.0, 0.0)
    for i in 0..<m {
      let r = rowFactor[i]
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let v = r * c[i]
      worst = max(worst, v - r * high, r * low - v)
      let t = v + y[i] / rho
      measure = max(measure, abs(v - min(max(t, r * low), r * high)))
    }
    return (worst, measure)
  }
}
