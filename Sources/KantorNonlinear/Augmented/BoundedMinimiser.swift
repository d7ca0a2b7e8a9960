import KantorBlocks
import KantorCore
import KantorNumerics

/// Minimises an augmented Lagrangian over the bounds of x.
final class BoundedMinimiser {
  typealias Numbers = UnsafeMutablePointer<Double>

  enum End {
    case converged
    /// No step reduces the value any more.
    case rounding
    case unbounded
    /// A limit, or the host.
    case stopped
  }
  enum Way { case newton, products, memory }

  let model: AugmentedModel
  let run: Run
  let way: Way
  private let usesHessian: Bool
  private(set) var products = 0
  private var iterations = 0
  private let n: Int
  let direction: Buffer<Double>
  let trial: Buffer<Double>
  let old: Buffer<Double>
  let oldGradient: Buffer<Double>
  let isFree: Buffer<Bool>
  private var memory: CurvatureMemory
  private let newton: PiecewiseStep?
  /// Whether `newton` has a matrix to update.
  private var hasMatrix = false
  /// What a step of `newton` promises; nil for other directions.
  private var promise: Double?
  private let cg: [Buffer<Double>]

  init(_ model: AugmentedModel, _ run: Run) throws(KantorError) {
    self.model = model
    self.run = run
    n = model.n
    let oracle = model.oracle
    let hasSecond = oracle.offersHessian || oracle.offersHessianProduct
    switch run.options.text("inner") {
    case "newton": way = .newton
    case "cg": way = .products
    case "lbfgs": way = .memory
    default:
      if n <= AugmentedLagrangian.mostForNewton && !model.usesProducts {
        way = .newton
      } else {
        way = hasSecond ? .products : .memory
      }
    }
    guard way != .newton || !model.usesProducts else {
      throw KantorError(
        .missing, "option 'inner' is 'newton', but the functions offer no 'jacobian'")
    }
    usesHessian = way == .newton && oracle.offersHessian
    direction = try Buffer(count: n)
    trial = try Buffer(count: n)
    old = try Buffer(count: n)
    oldGradient = try Buffer(count: n)
    isFree = try Buffer(count: n)
    memory = try CurvatureMemory(count: n, capacity: way == .memory ? 20 : 1)
    newton = way == .newton ? try PiecewiseStep(model) : nil
    var vectors: [Buffer<Double>] = []
    if way == .products { for _ in 0..<3 { vectors.append(try Buffer(count: n)) } }
    cg = vectors
  }

  private func project(_ j: Int, _ value: Double) -> Double {
    min(max(value, model.problem.lower.pointer[j]), model.problem.upper.pointer[j])
  }

  /// Largest |x - proj(x - g)|, also where x is so large that x - g is x.
  private func projectedGradient(_ x: Numbers) -> Double {
    let (low, high) = (model.problem.lower.pointer, model.problem.upper.pointer)
    var top = 0.0
    for j in 0..<n {
      let g = model.gradient[j]
      top = max(top, g > 0 ? min(g, x[j] - low[j]) : min(-g, high[j] - x[j]))
    }
    return top
  }

  /// From x, where values and derivatives are known, to a point with a small projected gradient.
  func minimise(_ x: Numbers, tolerance: Double) throws(KantorError) -> End {
    memory.forget()
    if tolerance < 1e-5, model.oracle.usesDifferences, case .forward = model.oracle.scheme {
      model.oracle.scheme = .central
      guard case .fine = try model.derivatives(x) else { return .stopped }
    }
    var hasRestarted = false
    var (best, bestSize, idle) = (Double.infinity, Double.infinity, 0)
    while true {
      let size = projectedGradient(x)
      let value = model.merit(model.value, model.c)
      // Steps that change neither are rounding.
      idle = value < best - 1e-14 * abs(best) || size < 0.5 * bestSize ? 0 : idle + 1
      (best, bestSize) = (min(best, value), min(bestSize, size))
      let monitor = run.monitor
      if monitor.check(
        iteration: iterations, objective: model.value / model.factor, residual: size) != nil
      {
        return .stopped
      }
      if size <= tolerance { return .converged }
      if value < -1e20 * model.factor { return .unbounded }
      if idle > 10 { return .rounding }
      if monitor.reachesIterationLimit(iterations) { return .stopped }
      hold(x, min(size, 1e-3))
      guard try direct(x, size) else { return .stopped }
      iterations += 1
      switch try search(x, value) {
      case .accepted: hasRestarted = false
      case .stopped: return .stopped
      case .failed:
        if model.oracle.usesDifferences, case .forward = model.oracle.scheme {
          model.oracle.scheme = .central
          guard case .fine = try model.derivatives(x) else { return .stopped }
          continue
        }
        guard !hasRestarted else { return .rounding }
        hasRestarted = true
        memory.forget()
        hasMatrix = false
      }
    }
  }

  /// Variables near a bound that the gradient keeps there are held.
  private func hold(_ x: Numbers, _ near: Double) {
    for j in 0..<n {
      let g = model.gradient[j]
      let (low, high) = (model.problem.lower.pointer[j], model.problem.upper.pointer[j])
      isFree.pointer[j] = !((g > 0 && x[j] - low <= near) || (g < 0 && high - x[j] <= near))
    }
  }

  // MARK: Directions

  private func direct(_ x: Numbers, _ size: Double) throws(KantorError) -> Bool {
    let (d, g) = (direction.pointer, model.gradient)
    promise = nil
    switch way {
    case .newton:
      guard let newton, try setMatrix(x, newton.matrix.pointer) else { return false }
      guard try newton.solve(x, into: d, run.monitor) else { return false }
      if newton.decrease < 0 {
        promise = newton.decrease
        return true
      }
      for j in 0..<n { d[j] = 0 }
    case .products:
      if model.oracle.offersHessian, !model.oracle.offersHessianProduct {
        guard
          case .fine = try model.oracle.hessian(at: x, sigma: model.factor, y: model.weight)
        else { return false }
      }
      guard try conjugate(x, size) else { return false }
    case .memory:
      for j in 0..<n { d[j] = isFree.pointer[j] ? -g[j] : 0 }
      memory.apply(d)
    }
    // Held variables move to their bounds; what does not descend gives way to the gradient.
    var slope = 0.0
    for j in 0..<n {
      if !isFree.pointer[j] { d[j] = -g[j] } else { slope += d[j] * g[j] }
    }
    if !(slope < 0) { for j in 0..<n { d[j] = -g[j] } }
    return true
  }

  /// W or B into b.
  private func setMatrix(_ x: Numbers, _ b: Numbers) throws(KantorError) -> Bool {
    if usesHessian {
      switch try model.oracle.hessian(at: x, sigma: model.factor, y: model.weight) {
      case .stop: return false
      case .undefined: hasMatrix = false
      case .fine:
        let given = try model.oracle.hessianMatrix()
        for k in 0..<(n * n) { b[k] = 0 }
        if let dense = given.dense?.pointer {
          for k in 0..<(n * n) { b[k] = dense[k] }
        } else if let sparse = given.sparse {
          for j in 0..<n {
            for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
              let i = Int(sparse.indices.pointer[k])
              b[i * n + j] = sparse.values.pointer[k]
              b[j * n + i] = sparse.values.pointer[k]
            }
          }
        }
        return true
      }
    }
    if hasMatrix { return true }
    for k in 0..<(n * n) { b[k] = 0 }
    for j in 0..<n { b[j * n + j] = 1 / (max(1, abs(x[j])) * max(1, abs(x[j]))) }
    hasMatrix = true
    return true
  }

  /// Truncated conjugate gradients in the free variables.
  private func conjugate(_ x: Numbers, _ size: Double) throws(KantorError) -> Bool {
    let (d, g) = (direction.pointer, model.gradient)
    let (r, p, q) = (cg[0].pointer, cg[1].pointer, cg[2].pointer)
    var square = 0.0
    for j in 0..<n {
      d[j] = 0
      r[j] = isFree.pointer[j] ? -g[j] : 0
      p[j] = r[j]
      square += r[j] * r[j]
    }
    let first = square
    let wanted = min(0.1, first.squareRoot())
    for k in 0..<max(50, min(2 * n, 2000)) {
      if square <= wanted * wanted * first || square == 0 { break }
      products += 1
      guard case .fine = try model.product(x, p, into: q) else { return run.monitor.stop == nil }
      if run.monitor.heartbeat() != nil { return false }
      var (curvature, length) = (0.0, 0.0)
      for j in 0..<n where isFree.pointer[j] {
        curvature += p[j] * q[j]
        length += p[j] * p[j]
      }
      if curvature <= 1e-14 * length {
        if k == 0 { for j in 0..<n { d[j] = p[j] } }
        break
      }
      let a = square / curvature
      var next = 0.0
      for j in 0..<n where isFree.pointer[j] {
        d[j] += a * p[j]
        r[j] -= a * q[j]
        next += r[j] * r[j]
      }
      let b = next / square
      for j in 0..<n { p[j] = isFree.pointer[j] ? r[j] + b * p[j] : 0 }
      square = next
    }
    return true
  }

  // MARK: Line search

  private enum SearchEnd { case accepted, failed, stopped }

  private func search(_ x: Numbers, _ value: Double) throws(KantorError) -> SearchEnd {
    let (d, g, t) = (direction.pointer, model.gradient, trial.pointer)
    var reach = 0.0
    for j in 0..<n { reach = max(reach, abs(d[j]) / max(1, abs(x[j]))) }
    guard reach.isFinite, reach > 0 else { return .failed }
    var length = min(1, 1e4 / reach)
    if way == .memory, memory.isEmpty { length = min(1, 1 / reach) }
    let slack = 4 * Double.ulpOfOne * abs(value)
    while length * reach > 1e-15 {
      var fall = 0.0
      for j in 0..<n {
        t[j] = project(j, x[j] + length * d[j])
        fall += g[j] * (t[j] - x[j])
      }
      let outcome = try model.evaluate(t)
      if case .stop = outcome { return .stopped }
      if case .fine = outcome {
        if let promise { fall = length * promise }
        let other = model.merit(model.trialValue, model.trialC)
        var isGood =
          other <= value + 1e-4 * min(fall, 0) + slack && (other < value || fall > -slack)
        if !isGood, length == 1 { isGood = try searchBent(x, value, fall, slack) }
        if isGood {
          let end = try accept(x)
          if end != .failed { return end }
          length *= 0.3
          continue
        }
        // The curvature that was seen tells how much shorter; not below a tenth.
        let bend = other - value - fall
        let shorter = bend > 0 ? -0.5 * fall / bend : 0.5
        length *= min(max(shorter, 0.1), 0.5)
      } else {
        length *= 0.3
      }
    }
    return .failed
  }

  /// When only the bend of the rows spoils a step of `newton`: the step that takes it into account,
  /// as the trial. True when that one is good.
  private func searchBent(
    _ x: Numbers, _ value: Double, _ fall: Double, _ slack: Double
  ) throws(KantorError) -> Bool {
    guard let newton, promise != nil, model.m > 0,
      model.merit(model.trialValue, newton.expected) <= value + 1e-4 * fall + slack,
      try newton.solveBent(x, into: old.pointer, found: model.trialC, run.monitor)
    else { return false }
    for j in 0..<n { trial.pointer[j] = project(j, x[j] + old.pointer[j]) }
    guard case .fine = try model.evaluate(trial.pointer) else { return false }
    return model.merit(model.trialValue, model.trialC) <= value + 1e-4 * fall + slack
  }

  /// One whole step with a penalty that leaves next to nothing of the rows, to the multipliers it
  /// gives: Newton's for the conditions of optimality. The penalty stays as it was. False when the
  /// step is not to be had.
  func leap(_ x: Numbers, weights: Numbers) throws(KantorError) -> Bool {
    guard let newton, !run.monitor.reachesIterationLimit(iterations),
      try setMatrix(x, newton.matrix.pointer)
    else { return false }
    let rho = model.rho
    defer { model.rho = rho }
    model.rho = max(rho, newton.stiffPenalty(x))
    guard try newton.solve(x, into: direction.pointer, run.monitor) else { return false }
    newton.multipliers(into: weights)
    for j in 0..<n { trial.pointer[j] = project(j, x[j] + direction.pointer[j]) }
    guard case .fine = try model.evaluate(trial.pointer) else { return false }
    iterations += 1
    return try accept(x, weights: weights) == .accepted
  }

  /// Makes the trial the point. Failed: derivatives are not defined there, and x is where it was.
  private func accept(
    _ x: Numbers, weights: Numbers? = nil
  ) throws(KantorError) -> SearchEnd {
    let t = trial.pointer
    model.adopt(weights: weights)
    for j in 0..<n { oldGradient.pointer[j] = model.slope[j] }
    if way == .memory {
      for j in 0..<n { oldGradient.pointer[j] = model.gradient[j] }
    } else if way == .newton, !usesHessian {
      // The old derivatives with the new weights: what is left changes with W alone.
      guard case .fine = try model.addTransposed(x, model.weight, to: oldGradient.pointer)
      else { return .stopped }
    }
    for j in 0..<n {
      old.pointer[j] = x[j]
      x[j] = t[j]
    }
    switch try model.derivatives(x) {
    case .stop: return .stopped
    case .undefined:
      for j in 0..<n { x[j] = old.pointer[j] }
      model.takeBack()
      guard case .fine = try model.derivatives(x) else { return .stopped }
      return .failed
    case .fine: break
    }
    if way == .memory {
      memory.store(x, old.pointer, model.gradient, oldGradient.pointer)
    } else if let newton, !usesHessian {
      let (move, change) = (old.pointer, oldGradient.pointer)
      for j in 0..<n {
        move[j] = x[j] - move[j]
        change[j] = model.gradient[j] - change[j]
      }
      let b = newton.matrix.pointer
      if model.m == 0 {
        DampedUpdate.apply(b, n, move: move, change: change, image: trial.pointer)
      } else {
        RankOneUpdate.apply(b, n, move: move, change: change, error: trial.pointer)
      }
    }
    return .accepted
  }
}
