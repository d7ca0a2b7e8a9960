import Glibc
import KantorCore

/// The published loops of `PenaltyMethod`.
final class PenaltyLoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  /// (x, wy), (x, wz), and the centres y and z.
  private let atY: Buffer<Double>
  private let atZ: Buffer<Double>
  private let y: Buffer<Double>
  private let z: Buffer<Double>

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
    y = try start.y.copy()
    z = try start.y.copy()
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let options = run.options
    let (batch, seed, nx, n) = (options.int("batch_size"), run.seed, problem.nx, problem.n)
    func estimate(
      _ level: BilevelLevel, _ stream: BatchStream
    ) throws(KantorError) -> GradientEstimate {
      try GradientEstimate(oracle, level, stream, batch: batch, seed: seed)
    }
    let lowerAtZ = try estimate(.lower, .lowerGradient)
    let lowerAtY = try estimate(.lower, .lowerGradient)
    let upperAtY = try estimate(.upper, .upperForY)
    let upperForX = try estimate(.upper, .upperForX)
    let lowerForX = [
      try estimate(.lower, .lowerProduct), try estimate(.lower, .lowerProduct),
    ]
    let s = options.real("sigma") > 0 ? options.real("sigma") : 0.01
    let (rho, gamma) = (options.real("rho"), options.real("gamma"))
    let (alpha, beta) = (options.real("alpha"), options.real("beta"))
    let isMomentum = options.flag("momentum")
    let steps = isMomentum ? 1 : options.int("lower_steps")
    var (k, draws) = (0, 0)
    loop: while !oracle.stopped {
      // The share of the fresh gradient falls as in the analysis with mean-squared smoothness.
      let eta = isMomentum ? pow(1 + Double(k) / 10, -0.8) : 1
      for _ in 0..<steps {
        guard try lowerAtZ.refresh(atZ.pointer, step: draws, eta: eta),
          try lowerAtY.refresh(atY.pointer, step: draws, eta: eta),
          try upperAtY.refresh(atY.pointer, step: draws, eta: eta)
        else { break loop }
        draws += 1
        for j in nx..<n {
          let (wz, wy) = (atZ.pointer[j], atY.pointer[j])
          atZ.pointer[j] = wz - gamma * (lowerAtZ.q.pointer[j] + (wz - z.pointer[j - nx]) / rho)
          let h = s * upperAtY.q.pointer[j] + lowerAtY.q.pointer[j]
          atY.pointer[j] = wy - gamma * (h + (wy - y.pointer[j - nx]) / rho)
        }
        problem.clampY(atZ.pointer + nx)
        problem.clampY(atY.pointer + nx)
      }
      guard try upperForX.refresh(atY.pointer, step: k, eta: eta),
        try lowerForX[0].refresh(atY.pointer, step: k, eta: eta),
        try lowerForX[1].refresh(atZ.pointer, step: k, eta: eta)
      else { break }
      for i in 0..<nx {
        let d = lowerForX[0].q.pointer[i] - lowerForX[1].q.pointer[i]
        atY.pointer[i] -= alpha * (upperForX.q.pointer[i] + d / s)
      }
      problem.projectX(atY.pointer)
      var moved = 0.0
      for i in 0..<nx {
        moved = max(moved, abs(atY.pointer[i] - atZ.pointer[i]) / max(alpha, 1e-300))
        atZ.pointer[i] = atY.pointer[i]
      }
      for j in 0..<problem.ny {
        y.pointer[j] += beta * (atY.pointer[nx + j] - y.pointer[j])
        z.pointer[j] += beta * (atZ.pointer[nx + j] - z.pointer[j])
      }
      k += 1
      if run.monitor.check(iteration: k, residual: moved) != nil { break }
      if moved <= options.real("tolerance") || run.monitor.reachesIterationLimit(k) { break }
    }
    let x = try Buffer<Double>(copying: atY.pointer, count: nx)
    var proposal = BilevelProposal(
      x: x, y: try Buffer(copying: atY.pointer + nx, count: problem.ny))
    proposal.others = [try Buffer(copying: atZ.pointer + nx, count: problem.ny)]
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.counts = oracle.counts
    proposal.figures.add("sigma", s)
    proposal.figures.add("lower_solves", 0)
    proposal.figures.add("polished", 0)
    return proposal
  }
}
