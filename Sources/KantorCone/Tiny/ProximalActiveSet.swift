import CKantorKernels
import KantorCore

/// Dense quadratic programs, also semidefinite and linear ones, through `DualActiveSet`.
///
/// Where H is not positive definite, the problem with H + rho I and the linear term q - rho c is
/// solved for a centre c that moves to the solution: the proximal point method, whose steps all
/// start from the working set of the one before. For linear programs it ends after finitely many
/// steps (Ferris, "Finite termination of the proximal point algorithm", Math. Program. 50, 1991).
/// If the objective has no bound, the centres move along a ray in the end. A program whose answer
/// does not stand the check is tried again with larger rho.
struct ProximalActiveSet {
  typealias Numbers = UnsafeMutablePointer<Double>

  enum Outcome {
    /// `x` and `y` hold the point, in the caller's units.
    case point
    /// `y` has the ray.
    case infeasible
    /// `x` has the ray.
    case unbounded
    case limit
  }

  let problem: DenseQP
  var core: DualActiveSet
  private var scaling: DenseScaling
  /// The answer in the caller's units; multipliers of rows first.
  let x: Numbers
  let y: Numbers
  private let centre: Numbers
  private let direction: Numbers
  let check: DenseCheck
  /// Largest entry of q and largest diagonal entry of P, as scaled.
  private var linearSize = 0.0
  private var diagonalSize = 0.0
  private var boundSize = 0.0
  private var linear: Numbers

  /// Doubles that a solve of this size works in.
  static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    let core = try DualActiveSet.room(n, m)
    let scaling = DenseScaling.room(n, m)
    return try checkedSum(core, 8 * n + 3 * m + scaling + 32, of: "m")
  }

  init(_ problem: DenseQP, memory: Numbers, coreRoom: Int) {
    self.problem = problem
    let (n, m) = (problem.n, problem.m)
    core = DualActiveSet(n: n, m: m, memory: memory)
    var next = memory + coreRoom
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    x = take(n)
    y = take(n + m)
    centre = take(n)
    direction = take(n)
    linear = take(n)
    scaling = DenseScaling(n: n, m: m, memory: take(DenseScaling.room(n, m)))
    check = DenseCheck(problem, memory: take(DenseCheck.count(n, m)))
  }

  /// Copies the data in and checks it. `active`: the working set to start from, -1 for a lower
  /// bound, 1 for an upper one, 0 for none.
  mutating func load(_ active: UnsafePointer<Int32>?) throws(KantorError) {
    let (n, m, leading) = (problem.n, problem.m, Int64(core.leading))
    let (low, high) = (core.low, core.high)
    let areRows = kn_tiny_bounds(problem.rowLower, problem.rowUpper, Int64(m), low, high)
    let areOwn = kn_tiny_bounds(problem.lower, problem.upper, Int64(n), low + m, high + m)
    if areRows & areOwn == 0 { try problem.checkBounds() }
    scaling.tops.update(repeating: 0, count: core.leading)
    if let p = problem.p {
      guard kn_tiny_pad(p, Int64(n), Int64(n), core.h, leading, scaling.tops, nil) == 1 else {
        throw DenseQP.rubbish("p", p, rows: n, columns: n)
      }
      if kn_tiny_is_symmetric(core.h, leading, Int64(n)) == 0 { try problem.checkSymmetry() }
    } else {
      core.h.update(repeating: 0, count: n * core.leading)
    }
    guard kn_tiny_pad(problem.q, 1, Int64(n), core.g, leading, core.z, nil) == 1 else {
      throw DenseQP.rubbish("q", problem.q, rows: 1, columns: n)
    }
    if let a = problem.a {
      guard kn_tiny_pad(a, Int64(m), Int64(n), core.a, leading, scaling.tops, scaling.rows) == 1
      else { throw DenseQP.rubbish("a", a, rows: m, columns: n) }
    }
    scaling.scale(p: core.h, a: core.a, q: core.g, leading: core.leading)
    if scaling.isOn {
      for c in 0..<(m + n) {
        low[c] *= scaling.bound(c)
        high[c] *= scaling.bound(c)
      }
    }
    core.prepareRows()
    guard let active else {
      core.state.update(repeating: 0, count: m + n)
      return
    }
    for c in 0..<(m + n) {
      guard active[c] >= -1, active[c] <= 1 else {
        throw KantorError(.range, "active is \(active[c]) at \(c); -1, 0 or 1 is allowed")
      }
      core.state[c] = -active[c]
    }
  }

  /// `attempt` 0 is the quick way; 1 and 2 begin anew with stronger proximal terms.
  mutating func solve(
    _ attempt: Int, _ monitor: Monitor?
  ) throws(KantorError) -> Outcome {
    if monitor?.check(iteration: core.steps) != nil { return .limit }
    if attempt == 0 && problem.p != nil && core.factor(shift: 0).done == problem.n {
      core.start()
      // Not as an argument of `finish`, whose self would be that of before the solve.
      let outcome = core.solve(monitor)
      return finish(outcome)
    }
    measure()
    if attempt > 0 { for c in 0..<(problem.m + problem.n) { core.state[c] = 0 } }
    return try proximal(attempt, monitor)
  }

  /// One more step of refinement of the point.
  mutating func refine() {
    core.refine()
    writePoint()
  }

  private func finish(_ outcome: DualActiveSet.Outcome) -> Outcome {
    switch outcome {
    case .optimal:
      writePoint()
      return .point
    case .infeasible:
      y.update(from: core.ray, count: problem.m + problem.n)
      scaling.restoreMultipliers(y)
      return .infeasible
    case .limit:
      writePoint()
      return .limit
    }
  }

  // MARK: Semidefinite objectives

  /// Sizes of the scaled data. The core's linear term is the proximal one from here on.
  private mutating func measure() {
    let (n, m) = (problem.n, problem.m)
    (linearSize, diagonalSize, boundSize) = (0, 0, 0)
    for j in 0..<n {
      linear[j] = problem.q[j]
      if scaling.isOn { linear[j] *= scaling.columns[j] * scaling.objective }
      linearSize = max(linearSize, abs(linear[j]))
      diagonalSize = max(diagonalSize, abs(core.h[j * core.leading + j]))
    }
    for c in 0..<(m + n) {
      for bound in [core.low[c], core.high[c]] where bound.isFinite {
        boundSize = max(boundSize, abs(bound) * core.weight[c])
      }
    }
  }

  private func firstShift(_ attempt: Int) -> Double {
    if diagonalSize > 0 { return [1e-6, 1e-3, 1e-1][min(attempt, 2)] * diagonalSize }
    if linearSize == 0 { return 1 }
    let length = boundSize > 0 ? min(max(boundSize, 1e-6), 1e6) : 1
    return [1e-2, 1e-1, 1][min(attempt, 2)] * linearSize / length
  }

  private mutating func proximal(
    _ attempt: Int, _ monitor: Monitor?
  ) throws(KantorError) -> Outcome {
    let n = problem.n
    let first = firstShift(attempt)
    // Where P has entries, its rounding is larger than smaller terms.
    let least = diagonalSize > 0 ? 1e-9 * diagonalSize : 1e-9 * first
    var shift = first
    try refactor(shift)
    for i in 0..<n { (centre[i], core.x[i], direction[i]) = (0, 0, 0) }
    var force = Double.infinity
    var isFresh = true
    for round in 1...500 {
      if monitor?.check(iteration: core.steps) != nil { return .limit }
      for i in 0..<n { core.g[i] = linear[i] - shift * centre[i] }
      if isFresh { core.start() } else { core.settle() }
      isFresh = false
      let outcome = core.solve(monitor)
      guard outcome == .optimal else { return finish(outcome) }
      var (length, size, gradient) = (0.0, 0.0, linearSize)
      for i in 0..<n {
        direction[i] = core.x[i] - centre[i]
        length = max(length, abs(direction[i]))
        size = max(size, abs(core.x[i]))
        gradient = max(gradient, abs(core.h[i * core.leading + i] * core.x[i]))
        centre[i] = core.x[i]
      }
      if shift * length <= 1e-13 * gradient || length <= 1e-15 * size {
        writePoint()
        return .point
      }
      // The pull of the centre stays what it is along a ray, and falls towards a solution.
      if shift * length > 0.3 * force && writeRay(length) { return .unbounded }
      force = shift * length
      if round % 4 == 0 && shift > least {
        shift *= 0.1
        try refactor(shift)
        isFresh = true
      }
    }
    writePoint()
    return .limit
  }

  /// Writes the last move as a ray; true if it is one.
  private func writeRay(_ length: Double) -> Bool {
    for j in 0..<problem.n {
      let d = direction[j] / length
      // What stays where it is moves by rounding.
      let c = problem.m + j
      let isHeld = (d < 0 && core.low[c].isFinite) || (d > 0 && core.high[c].isFinite)
      x[j] = abs(d) < 1e-11 || (isHeld && abs(d) < 1e-8) ? 0 : d
    }
    scaling.restorePoint(x)
    return check.unbounded(x).holds
  }

  private mutating func refactor(_ shift: Double) throws(KantorError) {
    let (done, pivot) = core.factor(shift: shift)
    guard done == problem.n else {
      throw KantorError(
        .range,
        "p is not positive semidefinite: its leading block of \(done + 1) rows has a pivot of "
          + "\(shortText(pivot - shift))\(scaling.isOn ? " after scaling" : "")")
    }
  }

  private func writePoint() {
    x.update(from: core.x, count: problem.n)
    scaling.restorePoint(x)
    for c in 0..<(problem.m + problem.n) { y[c] = 0 }
    for i in 0..<core.k {
      let c = Int(core.working[i])
      y[c] = -Double(core.state[c]) * core.lambda[i]
    }
    scaling.restoreMultipliers(y)
  }
}
