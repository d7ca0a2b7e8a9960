import KantorCore

/// Solves and judges a dense quadratic program: the one way of the C function and of the method
/// `active_set`.
public struct DenseAnswer {
  public var status: Status
  public var certificate = DenseCertificate()
  /// The proof's radius after `infeasible` and `unbounded`.
  public var radius = 0.0
  public var steps = 0

  /// Relative residuals and gap of a solved problem, and of one that is solved inaccurately.
  public static let tolerance = 1e-9
  public static let looseTolerance = 1e-5

  /// Doubles of memory that a solve works in.
  public static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    try ProximalActiveSet.room(n, m)
  }

  /// x (n), y (m + n) and active (m + n) are written when the status is solved or solved
  /// inaccurately; y alone after infeasible, x alone after unbounded: the rays.
  public static func solve(
    _ problem: DenseQP, memory: UnsafeMutablePointer<Double>, start: UnsafePointer<Int32>?,
    x: UnsafeMutablePointer<Double>?, y: UnsafeMutablePointer<Double>?,
    active: UnsafeMutablePointer<Int32>?, tolerance: Double = Self.tolerance,
    monitor: Monitor? = nil
  ) throws(KantorError) -> DenseAnswer {
    var solver = ProximalActiveSet(
      problem, memory: memory, coreRoom: try DualActiveSet.room(problem.n, problem.m))
    try solver.load(start)
    var answer = DenseAnswer(status: .numericalError)
    for attempt in 0..<3 {
      let outcome = try solver.solve(attempt, monitor)
      let isDone = answer.take(outcome, tolerance, &solver, x, y, active)
      answer.steps = solver.core.steps
      if isDone || monitor?.stop != nil { break }
    }
    return answer
  }

  /// Judges one attempt; true if it settles the matter. An answer of lower quality does not replace
  /// a better one.
  private mutating func take(
    _ outcome: ProximalActiveSet.Outcome, _ tolerance: Double, _ solver: inout ProximalActiveSet,
    _ x: UnsafeMutablePointer<Double>?, _ y: UnsafeMutablePointer<Double>?,
    _ active: UnsafeMutablePointer<Int32>?
  ) -> Bool {
    let (n, m) = (solver.problem.n, solver.problem.m)
    switch outcome {
    case .point:
      var found = solver.check.point(solver.x, solver.y)
      for _ in 0..<3 where found.worst > tolerance {
        solver.refine()
        found = solver.check.point(solver.x, solver.y)
      }
      if found.worst > Self.looseTolerance { return false }
      if status == .solvedInaccurate && certificate.worst <= found.worst { return false }
      certificate = found
      status = found.worst <= tolerance ? .solved : .solvedInaccurate
      x?.update(from: solver.x, count: n)
      y?.update(from: solver.y, count: m + n)
      if let active { for c in 0..<(m + n) { active[c] = -solver.core.state[c] } }
      return status == .solved
    case .infeasible:
      let ray = solver.check.infeasible(solver.y)
      guard ray.holds, status != .solvedInaccurate else { return false }
      (status, radius) = (.infeasible, ray.radius)
      y?.update(from: solver.y, count: m + n)
      return true
    case .unbounded:
      let ray = solver.check.unbounded(solver.x)
      guard ray.holds, status != .solvedInaccurate else { return false }
      (status, radius) = (.unbounded, ray.radius)
      x?.update(from: solver.x, count: n)
      return true
    case .limit:
      if status == .numericalError { status = .iterationLimit }
      return false
    }
  }
}
