import KantorCore

/// The adaptive variant of `F2SA` on random batches: a few steps on both tilted answers for each
/// normalised momentum step of x.
final class F2SASampling {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let atPlus: Buffer<Double>
  private let atMinus: Buffer<Double>
  private var nu = 1e-2
  private var curvature = 0.0
  private var lowerSteps = 0
  private let old: Buffer<Double>
  private let oldGradient: Buffer<Double>

  /// Steps on the tilted answers for each one of x; the part of |y| by which they are to differ.
  private static let inner = 2
  private static let shift = 0.05

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    atPlus = try Buffer(count: problem.n)
    old = try Buffer(count: problem.n)
    oldGradient = try Buffer(count: problem.n)
    atPlus.pointer.update(from: start.x.pointer, count: problem.nx)
    (atPlus.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
    atMinus = try atPlus.copy()
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let options = run.options
    let (batch, seed, nx) = (options.int("batch_size"), run.seed, problem.nx)
    func estimate(
      _ level: BilevelLevel, _ stream: BatchStream
    ) throws(KantorError) -> GradientEstimate {
      try GradientEstimate(oracle, level, stream, batch: batch, seed: seed)
    }
    let lower = try [estimate(.lower, .lowerGradient), estimate(.lower, .lowerGradient)]
    let upper = try [estimate(.upper, .upperForY), estimate(.upper, .upperForY)]
    let lowerX = try [estimate(.lower, .lowerProduct), estimate(.lower, .lowerProduct)]
    let upperX = try [estimate(.upper, .upperForX), estimate(.upper, .upperForX)]
    if options.real("nu") > 0 { nu = options.real("nu") }
    curvature = try LowerScale.curvature(oracle, w: atPlus.pointer, rounds: 5)
    if !(curvature > 0) { curvature = 1 }
    let momentum = try NormalisedMomentum(problem, at: atPlus.pointer, eta: options.real("eta"))
    let average = try TailAverage(count: nx)
    let d = try Buffer<Double>(count: nx)
    let window = max(200, 2 * problem.upper.components / max(batch, 1))
    let progress = try WindowedProgress(count: nx, length: window)
    var (k, draws) = (0, 0)
    while !oracle.stopped {
      for _ in 0..<Self.inner {
        guard try advance(atPlus, 1, lower[0], upper[0], draws, k),
          try advance(atMinus, -1, lower[1], upper[1], draws, k)
        else { return try conclude(average, k) }
        draws += 1
      }
      guard try lowerX[0].refresh(atPlus.pointer, step: k),
        try lowerX[1].refresh(atMinus.pointer, step: k),
        try upperX[0].refresh(atPlus.pointer, step: k),
        try upperX[1].refresh(atMinus.pointer, step: k)
      else { break }
      for i in 0..<nx {
        d.pointer[i] =
          (lowerX[0].q.pointer[i] - lowerX[1].q.pointer[i]) / (2 * nu)
          + 0.5 * (upperX[0].q.pointer[i] + upperX[1].q.pointer[i])
      }
      momentum.step(atPlus.pointer, along: d.pointer)
      for i in 0..<nx { atMinus.pointer[i] = atPlus.pointer[i] }
      average.add(atPlus.pointer)
      k += 1
      if k % 10 == 0, options.real("nu") == 0 { adapt() }
      let value = k % 10 == 0 ? try sampledValue(k, batch, seed) : Double.nan
      let ended = progress.add(d.pointer, value: value)
      if run.monitor.check(iteration: k, objective: value, residual: progress.mean) != nil { break }
      if ended || progress.mean <= options.real("tolerance") { break }
      // The limit ends the loop only: the last lower solve still has to come.
      if k >= run.monitor.iterationLimit { break }
    }
    return try conclude(average, k)
  }

  private func sampledValue(
    _ k: Int, _ batch: Int, _ seed: UInt64
  ) throws(KantorError) -> Double {
    guard batch > 0, oracle.offersBatches(.upper) else {
      return try oracle.value(.upper, atPlus.pointer)
    }
    let indices = try oracle.draw(.upper, size: batch, seed: seed, stream: .other, step: k)
    return try oracle.batchValue(.upper, atPlus.pointer, indices)
  }

  /// One gradient step on f + sign nu F from the point, and the secant of f along it.
  private func advance(
    _ point: Buffer<Double>, _ sign: Double, _ lower: GradientEstimate, _ upper: GradientEstimate,
    _ step: Int, _ k: Int
  ) throws(KantorError) -> Bool {
    // Both steps of an iteration see the same batch, so that their gradients give a secant.
    let draw = step / Self.inner
    guard try lower.refresh(point.pointer, step: draw), try upper.refresh(point.pointer, step: draw)
    else { return false }
    let (nx, n) = (problem.nx, problem.n)
    if step % Self.inner > 0, sign > 0 {
      var (change, length) = (0.0, 0.0)
      for j in nx..<n {
        let g = lower.q.pointer[j] - oldGradient.pointer[j]
        let s = point.pointer[j] - old.pointer[j]
        change += g * g
        length += s * s
      }
      if length > 0 { curvature = max(0.99 * curvature, (change / length).squareRoot()) }
    }
    if sign > 0 {
      old.pointer.update(from: point.pointer, count: n)
      oldGradient.pointer.update(from: lower.q.pointer, count: n)
    }
    let length = 0.6 / curvature / (1 + Double(k) / 1000).squareRoot()
    for j in nx..<n {
      point.pointer[j] -= length * (lower.q.pointer[j] + sign * nu * upper.q.pointer[j])
    }
    problem.clampY(point.pointer + nx)
    lowerSteps += 1
    return true
  }

  /// nu towards the chosen distance of the two answers, by at most a factor of 2.
  private func adapt() {
    var (distance, size) = (0.0, 0.0)
    for j in problem.nx..<problem.n {
      let (a, b) = (atPlus.pointer[j], atMinus.pointer[j])
      distance += (a - b) * (a - b)
      size += a * a
    }
    let shift = distance.squareRoot() / 2
    let factor = Self.shift * (1 + size.squareRoot()) / max(shift, 1e-300)
    nu = min(max(nu * min(max(factor, 0.5), 2), 1e-8), 1e4)
  }

  private func conclude(_ average: TailAverage, _ k: Int) throws(KantorError) -> BilevelProposal {
    let x = try Buffer<Double>(copying: atPlus.pointer, count: problem.nx)
    average.read(into: x.pointer)
    problem.projectX(x.pointer)
    let final = try TiltedSolve(oracle, second: false)
    final.start(at: atPlus.pointer + problem.nx)
    let isThere = try final.solve(x: x.pointer, tilt: 0, tolerance: 1e-9)
    let y =
      isThere
      ? try final.answer.copyY()
      : try Buffer<Double>(copying: atPlus.pointer + problem.nx, count: problem.ny)
    _ = run.monitor.reachesIterationLimit(k)
    var proposal = BilevelProposal(x: x, y: y)
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.counts = oracle.counts
    proposal.figures.add("nu", nu)
    proposal.figures.add("order_used", 2)
    proposal.figures.add("lower_solves", final.solves)
    return proposal
  }
}
