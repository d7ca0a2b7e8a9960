import KantorCore
import KantorNumerics

/// Small smooth programs by sequential quadratic programming.
///
/// Each step solves a quadratic program with a positive definite matrix B in the place of the
/// Lagrangian's Hessian: the Hessian itself with its eigenvalues made positive where it is offered,
/// else damped quasi-Newton updates. Steps are shortened until f plus a price times the violations
/// falls; a full step that is refused is corrected once for the curvature of the rows. Rows that
/// contradict each other to first order get slacks.
///
/// Source: M. J. D. Powell, "A fast algorithm for nonlinearly constrained optimization
/// calculations" (1978); R. Fletcher, "Practical Methods of Optimization" (1987), second-order
/// correction.
final class SequentialQuadratic {
  typealias Point = UnsafePointer<Double>

  enum End: Sendable {
    case solved
    /// The violation does not fall any more.
    case infeasible
    case unbounded
    /// No shorter step is better, or the limit of steps: the point is the best one reached.
    case stalled
    case limit
    /// Not defined at the start.
    case undefined
    case stopped
  }

  struct Settings {
    var tolerance = 1e-9
    var feasibility = 1e-9
    var iterations = 200
    /// Ask for Hessians.
    var second = true
    var price = 1.0
    /// Entries of x beyond this say that there is no minimum.
    var reach = 1e14
  }

  let program: any SmoothProgram
  let x: Buffer<Double>
  let c: Buffer<Double>
  let gradient: Buffer<Double>
  let jacobian: Buffer<Double>
  private(set) var value = Double.infinity
  /// Largest entry of the Lagrangian's gradient, at the last multipliers.
  private(set) var residual = Double.infinity
  private(set) var iterations = 0
  private let b: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialC: Buffer<Double>
  private let corrected: Buffer<Double>
  private let oldGradient: Buffer<Double>
  private let change: Buffer<Double>
  private let step: Buffer<Double>
  private let product: Buffer<Double>
  private let quadratic: QuadraticStep
  private var spectrum: SymmetricSpectrum?
  private var price = 1.0
  private var hasHessian = false
  private var isFirstUpdate = true

  var multipliers: Buffer<Double> { quadratic.rows }
  var boundMultipliers: Buffer<Double> { quadratic.bounds }

  init(_ program: any SmoothProgram) throws(KantorError) {
    self.program = program
    let (n, m) = (program.count, program.rows)
    x = try Buffer(count: n)
    c = try Buffer(count: m)
    gradient = try Buffer(count: n)
    jacobian = try Buffer(count: try checkedProduct(m, n, of: "Jacobian"))
    b = try Buffer(count: try checkedProduct(n, n, of: "Hessian"))
    trial = try Buffer(count: n)
    trialC = try Buffer(count: m)
    corrected = try Buffer(count: m)
    oldGradient = try Buffer(count: n)
    change = try Buffer(count: n)
    step = try Buffer(count: n)
    product = try Buffer(count: n)
    quadratic = try QuadraticStep(count: n, rows: m, equalities: program.equalities)
  }

  /// From `x`, which the caller has set; it holds the best point afterwards.
  func solve(_ settings: Settings = Settings()) throws(KantorError) -> End {
    let n = program.count
    for i in 0..<n {
      x.pointer[i] = min(max(x.pointer[i], program.lower.pointer[i]), program.upper.pointer[i])
    }
    price = settings.price
    iterations = 0
    residual = .infinity
    value = try program.evaluate(x.pointer, c.pointer)
    guard value.isFinite, try differentiate() else {
      return program.isStopped ? .stopped : .undefined
    }
    reset()
    var (resets, slow, elastic) = (0, 0, 0)
    while true {
      if program.isStopped { return .stopped }
      try refreshHessian(settings)
      let outcome = try quadratic.solve(
        b: b.pointer, g: gradient.pointer, j: jacobian.pointer, c: c.pointer, x: x.pointer,
        lower: program.lower.pointer, upper: program.upper.pointer,
        price: max(10 * price, 10 * (1 + largest(gradient))))
      if case .failed = outcome {
        guard resets < 3 else { return .stalled }
        resets += 1
        reset()
        continue
      }
      let violation = program.violation(c.pointer)
      measure()
      let isElastic = if case .elastic = outcome { true } else { false }
      if !isElastic, violation <= settings.feasibility, residual <= settings.tolerance,
        slackness() <= settings.tolerance
      {
        return .solved
      }
      guard iterations < settings.iterations else { return .limit }
      iterations += 1
      elastic = isElastic ? elastic + 1 : 0
      let before = value + price * program.violations(c.pointer)
      guard try advance() else {
        if program.isStopped { return .stopped }
        if isElastic, violation > settings.feasibility { return .infeasible }
        guard resets < 2, !hasHessian else { return .stalled }
        resets += 1
        reset()
        continue
      }
      if value < -1e20 || largest(x) > settings.reach { return .unbounded }
      let after = value + price * program.violations(c.pointer)
      slow = before - after <= 1e-15 * (1 + abs(before)) ? slow + 1 : 0
      if slow > 8 { return isElastic ? .infeasible : .stalled }
      if elastic > 40 { return .infeasible }
    }
  }

  private func largest(_ v: Buffer<Double>) -> Double {
    var worst = 0.0
    for i in 0..<v.count { worst = max(worst, abs(v.pointer[i])) }
    return worst
  }

  private func differentiate() throws(KantorError) -> Bool {
    try program.differentiate(x.pointer, gradient.pointer, jacobian.pointer)
  }

  private func reset() {
    let n = program.count
    b.fill(0)
    for i in 0..<n { b.pointer[i * n + i] = 1 }
    isFirstUpdate = true
  }

  private func refreshHessian(_ settings: Settings) throws(KantorError) {
    hasHessian = false
    guard settings.second else { return }
    let n = program.count
    guard try program.hessian(x.pointer, quadratic.rows.pointer, b.pointer) else { return }
    let spectrum: SymmetricSpectrum
    if let made = self.spectrum {
      spectrum = made
    } else {
      spectrum = try SymmetricSpectrum(order: n)
      self.spectrum = spectrum
    }
    guard spectrum.decompose(b.pointer) else { return }
    var size = 0.0
    for k in 0..<n { size = max(size, abs(spectrum.values.pointer[k])) }
    let least = max(1e-8 * size, 1e-8)
    if spectrum.values.pointer[0] < least {
      spectrum.assemble(into: b.pointer) { max(abs($0), least) }
      for i in 0..<n {
        for j in 0..<i { b.pointer[j * n + i] = b.pointer[i * n + j] }
      }
    } else {
      for i in 0..<n {
        for j in 0..<i {
          let mean = 0.5 * (b.pointer[j * n + i] + b.pointer[i * n + j])
          b.pointer[j * n + i] = mean
          b.pointer[i * n + j] = mean
        }
      }
    }
    hasHessian = true
  }

  /// The gradient of the Lagrangian at x with the step's multipliers.
  private func measure() {
    lagrangian(product.pointer)
    residual = 0
    for i in 0..<program.count {
      residual = max(residual, abs(product.pointer[i] + quadratic.bounds.pointer[i]))
    }
  }

  private func lagrangian(_ out: UnsafeMutablePointer<Double>) {
    let (n, m) = (program.count, program.rows)
    for i in 0..<n { out[i] = gradient.pointer[i] }
    for r in 0..<m where quadratic.rows.pointer[r] != 0 {
      let (weight, row) = (quadratic.rows.pointer[r], jacobian.pointer + r * n)
      for i in 0..<n { out[i] += weight * row[i] }
    }
  }

  /// Largest product of a multiplier with its slack, bounds included.
  private func slackness() -> Double {
    var worst = 0.0
    for r in 0..<(program.rows - program.equalities) {
      worst = max(worst, abs(quadratic.rows.pointer[r] * c.pointer[r]))
    }
    for i in 0..<program.count {
      let z = quadratic.bounds.pointer[i]
      guard z != 0 else { continue }
      let gap =
        z > 0
        ? program.upper.pointer[i] - x.pointer[i] : x.pointer[i] - program.lower.pointer[i]
      worst = max(worst, abs(z * gap))
    }
    return worst
  }

  /// One step along the quadratic program's; false where none is better.
  private func advance() throws(KantorError) -> Bool {
    let (n, m) = (program.count, program.rows)
    let d = quadratic.d.pointer
    let largestMultiplier = largest(quadratic.rows)
    if price < 1.1 * largestMultiplier { price = 2 * largestMultiplier }
    if price > 1e3 * (1 + largestMultiplier) { price = 10 * (1 + largestMultiplier) }
    var slope = 0.0
    for i in 0..<n { slope += gradient.pointer[i] * d[i] }
    let start = value + price * program.violations(c.pointer)
    // What the linear model of the rows leaves of the violations.
    for r in 0..<m {
      var sum = c.pointer[r]
      let row = jacobian.pointer + r * n
      for i in 0..<n { sum += row[i] * d[i] }
      corrected.pointer[r] = sum
    }
    slope -= price * (program.violations(c.pointer) - program.violations(corrected.pointer))
    let noise = 1e-15 * (1 + abs(start))
    var t = 1.0
    for attempt in 0..<45 {
      for i in 0..<n { trial.pointer[i] = bounded(x.pointer[i] + t * d[i], i) }
      let reached = try program.evaluate(trial.pointer, trialC.pointer)
      if program.isStopped { return false }
      let merit = reached + price * program.violations(trialC.pointer)
      if merit <= start + 1e-4 * t * min(slope, 0) + noise {
        return try accept(reached)
      }
      if attempt == 0, m > 0, reached.isFinite, try correct(start, slope, noise) { return true }
      if merit.isFinite, slope < 0 {
        let least = -slope * t * t / (2 * (merit - start - slope * t))
        t = min(max(least, 0.1 * t), 0.5 * t)
      } else {
        t *= 0.5
      }
    }
    return false
  }

  private func bounded(_ value: Double, _ i: Int) -> Double {
    min(max(value, program.lower.pointer[i]), program.upper.pointer[i])
  }

  /// A full step with the rows' values where it ended in the place of their linear models.
  private func correct(
    _ start: Double, _ slope: Double, _ noise: Double
  ) throws(KantorError) -> Bool {
    let (n, m) = (program.count, program.rows)
    for r in 0..<m {
      var sum = trialC.pointer[r]
      let row = jacobian.pointer + r * n
      for i in 0..<n { sum -= row[i] * quadratic.d.pointer[i] }
      corrected.pointer[r] = sum
    }
    let (d, rows, bounds) = (
      try quadratic.d.copy(), try quadratic.rows.copy(), try quadratic.bounds.copy()
    )
    let outcome = try quadratic.solve(
      b: b.pointer, g: gradient.pointer, j: jacobian.pointer, c: corrected.pointer, x: x.pointer,
      lower: program.lower.pointer, upper: program.upper.pointer, price: 10 * price)
    var isBetter = false
    if case .solved = outcome {
      for i in 0..<n { trial.pointer[i] = bounded(x.pointer[i] + quadratic.d.pointer[i], i) }
      let reached = try program.evaluate(trial.pointer, trialC.pointer)
      let merit = reached + price * program.violations(trialC.pointer)
      isBetter = !program.isStopped && merit <= start + 1e-4 * min(slope, 0) + noise
      if isBetter { isBetter = try accept(reached) }
    }
    if !isBetter {
      quadratic.d.pointer.update(from: d.pointer, count: n)
      quadratic.rows.pointer.update(from: rows.pointer, count: m)
      quadratic.bounds.pointer.update(from: bounds.pointer, count: n)
    }
    return isBetter
  }

  /// Moves to the trial point and updates B.
  private func accept(_ reached: Double) throws(KantorError) -> Bool {
    let n = program.count
    lagrangian(oldGradient.pointer)
    for i in 0..<n { step.pointer[i] = trial.pointer[i] - x.pointer[i] }
    let oldX = try x.copy()
    let oldG = try gradient.copy()
    x.pointer.update(from: trial.pointer, count: n)
    guard try differentiate() else {
      // No derivatives there: back, as if the value had not been defined.
      x.pointer.update(from: oldX.pointer, count: n)
      gradient.pointer.update(from: oldG.pointer, count: n)
      return false
    }
    c.pointer.update(from: trialC.pointer, count: program.rows)
    value = reached
    if hasHessian { return true }
    lagrangian(change.pointer)
    for i in 0..<n { change.pointer[i] -= oldGradient.pointer[i] }
    update()
    return true
  }

  /// The damped update of B by the last step and the change of the Lagrangian's gradient.
  private func update() {
    let n = program.count
    let (s, y, q) = (step.pointer, change.pointer, product.pointer)
    var (sy, ss, yy) = (0.0, 0.0, 0.0)
    for i in 0..<n {
      sy += s[i] * y[i]
      ss += s[i] * s[i]
      yy += y[i] * y[i]
    }
    guard ss > 0 else { return }
    if isFirstUpdate, sy > 1e-8 * (ss * yy).squareRoot() {
      // The first step tells the size of B.
      let scale = min(max(yy / sy, 1e-8), 1e8)
      for i in 0..<n { b.pointer[i * n + i] = scale }
    }
    isFirstUpdate = false
    var sBs = 0.0
    for i in 0..<n {
      var sum = 0.0
      for j in 0..<n { sum += b.pointer[i * n + j] * s[j] }
      q[i] = sum
      sBs += s[i] * sum
    }
    guard sBs > 0 else { return }
    let theta = sy >= 0.2 * sBs ? 1 : 0.8 * sBs / (sBs - sy)
    var sr = 0.0
    for i in 0..<n {
      y[i] = theta * y[i] + (1 - theta) * q[i]
      sr += s[i] * y[i]
    }
    guard sr > 1e-300, sr.isFinite else { return }
    for i in 0..<n {
      for j in 0..<n { b.pointer[i * n + j] += y[i] * y[j] / sr - q[i] * q[j] / sBs }
    }
    for i in 0..<n {
      for j in 0..<i { b.pointer[i * n + j] = b.pointer[j * n + i] }
      if !(b.pointer[i * n + i] > 1e-12) { b.pointer[i * n + i] = 1e-12 }
    }
  }
}
