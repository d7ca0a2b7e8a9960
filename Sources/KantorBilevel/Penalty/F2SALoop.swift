import Glibc
import KantorCore

/// The published loop of `F2SA`, with momentum or without.
final class F2SALoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let atY: Buffer<Double>
  private let atZ: Buffer<Double>

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    atY = try Buffer(count: problem.n)
    atY.pointer.update(from: start.x.pointer, count: problem.nx)
    (atY.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
    atZ = try atY.copy()
  }

  /// Exponents of the steps of y and z, by where the gradients are noisy.
  private static func exponents(_ noise: String) -> (a: Double, c: Double) {
    switch noise {
    case "both": return (5.0 / 7, 4.0 / 7)
    case "upper": return (3.0 / 5, 2.0 / 5)
    default: return (1.0 / 3, 0)
    }
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let options = run.options
    let isMomentum = options.flag("momentum")
    let (batch, seed) = (options.int("batch_size"), run.seed)
    func estimate(
      _ level: BilevelLevel, _ stream: BatchStream
    ) throws(KantorError) -> GradientEstimate {
      try GradientEstimate(oracle, level, stream, batch: batch, seed: seed)
    }
    let lowerAtZ = try estimate(.lower, .lowerGradient)
    let lowerAtY = try estimate(.lower, .other)
    let upperAtY = try estimate(.upper, .upperForY)
    let upperForX = try estimate(.upper, .upperForX)
    let lowerForX = try estimate(.lower, .lowerProduct)
    let lowerForXZ = try estimate(.lower, .lowerProduct)
    var noise = options.text("noise")
    if noise == "auto" {
      noise = lowerAtZ.isSampled ? "both" : upperAtY.isSampled ? "upper" : "none"
    }
    var (a, c) = Self.exponents(noise)
    if isMomentum { (a, c) = (3.0 / 5, 2.0 / 5) }
    let (nx, ny) = (problem.nx, problem.ny)
    let (k0, tolerance) = (options.real("k0"), options.real("tolerance"))
    let steps = isMomentum ? 1 : options.int("lower_steps")
    var (k, lam, draws) = (0, 0.0, 0)
    while !oracle.stopped {
      let alpha = options.real("c_alpha") * pow(Double(k) + k0, -a)
      let gamma = options.real("c_gamma") * pow(Double(k) + k0, -c)
      let eta = isMomentum ? pow(1 + Double(k) / k0, -2 * c) : 1
      lam = gamma / (2 * alpha)
      var isFine = true
      for _ in 0..<steps {
        isFine = try lowerAtZ.refresh(atZ.pointer, step: draws, eta: eta)
        if isFine { isFine = try lowerAtY.refresh(atY.pointer, step: draws, eta: eta) }
        if isFine { isFine = try upperAtY.refresh(atY.pointer, step: draws, eta: eta) }
        guard isFine else { break }
        draws += 1
        for j in nx..<(nx + ny) {
          atZ.pointer[j] -= gamma * lowerAtZ.q.pointer[j]
          atY.pointer[j] -= alpha * (upperAtY.q.pointer[j] + lam * lowerAtY.q.pointer[j])
        }
        problem.clampY(atZ.pointer + nx)
        problem.clampY(atY.pointer + nx)
      }
      if isFine { isFine = try upperForX.refresh(atY.pointer, step: k, eta: eta) }
      if isFine { isFine = try lowerForX.refresh(atY.pointer, step: k, eta: eta) }
      if isFine { isFine = try lowerForXZ.refresh(atZ.pointer, step: k, eta: eta) }
      guard isFine else { break }
      let length = options.real("xi") * alpha
      var moved = 0.0
      for i in 0..<nx {
        let d = upperForX.q.pointer[i]
          + lam * (lowerForX.q.pointer[i] - lowerForXZ.q.pointer[i])
        atZ.pointer[i] = atY.pointer[i]
        atY.pointer[i] -= length * d
      }
      problem.projectX(atY.pointer)
      for i in 0..<nx {
        moved = max(moved, abs(atY.pointer[i] - atZ.pointer[i]) / length)
        atZ.pointer[i] = atY.pointer[i]
      }
      k += 1
      if run.monitor.check(iteration: k, residual: moved) != nil { break }
      if moved <= tolerance || run.monitor.reachesIterationLimit(k) { break }
    }
    return try conclude(lam)
  }

  private func conclude(_ lam: Double) throws(KantorError) -> BilevelProposal {
    let x = try Buffer<Double>(copying: atZ.pointer, count: problem.nx)
    let z = try Buffer<Double>(copying: atZ.pointer + problem.nx, count: problem.ny)
    var proposal = BilevelProposal(x: x, y: z)
    proposal.others = [try Buffer(copying: atY.pointer + problem.nx, count: problem.ny)]
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.counts = oracle.counts
    proposal.figures.add("nu", lam > 0 ? 1 / lam : Double.nan)
    proposal.figures.add("order_used", 1)
    proposal.figures.add("lower_solves", 0)
    return proposal
  }
}
