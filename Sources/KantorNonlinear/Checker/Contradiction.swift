import KantorBlocks
import KantorCore

/// Evidence that a nonlinear program has no solution near a point, or none at all.
package struct InfeasibilityCertificate: Sendable {
  /// Largest violation of a bound or row, over max(1, |bound|), and where.
  package var violation = Double.nan
  package var worstPlace = -1
  /// How much the linearised rows contradict each other: the violation that the weights add up to.
  package var contradiction = Double.nan
  /// Largest entry of c''w that no bound takes up, over the largest term in it; or, where the
  /// terms vanish, over what would undo the contradiction on the length of x. An entry counts by
  /// the room that its bound leaves: relative to that length, or by the part of the contradiction
  /// that the way to the bound undoes, whichever is more.
  package var residual = Double.nan
  /// Smallest largest entry of a feasible point, if all rows with weights are affine.
  package var radius = 0.0
  /// Weights with a largest entry of 1.
  package var weights: Buffer<Double>?

  /// The linearised constraints at the point contradict each other.
  package var isLocal: Bool {
    violation > 1e-7 && contradiction > 0 && residual <= InfeasibilityCertificate.most
  }
  package var isGlobal: Bool { contradiction > 0 && radius >= 1e7 }
  static let most = 1e-6
}

extension NonlinearCheck {
  /// Looks for a proof with the weights given, and then with the violations themselves.
  ///
  /// With w >= 0 on rows at or above their upper bound, <= 0 on rows at or below their lower one,
  /// and 0 elsewhere, w'(c(x + d) - nearest allowed) is at least the sum of |w_i| times the
  /// violation plus w'c'(x) d to first order. When bounds take up c'(x)'w, no d makes it 0.
  package func infeasible(
    x: UnsafePointer<Double>, weights: UnsafePointer<Double>
  ) throws(KantorError) -> InfeasibilityCertificate {
    var base = NonlinearCertificate()
    var answer = InfeasibilityCertificate()
    guard problem.m > 0, try evaluate(x, &base) else { return answer }
    violations(&base, x)
    answer = try prove(x, weights, base)
    if answer.isGlobal || answer.isLocal { return answer }
    let own = try Buffer<Double>(count: problem.m)
    for i in 0..<problem.m {
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      own.pointer[i] = max(c.pointer[i] - high, 0) - max(low - c.pointer[i], 0)
    }
    let other = try prove(x, own.pointer, base)
    return other.isLocal || other.residual < answer.residual ? other : answer
  }

  private func prove(
    _ x: UnsafePointer<Double>, _ weights: UnsafePointer<Double>, _ base: NonlinearCertificate
  ) throws(KantorError) -> InfeasibilityCertificate {
    var answer = InfeasibilityCertificate()
    answer.violation = base.violation
    answer.worstPlace = base.worstPlace
    let (w, isLinear) = try cleaned(weights, base)
    answer.weights = w
    // In g a multiplier of a row, as in the Lagrangian without its objective.
    for j in 0..<problem.n { gradient.pointer[j] = 0 }
    try lagrangian(x, w.pointer)
    var size = 0.0
    for i in 0..<problem.m { size = max(size, abs(w.pointer[i]) * rowSize.pointer[i]) }
    var sum = 0.0
    for i in 0..<problem.m {
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      if w.pointer[i] > 0 { sum += w.pointer[i] * (c.pointer[i] - high) }
      if w.pointer[i] < 0 { sum += w.pointer[i] * (c.pointer[i] - low) }
    }
    // What bounds cannot take up: first near x, then for any x.
    var (near, far, reach, length) = (0.0, 0.0, sum, 1.0)
    for j in 0..<problem.n { length = max(length, abs(x[j])) }
    for j in 0..<problem.n {
      let g = reduced.pointer[j]
      let bound = g > 0 ? problem.lower.pointer[j] : problem.upper.pointer[j]
      let room = abs(x[j] - bound)
      let share = max(room / length, sum > 0 ? abs(g) * room / sum : 1)
      near = max(near, abs(g) * min(1, share))
      if bound.isFinite { reach -= abs(g) * room } else { far += abs(g) }
      if !bound.isFinite { reach += g * -x[j] }
    }
    answer.contradiction = sum
    size = max(size, sum / length)
    answer.residual = size > 0 ? near / size : (near == 0 ? 0 : .infinity)
    if isLinear, reach > 0 { answer.radius = far == 0 ? .infinity : reach / far }
    return answer
  }

  /// Weights of the signs that the rows allow, with a largest entry of 1; whether all rows that
  /// have one are declared affine.
  private func cleaned(
    _ weights: UnsafePointer<Double>, _ base: NonlinearCertificate
  ) throws(KantorError) -> (Buffer<Double>, Bool) {
    let w = try Buffer<Double>(count: problem.m)
    let slack = 1e-6
    var (top, isLinear) = (0.0, true)
    for i in 0..<problem.m {
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let (v, declared) = (c.pointer[i], problem.linearRows.pointer[i] != 0)
      let allows = weights[i] > 0
        ? high.isFinite && (declared || v >= high - slack * max(1, abs(high)))
        : low.isFinite && (declared || v <= low + slack * max(1, abs(low)))
      w.pointer[i] = allows && weights[i].isFinite ? weights[i] : 0
      top = max(top, abs(w.pointer[i]))
    }
    for i in 0..<problem.m {
      if top > 0 { w.pointer[i] /= top }
      // What is left of a barrier is no weight.
      if abs(w.pointer[i]) < 1e-7 { w.pointer[i] = 0 }
      if w.pointer[i] != 0, problem.linearRows.pointer[i] == 0 { isLinear = false }
    }
    return (w, isLinear && top > 0)
  }

  /// Whether x is feasible, relative to its size, with an objective that no bounded problem has.
  package func unbounded(_ x: UnsafePointer<Double>) throws(KantorError) -> (
    holds: Bool, certificate: NonlinearCertificate
  ) {
    var certificate = NonlinearCertificate()
    let (first, startValue) = try oracle.value(at: problem.start.pointer)
    var scale = 1.0
    if case .fine = first { scale = max(1, abs(startValue)) }
    guard try evaluate(x, &certificate) else {
      certificate.complaint = oracle.evaluator.complaint
      return (false, certificate)
    }
    violations(&certificate, x)
    var size = 1.0
    for j in 0..<problem.n { size = max(size, abs(x[j])) }
    let holds =
      certificate.objective <= -1e15 * scale && certificate.scaledViolation <= 1e-9 * size
    return (holds, certificate)
  }
}
