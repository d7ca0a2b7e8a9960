import CKantorKernels
import KantorCore

/// Dense quadratic programs, also semidefinite and linear ones, through `DualActiveSet`.
///
/// Where H is not positive definite, the problem with H + rho I and the linear term q - rho c is
/// solved for a centre c that moves to the solution: the proximal point method, whose steps all
/// start from the working set of the one before. For linear programs it ends after finitely many
/// steps (Ferris, "Finite termination of the proximal point algorithm", Math. Program. 50, 1991).
/// If the objective has no bound, the centres move along a ray in the end.
struct ProximalActiveSet {
  typealias Numbers = UnsafeMutablePointer<Double>

  enum Outcome {
    case point
    /// `core.ray` has multipliers.
    case infeasible
    /// `direction` has the ray.
    case unbounded
    case limit
  }

  let problem: DenseQP
  var core: DualActiveSet
  /// The solution's multipliers, rows first.
  let y: Numbers
  let centre: Numbers
  let direction: Numbers
  let check: DenseCheck
  private(set) var rounds = 0

  /// Doubles that a solve of this size works in.
  static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    let core = try DualActiveSet.room(n, m)
    return try checkedSum(core, 8 * n + 4 * m + 32, of: "m")
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
    y = take(n + m)
    centre = take(n)
    direction = take(n)
    check = DenseCheck(problem, memory: take(DenseCheck.count(n, m)))
  }

  /// Copies the data in and checks it. `active`: the working set to start from, -1 for a lower
  /// bound, 1 for an upper one, 0 for none.
  mutating func load(_ active: UnsafePointer<Int32>?) throws(KantorError) {
    let (n, m, leading) = (problem.n, problem.m, Int64(core.leading))
    try problem.checkBounds()
    if let p = problem.p {
      guard kn_tiny_pad(p, Int64(n), Int64(n), core.h, leading) == 1 else {
        throw DenseQP.rubbish("p", p, rows: n, columns: n)
      }
      try problem.checkSymmetry()
    } else {
      for i in 0..<(n * core.leading) { core.h[i] = 0 }
    }
    guard kn_tiny_pad(problem.q, 1, Int64(n), core.g, leading) == 1 else {
      throw DenseQP.rubbish("q", problem.q, rows: 1, columns: n)
    }
    if let a = problem.a {
      guard kn_tiny_pad(a, Int64(m), Int64(n), core.a, leading) == 1 else {
        throw DenseQP.rubbish("a", a, rows: m, columns: n)
      }
    }
    for c in 0..<(m + n) {
      (core.low[c], core.high[c], core.weight[c]) = (problem.low(c), problem.high(c), 1)
      core.state[c] = 0
      if let active {
        guard abs(active[c]) <= 1 else {
          throw KantorError(.range, "active is \(active[c]) at \(c); -1, 0 or 1 is allowed")
        }
        core.state[c] = -active[c]
      }
    }
    for c in 0..<m {
      var square = 0.0
      let row = core.a + c * core.leading
      kn_tiny_rows(row, leading, 1, row, &square)
      if square > 0 && square < .infinity { core.weight[c] = 1 / square.squareRoot() }
    }
  }

  mutating func solve(_ monitor: Monitor?) throws(KantorError) -> Outcome {
    if problem.p != nil && core.factor(shift: 0).done == problem.n {
      core.start()
      switch core.solve() {
      case .optimal:
        writeMultipliers()
        return .point
      case .infeasible: return .infeasible
      case .limit: return .limit
      }
    }
    return try proximal(monitor)
  }

  // MARK: Semidefinite objectives

  private func firstShift() -> Double {
    let n = problem.n
    var (diagonal, linear) = (0.0, 0.0)
    for i in 0..<n {
      diagonal = max(diagonal, abs(core.h[i * core.leading + i]))
      linear = max(linear, abs(problem.q[i]))
    }
    if diagonal > 0 { return 1e-6 * diagonal }
    return linear > 0 ? 1e-3 * linear : 1
  }

  private mutating func proximal(_ monitor: Monitor?) throws(KantorError) -> Outcome {
    let n = problem.n
    var shift = firstShift()
    try refactor(shift)
    for i in 0..<n { (centre[i], core.x[i], direction[i]) = (0, 0, 0) }
    var length = 0.0
    var isFresh = true
    while true {
      if monitor?.heartbeat() != nil { return .limit }
      for i in 0..<n { core.g[i] = problem.q[i] - shift * centre[i] }
      if isFresh { core.start() } else { core.settle() }
      isFresh = false
      switch core.solve() {
      case .optimal: break
      case .infeasible: return .infeasible
      case .limit: return .limit
      }
      rounds += 1
      let before = length
      var (turn, size) = (0.0, 0.0)
      length = 0
      for i in 0..<n {
        let move = core.x[i] - centre[i]
        turn = max(turn, abs(move - direction[i]))
        length = max(length, abs(move))
        size = max(size, abs(core.x[i]))
        direction[i] = move
        centre[i] = core.x[i]
      }
      if shift * length <= 1e-13 * objectiveSize() || length <= 1e-15 * size {
        writeMultipliers()
        return .point
      }
      if length >= before && turn <= 1e-6 * length
        && check.unboundedRadius(direction) >= 1e6 * check.objectiveSize
      {
        return .unbounded
      }
      if rounds >= 500 {
        writeMultipliers()
        return .limit
      }
      // Larger steps if many are needed.
      if rounds % 4 == 0 && shift > 1e-12 * firstShift() {
        shift *= 0.1
        try refactor(shift)
        isFresh = true
      }
    }
  }

  private func objectiveSize() -> Double {
    (0..<problem.n).reduce(1e-300) {
      max($0, abs(problem.q[$1]), abs(core.h[$1 * core.leading + $1] * core.x[$1]))
    }
  }

  private mutating func refactor(_ shift: Double) throws(KantorError) {
    let (done, pivot) = core.factor(shift: shift)
    guard done == problem.n else {
      throw KantorError(
        .range,
        "p is not positive semidefinite: its leading block of \(done + 1) rows has a pivot of "
          + "\(shortText(pivot - shift))")
    }
  }

  private func writeMultipliers() {
    for c in 0..<(problem.m + problem.n) { y[c] = 0 }
    for i in 0..<core.k {
      let c = Int(core.working[i])
      y[c] = -Double(core.state[c]) * core.lambda[i]
    }
  }
}
