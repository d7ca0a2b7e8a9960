import KantorCore
import KantorNumerics

/// Minimises f(x, .) within the bounds of y, for a fixed x: Newton steps in the variables that are
/// not held at a bound, by conjugate gradients, along their projection on the bounds;
/// limited-memory quasi-Newton steps where there are neither bounds nor Hessian products.
///
/// Conjugate gradients are preconditioned by pairs of the systems before, also those of the
/// adjoint, which have nearly the same matrix.
///
/// Near the solution, where values agree to rounding, a step is taken when it reduces the gradient.
///
/// Source: R. S. Dembo, T. Steihaug, "Truncated-Newton algorithms for large-scale unconstrained
/// optimization" (1983); D. P. Bertsekas, "Projected Newton methods" (1982).
final class LowerDescent {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let joined: Buffer<Double>
  private let direction: Buffer<Double>
  private let residual: Buffer<Double>
  private let search: Buffer<Double>
  private let scaled: Buffer<Double>
  private let isFree: Buffer<Bool>
  private let pairs: CurvaturePairs
  private let product: Buffer<Double>
  private let trial: Buffer<Double>
  private let trialGradient: Buffer<Double>
  private let isHeld: Buffer<Bool>
  private var quasiNewton: LBFGS?
  /// What the gradient after a full Newton step was, beside the system's residual, over the square
  /// of that before.
  private var bend: Double?
  private var (startLength, goalLength) = (0.0, 0.0)
  /// False when the last direction met no positive curvature.
  private var isCurved = true
  /// Steps of conjugate gradients of the last solve.
  private(set) var innerSteps = 0

  init(_ oracle: BilevelOracle, _ pairs: CurvaturePairs) throws(KantorError) {
    self.oracle = oracle
    self.pairs = pairs
    problem = oracle.problem
    let n = problem.n
    joined = try Buffer(count: n)
    direction = try Buffer(count: n)
    residual = try Buffer(count: problem.ny)
    search = try Buffer(count: n)
    scaled = try Buffer(count: problem.ny)
    isFree = try Buffer(count: problem.ny)
    product = try Buffer(count: n)
    trial = try Buffer(count: n)
    trialGradient = try Buffer(count: n)
    isHeld = try Buffer(count: problem.ny)
  }

  /// From the answer's w, whose x stays; `tolerance` on the projected gradient's largest entry.
  func solve(_ answer: LowerAnswer, tolerance: Double, iterations: Int) throws(KantorError) {
    innerSteps = 0
    problem.clampY(answer.y)
    answer.bounds.fill(0)
    var isNewton = true
    if problem.lowerIsFree, !oracle.offersSecondDerivative(.lower) {
      try solveFree(answer, tolerance, iterations)
      isNewton = false
      // Newton's steps know what to do without curvature.
      if answer.end == .stalled, answer.residual > tolerance {
        try newton(answer, tolerance, iterations)
        isNewton = true
      }
    } else {
      try newton(answer, tolerance, iterations)
    }
    let (nx, ny) = (problem.nx, problem.ny)
    answer.gradient = isNewton ? joined : nil
    for j in 0..<ny {
      let y = answer.y[j]
      let g = joined.pointer[nx + j]
      let atLower = y <= problem.yLower.pointer[j] && g > 0
      let atUpper = y >= problem.yUpper.pointer[j] && g < 0
      answer.bounds.pointer[j] = atLower || atUpper ? -g : 0
    }
  }

  private func solveFree(
    _ answer: LowerAnswer, _ tolerance: Double, _ iterations: Int
  ) throws(KantorError) {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    var solver: LBFGS
    if let made = quasiNewton { solver = made } else { solver = try LBFGS(count: ny, memory: 10) }
    quasiNewton = solver
    trial.pointer.update(from: answer.w.pointer, count: n)
    var creep = Creep()
    let outcome = try solver.minimise(
      x: answer.y, tolerance: tolerance, maxIterations: iterations,
      evaluate: { (y, g) throws(KantorError) -> Double in
        for j in 0..<ny { trial.pointer[nx + j] = y[j] }
        let value = try oracle.valueAndGradient(.lower, trial.pointer, trialGradient.pointer)
        guard value.isFinite else { return .infinity }
        for j in 0..<ny { g[j] = trialGradient.pointer[nx + j] }
        return value
      },
      goesOn: {
        $0.value > Self.bottomless && !self.oracle.stopped && !creep.noted($0.value, $0.gradient)
      })
    answer.value = outcome.value
    answer.residual = outcome.gradient
    switch outcome.end {
    case .converged: answer.end = .solved
    case .stalled, .iterationLimit: answer.end = outcome.value.isFinite ? .stalled : .undefined
    case .stopped:
      answer.end = oracle.stopped ? .stopped : creep.isCreeping ? .stalled : .unbounded
    }
  }

  /// Variables whose systems are solved to the end.
  private static let few = 10
  /// Values below this count as no bound.
  static let bottomless = -1e18

  private func newton(
    _ answer: LowerAnswer, _ tolerance: Double, _ iterations: Int
  ) throws(KantorError) {
    let (nx, ny) = (problem.nx, problem.ny)
    answer.value = try oracle.valueAndGradient(.lower, answer.w.pointer, joined.pointer)
    guard answer.value.isFinite else {
      answer.end = oracle.stopped ? .stopped : .undefined
      return
    }
    answer.residual = projected(answer.y, joined.pointer + nx)
    var creep = Creep()
    for _ in 0..<iterations {
      if answer.residual <= tolerance {
        answer.end = .solved
        return
      }
      if creep.noted(answer.value, answer.residual) { break }
      hold(answer)
      guard try step(answer.w.pointer, tolerance) else {
        answer.end = oracle.stopped ? .stopped : .stalled
        return
      }
      guard try advance(answer) else {
        answer.end = oracle.stopped ? .stopped : .stalled
        return
      }
      var size = 0.0
      for j in 0..<ny { size = max(size, abs(answer.y[j])) }
      if answer.value < Self.bottomless || size > 1e14 {
        answer.end = .unbounded
        return
      }
    }
    answer.end = .stalled
  }

  /// Largest |y - P(y - g)|.
  private func projected(
    _ y: UnsafePointer<Double>, _ g: UnsafePointer<Double>
  ) -> Double {
    var worst = 0.0
    for j in 0..<problem.ny {
      let moved = min(max(y[j] - g[j], problem.yLower.pointer[j]), problem.yUpper.pointer[j])
      worst = max(worst, abs(y[j] - moved))
    }
    return worst
  }

  /// Variables near a bound whose gradient pushes them against it.
  private func hold(_ answer: LowerAnswer) {
    let g = joined.pointer + problem.nx
    let width = min(answer.residual, 1e-3)
    for j in 0..<problem.ny {
      let y = answer.y[j]
      let nearLower = y - problem.yLower.pointer[j] <= width && g[j] > 0
      let nearUpper = problem.yUpper.pointer[j] - y <= width && g[j] < 0
      isHeld.pointer[j] = nearLower || nearUpper
    }
  }

  /// The Newton direction in the free variables; held ones go to their bound.
  private func step(
    _ w: UnsafePointer<Double>, _ tolerance: Double
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    let g = joined.pointer + nx
    let (r, p, d) = (residual.pointer, search.pointer + nx, direction.pointer + nx)
    let z = scaled.pointer
    for i in 0..<nx {
      search.pointer[i] = 0
      direction.pointer[i] = 0
    }
    var square = 0.0
    for j in 0..<ny {
      d[j] = 0
      isFree.pointer[j] = !isHeld.pointer[j]
      r[j] = isHeld.pointer[j] ? 0 : -g[j]
      square += r[j] * r[j]
    }
    try pairs.prepare(isFree.pointer, at: w)
    defer { pairs.commit() }
    pairs.apply(r, p)
    var rho = 0.0
    for j in 0..<ny { rho += r[j] * p[j] }
    isCurved = true
    let start = square.squareRoot()
    // No further than the tolerance asks for, or than the curvature of the gradient lets a Newton
    // step come; a few variables are solved for at once, which costs less than another value.
    let least = min(0.3 * tolerance, 0.1 * start)
    let bent = bend.map { 0.3 * $0 * square } ?? start * start.squareRoot()
    let goal = ny <= Self.few ? least : max(min(0.1 * start, bent), least)
    (startLength, goalLength) = (start, goal)
    var k = 0
    let most = max(10, 2 * ny)
    while square.squareRoot() > goal, k < most {
      guard try oracle.innerProduct(w, times: search.pointer, product.pointer) else {
        return false
      }
      let q = product.pointer + nx
      var (curvature, size) = (0.0, 0.0)
      for j in 0..<ny {
        if isHeld.pointer[j] { q[j] = 0 }
        curvature += p[j] * q[j]
        size += p[j] * p[j]
      }
      if !(curvature > 1e-14 * size) {
        // No curvature: the steepest descent of this subspace, as far as it goes, or what was found
        // so far.
        if k == 0 {
          for j in 0..<ny { d[j] = p[j] }
          isCurved = false
        }
        break
      }
      try pairs.note(p, q)
      let alpha = rho / curvature
      square = 0
      for j in 0..<ny {
        d[j] += alpha * p[j]
        r[j] -= alpha * q[j]
        square += r[j] * r[j]
      }
      pairs.apply(r, z)
      var next = 0.0
      for j in 0..<ny { next += r[j] * z[j] }
      let beta = next / rho
      rho = next
      for j in 0..<ny { p[j] = z[j] + beta * p[j] }
      k += 1
    }
    innerSteps += k
    for j in 0..<ny where isHeld.pointer[j] { d[j] = -g[j] }
    return true
  }

  /// Learns from the trial's gradient after a full step.
  private func noteBend() {
    var square = 0.0
    for j in 0..<problem.ny where isFree.pointer[j] {
      let g = trialGradient.pointer[problem.nx + j]
      square += g * g
    }
    let rest = max(0, square.squareRoot() - goalLength)
    bend = max(rest / (startLength * startLength), 0.3 * (bend ?? 0))
  }

  /// A first step of a thousand times the point's size, for directions without curvature.
  private func reach(_ answer: LowerAnswer) -> Double {
    var (size, length) = (1.0, 0.0)
    for j in 0..<problem.ny {
      size = max(size, abs(answer.y[j]))
      length = max(length, abs(direction.pointer[problem.nx + j]))
    }
    return length > 0 ? max(1, 1e3 * size / length) : 1
  }

  /// Moves along the projected direction; false when nothing better is found.
  private func advance(_ answer: LowerAnswer) throws(KantorError) -> Bool {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    let (g, d) = (joined.pointer + nx, direction.pointer + nx)
    for i in 0..<nx { trial.pointer[i] = answer.w.pointer[i] }
    var t = isCurved ? 1 : reach(answer)
    let noise = 2e-15 * (1 + abs(answer.value))
    for _ in 0..<50 {
      var slope = 0.0
      for j in 0..<ny {
        let y = answer.y[j]
        let moved = min(max(y + t * d[j], problem.yLower.pointer[j]), problem.yUpper.pointer[j])
        trial.pointer[nx + j] = moved
        slope += g[j] * (moved - y)
      }
      let value = try oracle.valueAndGradient(.lower, trial.pointer, trialGradient.pointer)
      if oracle.stopped { return false }
      if value.isFinite {
        let falls = value <= answer.value + 1e-4 * slope
        let rest = projected(trial.pointer + nx, trialGradient.pointer + nx)
        if falls || (value <= answer.value + noise && rest < 0.9 * answer.residual) {
          answer.value = value
          answer.residual = rest
          answer.w.pointer.update(from: trial.pointer, count: n)
          if t == 1, isCurved { noteBend() }
          joined.pointer.update(from: trialGradient.pointer, count: n)
          return true
        }
      }
      t *= 0.5
    }
    return false
  }
}
