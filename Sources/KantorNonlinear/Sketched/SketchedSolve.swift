import KantorBlocks
import KantorCore
import KantorNumerics

/// One solve by sketched Newton steps.
final class SketchedSolve {
  typealias Numbers = UnsafeMutablePointer<Double>

  let problem: NonlinearProblem
  let run: Run
  let oracle: NonlinearOracle
  let isPublished: Bool
  let n: Int
  let m: Int
  private let tolerance: Double
  let system: SaddleSystem
  private let solver: SketchSolver
  private let x: Buffer<Double>
  let y: Buffer<Double>
  private let trialX: Buffer<Double>
  private let trialY: Buffer<Double>
  private let c: Buffer<Double>
  let f1: Buffer<Double>
  /// (L', c - b), and what belongs to the trial.
  private let residual: Buffer<Double>
  private let trialResidual: Buffer<Double>
  let right: Buffer<Double>
  let z: Buffer<Double>
  /// Gradient of M.
  private let slope: Buffer<Double>
  private let rowSize: Buffer<Double>
  private var value = 0.0
  private var trialValue = 0.0
  var eta1: Double
  var eta2: Double
  private var delta = 0.1
  var shift = 0.0
  /// The multiple of the identity that short steps ask for, and where the last search ended.
  var ridge = 0.0
  var length = 1.0
  var remark = ""
  private var residuals: [Double] = []
  private var flops: [Double] = []

  init(_ problem: NonlinearProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    (n, m) = (problem.n, problem.m)
    tolerance = run.options.real("tolerance")
    isPublished = run.options.text("variant") == "published"
    eta1 = run.options.real("eta1")
    eta2 = run.options.real("eta2")
    oracle = try NonlinearOracle(problem, run)
    system = try SaddleSystem(try oracle.hessianMatrix(), oracle.jacobianMatrix, run)
    solver = try SketchSolver(system, run, published: isPublished)
    x = try Buffer(count: n)
    y = try Buffer(count: m)
    trialX = try Buffer(count: n)
    trialY = try Buffer(count: m)
    c = try Buffer(count: m)
    f1 = try Buffer(count: n)
    rowSize = try Buffer(count: m)
    residual = try Buffer(count: n + m)
    trialResidual = try Buffer(count: n + m)
    right = try Buffer(count: n + m)
    z = try Buffer(count: n + m)
    slope = try Buffer(count: n + m)
  }

  func propose() throws(KantorError) -> NonlinearProposal {
    let start = try run.start.vector("x", count: n) ?? problem.start
    for j in 0..<n { x.pointer[j] = start.pointer[j] }
    if let given = try run.start.vector("y", count: m) {
      for i in 0..<m { y.pointer[i] = given.pointer[i] }
    }
    guard case .fine = try conditions(x.pointer, y.pointer, residual.pointer) else {
      var result = try proposal()
      result.failedAtStart = run.monitor.stop == nil
      return result
    }
    value = trialValue
    try loop()
    return try proposal()
  }

  private func proposal() throws(KantorError) -> NonlinearProposal {
    var result = NonlinearProposal(x: x, y: y, tolerance: tolerance, oracle: oracle)
    result.remark = remark
    result.secondOrder = run.options.flag("second_order")
    result.figures.add("inner_steps", solver.steps)
    result.figures.add("flops", solver.flops)
    result.figures.add("eta1", eta1)
    result.figures.add("eta2", eta2)
    result.figures.add("fallbacks", solver.fallbacks)
    result.figures.add("residual_course", Tensor(try Buffer(residuals)))
    result.figures.add("flops_course", Tensor(try Buffer(flops)))
    return result
  }

  // MARK: Functions

  /// f, c, f' and c' at a point into `trialValue` and (L', c - b).
  private func conditions(
    _ x: Numbers, _ y: Numbers, _ out: Numbers
  ) throws(KantorError) -> Evaluation {
    let (first, f) = try oracle.valueAndGradient(at: x, into: f1.pointer)
    guard case .fine = first else { return first }
    trialValue = f
    var outcome = try oracle.constraints(at: x, into: c.pointer)
    guard case .fine = outcome else { return outcome }
    outcome = try oracle.jacobian(at: x, constraints: c.pointer)
    guard case .fine = outcome else { return outcome }
    for j in 0..<n { out[j] = f1.pointer[j] }
    oracle.jacobianMatrix.multiplyTransposed(y, into: out)
    for i in 0..<m { out[n + i] = c.pointer[i] - problem.constraintLower.pointer[i] }
    return .fine
  }

  /// M at a value of f, multipliers, and (L', c - b).
  private func merit(_ f: Double, _ y: Numbers, _ r: Numbers) -> Double {
    var (linear, rows, gradient) = (0.0, 0.0, 0.0)
    for i in 0..<m {
      linear += y[i] * r[n + i]
      rows += r[n + i] * r[n + i]
    }
    for j in 0..<n { gradient += r[j] * r[j] }
    return f + linear + 0.5 * (eta1 * rows + eta2 * gradient)
  }

  private func norm(_ r: Numbers) -> Double {
    var sum = 0.0
    for i in 0..<(n + m) { sum += r[i] * r[i] }
    return sum.squareRoot()
  }

  /// The largest scaled residual as the checker will see it.
  private func worst() -> Double {
    var (unit, top, size, outside) = (1.0, 0.0, 0.0, 0.0)
    for j in 0..<n {
      unit = max(unit, abs(f1.pointer[j]))
      top = max(top, abs(residual.pointer[j]))
    }
    oracle.jacobianMatrix.rowSizes(into: rowSize.pointer)
    for i in 0..<m {
      size = max(size, abs(y.pointer[i]))
      let bound = abs(problem.constraintLower.pointer[i])
      let v = abs(residual.pointer[n + i]) / max(1, bound)
      if v > 1e-6 { outside = max(outside, 2 * tolerance) }
      outside = max(outside, v * max(1, bound) / max(1, bound, rowSize.pointer[i]))
    }
    return max(top / max(unit, min(size, 100)), outside)
  }

  // MARK: Iterations

  private func loop() throws(KantorError) {
    let (total, monitor) = (n + m, run.monitor)
    for iteration in 0... {
      let size = norm(residual.pointer)
      residuals.append(size)
      flops.append(solver.flops)
      let worst = self.worst()
      if monitor.check(iteration: iteration, objective: value, residual: worst) != nil { return }
      if worst <= tolerance || monitor.reachesIterationLimit(iteration) { return }
      guard case .fine = try oracle.hessian(at: x.pointer, sigma: 1, y: y.pointer) else {
        remark = "the Hessian is not defined at the last point"
        return
      }
      system.load()
      for i in 0..<total { right.pointer[i] = -residual.pointer[i] }
      let hasMoved = isPublished ? try publishedStep(size, iteration) : try measuredStep(size)
      guard hasMoved else {
        if remark.isEmpty { remark = "no step reduces the merit function" }
        return
      }
      remark = ""
    }
  }

  private func publishedStep(_ size: Double, _ iteration: Int) throws(KantorError) -> Bool {
    if iteration == 0 { for i in 0..<(n + m) { z.pointer[i] = 0 } }
    gradientOfMerit()
    guard convexify(size), let fall = try direction(size, last: true) else { return false }
    return try search(fall, shortest: 1e-12)
  }

  /// M' = (L' + eta1 J'c + eta2 W L' ; c + eta2 J L'), of W itself, not of B.
  func gradientOfMerit() {
    let (r, s) = (residual.pointer, slope.pointer)
    let work = trialResidual.pointer
    for j in 0..<n { work[j] = r[j] }
    for i in 0..<m { work[n + i] = 0 }
    system.multiply(work, into: s)
    for j in 0..<n { s[j] = r[j] + eta2 * (s[j] - system.shift * r[j]) }
    for i in 0..<m { s[n + i] = r[n + i] + eta2 * s[n + i] }
    for i in 0..<m { work[i] = eta1 * r[n + i] }
    oracle.jacobianMatrix.multiplyTransposed(work, into: s)
  }

  /// Whether the weights of M have gone as far as they may.
  var areWeightsSpent: Bool { eta1 >= Self.mostWeight || eta2 <= Self.leastWeight }
  private static let mostWeight = 1e8
  private static let leastWeight = 1e-8

  /// A step z along which M falls by enough; returns M'z, or nil when there is none. Only the
  /// `last` try may take the weights to their limits.
  func direction(_ size: Double, last: Bool) throws(KantorError) -> Double? {
    var kappa = min(0.1, size.squareRoot())
    var rounds = 0
    while true {
      let accuracy = isPublished ? publishedAccuracy(size) : kappa * size
      let reached = solver.improve(z.pointer, right.pointer, accuracy: accuracy)
      if reached.isNaN { return nil }
      var fall = 0.0
      for i in 0..<(n + m) { fall += slope.pointer[i] * z.pointer[i] }
      if fall <= -0.5 * eta2 * size * size { return fall }
      rounds += 1
      if !isPublished, kappa > 1e-10, reached > 1e-12 * size {
        kappa = max(0.1 * kappa, 1e-10)
        if solver.kind != .direct { continue }
      }
      eta1 *= 2.25
      eta2 /= 1.5
      delta /= 5.0625
      gradientOfMerit()
      if areWeightsSpent || rounds > 200 {
        guard last else { return nil }
        // Descent with what there is; the line search decides.
        eta1 = min(eta1, Self.mostWeight)
        eta2 = max(eta2, Self.leastWeight)
        gradientOfMerit()
        if fall < 0 { return fall }
        remark = "no weights make the step a descent of the merit function"
        return nil
      }
    }
  }

  /// theta delta |r| / (|K| Psi) with the published bound Psi of |K^-1|.
  private func publishedAccuracy(_ size: Double) -> Double {
    let sizes = system.sizes()
    let rank = leastSquare()
    let psi = 20 * max(sizes.hessian * sizes.hessian, 1) / (min(rank, 1) * 0.1)
    let upsilon = max(sizes.jacobian, sizes.hessian, 1)
    let formula = 0.4 * eta2 / ((1 + eta1 + eta2) * upsilon * upsilon * psi * psi)
    delta = max(min(delta, formula), 1e-6)
    let theta = run.options.flag("superlinear") ? min(1, size) : 1
    return max(theta * delta * size / (sizes.whole * psi), 1e-14 * size)
  }

  /// The least eigenvalue of JJ', for small systems.
  private func leastSquare() -> Double {
    guard m > 0, m <= 200, let gram = try? Buffer<Double>(count: m * m) else { return 1 }
    let row = trialResidual.pointer
    let unit = trialY.pointer
    for i in 0..<m {
      for k in 0..<m { unit[k] = 0 }
      unit[i] = 1
      for j in 0..<n { row[j] = 0 }
      oracle.jacobianMatrix.multiplyTransposed(unit, into: row)
      for k in 0..<m { gram.pointer[i * m + k] = 0 }
      oracle.jacobianMatrix.multiply(row, into: gram.pointer + i * m)
    }
    guard let spectrum = try? SymmetricEigen(gram.pointer, count: m) else { return 1 }
    return max(spectrum.values.pointer[0], 1e-8)
  }

  /// Along z until M falls as `fall` promises; or, where that is nil, until the residual falls.
  func search(_ fall: Double?, shortest: Double) throws(KantorError) -> Bool {
    let old = merit(value, y.pointer, residual.pointer)
    let slack = 10 * Double.ulpOfOne * max(abs(old), abs(value))
    let before = norm(residual.pointer)
    length = 1
    while length > shortest {
      for j in 0..<n { trialX.pointer[j] = x.pointer[j] + length * z.pointer[j] }
      for i in 0..<m { trialY.pointer[i] = y.pointer[i] + length * z.pointer[n + i] }
      switch try conditions(trialX.pointer, trialY.pointer, trialResidual.pointer) {
      case .stop: return false
      case .undefined:
        length *= 0.5
        continue
      case .fine: break
      }
      let now = merit(trialValue, trialY.pointer, trialResidual.pointer)
      // Where rounding hides M, the residual itself tells.
      let isSmall = length == 1 && norm(trialResidual.pointer) <= 0.5 * before
        && abs(now - old) <= 1e-10 * max(1, abs(old))
      let isGood =
        fall.map { now <= old + 0.1 * length * $0 + slack }
        ?? (norm(trialResidual.pointer) <= (1 - 0.1 * length) * before)
      if isGood || isSmall {
        for j in 0..<n { x.pointer[j] = trialX.pointer[j] }
        for i in 0..<m { y.pointer[i] = trialY.pointer[i] }
        for i in 0..<(n + m) { residual.pointer[i] = trialResidual.pointer[i] }
        value = trialValue
        return true
      }
      length *= 0.5
    }
    // The matrices belong to the last trial; the point has not moved.
    _ = try conditions(x.pointer, y.pointer, residual.pointer)
    return false
  }
}
