import KantorCore
import KantorNumerics

/// The loop of `Bsvrb`, both variants and forms.
final class BsvrbLoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let isPublished: Bool
  private let batch: BlockBatch
  private let alpha: Double
  private let beta: Double
  private let correction: Double
  private var curvature = 1.0
  private var tau = 0.5
  // This iterate and the last one, with their adjoints; joined.
  private let w: Buffer<Double>
  private let before: Buffer<Double>
  private let v: Buffer<Double>
  private let vBefore: Buffer<Double>
  // Values of the batch at both.
  private let now: (lower: Buffer<Double>, upper: Buffer<Double>, product: Buffer<Double>)
  private let old: (lower: Buffer<Double>, upper: Buffer<Double>, product: Buffer<Double>)
  private let s: Buffer<Double>
  private let u: Buffer<Double>
  private let z: Buffer<Double>
  private let matrices: BlockMatrices?
  private var seen: [Int]

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    let (options, n, ny) = (run.options, problem.n, problem.ny)
    isPublished = options.text("variant") == "published"
    batch = BlockBatch(
      oracle, blocks: options.int("block_batch"), samples: options.int("batch_size"),
      seed: run.seed)
    let given = options.real("alpha")
    alpha = given > 0 ? given : isPublished ? 0.9 : 0.5
    beta = options.real("beta")
    let (m, size) = (Double(problem.blocks), Double(batch.size))
    correction = isPublished ? 1 : (m - size) / (size * (1 - alpha)) + 1 - alpha
    w = try Buffer(count: n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: ny)
    before = try w.copy()
    v = try Buffer(count: n)
    vBefore = try Buffer(count: n)
    now = (try Buffer(count: n), try Buffer(count: n), try Buffer(count: n))
    old = (try Buffer(count: n), try Buffer(count: n), try Buffer(count: n))
    s = try Buffer(count: ny)
    u = try Buffer(count: ny)
    z = try Buffer(count: problem.nx)
    matrices =
      options.text("adjoint_form") == "matrix"
      ? try BlockMatrices(problem, batch, alpha: alpha, correction: correction) : nil
    seen = [Int](repeating: -1, count: problem.blocks)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let (nx, options) = (problem.nx, run.options)
    try BlockHessian.refuseCoupled(oracle, at: w.pointer)
    try chooseSteps()
    let given = options.real("eta")
    let momentum = try NormalisedMomentum(problem, at: w.pointer, eta: given, beta: 0)
    let factor = given > 0 ? given : 1e-3
    let average = try TailAverage(count: nx)
    let progress = try WindowedProgress(
      count: nx, length: max(200, 2 * problem.blocks / batch.size))
    var k = 0
    while !oracle.stopped {
      try batch.draw(k)
      guard try evaluate(k) else { break }
      track(k)
      estimate(k)
      vBefore.pointer.update(from: v.pointer, count: problem.n)
      before.pointer.update(from: w.pointer, count: problem.n)
      follow(k)
      if isPublished {
        for i in 0..<nx { w.pointer[i] -= factor * z.pointer[i] }
        problem.projectX(w.pointer)
      } else {
        momentum.step(w.pointer, along: z.pointer)
      }
      average.add(w.pointer)
      for block in batch.blocks { seen[block] = k }
      k += 1
      let value = k % 10 == 0 ? try batch.value(w) : Double.nan
      let ended = progress.add(z.pointer, value: value)
      if run.monitor.check(iteration: k, objective: value, residual: progress.mean) != nil { break }
      if !isPublished, ended { break }
      // The limit ends the loop only: the last lower solve and the polish still have to come.
      if progress.mean <= options.real("tolerance") || k >= run.monitor.iterationLimit { break }
    }
    return try conclude(average, k)
  }

  /// Steps of y and v from the curvature of the blocks, where they are not given.
  private func chooseSteps() throws(KantorError) {
    tau = run.options.real("tau")
    if tau > 0 { return }
    tau = 0.5
    if isPublished { return }
    let mean = try LowerScale.curvature(oracle, w: w.pointer)
    curvature = max(mean * Double(problem.blocks), 1e-12)
    tau = 0.6 / curvature
  }

  /// Gradients and products of the batch at this iterate and the last one.
  private func evaluate(_ k: Int) throws(KantorError) -> Bool {
    guard try batch.gradient(.lower, w, now.lower), try batch.gradient(.upper, w, now.upper),
      try batch.gradient(.lower, before, old.lower), try batch.gradient(.upper, before, old.upper)
    else { return false }
    if let matrices {
      let anew = batch.blocks.map { isAway($0, k) }
      guard try matrices.update(at: w, before, anew: anew) else { return false }
      for block in batch.blocks {
        matrices.solve(block, now.upper.pointer, v.pointer, curvature: curvature)
      }
    }
    guard try batch.product(w, times: v, now.product) else { return false }
    return try batch.product(before, times: vBefore, old.product)
  }

  private func isAway(_ block: Int, _ k: Int) -> Bool {
    if seen[block] < 0 { return true }
    return !isPublished && (k - seen[block]) * batch.size > 5 * problem.blocks
  }

  /// s and u of the sampled blocks.
  private func track(_ k: Int) {
    let (nx, size) = (problem.nx, problem.blockSize)
    let (f, F) = (batch.lowerFactor, batch.upperFactor)
    for block in batch.blocks {
      let starts = isAway(block, k)
      for j in (block * size)..<(block * size + size) {
        let at = nx + j
        let (q, qOld) = (f * now.lower.pointer[at], f * old.lower.pointer[at])
        let r = f * now.product.pointer[at] - F * now.upper.pointer[at]
        let rOld = f * old.product.pointer[at] - F * old.upper.pointer[at]
        if starts {
          (s.pointer[j], u.pointer[j]) = (q, r)
        } else {
          s.pointer[j] += alpha * (q - s.pointer[j]) + correction * (q - qOld)
          u.pointer[j] += alpha * (r - u.pointer[j]) + correction * (r - rOld)
        }
      }
    }
  }

  /// z from the derivative of F along the answers, of this batch at both iterates.
  private func estimate(_ k: Int) {
    for i in 0..<problem.nx {
      let g = now.upper.pointer[i] - now.product.pointer[i]
      let gOld = old.upper.pointer[i] - old.product.pointer[i]
      z.pointer[i] = k == 0 ? g : (1 - beta) * (z.pointer[i] - gOld) + g
    }
  }

  /// The steps of y and v in the sampled blocks.
  private func follow(_ k: Int) {
    watchCurvature()
    let length = isPublished ? tau : tau / (1 + Double(k) / 1000).squareRoot()
    let (nx, size) = (problem.nx, problem.blockSize)
    for block in batch.blocks {
      for j in (block * size)..<(block * size + size) {
        w.pointer[nx + j] -= length * s.pointer[j]
        if matrices == nil { v.pointer[nx + j] -= length * u.pointer[j] }
      }
    }
  }

  /// The curvature of the sampled blocks along v, which the products have just shown.
  private func watchCurvature() {
    guard !isPublished, run.options.real("tau") == 0 else { return }
    var (product, square) = (0.0, 0.0)
    let size = problem.blockSize
    for block in batch.blocks {
      for j in (problem.nx + block * size)..<(problem.nx + block * size + size) {
        let q = batch.lowerFactor * now.product.pointer[j]
        product += q * q
        square += v.pointer[j] * v.pointer[j]
      }
    }
    guard square > 0, product.isFinite else { return }
    curvature = max(curvature, 1.1 * (product / square).squareRoot())
    tau = 0.6 / curvature
  }

  private func conclude(_ average: TailAverage, _ k: Int) throws(KantorError) -> BilevelProposal {
    let answer = try SampledAnswer(oracle, run, w, isPublished ? nil : average)
    _ = run.monitor.reachesIterationLimit(k)
    var proposal = answer.proposal
    proposal.figures.add("blocks_used", batch.size)
    proposal.figures.add("polished", answer.isPolished ? 1 : 0)
    return proposal
  }
}
