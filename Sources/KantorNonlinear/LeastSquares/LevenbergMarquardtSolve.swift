import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// One solve of `LevenbergMarquardt`: iterates, damping, and the steps of an iteration.
final class LevenbergMarquardtSolve {
  private let problem: LeastSquaresProblem
  private let run: Run
  private let evaluator: Evaluator
  private let model: ResidualModel
  private let trial: DampedStep
  private var system: (any DampedSystem)?
  private let tolerance: Double
  private let goal: Double
  private let residualTolerance: Double

  private let x: Buffer<Double>
  private let r: Buffer<Double>
  private let newX: Buffer<Double>
  private let newR: Buffer<Double>
  private let lengths: Buffer<Double>
  private let rowScale: Buffer<Double>

  private var cost = 0.0
  private var lambda: Double
  private var growth = 2.0
  private var optimality = Double.infinity
  private var relativeResidual = Double.infinity
  /// |r| and |D^-1 g| at the start.
  private var firstSizes: (residual: Double, gradient: Double)?
  private var mu = 0.0
  /// |r|, entries weighted with the slope of the loss.
  private var size = 0.0
  private var polishing = 0

  /// Part of the promise that a step has to keep, and where the model is believed.
  private static let leastRatio = 1e-4
  /// lambda never falls below this.
  private static let leastLambda = 1e-12
  /// Costs that differ by less, relative to their size, are equal.
  private static let rounding = 1e-13
  /// The method aims below the tolerance, as the checker adds up and differentiates in its own way.
  private static let margin = 0.5
  /// A column that cannot change the residuals by more than this part counts less.
  private static let negligible = 1e-4
  private static let mostTrials = 60
  /// Differences become central where the scaled gradient is below this.
  private static let sharpen = 1e-4
  /// Least curvature of a residual, over the weight of its slope.
  private static let leastCurvature = 1e-2

  init(_ problem: LeastSquaresProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    evaluator = try Evaluator(
      problem.functions, variables: problem.n, rows: problem.m, monitor: run.monitor,
      limit: run.options.int("max_evaluations"), limited: [.map])
    model = try ResidualModel(problem, evaluator)
    trial = try DampedStep(model, Interruption(run.monitor))
    tolerance = run.options.real("tolerance")
    goal = Self.margin * tolerance
    residualTolerance = run.options.real("residual_tolerance")
    lambda = run.options.real("damping")
    if let given = try run.start.vector("x", count: problem.n) {
      x = try given.copy()
    } else {
      x = try problem.start.copy()
    }
    r = try Buffer(count: problem.m)
    newX = try Buffer(count: problem.n)
    newR = try Buffer(count: problem.m)
    lengths = try Buffer(count: problem.n)
    rowScale = try Buffer(count: problem.m)
    _ = problem.box.project(x.pointer)
  }

  func propose() throws(KantorError) -> LeastSquaresProposal {
    var failure: String?
    var outcome = try model.residuals(at: x.pointer, into: r.pointer)
    if case .fine = outcome {
      cost = problem.loss.cost(r.pointer, problem.m)
      outcome = try model.linearise(at: x.pointer, residuals: r.pointer)
    }
    if case .fine = outcome {
      try iterate()
    } else if case .undefined = outcome {
      failure = evaluator.complaint
    }
    return LeastSquaresProposal(
      x: x, failure: failure, tolerance: tolerance, residualTolerance: residualTolerance,
      figures: figures())
  }

  private func iterate() throws(KantorError) {
    var k = 0
    while true {
      try weigh()
      try measure()
      let stop = run.monitor.check(iteration: k, objective: cost, residual: optimality)
      if stop != nil { return }
      if optimality <= goal || relativeResidual <= residualTolerance {
        guard try sharpen() else { return }
        continue
      }
      if run.monitor.reachesIterationLimit(k) { return }
      if optimality <= Self.sharpen, try sharpen() { continue }
      if system == nil { system = try makeSystem() }
      guard let system else { return }
      try system.prepare(trial)
      guard try advance(system) else {
        guard run.monitor.stop == nil, try sharpen() else { return }
        continue
      }
      k += 1
    }
  }

  /// From one-sided differences to central ones, once; true if the Jacobian is new.
  private func sharpen() throws(KantorError) -> Bool {
    guard problem.source == .differences, !model.isCentral else { return false }
    model.isCentral = true
    let outcome = try model.linearise(at: x.pointer, residuals: r.pointer)
    if case .fine = outcome { return true }
    return false
  }

  private func makeSystem() throws(KantorError) -> (any DampedSystem)? {
    if problem.source == .products { return try ProductDampedSystem(problem) }
    if let pattern = problem.pattern {
      return try SparseDampedSystem(
        pattern.matrix, threads: run.threads, Interruption(run.monitor))
    }
    let algebra: DenseDampedSystem.Algebra
    switch run.options.text("linear_algebra") {
    case "normal": algebra = .normal
    case "orthogonal": algebra = .orthogonal
    default: algebra = .automatic
    }
    return try DenseDampedSystem(problem, algebra, threads: run.threads)
  }

  /// Rows of J and r weighted so that J'J approximates the second derivative of the cost, and J'r
  /// is its gradient.
  private func weigh() throws(KantorError) {
    let (m, n) = (problem.m, problem.n)
    try model.multiplyTransposed(r.pointer, into: trial.gradient.pointer)
    if problem.source == .products {
      try model.columnNorms(trial.gradient.pointer, into: lengths.pointer)
    }
    let terms = try model.termSize(x.pointer, lengths: lengths.pointer)
    var top = 0.0
    for i in 0..<m { top = max(top, abs(r.pointer[i])) }
    relativeResidual = top == 0 ? 0 : top / terms
    if problem.loss.isLinear {
      for i in 0..<m { trial.residuals.pointer[i] = r.pointer[i] }
      size = dotProduct(r.pointer, r.pointer, m).squareRoot()
      try model.columnNorms(trial.gradient.pointer, into: lengths.pointer)
    } else {
      try weighByLoss()
    }
    let hasScale = firstSizes != nil
    for j in 0..<n {
      // Never shorter: a column that vanishes somewhere must not get long steps there.
      let d = max(lengths.pointer[j], hasScale ? trial.scale.pointer[j] : 0)
      trial.scale.pointer[j] = d > 0 ? d : 1
    }
  }

  /// Rows first with the slope of the loss, which the scaled gradient is measured with, then with
  /// its curvature.
  private func weighByLoss() throws(KantorError) {
    let m = problem.m
    for i in 0..<m {
      let slope = problem.loss.at(r.pointer[i]).first.squareRoot()
      rowScale.pointer[i] = slope
      trial.residuals.pointer[i] = slope * r.pointer[i]
    }
    size = dotProduct(trial.residuals.pointer, trial.residuals.pointer, m).squareRoot()
    model.scaleRows(rowScale.pointer)
    try model.multiplyTransposed(trial.residuals.pointer, into: trial.gradient.pointer)
    try model.columnNorms(trial.gradient.pointer, into: lengths.pointer)
    for i in 0..<m {
      let (_, first, second, z) = problem.loss.at(r.pointer[i])
      let curvature = max(first + 2 * second * z, Self.leastCurvature * first)
      let s = first > 0 ? (curvature / first).squareRoot() : 0
      rowScale.pointer[i] = s
      trial.residuals.pointer[i] = s > 0 ? trial.residuals.pointer[i] / s : 0
    }
    model.scaleRows(rowScale.pointer)
  }

  /// The scaled gradient, and the sizes that mu is made of.
  private func measure() throws(KantorError) {
    let (n, g) = (problem.n, trial.gradient.pointer)
    optimality = 0
    var slope = 0.0
    for j in 0..<n {
      let length = lengths.pointer[j]
      if length > 0 {
        let t = problem.box.clamp(x.pointer[j] - g[j] / (length * length), j) - x.pointer[j]
        let reach = length * max(1, abs(x.pointer[j]))
        let weight = reach < Self.negligible * size ? reach / size : 1
        optimality = max(optimality, weight * length * abs(t))
      }
      let d = trial.scale.pointer[j]
      let t = problem.box.clamp(x.pointer[j] - g[j] / (d * d), j) - x.pointer[j]
      slope += (d * t) * (d * t)
    }
    optimality = size > 0 ? optimality / size : 0
    slope = slope.squareRoot()
    let first = firstSizes ?? (residual: size, gradient: slope)
    firstSizes = first
    let eta = run.options.real("exponent")
    let parts = (
      first.residual > 0 ? size / first.residual : 1,
      first.gradient > 0 ? slope / first.gradient : 1
    )
    mu = run.options.real("residual_weight") * pow(parts.0, eta)
      + run.options.real("gradient_weight") * pow(parts.1, eta)
  }

  /// Tries steps with more and more damping until one is taken; false if none is.
  private func advance(_ system: any DampedSystem) throws(KantorError) -> Bool {
    for _ in 0..<Self.mostTrials {
      guard try findStep(system, lambda * mu) else {
        if run.monitor.stop != nil { return false }
        dampMore()
        continue
      }
      let promised = try promise()
      guard isLongEnough() else { return false }
      var answer = try model.residuals(at: newX.pointer, into: newR.pointer)
      if case .stop = answer { return false }
      if case .fine = answer, promised > 0 {
        let newCost = problem.loss.cost(newR.pointer, problem.m)
        let gain = (cost - newCost) / promised
        let isRounding = promised <= Self.rounding * cost
        if isRounding ? isPolish(newCost) : gain > Self.leastRatio {
          answer = try model.linearise(at: newX.pointer, residuals: newR.pointer)
          if case .stop = answer {
            accept(newCost)
            return false
          }
          if case .fine = answer {
            accept(newCost)
            dampLess(isRounding ? 1 : gain)
            return true
          }
        } else if isRounding {
          return false
        }
      }
      dampMore()
    }
    return false
  }

  /// Where costs agree to rounding, steps are taken on trust, some times.
  private func isPolish(_ newCost: Double) -> Bool {
    guard newCost <= cost * (1 + Self.rounding), polishing < 10 else { return false }
    polishing += 1
    return true
  }

  private func dampMore() {
    lambda *= growth
    growth *= 2
  }

  private func dampLess(_ gain: Double) {
    let t = 2 * gain - 1
    lambda = max(Self.leastLambda, lambda * max(0.2, min(2, 1 - t * t * t)))
    growth = 2
  }

  private func accept(_ newCost: Double) {
    cost = newCost
    x.pointer.update(from: newX.pointer, count: problem.n)
    r.pointer.update(from: newR.pointer, count: problem.m)
  }

  /// The damped step inside the bounds; also x + d.
  private func findStep(_ system: any DampedSystem, _ mu: Double) throws(KantorError) -> Bool {
    let (n, g, d, free) = (
      problem.n, trial.gradient.pointer, trial.step.pointer, trial.isFree.pointer)
    let (low, high) = (problem.box.lower.pointer, problem.box.upper.pointer)
    for j in 0..<n {
      d[j] = 0
      free[j] = !(x.pointer[j] <= low[j] && g[j] >= 0) && !(x.pointer[j] >= high[j] && g[j] <= 0)
    }
    while true {
      guard try system.solve(trial, mu: mu) else { return false }
      var leaves = false
      for j in 0..<n where free[j] {
        let t = x.pointer[j] + d[j]
        if t >= low[j] && t <= high[j] { continue }
        free[j] = false
        d[j] = (t < low[j] ? low[j] : high[j]) - x.pointer[j]
        leaves = true
      }
      if !leaves { break }
    }
    for j in 0..<n { newX.pointer[j] = problem.box.clamp(x.pointer[j] + d[j], j) }
    return true
  }

  /// model(0) - model(d) = -g'd - |J d|^2 / 2.
  private func promise() throws(KantorError) -> Double {
    let (m, n) = (problem.m, problem.n)
    try model.multiply(trial.step.pointer, into: trial.image.pointer)
    return -dotProduct(trial.gradient.pointer, trial.step.pointer, n)
      - 0.5 * dotProduct(trial.image.pointer, trial.image.pointer, m)
  }

  private func isLongEnough() -> Bool {
    for j in 0..<problem.n where newX.pointer[j] != x.pointer[j] { return true }
    return false
  }

  private func figures() -> ResultFields {
    var fields = ResultFields()
    fields.add("evaluations", evaluator.count(.map))
    fields.add("jacobian_evaluations", evaluator.count(.jacobian))
    let products = evaluator.count(.jacobianProduct) + evaluator.count(.jacobianTransposeProduct)
    if products > 0 { fields.add("jacobian_products", products) }
    fields.add("callback_seconds", evaluator.hostSeconds)
    return fields
  }
}
