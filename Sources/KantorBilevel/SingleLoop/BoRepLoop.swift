import KantorCore

/// The loop of `BoRep`, both variants.
final class BoRepLoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let isPublished: Bool
  private let w: Buffer<Double>
  private let z: Buffer<Double>
  private let mean: Buffer<Double>
  private let image: Buffer<Double>
  private let batch: Int
  private var curvature = 1.0
  private var gamma = 0.05
  private var nu = 0.01
  private var refreshes = 0
  private var draws = 0

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    isPublished = run.options.text("variant") == "published"
    batch = run.options.int("batch_size")
    w = try Buffer(count: problem.n)
    z = try Buffer(count: problem.n)
    mean = try Buffer(count: problem.ny)
    image = try Buffer(count: problem.n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
  }

  private func estimate(
    _ level: BilevelLevel, _ stream: BatchStream
  ) throws(KantorError) -> GradientEstimate {
    try GradientEstimate(oracle, level, stream, batch: batch, seed: run.seed)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let (nx, n, options) = (problem.nx, problem.n, run.options)
    try chooseSteps()
    let lower = try estimate(.lower, .lowerGradient)
    let upperForY = try estimate(.upper, .upperForY)
    let upperForX = try estimate(.upper, .upperForX)
    var eta = options.real("eta")
    if eta == 0, isPublished { eta = 0.05 }
    let momentum = try NormalisedMomentum(
      problem, at: w.pointer, eta: eta, beta: options.real("beta"), decays: !isPublished)
    let average = try TailAverage(count: nx)
    let d = try Buffer<Double>(count: nx)
    let window = max(200, 2 * problem.upper.components / max(batch, 1))
    let progress = try WindowedProgress(count: nx, length: window)
    try refine(lower)
    var (t, sinceRefresh, size) = (0, 0, 0.0)
    while !oracle.stopped {
      if try isDue(lower, t, sinceRefresh, size) {
        guard try refresh(lower) else { break }
        size = try lowerSize(lower, t)
        sinceRefresh = 0
      }
      sinceRefresh += 1
      guard try upperForY.refresh(w.pointer, step: t), try multiply(t, .lowerProduct) else { break }
      watchCurvature()
      for j in nx..<n { z.pointer[j] -= nu * (image.pointer[j] - upperForY.q.pointer[j]) }
      guard try upperForX.refresh(w.pointer, step: t), try multiply(t, .other) else { break }
      for i in 0..<nx { d.pointer[i] = upperForX.q.pointer[i] - image.pointer[i] }
      momentum.step(w.pointer, along: d.pointer)
      average.add(w.pointer)
      t += 1
      let value = t % 10 == 0 ? try sampledValue(t) : Double.nan
      let ended = progress.add(d.pointer, value: value)
      if run.monitor.check(iteration: t, objective: value, residual: progress.mean) != nil { break }
      if !isPublished, ended { break }
      // The limit ends the loop only: the last lower solve and the polish still have to come.
      if progress.mean <= options.real("tolerance") || t >= run.monitor.iterationLimit { break }
    }
    return try conclude(average, momentum.eta, t)
  }

  /// Steps of y and z from the curvature of f, where they are not given.
  private func chooseSteps() throws(KantorError) {
    (gamma, nu) = (run.options.real("gamma"), run.options.real("nu"))
    if isPublished {
      if gamma == 0 { gamma = 0.05 }
      if nu == 0 { nu = 0.01 }
      return
    }
    curvature = max(try LowerScale.curvature(oracle, w: w.pointer), 1e-12)
    applyCurvature()
  }

  private func applyCurvature() {
    if run.options.real("gamma") == 0 { gamma = 0.6 / curvature }
    if run.options.real("nu") == 0 { nu = 1 / curvature }
  }

  /// The curvature of f along z, which a step of z has just shown: where it grows, z would grow
  /// along the steepest directions.
  private func watchCurvature() {
    guard !isPublished else { return }
    var (product, square) = (0.0, 0.0)
    for j in problem.nx..<problem.n {
      product += image.pointer[j] * image.pointer[j]
      square += z.pointer[j] * z.pointer[j]
    }
    guard square > 0, product.isFinite else { return }
    let seen = (product / square).squareRoot()
    let next = max(0.999 * curvature, 1.1 * seen)
    if next != curvature {
      curvature = next
      applyCurvature()
    }
  }

  /// f_yy z and f_xy z into `image`, of one batch.
  private func multiply(_ t: Int, _ stream: BatchStream) throws(KantorError) -> Bool {
    guard batch > 0, oracle.offersBatches(.lower) else {
      return try oracle.hessianProduct(.lower, w.pointer, times: z.pointer, image.pointer)
    }
    let indices = try oracle.draw(.lower, size: batch, seed: run.seed, stream: stream, step: t)
    return try oracle.batchHessianProduct(
      .lower, w.pointer, indices, times: z.pointer, image.pointer)
  }

  private func sampledValue(_ t: Int) throws(KantorError) -> Double {
    guard batch > 0, oracle.offersBatches(.upper) else {
      return try oracle.value(.upper, w.pointer)
    }
    let indices = try oracle.draw(
      .upper, size: batch, seed: run.seed, stream: .other, step: t)
    return try oracle.batchValue(.upper, w.pointer, indices)
  }

  /// Epochs of 1, 2, 4, ... steps of halved length, each from the mean of the one before.
  private func refine(_ lower: GradientEstimate) throws(KantorError) {
    var length = isPublished ? gamma : 2 * gamma
    for epoch in 0..<run.options.int("refine") where !oracle.stopped {
      guard try descend(lower, steps: 1 << epoch, length: length) else { return }
      if epoch > 0 { length = max(0.5 * length, isPublished ? 0 : gamma) }
    }
  }

  private func refresh(_ lower: GradientEstimate) throws(KantorError) -> Bool {
    refreshes += 1
    return try descend(lower, steps: run.options.int("lower_steps"), length: gamma)
  }

  /// Gradient steps on f, of which the mean is kept.
  private func descend(
    _ lower: GradientEstimate, steps: Int, length: Double
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    mean.fill(0)
    for _ in 0..<steps {
      guard try lower.refresh(w.pointer, step: draws) else { return false }
      draws += 1
      for j in 0..<ny {
        w.pointer[nx + j] -= length * lower.q.pointer[nx + j]
        mean.pointer[j] += w.pointer[nx + j] / Double(steps)
      }
    }
    // Without noise the last iterate is the better one.
    if lower.isSampled || isPublished { (w.pointer + nx).update(from: mean.pointer, count: ny) }
    return true
  }

  private func lowerSize(_ lower: GradientEstimate, _ t: Int) throws(KantorError) -> Double {
    guard try lower.refresh(w.pointer, step: t) else { return 0 }
    var square = 0.0
    for j in problem.nx..<problem.n { square += lower.q.pointer[j] * lower.q.pointer[j] }
    return square.squareRoot()
  }

  private func isDue(
    _ lower: GradientEstimate, _ t: Int, _ since: Int, _ size: Double
  ) throws(KantorError) -> Bool {
    if isPublished { return t % run.options.int("period") == 0 }
    if t == 0 || since >= 10 { return true }
    return try lowerSize(lower, t) > 2 * size
  }

  private func conclude(
    _ average: TailAverage, _ eta: Double, _ t: Int
  ) throws(KantorError) -> BilevelProposal {
    let answer = try SampledAnswer(oracle, run, w, isPublished ? nil : average)
    _ = run.monitor.reachesIterationLimit(t)
    var proposal = answer.proposal
    proposal.figures.add("refreshes", refreshes)
    proposal.figures.add("step_length", eta)
    proposal.figures.add("polished", answer.isPolished ? 1 : 0)
    return proposal
  }
}
