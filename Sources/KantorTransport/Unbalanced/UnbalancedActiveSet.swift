import Glibc
import KantorCore
import KantorNumerics

/// Unbalanced transport without entropy, for KL and quadratic penalties.
///
/// **Solves** min <P, C> + D1(P 1 | a) + D2(P' 1 | b) over P >= 0, D = rho KL or rho/2 |.|^2.
///
/// **Method** The plan has at most n + m - 1 entries, so the problem is solved on a short list of
/// pairs that a coarse entropic run suggests: some steps of L-BFGS with bounds or of majorisation-
/// minimisation, then exactly by pivots over forests (`ForestDescent`). All pairs are then priced,
/// those that would lower the value join the list, and so on.
///
/// **Symbols** f_i = -rho1 log(r_i/a_i) or rho1 (a_i - r_i) the slope of the penalty at row sum
/// r_i, g likewise; C_ij - f_i - g_j the reduced cost.
///
/// **Iteration**
/// 1. Once, on the list: p with min over p >= 0, or p <- p exp(-(C - f - g)/(rho1 + rho2)) (KL).
/// 2. On the forest of its support: potentials from f_i + g_j = C_ij and equal masses of rows and
///    columns; flows from the leaves on; towards these until an edge is empty, which leaves; a
///    listed pair with C_ij < f_i + g_j enters, until there is none.
/// 3. Pairs with C_ij < f_i + g_j join the list; 2 again.
///
/// **Stops when** no pair joins and the certified gap is within `tolerance`.
///
/// **Guarantee** Exact up to rounding: the value falls with every pivot, and there are finitely
/// many forests. The gap is computed on the caller's data.
///
/// **Cost** A pass over all pairs per round and for the certificate; O(n + m) per iteration of step
/// 1; per pivot the size of the trees that change, about 1 to 2 pivots a point; O(n + m) memory
/// besides that of the entropic start.
///
/// **Reference** chapel2021unbalanced (majorisation-minimisation, penalised regression);
/// byrd1995limited; lawson1974solving (bounds).
/// Deviation: the published methods work on all n m entries, and end where L-BFGS or
/// majorisation-minimisation does.
public enum UnbalancedActiveSet: RelaxedMethod {
  public static let spec = MethodSpec(
    name: "unbalanced_active_set", kind: UnbalancedKind.kind.name,
    summary: "Unbalanced transport without entropy, for KL and quadratic penalties; sparse plans.",
    source: "L. Chapel, R. Flamary, H. Wu, C. Fevotte, G. Gasso, Unbalanced optimal transport "
      + "through non-negative penalized linear regression (2021)",
    guarantee: "Relative primal-dual gap within the tolerance, computed on all pairs in f64.",
    options: [
      OptionSpec("tolerance", .real(1e-8, min: 1e-15, max: 1), "Certified relative gap."),
      OptionSpec(
        "max_iterations", .int(1_000_000, min: 1, max: .max),
        "Steps and pivots on the list of pairs, of all rounds together."),
      OptionSpec(
        "inner", .text("lbfgs", choices: ["lbfgs", "majorisation"]),
        "What the pivots start from: L-BFGS with bounds, or majorisation-minimisation."),
    ],
    outputs: RelaxedOutputs.unbalanced([
      FieldSpec("rounds", .int, .output, "Rounds of pricing."),
      FieldSpec("pivots", .int, .output, "Exchanges of pairs of the forest."),
      FieldSpec("active_pairs", .int, .output, "Pairs on the list at the end."),
    ]),
    usesWarmStart: false, hasDerivatives: true)

  public static func propose(
    _ problem: RelaxedProblem, _ run: Run
  ) throws(KantorError) -> RelaxedProposal {
    for penalty in [problem.terms.source, problem.terms.target]
    where penalty.form != .kl && penalty.form != .l2 {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems with the penalties kl and l2, not "
          + penalty.form.rawValue)
    }
    var state = try State(problem, run)
    return try state.solve()
  }
}

extension UnbalancedActiveSet {
  private struct State {
    let problem: RelaxedProblem
    let run: Run
    let pairs: ActivePairs
    let tolerance: Double
    let spread: Double
    var iterations = 0
    var rounds = 0

    /// Of L-BFGS or majorisation-minimisation, before the first pivot.
    static let firstSteps = 100
    static let mostRounds = 200
    static let newPairsPerRow = 3
    /// A pair that holds less of both its marginals has no part in the first forest.
    static let leastShare = 1e-6
    /// Of reduced costs, in units of the spread of the costs.
    static let rounding = 1e-12

    init(_ problem: RelaxedProblem, _ run: Run) throws(KantorError) {
      self.problem = problem
      self.run = run
      pairs = try ActivePairs(problem)
      tolerance = run.options.real("tolerance")
      let summary = try CostSummary(problem.base, sampled: true, run.monitor)
      spread = summary.spread > 0 ? summary.spread : max(abs(summary.mean), 1e-300)
    }

    mutating func solve() throws(KantorError) -> RelaxedProposal {
      try findPairs()
      iterations = try improve()
      let forest = try ForestDescent(pairs)
      forest.start(threshold: Self.leastShare)
      let check = try RelaxedCheck(problem, threads: run.threads)
      var plan = try SparsePlan(capacity: 0)
      while true {
        let before = forest.pivots
        let limit = run.monitor.iterationLimit - min(iterations, run.monitor.iterationLimit)
        forest.descend(tolerance: Self.rounding * spread, limit: limit, run.monitor)
        iterations += forest.pivots - before
        forest.accept()
        rounds += 1
        plan = try pairs.plan()
        let found = try check.certify(plan, f: pairs.f, g: pairs.g)
        let stop = run.monitor.check(
          iteration: iterations, objective: found.objective, gap: found.gap)
        if stop != nil || found.relativeGap <= tolerance { break }
        if run.monitor.reachesIterationLimit(iterations) || rounds >= Self.mostRounds { break }
        if try price() == 0 { break }
      }
      var figures = ResultFields()
      figures.add("rounds", rounds)
      figures.add("pivots", forest.pivots)
      figures.add("active_pairs", pairs.count)
      return RelaxedProposal(
        plan: .sparse(plan), f: pairs.f, g: pairs.g, figures: figures, tolerance: tolerance,
        gapTolerance: tolerance)
    }

    // MARK: The list

    /// Pairs that hold much of their row or column in a coarse entropic plan.
    private mutating func findPairs() throws(KantorError) {
      let entropy = RelaxedEntropy(epsilon: Self.coarseness * spread, isUniform: false)
      let options = OptionValues(
        specs: UnbalancedSinkhorn.spec.options,
        set: ["tolerance": .real(1e-2), "threads": .int(Int64(run.threads))])
      let inner = Run(
        options: options, monitor: InnerRun(run: run).monitor(iterationLimit: Self.coarseSteps))
      let coarse = try RelaxedSinkhorn(problem, entropy, inner)
      _ = try coarse.solve(inner)
      let (n, m, eps) = (problem.n, problem.m, entropy.epsilon)
      let (f, g) = (coarse.source.potential.pointer, coarse.target.potential.pointer)
      let rows = try CostRows(problem.geometry.cost)
      let (low, least) = (
        try Buffer<Double>(count: m, repeating: .infinity), try Buffer<Int>(count: m)
      )
      let weights = (problem.a.pointer, problem.b.pointer)
      for i in 0..<n where weights.0[i] > 0 {
        let c = rows.row(i)
        var nearest = Double.infinity
        for j in 0..<m where weights.1[j] > 0 {
          let reduced = c[j] - f[i] - g[j]
          nearest = min(nearest, reduced)
          if reduced < low.pointer[j] { (low.pointer[j], least.pointer[j]) = (reduced, i) }
        }
        guard nearest < .infinity else { continue }
        let limit = nearest + Self.width * eps
        for j in 0..<m where weights.1[j] > 0 && c[j] - f[i] - g[j] <= limit {
          let share = exp(max(-600, (f[i] + g[j] - c[j]) / eps))
          try pairs.add(i, j, c[j], min(weights.0[i] * weights.1[j] * share, problem.mass))
        }
        if run.monitor.heartbeat() != nil { break }
      }
      let listed = try pairs.byRow()
      for j in 0..<m where low.pointer[j] < .infinity {
        let i = least.pointer[j]
        let isListed = (listed.start.pointer[i]..<listed.start.pointer[i + 1]).contains {
          Int(pairs.column.pointer[listed.entries.pointer[$0]]) == j
        }
        if !isListed { try pairs.add(i, j, rows.entry(i, j), 0) }
      }
    }

    private static let coarseness = 2e-3
    /// A run that has not come within 1e-2 by then suggests a list none the less.
    private static let coarseSteps = 200
    /// Reduced costs, in units of eps, up to which a pair of a row is listed.
    private static let width = 4.0

    private func improve() throws(KantorError) -> Int {
      let limit = min(Self.firstSteps, run.monitor.iterationLimit)
      guard pairs.count > 0 else { return 1 }
      guard run.options.text("inner") == "lbfgs" else {
        return max(1, pairs.majorise(limit: limit, run.monitor))
      }
      var most = 0.0
      for k in 0..<pairs.count { most = max(most, pairs.unit.pointer[k]) }
      return max(
        1, try pairs.minimise(tolerance: 1e-12 * spread * most, limit: limit, run.monitor))
    }

    /// Lists pairs whose reduced cost is negative, the worst of each row; returns how many.
    private func price() throws(KantorError) -> Int {
      let (m, terms) = (problem.m, problem.terms)
      let rows = try CostRows(problem.geometry.cost)
      let listed = try pairs.byRow()
      let stamp = try Buffer<Int>(count: m, repeating: -1)
      let (f, g) = (pairs.f.pointer, pairs.g.pointer)
      let tolerance = -Self.rounding * spread
      var added = 0
      for i in 0..<problem.n where problem.a.pointer[i] > 0 || terms.source.form == .l2 {
        for e in listed.start.pointer[i]..<listed.start.pointer[i + 1] {
          stamp.pointer[Int(pairs.column.pointer[listed.entries.pointer[e]])] = i
        }
        let c = rows.row(i)
        for _ in 0..<Self.newPairsPerRow {
          var (worst, place) = (tolerance, -1)
          for j in 0..<m {
            let reduced = c[j] - f[i] - g[j]
            guard reduced < worst, stamp.pointer[j] != i else { continue }
            guard problem.b.pointer[j] > 0 || terms.target.form == .l2 else { continue }
            (worst, place) = (reduced, j)
          }
          guard place >= 0 else { break }
          try pairs.add(i, place, c[place], 0)
          stamp.pointer[place] = i
          added += 1
        }
        if run.monitor.heartbeat() != nil { break }
      }
      return added
    }
  }
}
