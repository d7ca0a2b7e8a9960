import Glibc
import KantorCore

/// The adaptive variant of `F2SA` on whole functions: central differences of the tilted values.
final class F2SASearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let x: Buffer<Double>
  private let plus: [TiltedSolve]
  private let minus: [TiltedSolve]
  private let descent: UpperDescent
  private var nu: Double
  private var order = 2
  /// Set where f - nu F had no minimum.
  private var isTooSteep = false
  private var reference: Buffer<Double>
  private let choice: PolishedChoice

  /// Of the lower solves, relative; its cube root is the shift, and its power 2/3 the error of the
  /// derivative.
  private let lowerTolerance: Double

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    x = start.x
    reference = start.y
    choice = PolishedChoice(oracle, run)
    let tolerance = run.options.real("tolerance")
    lowerTolerance = min(max(1e-2 * tolerance * tolerance.squareRoot(), 1e-11), 1e-8)
    var made: [TiltedSolve] = []
    for _ in 0..<4 {
      let solve = try TiltedSolve(oracle, second: false)
      solve.start(at: start.y.pointer)
      made.append(solve)
    }
    plus = [made[0], made[2]]
    minus = [made[1], made[3]]
    descent = try UpperDescent(problem, run.monitor)
    nu = run.options.real("nu")
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let tolerance = run.options.real("tolerance")
    let isGiven = nu > 0
    order = run.options.int("order") == 4 ? 4 : 2
    if !isGiven { nu = 1e-2 }
    var shrinks = 0
    var rounds = 0
    while rounds < 12, !oracle.stopped {
      if !isGiven, try !calibrate() {
        if oracle.stopped || shrinks > 12 { break }
        shrinks += 1
        nu *= 0.1
        continue
      }
      isTooSteep = false
      let scale = try size()
      let done = try descent.minimise(
        x: x.pointer, tolerance: 0.1 * tolerance * scale,
        evaluate: { [self] (x, g) throws(KantorError) -> Double in try value(x, g) })
      rounds += 1
      if oracle.stopped { break }
      if isTooSteep, shrinks < 12 {
        shrinks += 1
        nu *= 0.25
        if isGiven { continue }
      }
      // The same point with the next order: the error of the differences.
      if order == 2, !isGiven {
        order = 4
        if done, try disagreement() <= 0.3 * tolerance * scale { break }
        continue
      }
      if done || rounds > 6 { break }
    }
    return try conclude(shrinks)
  }

  /// 1 or the size of F or its gradient.
  private func size() throws(KantorError) -> Double {
    let w = try Buffer<Double>(count: problem.n)
    let g = try Buffer<Double>(count: problem.n)
    w.pointer.update(from: x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: reference.pointer, count: problem.ny)
    let value = try oracle.valueAndGradient(.upper, w.pointer, g.pointer)
    guard value.isFinite else { return 1 }
    var size = max(1, abs(value))
    for i in 0..<problem.n { size = max(size, abs(g.pointer[i])) }
    return size
  }

  /// nu such that the tilted answers are apart by a chosen part of their size: as large as the
  /// rounding of the solves asks for. False where f - nu F has no minimum.
  private func calibrate() throws(KantorError) -> Bool {
    let target = pow(10 * lowerTolerance, order == 2 ? 1.0 / 3 : 0.2)
    let most = try largestTilt(target)
    nu = min(nu, most)
    for _ in 0..<5 {
      guard try solve(0, x.pointer) else { return false }
      var (shift, size) = (0.0, 1.0)
      for j in 0..<problem.ny {
        let (a, b) = (plus[0].answer.y[j], minus[0].answer.y[j])
        shift = max(shift, abs(a - b) / 2)
        size = max(size, abs(a))
        reference.pointer[j] = 0.5 * (a + b)
      }
      let factor = min(max(target * size / max(shift, 1e-300), 1e-3), 1e3)
      if factor > 0.8, factor < 1.25 { return true }
      let next = min(max(nu * factor, 1e-30), most)
      if next == nu { return true }
      nu = next
    }
    return true
  }

  /// A few times the tilt that would cause the shift in a direction of the largest curvature of f.
  /// Where active rows hold y in place, no tilt of a sensible size causes any.
  private func largestTilt(_ target: Double) throws(KantorError) -> Double {
    let w = try Buffer<Double>(count: problem.n)
    let g = try Buffer<Double>(count: problem.n)
    w.pointer.update(from: x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: reference.pointer, count: problem.ny)
    let curvature = try LowerScale.curvatureOrSlope(oracle, w: w.pointer)
    guard try oracle.gradient(.upper, w.pointer, g.pointer) else { return 1 }
    var (length, size) = (0.0, 1.0)
    for j in problem.nx..<problem.n {
      length = max(length, abs(g.pointer[j]))
      size = max(size, abs(w.pointer[j]))
    }
    return length > 0 ? min(max(3 * target * size * curvature / length, 1e-30), 1e9) : 1
  }

  /// The two answers with tilts of (k + 1) nu to both sides.
  private func solve(_ k: Int, _ x: UnsafePointer<Double>) throws(KantorError) -> Bool {
    let tilt = Double(k + 1) * nu
    var scale = 1.0
    for j in 0..<problem.ny { scale = max(scale, abs(reference.pointer[j])) }
    let tolerance = lowerTolerance * scale
    guard try plus[k].solve(x: x, tilt: tilt, tolerance: tolerance) else { return false }
    guard try minus[k].solve(x: x, tilt: -tilt, tolerance: tolerance) else {
      if minus[k].answer.end == .unbounded { isTooSteep = true }
      minus[k].start(at: plus[k].answer.y)
      return false
    }
    return true
  }

  /// psi(x) = (l(x, nu) - l(x, -nu)) / (2 nu), or the formula of order 4, and its gradient.
  private func value(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    let weights = order == 2 ? [1 / (2 * nu)] : [8 / (12 * nu), -1 / (12 * nu)]
    var sum = 0.0
    for i in 0..<problem.nx { g[i] = 0 }
    for (k, weight) in weights.enumerated() {
      guard try solve(k, x) else { return .infinity }
      sum += weight * (plus[k].value - minus[k].value)
      for i in 0..<problem.nx {
        g[i] += weight * (plus[k].gradient.pointer[i] - minus[k].gradient.pointer[i])
      }
    }
    return sum
  }

  /// Largest difference of the derivatives of order 2 and 4 at x.
  private func disagreement() throws(KantorError) -> Double {
    let (a, b) = (try Buffer<Double>(count: problem.nx), try Buffer<Double>(count: problem.nx))
    order = 2
    let first = try value(x.pointer, a.pointer)
    order = 4
    guard first.isFinite, try value(x.pointer, b.pointer).isFinite else { return .infinity }
    var worst = 0.0
    for i in 0..<problem.nx { worst = max(worst, abs(a.pointer[i] - b.pointer[i])) }
    return worst
  }

  private func conclude(_ shrinks: Int) throws(KantorError) -> BilevelProposal {
    let final = try TiltedSolve(oracle, second: false)
    final.start(at: plus[0].answer.end == .undefined ? reference.pointer : plus[0].answer.y)
    let isThere = try final.solve(x: x.pointer, tilt: 0, tolerance: 1e-11)
    let y = isThere ? try final.answer.copyY() : try reference.copy()
    var others: [Buffer<Double>] = []
    for solve in [plus[0], minus[0]] where solve.answer.isUsable {
      others.append(try solve.answer.copyY())
    }
    let w = try Buffer<Double>(count: problem.n)
    w.pointer.update(from: x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: y.pointer, count: problem.ny)
    if try !choice.consider(w.pointer, others: others), isThere, run.options.flag("polish") {
      _ = try choice.polish(w.pointer, others: others)
    }
    var proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    if !isThere, !oracle.stopped {
      if final.answer.end == .infeasible { proposal.claim = .lowerInfeasible }
      if final.answer.end == .unbounded { proposal.claim = .lowerUnbounded }
    }
    if shrinks > 12 {
      proposal.remark = "f - nu F has no minimum for any nu tried: the lower level is not strongly "
        + "convex, which 'penalty' and 'lv_hba' do not need"
    }
    proposal.counts = oracle.counts
    proposal.figures.add("nu", nu)
    proposal.figures.add("order_used", order)
    proposal.figures.add(
      "lower_solves", (plus + minus).reduce(final.solves) { $0 + $1.solves })
    return proposal
  }
}
