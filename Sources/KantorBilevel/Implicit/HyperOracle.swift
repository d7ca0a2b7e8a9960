import KantorCore

/// The leader's objective Phi(x) = F(x, y(x)) with its derivative, by a lower-level solve and an
/// adjoint system at each x.
///
/// Values are corrected by the adjoint: Phi = F - v.f_y - u.g misses the true one by the product of
/// the errors of y and v, where F alone misses it by the error of y. So line searches work with
/// lower-level answers that are not solved far.
public final class HyperOracle {
  public enum Outcome: Sendable {
    case fine
    /// The lower level has no answer for this x, or a function is not defined: Phi is +infinity.
    case undefined(LowerAnswer.End)
    case stopped
  }

  public let oracle: BilevelOracle
  public let lower: LowerSolver
  public let adjoint: AdjointSystem
  public let answer: LowerAnswer
  let problem: BilevelProblem
  /// The corrected value, F as it is, and the adjoint's outcome, of the last evaluation.
  public private(set) var value = Double.infinity
  public private(set) var plainValue = Double.infinity
  public private(set) var adjointOutcome = AdjointOutcome()
  /// An estimate of the value's error: the square of what the correction was, at most.
  public private(set) var valueError = 0.0
  /// Largest entry of f_xy v, of the last adjoint: what errors of v are relative to.
  public private(set) var crossSize = 0.0
  /// True when any adjoint system was singular.
  public private(set) var wasSingular = false
  /// What the last adjoint system was like, in a word.
  var adjointState: String {
    if adjointOutcome.isConcave { return "concave" }
    if adjointOutcome.isSingular { return "singular" }
    return adjoint.isKink ? "kink" : "regular"
  }
  private let upperGradient: Buffer<Double>
  private let lowerGradient: Buffer<Double>
  private let rows: Buffer<Double>
  private let cross: Buffer<Double>
  private let right: Buffer<Double>
  /// Where lower-level solves start: the last answer (warm), or always the problem's start.
  public let isCold: Bool

  public init(
    _ oracle: BilevelOracle, adjoint: AdjointSolver = .automatic, neumannTerms: Int = 20,
    isCold: Bool = false
  ) throws(KantorError) {
    self.oracle = oracle
    self.isCold = isCold
    problem = oracle.problem
    let pairs = try CurvaturePairs(oracle)
    lower = try LowerSolver(oracle, pairs)
    self.adjoint = try AdjointSystem(
      oracle, pairs, solver: adjoint, neumannTerms: neumannTerms)
    answer = try LowerAnswer(problem)
    upperGradient = try Buffer(count: problem.n)
    lowerGradient = try Buffer(count: problem.n)
    rows = try Buffer(count: problem.lower.rows)
    cross = try Buffer(count: problem.nx)
    right = try Buffer(count: problem.ny)
  }

  /// Phi and its gradient at x from the start y. `lowerTolerance` on the lower residual,
  /// `adjointTolerance` relative on the adjoint system's.
  public func evaluate(
    x: UnsafePointer<Double>, y: UnsafePointer<Double>, lowerTolerance: Double,
    adjointTolerance: Double, gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    value = .infinity
    let start = isCold ? UnsafePointer(problem.startY.pointer) : y
    try lower.solve(x: x, y: start, tolerance: lowerTolerance, into: answer)
    if oracle.stopped { return .stopped }
    guard answer.isUsable else { return .undefined(answer.end) }
    return try differentiate(adjointTolerance, gradient)
  }

  /// The same at the answer that is there.
  public func differentiate(
    _ adjointTolerance: Double, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    let (nx, ny, w) = (problem.nx, problem.ny, answer.w.pointer)
    plainValue = try oracle.valueAndGradient(.upper, w, upperGradient.pointer)
    guard plainValue.isFinite, try adjoint.prepare(answer) else { return ended }
    for j in 0..<ny { right.pointer[j] = upperGradient.pointer[nx + j] }
    guard let outcome = try adjoint.solve(right.pointer, tolerance: adjointTolerance) else {
      return ended
    }
    adjointOutcome = outcome
    wasSingular = wasSingular || outcome.isSingular
    guard try adjoint.pull(cross.pointer) else { return ended }
    crossSize = 0
    for i in 0..<nx {
      gradient[i] = upperGradient.pointer[i] - cross.pointer[i]
      crossSize = max(crossSize, abs(cross.pointer[i]))
    }
    guard try correct() else { return ended }
    return .fine
  }

  private var ended: Outcome { oracle.stopped ? .stopped : .undefined(.undefined) }

  /// The joined gradient of the lower Lagrangian at the answer, after an evaluation.
  var lowerSlope: Buffer<Double> { answer.gradient ?? lowerGradient }

  private func correct() throws(KantorError) -> Bool {
    let (nx, w) = (problem.nx, answer.w.pointer)
    if answer.gradient == nil {
      guard
        try oracle.lagrangianGradient(
          .lower, w, sigma: 1, answer.rows.pointer, lowerGradient.pointer)
      else { return false }
    }
    let slope = lowerSlope.pointer + nx
    var correction = 0.0
    for j in adjoint.free { correction += adjoint.v.pointer[nx + j] * slope[j] }
    if !adjoint.activeRows.isEmpty {
      guard try oracle.constraints(.lower, w, rows.pointer) else { return false }
      for r in adjoint.activeRows { correction += adjoint.u.pointer[r] * rows.pointer[r] }
    }
    // A singular system says nothing about the distance to the answer.
    value = adjointOutcome.isSingular ? plainValue : plainValue - correction
    valueError = abs(correction) * max(1e-3, adjointOutcome.residual)
    return true
  }

  /// The derivative with respect to x of a function of (x, y) along y(x), at the point prepared:
  /// its joined gradient comes in, and the derivative over x goes out.
  public func reduce(
    _ joined: UnsafePointer<Double>, tolerance: Double, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    for j in 0..<problem.ny { right.pointer[j] = joined[problem.nx + j] }
    guard try adjoint.solve(right.pointer, tolerance: tolerance) != nil,
      try adjoint.pull(cross.pointer)
    else { return false }
    for i in 0..<problem.nx { out[i] = joined[i] - cross.pointer[i] }
    return true
  }
}
