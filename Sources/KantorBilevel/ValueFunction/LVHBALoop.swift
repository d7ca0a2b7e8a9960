import Glibc
import KantorCore

/// The published single loop of `LVHBA`.
final class LVHBALoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let joint: JointRows
  private let nearest: NearestPoint
  private let w: Buffer<Double>
  private let theta: Buffer<Double>
  private let lam: Buffer<Double>
  private let z: Buffer<Double>
  private let values: Buffer<Double>
  private let atTheta: Buffer<Double>
  private let atPoint: Buffer<Double>
  private let atUpper: Buffer<Double>
  private let moved: Buffer<Double>

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    joint = try JointRows(oracle)
    nearest = try NearestPoint(oracle, joint)
    let (n, p) = (problem.n, problem.lower.rows)
    w = try Buffer(count: n)
    theta = try start.y.copy()
    lam = try Buffer(count: p)
    z = try Buffer(count: p)
    values = try Buffer(count: p)
    atTheta = try Buffer(count: n)
    atPoint = try Buffer(count: n)
    atUpper = try Buffer(count: n)
    moved = try Buffer(count: n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let options = run.options
    func given(_ name: String) -> Double { options.real(name) == 0 ? 1 : options.real(name) }
    let (g1, g2) = (given("gamma1"), given("gamma2"))
    let (alpha, beta, eta) = (options.real("alpha"), options.real("beta"), options.real("eta"))
    let (c0, p, r) = (options.real("c_start"), options.real("p"), options.real("r"))
    let tolerance = options.real("tolerance")
    let squares = try LowerScale.rows(oracle, w: w.pointer)
    var penalty = c0
    _ = try nearest.project(w.pointer)
    var k = 0
    while !oracle.stopped {
      penalty = c0 * pow(Double(k + 1), p)
      guard let residual = try step(penalty, g1, g2, alpha, beta, eta, r) else { break }
      k += 1
      if run.monitor.check(iteration: k, residual: residual) != nil { break }
      if residual <= tolerance || run.monitor.reachesIterationLimit(k) { break }
    }
    let x = try Buffer<Double>(copying: w.pointer, count: problem.nx)
    let y = try Buffer<Double>(copying: w.pointer + problem.nx, count: problem.ny)
    var proposal = BilevelProposal(x: x, y: y)
    proposal.others = [try theta.copy()]
    proposal.counts = oracle.counts
    if squares > 0, eta > 2 / (g2 * squares) {
      proposal.remark = "eta is above 2 / (g2 |g_y|^2) at the start, the largest step with which "
        + "the steps of theta and lam settle"
    } else if let complaint = oracle.complaint {
      proposal.remark = complaint
    }
    proposal.figures.add("penalty", penalty)
    proposal.figures.add("inner_solves", 0)
    proposal.figures.add("polished", 0)
    return proposal
  }

  /// One iteration; the largest step over its length, or nil where a function is not defined.
  private func step(
    _ c: Double, _ g1: Double, _ g2: Double, _ alpha: Double, _ beta: Double, _ eta: Double,
    _ r: Double
  ) throws(KantorError) -> Double? {
    let (nx, ny, level) = (problem.nx, problem.ny, problem.lower)
    var residual = 0.0
    // theta, then lam, along the saddle function at the old pair.
    moved.pointer.update(from: w.pointer, count: nx)
    (moved.pointer + nx).update(from: theta.pointer, count: ny)
    guard
      try oracle.lagrangianGradient(.lower, moved.pointer, sigma: 1, lam.pointer, atTheta.pointer),
      try oracle.constraints(.lower, moved.pointer, values.pointer)
    else { return nil }
    for j in 0..<ny {
      let (old, y) = (theta.pointer[j], w.pointer[nx + j])
      let d = atTheta.pointer[nx + j] + (old - y) / g1
      theta.pointer[j] = min(
        max(old - eta * d, problem.yLower.pointer[j]), problem.yUpper.pointer[j])
      residual = max(residual, abs(theta.pointer[j] - old) / eta)
    }
    for i in 0..<level.rows {
      let d = -values.pointer[i] + (lam.pointer[i] - z.pointer[i]) / g2
      let next = lam.pointer[i] - eta * d
      let kept = i < level.inequalities ? max(0, next) : next
      residual = max(residual, abs(kept - lam.pointer[i]) / eta)
      lam.pointer[i] = kept
    }
    // (x, y) along F / c + f - v, at the new saddle point.
    (moved.pointer + nx).update(from: theta.pointer, count: ny)
    guard
      try oracle.lagrangianGradient(.lower, moved.pointer, sigma: 1, lam.pointer, atTheta.pointer),
      try oracle.gradient(.lower, w.pointer, atPoint.pointer),
      try oracle.gradient(.upper, w.pointer, atUpper.pointer)
    else { return nil }
    moved.pointer.update(from: w.pointer, count: problem.n)
    for i in 0..<nx {
      w.pointer[i] -=
        alpha * (atUpper.pointer[i] / c + atPoint.pointer[i] - atTheta.pointer[i])
    }
    for j in 0..<ny {
      let pull = (moved.pointer[nx + j] - theta.pointer[j]) / g1
      w.pointer[nx + j] -= alpha * (atUpper.pointer[nx + j] / c + atPoint.pointer[nx + j] - pull)
    }
    guard try nearest.project(w.pointer) else { return nil }
    for k in 0..<problem.n {
      residual = max(residual, abs(w.pointer[k] - moved.pointer[k]) / alpha)
    }
    for i in 0..<level.rows {
      let next = z.pointer[i] + beta * (lam.pointer[i] - z.pointer[i]) / g2
      let kept = i < level.inequalities ? min(max(next, 0), r) : min(max(next, -r), r)
      residual = max(residual, abs(kept - z.pointer[i]) / max(beta, 1e-300))
      z.pointer[i] = kept
    }
    return residual
  }
}

/// The point of C, the rows and bounds of both levels, nearest to a given one.
final class NearestPoint: SmoothProgram {
  private let oracle: BilevelOracle
  private let joint: JointRows
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  private let target: Buffer<Double>
  private var solver: SequentialQuadratic?

  var count: Int { oracle.problem.n }
  var rows: Int { joint.rows }
  var equalities: Int { joint.equalities }
  var isStopped: Bool { oracle.stopped }

  init(_ oracle: BilevelOracle, _ joint: JointRows) throws(KantorError) {
    self.oracle = oracle
    self.joint = joint
    let n = oracle.problem.n
    lower = try Buffer(count: n)
    upper = try Buffer(count: n)
    target = try Buffer(count: n)
    joint.placeBounds(lower.pointer, upper.pointer)
  }

  func evaluate(_ u: Point, _ c: Out) throws(KantorError) -> Double {
    guard try joint.values(u, c) else { return .infinity }
    var sum = 0.0
    for i in 0..<count {
      let d = u[i] - target.pointer[i]
      sum += 0.5 * d * d
    }
    return sum
  }

  func differentiate(_ u: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool {
    for i in 0..<count { g[i] = u[i] - target.pointer[i] }
    return try joint.jacobian(u, columns: count, j)
  }

  /// w <- its projection; false where none was found.
  func project(_ w: Out) throws(KantorError) -> Bool {
    if rows == 0 || (oracle.problem.lower.rows == 0 && oracle.problem.upper.rows == 0) {
      oracle.problem.projectX(w)
      oracle.problem.clampY(w + oracle.problem.nx)
      return true
    }
    let solver: SequentialQuadratic
    if let made = self.solver { solver = made } else { solver = try SequentialQuadratic(self) }
    self.solver = solver
    target.pointer.update(from: w, count: count)
    solver.x.pointer.update(from: w, count: count)
    var settings = SequentialQuadratic.Settings()
    settings.second = false
    settings.tolerance = 1e-10
    settings.feasibility = 1e-10
    let end = try solver.solve(settings)
    guard end != .stopped, end != .undefined, end != .infeasible else { return false }
    w.update(from: solver.x.pointer, count: count)
    return true
  }
}
