import KantorBlocks
import KantorCore
import KantorNumerics

/// One solve of `AcceleratedProximalGradient`.
final class CompositeSolve {
  private let problem: CompositeProblem
  private let run: Run
  private let evaluator: Evaluator
  private let term: (any ProximalMap)?
  private let n: Int
  private let tolerance: Double
  private let restarts: Bool

  private let x: Buffer<Double>
  private let ahead: Buffer<Double>
  private let gradient: Buffer<Double>
  private let next: Buffer<Double>
  private let nextGradient: Buffer<Double>
  private let work: Buffer<Double>
  /// The point before, to go back to.
  private let last: Buffer<Double>

  private var curvature: Double
  private var clock = 1.0
  private var restartCount = 0
  /// f at `ahead`, f at `next`, and f + g at x where g has a value.
  private var valueAhead = 0.0
  private var nextValue = 0.0
  private var objective = Double.infinity
  private var lastObjective = Double.infinity
  private var hasLast = false
  /// Whether `nextGradient` is that at `next`.
  private var hasNextGradient = false
  private var isLeading = false

  private static let mostDoublings = 1100
  /// Curvature terms below this part of f are not seen in values of f.
  private static let visible = 1e-10
  private static let rounding = 1e-14

  init(_ problem: CompositeProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    n = problem.n
    evaluator = try Evaluator(
      problem.functions, variables: n, monitor: run.monitor,
      limit: run.options.int("max_evaluations"))
    if let choice = problem.term { term = try choice.make() } else { term = nil }
    if let given = try run.start.vector("x", count: n) {
      x = try given.copy()
    } else {
      x = try problem.start.copy()
    }
    ahead = try Buffer(count: n)
    gradient = try Buffer(count: n)
    next = try Buffer(count: n)
    nextGradient = try Buffer(count: n)
    work = try Buffer(count: n)
    last = try Buffer(count: n)
    tolerance = run.options.real("tolerance")
    restarts = run.options.flag("restart")
    curvature = run.options.real("curvature")
  }

  func propose() throws(KantorError) -> CompositeProposal {
    var failure: String?
    switch try begin() {
    case .fine: try iterate()
    case .undefined:
      failure = evaluator.complaint ?? "the proximal map has no value at the start"
    case .stop: break
    }
    var figures = ResultFields()
    let joint = evaluator.count(.valueGradient)
    figures.add("evaluations", evaluator.count(.value) + joint)
    figures.add("gradient_evaluations", evaluator.count(.gradient) + joint)
    figures.add("restarts", restartCount)
    figures.add("callback_seconds", evaluator.hostSeconds)
    return CompositeProposal(x: x, failure: failure, tolerance: tolerance, figures: figures)
  }

  /// Starts at a point of g's domain: the proximal map of the start, if that is outside.
  private func begin() throws(KantorError) -> Evaluation {
    if let term, term.value(x.pointer).violation == 0 {
      // As it is.
    } else {
      let outcome = try apply(x.pointer, step: 1, into: work.pointer)
      guard case .fine = outcome else { return outcome }
      if term != nil { x.pointer.update(from: work.pointer, count: n) }
    }
    ahead.pointer.update(from: x.pointer, count: n)
    let (outcome, f) = try evaluator.valueAndGradient(
      at: ahead.pointer, into: gradient.pointer)
    valueAhead = f
    objective = f + value(x.pointer)
    return outcome
  }

  /// P_step(point).
  private func apply(
    _ point: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    guard let term else { return try evaluator.prox(at: point, step: step, into: out) }
    return term.apply(point, step: step, into: out) ? .fine : .undefined
  }

  /// g; 0 where it is known by its map only.
  private func value(_ point: UnsafePointer<Double>) -> Double { term?.value(point).value ?? 0 }

  private func iterate() throws(KantorError) {
    var k = 0
    while true {
      // f' at x: that ahead while there is no lead.
      guard let residual = try residual() else {
        guard try retreat() else { return }
        continue
      }
      if run.monitor.check(iteration: k, objective: objective, residual: residual) != nil {
        return
      }
      if residual <= tolerance || objective <= SmoothIterate.bottomless { return }
      if run.monitor.reachesIterationLimit(k) { return }
      guard try step() else {
        // A lead may be what is in the way.
        guard run.monitor.stop == nil, isLeading else { return }
        guard try takeBack() else { return }
        continue
      }
      guard try lead() else { return }
      k += 1
    }
  }

  /// The largest entry of x - P_1(x - f'(x)), over max(1, largest |f'(x)|).
  private func residual() throws(KantorError) -> Double? {
    let g: UnsafeMutablePointer<Double>
    if !isLeading {
      g = gradient.pointer
    } else {
      g = nextGradient.pointer
      if !hasNextGradient {
        let outcome = try evaluator.gradient(at: x.pointer, into: g)
        guard case .fine = outcome else { return nil }
        hasNextGradient = true
      }
    }
    var size = 1.0
    for j in 0..<n {
      size = max(size, abs(g[j]))
      work.pointer[j] = x.pointer[j] - g[j]
    }
    guard case .fine = try apply(work.pointer, step: 1, into: work.pointer) else { return nil }
    var top = 0.0
    for j in 0..<n { top = max(top, abs(x.pointer[j] - work.pointer[j])) }
    return top / size
  }

  /// The proximal step from `ahead` to `next`, L doubled until it fits; false if none does.
  private func step() throws(KantorError) -> Bool {
    let (y, g, p) = (ahead.pointer, gradient.pointer, next.pointer)
    for _ in 0..<Self.mostDoublings {
      for j in 0..<n { work.pointer[j] = y[j] - g[j] / curvature }
      switch try apply(work.pointer, step: 1 / curvature, into: p) {
      case .stop: return false
      case .undefined:
        curvature *= 2
        continue
      case .fine: break
      }
      hasNextGradient = false
      var (slope, square) = (0.0, 0.0)
      for j in 0..<n {
        let d = p[j] - y[j]
        slope += g[j] * d
        square += d * d
      }
      if square == 0 {
        nextValue = valueAhead
        return true
      }
      let (outcome, f) = try evaluator.value(at: p)
      if case .stop = outcome { return false }
      if case .fine = outcome {
        nextValue = f
        if try fits(f, slope, square) { return true }
        if run.monitor.stop != nil { return false }
      }
      curvature *= 2
      guard curvature < 1e300 else { return false }
    }
    return false
  }

  /// Whether L bounds the curvature of f from y to the trial point.
  private func fits(_ f: Double, _ slope: Double, _ square: Double) throws(KantorError) -> Bool {
    let term = 0.5 * curvature * square
    if term > Self.visible * abs(valueAhead) { return f <= valueAhead + slope + term }
    let outcome = try evaluator.gradient(at: next.pointer, into: nextGradient.pointer)
    guard case .fine = outcome else { return false }
    hasNextGradient = true
    var bend = 0.0
    for j in 0..<n {
      bend += (nextGradient.pointer[j] - gradient.pointer[j])
        * (next.pointer[j] - ahead.pointer[j])
    }
    return bend <= curvature * square
  }

  /// The step is taken, and the point ahead moves; false when that cannot be evaluated.
  private func lead() throws(KantorError) -> Bool {
    let (p, y) = (next.pointer, ahead.pointer)
    let reached = nextValue + value(p)
    // Uphill, beyond rounding: back to plain steps, which fall.
    if isLeading, reached > objective + Self.rounding * abs(objective), term != nil {
      return try takeBack()
    }
    var uphill = 0.0
    for j in 0..<n { uphill += (y[j] - p[j]) * (p[j] - x.pointer[j]) }
    let isVisible = objective - reached > Self.visible * abs(objective)
    (lastObjective, objective, hasLast) = (objective, reached, true)
    let later = 0.5 * (1 + (1 + 4 * clock * clock).squareRoot())
    var weight = (clock - 1) / later
    clock = later
    if restarts, uphill > 0 {
      weight = 0
      clock = 1
      restartCount += 1
      if isVisible { curvature *= 0.5 }
    }
    for j in 0..<n {
      last.pointer[j] = x.pointer[j]
      y[j] = p[j] + weight * (p[j] - x.pointer[j])
      x.pointer[j] = p[j]
    }
    isLeading = weight != 0
    if !isLeading, hasNextGradient {
      gradient.pointer.update(from: nextGradient.pointer, count: n)
      valueAhead = nextValue
      return true
    }
    return try evaluateAhead()
  }

  /// No lead: the next step starts from x.
  private func takeBack() throws(KantorError) -> Bool {
    clock = 1
    restartCount += 1
    isLeading = false
    hasNextGradient = false
    ahead.pointer.update(from: x.pointer, count: n)
    return try evaluateAhead()
  }

  private func evaluateAhead() throws(KantorError) -> Bool {
    let (outcome, f) = try evaluator.valueAndGradient(
      at: ahead.pointer, into: gradient.pointer)
    if case .fine = outcome {
      valueAhead = f
      return true
    }
    guard case .undefined = outcome else { return false }
    // The lead left the domain of f; or f' is not defined where f is.
    if isLeading { return try takeBack() }
    return try retreat()
  }

  /// From a point without derivatives to the one before, for shorter steps. False where the host
  /// wants an end or there is none before.
  private func retreat() throws(KantorError) -> Bool {
    guard hasLast, run.monitor.stop == nil, curvature < 1e300 else { return false }
    hasLast = false
    x.pointer.update(from: last.pointer, count: n)
    objective = lastObjective
    curvature *= 2
    return try takeBack()
  }
}
