import KantorBlocks
import KantorCore

/// Where a solve starts, and what it hands over at its end.
extension SQPSolve {
  func begin() throws(KantorError) {
    let s = space
    let start = try run.start.vector("x", count: s.n) ?? problem.start
    for j in 0..<s.n {
      s.x[j] = min(
        max(start.pointer[j], problem.lower.pointer[j]), problem.upper.pointer[j])
    }
    if let y = try run.start.vector("y", count: s.m) {
      for i in 0..<s.m { s.multipliers[i] = y.pointer[i] }
      hasMultipliers = true
    }
  }

  /// B and the working set of an earlier solve.
  func resume() {
    resetCurvature()
    guard let earlier = run.start.reusable as? SQPReuse,
      earlier.active.count == space.n + space.m, earlier.hessian.count == space.n * space.n
    else { return }
    for c in 0..<earlier.active.count { space.active[c] = earlier.active[c] }
    if usesHessian { return }
    space.hessian.update(from: earlier.hessian.pointer, count: earlier.hessian.count)
    isFresh = false
  }

  /// Whether the start is an answer with the multipliers that came along.
  func isAnswer() throws(KantorError) -> Bool {
    let (n, m, s) = (space.n, space.m, space)
    guard hasMultipliers || m == 0, !oracle.usesDifferences,
      let low = try run.start.vector("z_lower", count: n),
      let high = try run.start.vector("z_upper", count: n)
    else { return false }
    for j in 0..<n { s.multipliers[m + j] = high.pointer[j] - low.pointer[j] }
    let worst = residual()
    if worst <= tolerance {
      isDone = true
      _ = run.monitor.check(iteration: 0, objective: value, residual: worst)
      return true
    }
    for j in 0..<n { s.multipliers[m + j] = 0 }
    return false
  }

  func proposal(
    _ claim: NonlinearProposal.Claim, failedAtStart: Bool = false
  ) throws(KantorError) -> NonlinearProposal {
    let (n, m, s) = (space.n, space.m, space)
    let x = try Buffer(copying: s.x, count: n)
    let y = try Buffer(copying: s.multipliers, count: m)
    let zLower = try Buffer<Double>(count: n)
    let zUpper = try Buffer<Double>(count: n)
    for j in 0..<n {
      let z = s.multipliers[m + j]
      zLower.pointer[j] = max(-z, 0)
      zUpper.pointer[j] = max(z, 0)
    }
    var result = NonlinearProposal(
      claim: claim, x: x, y: y, zLower: zLower, zUpper: zUpper, tolerance: tolerance,
      oracle: oracle)
    result.failedAtStart = failedAtStart
    result.remark = remark
    result.secondOrder = run.options.flag("second_order")
    result.figures.add("programs", programs)
    result.figures.add("working_set_changes", changes)
    result.figures.add("restorations", restorations)
    if claim == .point {
      result.reusable = SQPReuse(
        active: (0..<(n + m)).map { s.active[$0] },
        hessian: try Buffer(copying: s.hessian, count: n * n))
    }
    return result
  }
}
