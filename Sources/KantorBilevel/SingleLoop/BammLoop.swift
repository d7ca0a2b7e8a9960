import Glibc
import KantorCore

/// The published single loop of `Bamm`.
final class BammLoop {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let w: Buffer<Double>
  private let v: Buffer<Double>
  private let blend: LowerBlend

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    blend = try LowerBlend(oracle)
    w = try Buffer(count: problem.n)
    v = try Buffer(count: problem.n)
    w.pointer.update(from: start.x.pointer, count: problem.nx)
    (w.pointer + problem.nx).update(from: start.y.pointer, count: problem.ny)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let (nx, n, options) = (problem.nx, problem.n, run.options)
    let first = options.real("mu") > 0 ? options.real("mu") : 0.9
    let (alpha, beta) = (options.real("alpha"), options.real("beta"))
    let (p, tau) = (options.real("p"), options.real("tau"))
    let g = try Buffer<Double>(count: n)
    let upper = try Buffer<Double>(count: n)
    let image = try Buffer<Double>(count: n)
    let r = try Buffer<Double>(count: n)
    var (k, mu) = (0, first)
    while !oracle.stopped {
      mu = first * pow(Double(k + 1), -1 / p)
      blend.upperWeight = mu
      blend.lowerWeight = 1 - mu
      guard try blend.oracle.gradient(.lower, w.pointer, g.pointer) else { break }
      var residual = 0.0
      for j in nx..<n {
        w.pointer[j] -= beta * g.pointer[j]
        residual = max(residual, abs(g.pointer[j]))
      }
      guard try oracle.gradient(.upper, w.pointer, upper.pointer),
        try blend.oracle.hessianProduct(.lower, w.pointer, times: v.pointer, image.pointer)
      else { break }
      // image holds psi_xy v, with the v from before, and psi_yy v.
      var square = 0.0
      for i in 0..<n {
        r.pointer[i] = i < nx ? 0 : image.pointer[i] - upper.pointer[i]
        square += r.pointer[i] * r.pointer[i]
      }
      let length = alpha * mu * mu * mu * pow(Double(k + 1), -1.5 * tau)
      let old = try Buffer<Double>(copying: w.pointer, count: nx)
      for i in 0..<nx { w.pointer[i] -= length * (upper.pointer[i] - image.pointer[i]) }
      problem.projectX(w.pointer)
      for i in 0..<nx { residual = max(residual, abs(w.pointer[i] - old[i]) / length) }
      if square > 0 {
        guard try blend.oracle.hessianProduct(.lower, w.pointer, times: r.pointer, image.pointer)
        else { break }
        var curvature = 0.0
        for j in nx..<n { curvature += r.pointer[j] * image.pointer[j] }
        guard curvature > 0 else { break }
        for j in nx..<n { v.pointer[j] -= square / curvature * r.pointer[j] }
      }
      k += 1
      if run.monitor.check(iteration: k, residual: residual) != nil { break }
      if residual <= options.real("tolerance") || run.monitor.reachesIterationLimit(k) { break }
    }
    try blend.rethrow()
    var proposal = BilevelProposal(
      x: try Buffer(copying: w.pointer, count: nx),
      y: try Buffer(copying: w.pointer + nx, count: problem.ny))
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("mu", mu)
    proposal.figures.add("polished", 0)
    return proposal
  }
}
