import KantorCone
import KantorCore

/// The quadratic programs of an iteration.
extension SQPSolve {
  enum ProgramEnd { case solved, infeasible, failed }

  /// Rows and bounds of the program at x.
  func setBounds() {
    let s = space
    for i in 0..<s.m {
      s.rowLow[i] = problem.constraintLower.pointer[i] - s.c[i]
      s.rowHigh[i] = problem.constraintUpper.pointer[i] - s.c[i]
    }
    for j in 0..<s.n {
      s.low[j] = problem.lower.pointer[j] - s.x[j]
      s.high[j] = problem.upper.pointer[j] - s.x[j]
    }
  }

  /// min 1/2 d'Bd + linear'd subject to the linearised rows, from the last working set; into
  /// `step`, `multipliers` and `active`.
  func solveProgram() throws(KantorError) -> ProgramEnd {
    let s = space
    let program = DenseQP(
      n: s.n, m: s.m, p: s.hessian, q: s.linear, a: s.m > 0 ? s.jacobian : nil, rowLower: s.rowLow,
      rowUpper: s.rowHigh, lower: s.low, upper: s.high)
    return try run(program, s.step, s.multipliers, s.active)
  }

  /// The same with the rows moved by their curvature along the step, c(x + d) - J d in place of c.
  func solveCorrection() throws(KantorError) -> ProgramEnd {
    let s = space
    s.multiply(s.step, into: s.rowProduct)
    for i in 0..<s.m {
      let bend = s.trialC[i] - s.rowProduct[i]
      s.rowLow[i] = problem.constraintLower.pointer[i] - bend
      s.rowHigh[i] = problem.constraintUpper.pointer[i] - bend
    }
    for c in 0..<(s.n + s.m) { s.otherActive[c] = s.active[c] }
    let program = DenseQP(
      n: s.n, m: s.m, p: s.hessian, q: s.linear, a: s.jacobian, rowLower: s.rowLow,
      rowUpper: s.rowHigh, lower: s.low, upper: s.high)
    return try run(program, s.correction, s.correctionMultipliers, s.otherActive)
  }

  private func run(
    _ program: DenseQP, _ x: SQPSpace.Numbers, _ y: SQPSpace.Numbers,
    _ active: UnsafeMutablePointer<Int32>
  ) throws(KantorError) -> ProgramEnd {
    programs += 1
    let answer: DenseAnswer
    do {
      answer = try DenseAnswer.solve(
        program, memory: space.memory, start: active, x: x, y: y, active: active,
        tolerance: Self.programTolerance)
    } catch {
      // Numbers that overflowed on the way: the caller of this begins with a new matrix.
      return .failed
    }
    changes += answer.steps
    switch answer.status {
    case .solved, .solvedInaccurate: return .solved
    case .infeasible: return .infeasible
    default: return .failed
    }
  }

  /// The least weighted violation of the linearised rows, with B on the step; always has a
  /// solution. Into `step`, `multipliers` and `active`.
  func solveElastic() throws(KantorError) -> ProgramEnd {
    let s = space
    let e: ElasticSpace
    if let elastic {
      e = elastic
    } else {
      e = try ElasticSpace(s.n, s.m)
      elastic = e
    }
    let (n, m, width) = (s.n, s.m, e.count)
    for k in 0..<(width * width) { e.hessian[k] = 0 }
    for i in 0..<n { for j in 0..<n { e.hessian[i * width + j] = s.hessian[i * n + j] } }
    for j in 0..<n {
      e.linear[j] = 0
      // Far steps of a linear model mean nothing.
      let reach = 1e2 * max(1, abs(s.x[j]))
      e.low[j] = max(s.low[j], -reach)
      e.high[j] = min(s.high[j], reach)
    }
    for i in 0..<m {
      let row = e.rows + i * width
      for j in 0..<n { row[j] = s.jacobian[i * n + j] }
      for j in n..<width { row[j] = 0 }
      let size = 1 / s.weight[i]
      row[n + 2 * i] = size
      row[n + 2 * i + 1] = -size
      for side in 0..<2 {
        let j = n + 2 * i + side
        e.hessian[j * width + j] = 1e-6
        e.linear[j] = 1
        e.low[j] = 0
        e.high[j] = .infinity
      }
    }
    for c in 0..<(width + m) { e.active[c] = 0 }
    for c in 0..<(n + m) { e.active[c] = s.active[c] }
    let program = DenseQP(
      n: width, m: m, p: e.hessian, q: e.linear, a: e.rows, rowLower: s.rowLow,
      rowUpper: s.rowHigh, lower: e.low, upper: e.high)
    programs += 1
    let answer: DenseAnswer
    do {
      answer = try DenseAnswer.solve(
        program, memory: e.memory, start: e.active, x: e.point, y: e.multipliers,
        active: e.active, tolerance: Self.programTolerance)
    } catch {
      return .failed
    }
    guard answer.status == .solved || answer.status == .solvedInaccurate else { return .failed }
    changes += answer.steps
    for j in 0..<n { s.step[j] = e.point[j] }
    for c in 0..<(n + m) {
      s.multipliers[c] = e.multipliers[c]
      s.active[c] = e.active[c]
    }
    return .solved
  }
}
