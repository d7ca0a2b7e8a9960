import Glibc
import KantorCore

/// Both variants of `Bda`.
final class BdaSearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let x: Buffer<Double>
  private let startY: Buffer<Double>
  private let y: Buffer<Double>
  private let isPublished: Bool
  private let blend: LowerBlend
  private var path: Buffer<Double>
  private var total: Int
  private var length = 1.0
  private let aggregation: Double
  private var lastStep = Double.nan
  private let w: Buffer<Double>
  private let g: Buffer<Double>
  private let u: Buffer<Double>
  private let image: Buffer<Double>

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    (x, startY) = start
    y = try start.y.copy()
    isPublished = run.options.text("variant") == "published"
    aggregation = run.options.real("aggregation")
    total = run.options.int("steps")
    blend = try LowerBlend(oracle)
    path = try Buffer(count: 0)
    w = try Buffer(count: problem.n)
    g = try Buffer(count: problem.n)
    u = try Buffer(count: problem.n)
    image = try Buffer(count: problem.n)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    try chooseLength()
    let choice = PolishedChoice(oracle, run)
    if isPublished { try descend() } else { try search(choice) }
    if choice.best == nil { try consider(choice) }
    var proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    proposal.selection = .optimistic
    if let complaint = oracle.complaint { proposal.remark = complaint }
    proposal.counts = oracle.counts
    proposal.figures.add("steps_used", total)
    proposal.figures.add("last_step", lastStep)
    proposal.figures.add("polished", choice.best?.isPolished == true ? 1 : 0)
    return proposal
  }

  private func place(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>) {
    w.pointer.update(from: x, count: problem.nx)
    (w.pointer + problem.nx).update(from: y, count: problem.ny)
  }

  private func chooseLength() throws(KantorError) {
    length = run.options.real("lower_step")
    guard length == 0 else { return }
    place(x.pointer, startY.pointer)
    let lower = try LowerScale.curvature(oracle, w: w.pointer)
    let upper = try LowerScale.curvature(oracle, .upper, w: w.pointer)
    let largest = max(lower, aggregation > 0 ? upper : 0)
    length = largest > 0 ? 1 / largest : 1
  }

  private func search(_ choice: PolishedChoice) throws(KantorError) {
    let descent = try UpperDescent(problem, run.monitor)
    let most = max(run.options.int("steps_max"), total)
    var before = Double.infinity
    while !oracle.stopped {
      try makeRoom()
      _ = try descent.minimise(
        x: x.pointer, tolerance: 0.1 * run.options.real("tolerance"), most: 60,
        evaluate: { [self] (x, g) throws(KantorError) -> Double in try value(x, g) })
      if oracle.stopped { return }
      // A line search may have ended elsewhere.
      guard try unroll(x.pointer) else { return }
      place(x.pointer, y.pointer)
      let reached = try oracle.value(.upper, w.pointer)
      if try consider(choice) { return }
      if abs(reached - before) <= 1e-3 * (1 + abs(reached)) || 2 * total > most {
        place(x.pointer, y.pointer)
        if run.options.flag("polish"), try choice.polish(w.pointer) { return }
        if 2 * total > most { return }
      }
      before = reached
      total *= 2
    }
  }

  @discardableResult
  private func consider(_ choice: PolishedChoice) throws(KantorError) -> Bool {
    place(x.pointer, y.pointer)
    return try choice.consider(w.pointer)
  }

  /// The published scheme: gradient steps of x.
  private func descend() throws(KantorError) {
    try makeRoom()
    let d = try Buffer<Double>(count: problem.nx)
    let step = run.options.real("x_step")
    var k = 0
    while !oracle.stopped {
      let objective = try value(x.pointer, d.pointer)
      guard objective.isFinite else { return }
      let old = try x.copy()
      for i in 0..<problem.nx { x.pointer[i] -= step * d.pointer[i] }
      problem.projectX(x.pointer)
      var moved = 0.0
      for i in 0..<problem.nx {
        moved = max(moved, abs(x.pointer[i] - old.pointer[i]) / max(step, 1e-300))
      }
      k += 1
      if run.monitor.check(iteration: k, objective: objective, residual: moved) != nil { return }
      if moved <= run.options.real("tolerance") || run.monitor.reachesIterationLimit(k) { return }
    }
  }

  private func makeRoom() throws(KantorError) {
    let size = try checkedProduct(total + 1, problem.ny, of: "stored steps")
    if path.count != size { path = try Buffer(count: size) }
  }

  /// alpha_t.
  private func weight(_ t: Int) -> Double {
    if isPublished { return aggregation / Double(t + 1) }
    let late = 4 * t - 3 * total
    return late <= 0 ? aggregation : aggregation * pow(1e-2, Double(late) / Double(total))
  }

  private func aggregate(_ t: Int) {
    let alpha = weight(t)
    blend.upperWeight = alpha
    blend.lowerWeight = 1 - alpha
  }

  /// y_0 ... y_T into `path`, the last one into `y`.
  private func unroll(_ x: UnsafePointer<Double>) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    place(x, startY.pointer)
    path.pointer.update(from: startY.pointer, count: ny)
    for t in 0..<total {
      aggregate(t)
      guard try blend.oracle.gradient(.lower, w.pointer, g.pointer) else { return false }
      for j in nx..<(nx + ny) { w.pointer[j] -= length * g.pointer[j] }
      problem.clampY(w.pointer + nx)
      let next = path.pointer + (t + 1) * ny
      lastStep = 0
      for j in 0..<ny {
        next[j] = w.pointer[nx + j]
        lastStep = max(lastStep, abs(next[j] - path.pointer[t * ny + j]))
      }
    }
    y.pointer.update(from: path.pointer + total * ny, count: ny)
    return true
  }

  /// F(x, y_T(x)) and its gradient.
  private func value(
    _ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    let (nx, ny, n) = (problem.nx, problem.ny, problem.n)
    guard try unroll(x) else {
      try blend.rethrow()
      return .infinity
    }
    let value = try oracle.valueAndGradient(.upper, w.pointer, g.pointer)
    guard value.isFinite else { return .infinity }
    for i in 0..<n {
      if i < nx { out[i] = g.pointer[i] }
      u.pointer[i] = i < nx ? 0 : g.pointer[i]
    }
    for t in stride(from: total - 1, through: 0, by: -1) {
      let next = path.pointer + (t + 1) * ny
      for j in 0..<ny
      where next[j] <= problem.yLower.pointer[j] || next[j] >= problem.yUpper.pointer[j] {
        u.pointer[nx + j] = 0
      }
      place(x, path.pointer + t * ny)
      aggregate(t)
      guard try blend.oracle.hessianProduct(.lower, w.pointer, times: u.pointer, image.pointer)
      else {
        try blend.rethrow()
        return .infinity
      }
      for i in 0..<nx { out[i] -= length * image.pointer[i] }
      for j in nx..<n { u.pointer[j] -= length * image.pointer[j] }
    }
    return value
  }
}
