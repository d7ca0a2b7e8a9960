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
  static let leastRadius = 1e6

  /// Doubles of memory that a solve works in.
  public static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    try ProximalActiveSet.room(n, m)
  }

  /// x (n), y (m + n) and active (m + n) are written when the status is solved or solved
  /// inaccurately; y alone after infeasible, x alone after unbounded: the rays.
  public static func solve(
    _ problem: DenseQP, memory: UnsafeMutablePointer<Double>, start: UnsafePointer<Int32>?,
    x: UnsafeMutablePointer<Double>?, y: UnsafeMutablePointer<Double>?,
    active: UnsafeMutablePointer<Int32>?, monitor: Monitor? = nil
  ) throws(KantorError) -> DenseAnswer {
    let (n, m) = (problem.n, problem.m)
    var solver = ProximalActiveSet(
      problem, memory: memory, coreRoom: try DualActiveSet.room(n, m))
    try solver.load(start)
    let outcome = try solver.solve(monitor)
    var answer = DenseAnswer(status: .numericalError)
    answer.steps = solver.core.steps
    switch outcome {
    case .point:
      answer.certificate = solver.check.point(solver.core.x, solver.y)
      if answer.certificate.worst <= tolerance {
        answer.status = .solved
      } else if answer.certificate.worst <= looseTolerance {
        answer.status = .solvedInaccurate
      } else {
        return answer
      }
      x?.update(from: solver.core.x, count: n)
      y?.update(from: solver.y, count: m + n)
      if let active { for c in 0..<(m + n) { active[c] = -solver.core.state[c] } }
    case .infeasible:
      answer.radius = solver.check.infeasibleRadius(solver.core.ray)
      guard answer.radius >= leastRadius * solver.check.boundSize else { return answer }
      answer.status = .infeasible
      y?.update(from: solver.core.ray, count: m + n)
    case .unbounded:
      answer.radius = solver.check.unboundedRadius(solver.direction)
      guard answer.radius >= leastRadius * solver.check.objectiveSize else { return answer }
      answer.status = .unbounded
      x?.update(from: solver.direction, count: n)
    case .limit:
      answer.status = .iterationLimit
    }
    return answer
  }
}
