import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** transport with plans of nonnegative rank at most r,
///     min <C, Q diag(1/g) R'>  over  Q 1 = a, R 1 = b, Q' 1 = R' 1 = g, Q, R, g >= 0,
/// to a stationary point, in memory for (n + m) r numbers where costs come from points.
///
/// **Method** Mirror descent in Q, R and g with the Kullback-Leibler divergence; each step is
/// projected on the constraints by Newton's method on a dual in 2 r variables.
///
/// **Symbols** G_Q = C R diag(1/g), G_R = C' Q diag(1/g), G_g = -diag(Q' C R) / g^2; t the step;
/// x, y logarithms of the columns' scalings (`FactorProjection`); h = x / t, l = y / t duals.
///
/// **Iteration**
/// 1. K_1 = Q exp(-t G_Q), K_2 = R exp(-t G_R), k = g exp(-t G_g).
/// 2. (x, y) = argmin sum_i a_i log (K_1 e^x)_i + sum_j b_j log (K_2 e^y)_j
///    + mass log <k, e^(-x-y)>.
/// 3. Q = K_1 diag(e^x) with rows scaled to a, R likewise, g = k e^(-x-y) scaled to the mass; if
///    the cost rose the step is taken back and t quartered, else t grows by half.
///
/// **Stops when** the duals prove that the linearised problem could lower the cost by at most the
/// tolerance times its size. At last Q and R are moved to exact marginals.
///
/// **Guarantee** The plan returned is a coupling, so its cost is an upper bound of the optimal
/// cost; costs do not rise. The problem is not convex: the end is a local optimum and depends on
/// the seed. With r = 1 the plan is the product of the weights.
///
/// **Cost** O((n + m) r (d + k r)) per step with k Newton steps for squared Euclidean costs of
/// points, else O(n m r) and the same.
///
/// **Reference** scetbon2021lowrank, algorithms 2 and 3; scetbon2022lowrank (step length).
/// Deviation: Newton's method instead of Dykstra's alternating scalings, which take hundreds of
/// passes per step once groups have formed. Steps are measured by the range of the gradient within
/// rows, which constants added to the costs do not change, grow, and are safeguarded.
public enum LowRankSinkhorn {
  public static let spec = MethodSpec(
    name: "low_rank_sinkhorn", kind: TransportKind.kind.name,
    summary: "Transport with plans Q diag(1/g) R' of low nonnegative rank, in linear memory.",
    source: "M. Scetbon, M. Cuturi, G. Peyre, Low-rank Sinkhorn factorization (2021)",
    guarantee: "The plan is feasible to rounding, so its cost is an upper bound of the optimum; it "
      + "is stationary among plans of its rank to the tolerance (relative gap of the linearised "
      + "problem). The value is a local optimum.",
    options: [
      OptionSpec(
        "rank", .int(10, min: 1, max: 1_000_000),
        "Largest rank of the plan; cut to the smaller number of points."),
      OptionSpec(
        "tolerance", .real(1e-3, min: 0, max: 1),
        "Gap of the linearised problem, relative to the size of the cost."),
      OptionSpec(
        "step", .real(10, min: 1e-3, max: 500),
        "Largest change of a logarithm within a row in the first step; later ones find their "
          + "length.", advanced: true),
      OptionSpec(
        "max_iterations", .int(1000, min: 1, max: .max), "Steps after which the solve stops."),
    ],
    outputs: LowRankResult.outputs, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? TransportProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind transport")
    }
    if try CostSummary.hasForbiddenPairs(problem.geometry) {
      throw KantorError(
        .unsupported, "'\(spec.name)' needs finite costs; this problem forbids some pairs")
    }
    let rank = min(run.options.int("rank"), problem.n, problem.m)
    let tolerance = run.options.real("tolerance")
    let descent = try FactorDescent(
      problem, .init(rank: rank, tolerance: tolerance, step: run.options.real("step")), run)
    try FactorStart(problem, rank: rank, run).place(descent.sources, descent.targets)
    try descent.run()
    descent.round()
    return try LowRankResult.make(
      spec, problem,
      .init(
        q: descent.sources.factor, r: descent.targets.factor, g: try Buffer(descent.weights),
        h: descent.h, l: descent.l, innerIterations: descent.innerIterations,
        tolerance: tolerance), run)
  }
}

/// Where the factors start: targets that lie apart are drawn as anchors; sources go softly to the
/// nearest anchors, targets to where the sources of an anchor are near.
struct FactorStart {
  private let problem: TransportProblem
  private let rank: Int
  private let run: Run
  private let geometry: Geometry

  /// Rows of the costs by which targets are told apart.
  private static let features = 32
  /// Logits of the start lie within this.
  private static let range = 5.0

  init(_ problem: TransportProblem, rank: Int, _ run: Run) {
    self.problem = problem
    self.rank = rank
    self.run = run
    geometry = problem.geometry
  }

  func place(_ sources: FactorSide, _ targets: FactorSide) throws(KantorError) {
    guard rank > 1 else { return }
    let anchors = try anchors()
    let costs = try anchorCosts(anchors)
    scale(costs, problem.n, into: sources.logits)
    // The mean cost of each target to the sources of an anchor, one Sinkhorn pass each way.
    sources.form(step: 0)
    let zeros = [Double](repeating: 0, count: rank)
    let sums = sources.scale(zeros[...]).sums
    sources.finish(zeros[...])
    let products = try ThinProducts(problem, rank: rank, run)
    let rest = try Buffer<Double>(count: targets.count * rank, repeating: 1)
    let unused = try Buffer<Double>(count: sources.count * rank)
    let means = try Buffer<Double>(count: targets.count * rank)
    guard try products.multiply(q: sources.factor, r: rest, into: unused, means) else { return }
    for j in 0..<targets.count {
      for s in 0..<rank { means.pointer[j * rank + s] /= max(sums[s], 1e-300) }
    }
    scale(means, problem.m, into: targets.logits)
  }

  /// logits = -costs, scaled so that rows range over `range` on average, with some noise.
  private func scale(_ costs: Buffer<Double>, _ count: Int, into logits: Buffer<Double>) {
    var total = 0.0
    for i in 0..<count {
      let row = costs.pointer + i * rank
      var (low, high) = (row[0], row[0])
      for s in 0..<rank {
        low = min(low, row[s])
        high = max(high, row[s])
      }
      total += high - low
    }
    let factor = total > 0 ? Self.range * Double(count) / total : 0
    var stream = RandomStream(seed: run.seed, stream: UInt64(count))
    for k in 0..<(count * rank) {
      logits.pointer[k] = -factor * costs.pointer[k] + 0.01 * stream.uniform()
    }
  }

  /// Indices of targets, drawn one after the other by squared distance to those drawn before.
  private func anchors() throws(KantorError) -> [Int] {
    let (n, m) = (problem.n, problem.m)
    var stream = RandomStream(seed: run.seed, stream: 0)
    let rows = min(n, Self.features)
    let table = try Buffer<Double>(count: rows * m)
    for k in 0..<rows {
      var cost = geometry.cost
      let row = n <= Self.features ? k : stream.index(below: n)
      kn_cost_row_f64(&cost, Int64(row), 0, Int64(m), table.pointer + k * m)
    }
    let far = try Buffer<Double>(count: m, repeating: 1)
    var chosen: [Int] = []
    while chosen.count < rank {
      var total = 0.0
      for j in 0..<m { total += problem.b.pointer[j] * far.pointer[j] }
      var (mark, next) = (stream.uniform() * total, m - 1)
      for j in 0..<m {
        mark -= problem.b.pointer[j] * far.pointer[j]
        if mark < 0 {
          next = j
          break
        }
      }
      if !(total > 0) { next = stream.index(below: m) }
      let isFirst = chosen.isEmpty
      chosen.append(next)
      for j in 0..<m {
        var square = 0.0
        for k in 0..<rows {
          let x = table.pointer[k * m + j] - table.pointer[k * m + next]
          square += x * x
        }
        far.pointer[j] = isFirst ? square : min(far.pointer[j], square)
      }
    }
    return chosen
  }

  /// Costs of the sources to the anchors, n x r.
  private func anchorCosts(_ anchors: [Int]) throws(KantorError) -> Buffer<Double> {
    let n = problem.n
    let out = try Buffer<Double>(count: n * rank)
    var view: kn_cost
    var columns = anchors
    var owner: Geometry?
    if case .points(let x, let y, let d, let metric, let power) = geometry.source {
      let few = try Buffer<Double>(count: rank * d)
      for (s, j) in anchors.enumerated() {
        for k in 0..<d { few.pointer[s * d + k] = y.pointer[j * d + k] }
      }
      let near = try Geometry.points(
        x: x, n: n, y: few, m: rank, dimension: d, metric: metric, power: power)
      owner = near
      view = near.cost
      columns = Array(0..<rank)
    } else {
      view = geometry.cost
    }
    for i in 0..<n {
      for s in 0..<rank {
        kn_cost_row_f64(&view, Int64(i), Int64(columns[s]), 1, out.pointer + i * rank + s)
      }
    }
    withExtendedLifetime(owner) {}
    return out
  }
}
