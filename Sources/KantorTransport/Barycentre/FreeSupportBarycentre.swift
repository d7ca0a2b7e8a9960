import KantorCore
import KantorNumerics

/// **Solves** min over points x_1 ... x_m of sum_k lambda_k W_2^2(sum_i w_i delta(x_i), mu_k), the
/// weights w given.
///
/// **Method** Alternation of exact plans and weighted means.
///
/// **Symbols** P_k an optimal plan from the barycentre to mu_k, whose points are Y_k.
///
/// **Iteration** 1. P_k by the exact method that fits, from the last potentials. 2. x_i becomes
/// sum_k lambda_k (P_k Y_k)_i / w_i.
///
/// **Stops when** the root mean square of the moves is at most tolerance times the spread of all
/// points.
///
/// **Guarantee** The objective decreases in every iteration, and the plans are vertices of a finite
/// set of polytopes: a point that its own plans do not move is reached. It is a local optimum in
/// general. With the option `bound` half the weighted sum of the measures' mutual distances bounds
/// the optimum from below.
///
/// **Cost** k exact problems per iteration, some 10 iterations.
///
/// **Reference** cuturi2014fast, section 4.2; alvarezesteban2016fixed.
public enum FreeSupportBarycentre {
  public static let spec = MethodSpec(
    name: "free_support_barycentre", kind: PointBarycentreKind.kind.name,
    summary: "Barycentre of given size whose points move, by exact plans and weighted means.",
    source: "M. Cuturi, A. Doucet, Fast computation of Wasserstein barycenters (2014)",
    guarantee: "Optimal plans to all measures, and points that these plans leave where they are "
      + "within the tolerance: a local optimum.",
    options: [
      OptionSpec(
        "tolerance", .real(1e-7, min: 0, max: 1),
        "Root mean square of the last moves, relative to the spread of all points."),
      OptionSpec(
        "max_iterations", .int(1000, min: 1, max: .max), "Iterations after which the solve stops."),
      OptionSpec(
        "bound", .flag(false),
        "Solve the exact problems between all pairs of measures for a lower bound."),
    ],
    outputs: PointBarycentreOutputs.outputs, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? PointBarycentreProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind point_barycentre")
    }
    let solver = try AlternatingPlans(problem, run)
    try solver.run()
    var bounds: [PointBarycentreCheck.Pair] = []
    if run.options.flag("bound"), run.monitor.stop == nil { bounds = try solver.pairs() }
    let certificate = try PointBarycentreCheck(problem, run.threads).certify(
      points: solver.points, weights: problem.own, plans: solver.plans, pairs: bounds)
    let status = Status.judge(
      residual: certificate.residual, tolerance: run.options.real("tolerance"),
      gap: certificate.relativeGap, gapTolerance: 1e-9, stop: run.monitor.stop)
    return try PointBarycentreOutputs.result(
      spec, problem, status, certificate, points: solver.points, weights: problem.own,
      plans: solver.plans, run)
  }
}

/// The alternation.
private final class AlternatingPlans {
  let problem: PointBarycentreProblem
  private(set) var points: Buffer<Double>
  private(set) var plans: [PointBarycentreCheck.Plan] = []
  private let outer: Run
  private let inner: ExactRuns

  init(_ problem: PointBarycentreProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    outer = run
    inner = ExactRuns(run)
    if let start = problem.start {
      points = try start.copy()
    } else {
      points = try Self.draw(problem, seed: run.seed)
    }
  }

  /// Points of the measures, drawn far apart from each other (k-means++).
  private static func draw(
    _ problem: PointBarycentreProblem, seed: UInt64
  ) throws(KantorError) -> Buffer<Double> {
    let (n, d) = (problem.points.count / problem.dimension, problem.dimension)
    let out = try Buffer<Double>(count: try checkedProduct(problem.size, d, of: "points"))
    let nearest = try Buffer<Double>(count: n, repeating: .infinity)
    var random = RandomStream(seed: seed, stream: 0xBA2)
    var chosen = random.index(below: n)
    for i in 0..<problem.size {
      let source = problem.points.pointer + chosen * d
      (out.pointer + i * d).update(from: source, count: d)
      var total = 0.0
      for j in 0..<n {
        var square = 0.0
        for c in 0..<d {
          let step = problem.points.pointer[j * d + c] - source[c]
          square += step * step
        }
        nearest.pointer[j] = min(nearest.pointer[j], square)
        total += nearest.pointer[j]
      }
      var place = random.uniform() * total
      chosen = n - 1
      for j in 0..<n {
        place -= nearest.pointer[j]
        if place < 0 {
          chosen = j
          break
        }
      }
      if !(total > 0) { chosen = random.index(below: n) }
    }
    return out
  }

  func run() throws(KantorError) {
    let (d, m, w) = (problem.dimension, problem.size, problem.own.pointer)
    let goal = outer.options.real("tolerance") * problem.spread
    var iteration = 0
    while true {
      var next: [PointBarycentreCheck.Plan] = []
      var value = 0.0
      for k in 0..<problem.count {
        let exact = try problem.transport(from: points, problem.own, to: k)
        let start = plans.isEmpty ? nil : plans[k].g
        let plan = try inner.solve(exact, start: start)
        next.append(plan)
        value += problem.lambda.pointer[k] * plan.cost
        if outer.monitor.stop != nil { break }
      }
      if next.count == problem.count { plans = next }
      guard plans.count == problem.count else {
        // Stopped before there was one plan to each measure: product plans are feasible.
        plans = try productPlans()
        return
      }
      if next.count < problem.count { return }
      let moved = try Buffer<Double>(count: points.count)
      for k in 0..<problem.count {
        let (plan, y) = (plans[k].plan, problem.points(of: k))
        for e in 0..<plan.count {
          let (i, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
          let p = problem.lambda.pointer[k] * plan.values.pointer[e] / w[i]
          for c in 0..<d { moved.pointer[i * d + c] += p * y[j * d + c] }
        }
      }
      var square = 0.0
      for i in 0..<m {
        for c in 0..<d {
          let step = moved.pointer[i * d + c] - points.pointer[i * d + c]
          square += w[i] * step * step
        }
      }
      iteration += 1
      let step = square.squareRoot()
      let stop = outer.monitor.check(iteration: iteration, objective: value, residual: step)
      if stop != nil || step <= goal || outer.monitor.reachesIterationLimit(iteration) { return }
      points = moved
    }
  }

  private func productPlans() throws(KantorError) -> [PointBarycentreCheck.Plan] {
    var all: [PointBarycentreCheck.Plan] = []
    for k in 0..<problem.count {
      let n = problem.size(of: k)
      var plan = try SparsePlan(capacity: try checkedProduct(problem.size, n, of: "plan"))
      for i in 0..<problem.size {
        for j in 0..<n { plan.append(i, j, problem.own.pointer[i] * problem.weights(of: k)[j]) }
      }
      all.append(
        PointBarycentreCheck.Plan(
          plan: plan, f: try Buffer(count: problem.size), g: try Buffer(count: n), cost: .nan))
    }
    return all
  }

  /// Exact plans between all pairs of measures.
  func pairs() throws(KantorError) -> [PointBarycentreCheck.Pair] {
    var all: [PointBarycentreCheck.Pair] = []
    for k in 0..<problem.count {
      let n = problem.size(of: k)
      let x = try Buffer(copying: problem.points(of: k), count: n * problem.dimension)
      let a = try Buffer(copying: problem.weights(of: k), count: n)
      for l in (k + 1)..<max(problem.count, k + 1) {
        let exact = try problem.transport(from: x, a, to: l)
        let plan = try inner.solve(exact, start: nil)
        if outer.monitor.heartbeat() != nil { return [] }
        all.append(PointBarycentreCheck.Pair(first: k, second: l, problem: exact, plan: plan))
      }
    }
    return all
  }
}

/// Exact solves inside another method: they stop when the outer one is to stop.
private struct ExactRuns {
  private let outer: Run

  init(_ run: Run) { outer = run }

  func solve(
    _ problem: TransportProblem, start: Buffer<Double>?
  ) throws(KantorError) -> PointBarycentreCheck.Plan {
    let monitor = outer.monitor
    // The outer monitor knows cancel, time limit and the host's hook; the inner one asks it.
    let hooks = Hooks(progress: { _ in monitor.heartbeat() == nil ? 0 : 1 })
    var warm = WarmStart()
    if let start { warm = WarmStart(arrays: ["potential_target": Tensor(start)]) }
    let name = ExactDispatch.method(for: problem)
    let spec = name == OneDimensional.spec.name
      ? OneDimensional.spec : name == Assignment.spec.name ? Assignment.spec : NetworkSimplex.spec
    let run = Run(
      options: OptionValues(specs: spec.options, set: ["threads": .int(Int64(outer.threads))]),
      monitor: Monitor(cancel: monitor.cancel, hooks: hooks), start: warm)
    let proposal: TransportProposal
    switch name {
    case OneDimensional.spec.name: proposal = try OneDimensional.propose(problem, run)
    case Assignment.spec.name: proposal = try Assignment.propose(problem, run)
    default: proposal = try NetworkSimplex.propose(problem, run)
    }
    guard case .sparse(let plan) = proposal.plan else {
      throw KantorError(.internal, "an exact problem between points had no plan")
    }
    var dual = 0.0
    for i in 0..<problem.n { dual += problem.a.pointer[i] * proposal.f.pointer[i] }
    for j in 0..<problem.m { dual += problem.b.pointer[j] * proposal.g.pointer[j] }
    return PointBarycentreCheck.Plan(plan: plan, f: proposal.f, g: proposal.g, cost: dual)
  }
}
