import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// What the loops of one solve share.
final class BarrierContext {
  let run: Run
  let interruption: Interruption
  let tolerance: Double
  var hessian: HessianSource
  var iterations = 0
  var restorations = 0
  var factorisations = 0
  /// Whether a quasi-Newton matrix may be given up for differences.
  let mayDifference: Bool
  /// Where analyses of sparse systems go on.
  var analysis: PatternAnalysis?
  /// Whether loops may choose mu at each step; nil: where their systems are dense.
  var isAdaptive: Bool?

  init(_ run: Run, tolerance: Double, hessian: HessianSource, _ settings: BarrierSettings) {
    self.run = run
    self.tolerance = tolerance
    self.hessian = hessian
    mayDifference = settings.hessian == "auto"
    isAdaptive = settings.isAdaptive
    iterations = settings.iterations
    interruption = Interruption(run.monitor)
  }
}

/// The barrier method for one `BarrierForm`: the program itself, or the restoration of its
/// feasibility.
final class BarrierLoop {
  enum Outcome: Sendable {
    case converged
    /// A limit, or the host.
    case stopped
    /// No acceptable step, and nothing left to try.
    case stuck
    /// The functions are not defined where the loop starts.
    case undefinedStart
    /// Restoration only: the violation has fallen enough for the outer loop.
    case restored
    /// Restoration found that the violation cannot fall; `weights` say why.
    case infeasible
    case unbounded
  }

  let form: BarrierForm
  let context: BarrierContext
  let system: BarrierSystem
  var model: ScaledModel { form.model }
  let nv: Int
  let m: Int

  var v: Buffer<Double>
  let y: Buffer<Double>
  let zl: Buffer<Double>
  let zu: Buffer<Double>
  let dv: Buffer<Double>
  let dy: Buffer<Double>
  let dzl: Buffer<Double>
  let dzu: Buffer<Double>
  var trial: Buffer<Double>
  var residual: Buffer<Double>
  var trialResidual: Buffer<Double>
  let corrected: Buffer<Double>
  /// F', F' + C'y, the gradient of the barrier function.
  let gradient: Buffer<Double>
  let lagrangian: Buffer<Double>
  let barrierGradient: Buffer<Double>
  let rightV: Buffer<Double>
  let rightC: Buffer<Double>
  let otherV: Buffer<Double>
  let otherC: Buffer<Double>
  let rowWork: Buffer<Double>

  var objective = Double.nan
  var mu = 0.1
  var tau = 0.99
  var filter: [(theta: Double, phi: Double)] = []
  var thetaMax = Double.infinity
  var thetaMin = 0.0
  var lastShift = 0.0
  var rowShifts = 0
  var alwaysShiftsRows: Bool
  var quasi: (any CurvatureModel)?
  var tinySteps = 0
  /// Steps in a row that had to be shortened, and what is gone back to if full ones do not help.
  var shortened = 0
  var watchdog: Watchdog?
  var convergence = Convergence()
  /// Whether the model's derivatives are those of a trial point that was not accepted.
  var isAway = false
  /// Whether dv belongs to the point.
  var hasDirection = false
  /// Whether mu may be chosen at each step, and whether it is now.
  var isAdaptive: Bool
  var isFree = false
  private var errors = ErrorHistory()
  var fixes = 0
  var fixedSteps = 0
  var feasibleStalls = 0
  /// Of the last trial: its violation (-1 where undefined), its objective, and what its acceptance
  /// adds to the filter.
  var lastTheta = 0.0
  var trialObjective = 0.0
  var pendingEntry: (theta: Double, phi: Double)?
  var alphaPrimal = 0.0
  var alphaDual = 0.0
  /// Restoration only: asked after each step whether the outer loop can go on.
  var leave: ((BarrierLoop) throws(KantorError) -> Bool)?
  /// Weights of rows when infeasible.
  var weights: Buffer<Double>?
  let best: BestPoint?
  /// The last estimate without products of multipliers and slacks.
  var smoothError = Double.infinity
  var growth = UnboundedGrowth()
  private var steps = 0
  /// The start is an answer.
  var isAnswer = false

  init(_ form: BarrierForm, _ context: BarrierContext) throws(KantorError) {
    self.form = form
    self.context = context
    (nv, m) = (form.nv, form.m)
    system = try BarrierSystem(form, reuse: context.analysis, context.run)
    context.analysis = system.analysis
    v = try Buffer(count: nv)
    y = try Buffer(count: m)
    zl = try Buffer(count: nv)
    zu = try Buffer(count: nv)
    dv = try Buffer(count: nv)
    dy = try Buffer(count: m)
    dzl = try Buffer(count: nv)
    dzu = try Buffer(count: nv)
    trial = try Buffer(count: nv)
    residual = try Buffer(count: m)
    trialResidual = try Buffer(count: m)
    corrected = try Buffer(count: m)
    gradient = try Buffer(count: nv)
    lagrangian = try Buffer(count: nv)
    barrierGradient = try Buffer(count: nv)
    rightV = try Buffer(count: nv)
    rightC = try Buffer(count: m)
    otherV = try Buffer(count: nv)
    otherC = try Buffer(count: m)
    rowWork = try Buffer(count: m)
    alwaysShiftsRows = form.m - form.slacks > form.nx
    isAdaptive = (context.isAdaptive ?? !form.model.isSparse) && !form.isRestoration
    best = form.isRestoration ? nil : try BestPoint(nv, m)
    if context.hessian == .quasiNewton {
      if form.model.isSparse {
        let memory = try LowRankCurvature(form.nx)
        system.lowRank = try LowRankSolver(memory, order: form.nx + form.m)
        quasi = memory
      } else {
        quasi = try QuasiNewton(form.nx)
      }
    }
  }

  /// From v, zl, zu and mu, and `objective`, `residual` and the model's derivatives at v.
  func run() throws(KantorError) -> Outcome {
    updateDual()
    if isAnswer { return .converged }
    let theta = violationSum(residual)
    thetaMax = 1e4 * max(1, theta)
    thetaMin = 1e-4 * max(1, theta)
    tau = max(0.99, 1 - mu)
    isAdaptive = isAdaptive && hasBounds
    isFree = isAdaptive
    while true {
      var estimate = assess()
      if estimate <= Self.nearAnswer, try sharpen() { estimate = assess() }
      let stop = context.run.monitor.check(
        iteration: context.iterations, objective: shownObjective, residual: estimate, gap: mu)
      if estimate <= 0.5 * context.tolerance { return .converged }
      convergence.take(smoothError)
      if let best { best.consider(self, estimate) }
      if try leave?(self) == true { return .restored }
      if stop != nil { return .stopped }
      if !form.isRestoration, try isUnbounded() { return .unbounded }
      if context.run.monitor.reachesIterationLimit(context.iterations) { return .stopped }
      if let best, best.isStale(mu <= floor(), estimate) { return .stuck }
      if form.isRestoration, steps >= Self.mostRestorationSteps { return .stuck }
      makeRoom()
      updateBarrier()
      context.iterations += 1
      steps += 1
      if learnsSlowly { differenceGradients() }
      switch try advance() {
      case .accepted: continue
      case .stopped: return .stopped
      case .failed:
        if let outcome = try rescue() { return outcome }
      }
    }
  }

  private static let mostRestorationSteps = 500

  /// Forward differences, with errors of 1e-8, do well enough up to here.
  private static let nearAnswer = 1e-5

  /// Central differences from now on, and the derivatives at the point anew. False where there are
  /// none of the lesser kind.
  func sharpen() throws(KantorError) -> Bool {
    guard model.oracle.usesDifferences, model.oracle.scheme == .forward else { return false }
    model.oracle.scheme = .central
    try returnToPoint()
    return true
  }

  /// A quasi-Newton matrix that has had its time: differences of gradients cost more and get there.
  private var learnsSlowly: Bool {
    quasi != nil && canDifferenceGradients && ((best?.age ?? 0) >= 25 || steps >= 80)
  }

  var canDifferenceGradients: Bool {
    model.oracle.offersLagrangianGradient && model.hessianDense != nil
      && context.mayDifference
  }

  func differenceGradients() {
    quasi = nil
    best?.renew()
    context.hessian = .differences
    filter.removeAll()
  }

  enum Advance { case accepted, failed, stopped }

  /// One step, or the reason why there is none.
  private func advance() throws(KantorError) -> Advance {
    hasDirection = false
    switch try loadHessian() {
    case .stop: return .stopped
    case .undefined: return .failed
    case .fine: break
    }
    switch direction() {
    case .stopped: return .stopped
    case .failed: return .failed
    case .accepted: break
    }
    hasDirection = true
    if isTiny() {
      tinySteps += 1
      if tinySteps >= 2 {
        tinySteps = 0
        guard mu > floor() else { return .failed }
        (isFree, isAdaptive) = (false, false)
        lowerBarrier()
        return .accepted
      }
    } else {
      tinySteps = 0
    }
    return try search()
  }

  private func loadHessian() throws(KantorError) -> Evaluation {
    if let quasi {
      quasi.fill(model)
    } else {
      let outcome = try model.hessian(
        v.pointer, sigma: form.isRestoration ? 0 : 1, y: y.pointer)
      guard case .fine = outcome else { return outcome }
    }
    system.load()
    return .fine
  }

  private var shownObjective: Double {
    form.isRestoration ? form.lastValue : objective / model.objectiveScale
  }

  private func isTiny() -> Bool {
    for k in 0..<nv
    where abs(dv.pointer[k]) > 10 * 2.2e-16 * (1 + abs(v.pointer[k])) { return false }
    return violationLargest(residual) <= 1e-4
  }

  // MARK: Barrier parameter

  /// Where mu ends: complementarity of the answer is about mu over the scale of f.
  func floor() -> Double {
    if form.isRestoration { return 0.1 * context.tolerance }
    let size = max(model.objectiveScale, abs(objective))
    return max(1e-18, 0.09 * context.tolerance * min(1, size))
  }

  private func updateBarrier() {
    if isAdaptive, isFree || barrierError(mu) <= 10 * mu {
      let error = barrierError(0)
      if shortened < 3, errors.falls(error) {
        errors.take(error)
        isFree = true
        return
      }
      if isFree {
        fixBarrier()
        // What goes wrong twice is left alone.
        fixes += 1
        if fixes >= 2 { isAdaptive = false }
      }
    }
    if !isFree { raiseBarrierIfStuck() }
    let least = floor()
    while mu > least, barrierError(mu) <= 10 * mu { lowerBarrier() }
  }

  func lowerBarrier() {
    mu = max(floor(), min(0.2 * mu, mu * mu.squareRoot()))
    tau = max(0.99, 1 - mu)
    filter.removeAll(keepingCapacity: true)
    (watchdog, shortened) = (nil, 0)
  }

  /// The unit in which the checker measures stationarity.
  var certificateUnit: Double {
    var top = 0.0
    for i in 0..<m { top = max(top, abs(y.pointer[i]) * model.rowScale.pointer[i]) }
    return max(1, model.gradientSize, min(top / model.objectiveScale, 100))
  }
}

/// The best points of a solve: the one with the smallest residuals, and the one that is feasible
/// with the smallest objective.
final class BestPoint {
  struct Copy {
    let v: Buffer<Double>
    let y: Buffer<Double>
    let zl: Buffer<Double>
    let zu: Buffer<Double>

    init(_ nv: Int, _ m: Int) throws(KantorError) {
      v = try Buffer(count: nv)
      y = try Buffer(count: m)
      zl = try Buffer(count: nv)
      zu = try Buffer(count: nv)
    }

    func take(_ loop: BarrierLoop) {
      v.pointer.update(from: loop.v.pointer, count: v.count)
      y.pointer.update(from: loop.y.pointer, count: y.count)
      zl.pointer.update(from: loop.zl.pointer, count: zl.count)
      zu.pointer.update(from: loop.zu.pointer, count: zu.count)
    }
  }

  let optimal: Copy
  let feasible: Copy
  private(set) var estimate = Double.infinity
  private var violation = Double.infinity
  private var objective = Double.infinity
  private var sinceImproved = 0

  init(_ nv: Int, _ m: Int) throws(KantorError) {
    optimal = try Copy(nv, m)
    feasible = try Copy(nv, m)
  }

  func consider(_ loop: BarrierLoop, _ now: Double) {
    if now < 0.9 * estimate { sinceImproved = 0 } else { sinceImproved += 1 }
    if now < estimate {
      estimate = now
      optimal.take(loop)
    }
    let theta = loop.violationLargest(loop.residual)
    let out = theta <= 1e-8 ? 0 : theta
    if out < violation || (out == violation && loop.objective < objective) {
      (violation, objective) = (out, loop.objective)
      feasible.take(loop)
    }
  }

  /// Near an answer, with the barrier at its end, and no better for long.
  func isStale(_ isLast: Bool, _ now: Double) -> Bool {
    isLast && estimate < 1e-5 && sinceImproved >= 20
  }
  var age: Int { sinceImproved }
  func renew() { sinceImproved = 0 }
}

extension BarrierLoop {
  /// Goes back to the best point: that with the smallest residuals where these say something, or
  /// where nothing better can be said, else the feasible one with the smallest objective.
  func takeBest(isStuck: Bool) {
    guard let best, best.estimate < .infinity else { return }
    let copy = isStuck || best.estimate <= 1e-5 ? best.optimal : best.feasible
    v.pointer.update(from: copy.v.pointer, count: nv)
    y.pointer.update(from: copy.y.pointer, count: m)
    zl.pointer.update(from: copy.zl.pointer, count: nv)
    zu.pointer.update(from: copy.zu.pointer, count: nv)
  }
}

/// Signs of a program without a minimum.
struct UnboundedGrowth {
  var size = 0.0
  var objective = Double.infinity
  var run = 0
}
