import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** V = min <P, C> + eps KL(P | a_1 x ... x a_K) over the couplings P of K measures, with
/// C a tensor, or the sum of costs along the edges of a tree.
///
/// **Method** Sinkhorn's iteration for K marginals, in logarithms, down a ladder of eps.
///
/// **Symbols** f_k potentials, P = (a_1 x ... x a_K) exp((sum f_k - C) / eps).
///
/// **Iteration** f_k += eps log(a_k / marginal_k(P)), for each k in turn. Tensor: one pass over the
/// cells a marginal. Tree: the marginal is the product of messages from the neighbours, each a soft
/// minimum over one edge; a walk around the tree sends every message once and updates the measure
/// that it arrives at.
///
/// **Stops when** the sum of the L1 errors that the updates met is half the tolerance.
///
/// **Guarantee** marginals within the tolerance; V within `gap`. Linear convergence; slow for small
/// eps.
///
/// **Cost** K passes over n_1 ... n_K cells a sweep, without memory beside the cost; in a tree
/// 2 (K - 1) passes over pairs, O(N) memory for points.
///
/// **Reference** benamou2015iterative, section 3; trees: haasler2021multimarginal.
public enum MultimarginalSinkhorn {
  public static let spec = MethodSpec(
    name: "multimarginal_sinkhorn", kind: MultimarginalKind.kind.name,
    summary: "Entropic transport between K measures, for tensors of costs and for trees.",
    source: "J.-D. Benamou and others, Iterative Bregman projections for regularized "
      + "transportation problems (2015)",
    guarantee: "Marginals within the tolerance (L1, relative to the mass); the value within gap.",
    options: options, outputs: outputs, usesWarmStart: false, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 0, max: 1),
      "Sum of the L1 errors of the marginals, relative to the mass."),
    OptionSpec("max_iterations", .int(10000, min: 1, max: .max), "Sweeps over all marginals."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "V at the plan, with the entropy."),
    FieldSpec("transport_cost", .real, .output, "<P, C> of the plan."),
    FieldSpec("dual_objective", .real, .certificate, "Lower bound of V."),
    FieldSpec(
      "gap", .real, .certificate,
      "Value of a feasible plan minus dual_objective; +infinity if the solve was interrupted."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the objective's terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "Sum of the L1 errors of the marginals, relative to the mass."),
    FieldSpec("residuals", .array, .output, shape: "(K,)", "The same for each measure."),
    FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
    FieldSpec("mass", .real, .output, "Mass of each measure."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "potentials", .array, .output, shape: "(N,)",
      "f, one measure after the other, with equal means under their weights."),
    FieldSpec(
      "plan", .array, .output, shape: "(n_1 ... n_K,)",
      "Where a tensor of costs is formed: the plan, last measure fastest; made when asked for."),
    FieldSpec(
      "edge_plans", .array, .output, shape: "(M,)",
      "With edges: the plans of the joined measures, one row-major matrix after the other."),
  ]

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? MultimarginalProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind multimarginal")
    }
    let solver = try MultimarginalSolver(problem, run)
    try solver.solve()
    return try MultimarginalResult.make(spec, solver, run)
  }
}

/// One pass of updates, for one of the forms of a cost.
protocol MultimarginalSweep {
  /// Updates h = f/eps + log a of all measures; the sum of the L1 errors met. nil if the host wants
  /// to stop.
  func run(_ h: Buffer<Double>) throws(KantorError) -> Double?
  func set(_ epsilon: Double, _ h: Buffer<Double>) throws(KantorError)
  /// -eps times the logarithm of what the other measures give to the points of one.
  func softMinimum(_ k: Int, _ h: Buffer<Double>) throws(KantorError) -> Buffer<Double>
  /// Mean cost under the weights, and what lies below all costs.
  func costs() throws(KantorError) -> (mean: Double, least: Double)
}

/// The state of one `multimarginal_sinkhorn` solve.
final class MultimarginalSolver {
  let problem: MultimarginalProblem
  let tolerance: Double
  private(set) var epsilon: Double
  let f: Buffer<Double>
  private let run: Run
  private let sweep: any MultimarginalSweep
  private var iterations = 0

  static let scalingFactor = 0.25
  static let levelTolerance = 0.02
  /// Sweeps without progress after which rounding is what is left.
  static let patience = 300

  init(_ problem: MultimarginalProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    tolerance = run.options.real("tolerance")
    epsilon = run.options.real("epsilon")
    f = try Buffer(count: problem.points)
    switch problem.form {
    case .tensor(let tensor): sweep = try TensorSweep(problem, tensor.base, run)
    case .tree: sweep = try TreeSweep(problem, run)
    }
  }

  func solve() throws(KantorError) {
    let costs = try sweep.costs()
    let spread = max(0, costs.mean - costs.least)
    if epsilon == 0 {
      epsilon = costs.mean > 0 ? 0.05 * costs.mean : spread > 0 ? 0.05 * spread : 1
    }
    // Exponents of the first plan are at most 0.
    for i in 0..<problem.sizes[0] { f.pointer[i] = costs.least }
    var levels = [epsilon]
    while let last = levels.last, last < spread, levels.count < 1000 {
      levels.append(last / Self.scalingFactor)
    }
    for level in levels.reversed() {
      let h = try problem.exponents(f, level)
      try sweep.set(level, h)
      let isLast = level == epsilon
      let goal = isLast ? 0.5 * tolerance * problem.mass : Self.levelTolerance * problem.mass
      let goesOn = try reach(goal, h)
      if goesOn || isLast || level <= 4 * epsilon {
        try take(h, level)
      }
      guard goesOn else {
        if !isLast { try land() }
        // Not earlier: a monitor that has stopped lets no pass through.
        _ = run.monitor.reachesIterationLimit(iterations)
        break
      }
    }
    centre()
  }

  /// After a ladder that ended above the last epsilon: one marginal is made right there. Potentials
  /// of a larger epsilon can give a plan whose mass is not a number.
  private func land() throws(KantorError) {
    guard run.monitor.stop == nil else { return }
    let h = try problem.exponents(f, epsilon)
    try sweep.set(epsilon, h)
    guard run.monitor.stop == nil else { return }
    let soft = try sweep.softMinimum(0, h)
    for i in 0..<problem.sizes[0] { f.pointer[i] = soft.pointer[i] }
  }

  private func reach(_ goal: Double, _ h: Buffer<Double>) throws(KantorError) -> Bool {
    var (best, since) = (Double.infinity, 0)
    while true {
      guard let error = try sweep.run(h) else { return false }
      iterations += 1
      guard run.monitor.check(iteration: iterations, residual: error / problem.mass) == nil
      else { return false }
      if error <= goal { return true }
      since = error < 0.999 * best ? 0 : since + 1
      best = min(best, error)
      guard since < Self.patience, error.isFinite else { return false }
      if iterations >= run.monitor.iterationLimit { return false }
    }
  }

  /// f from h; points without mass get the soft minimum over the others.
  private func take(_ h: Buffer<Double>, _ level: Double) throws(KantorError) {
    let logs = try Buffer<Double>(count: problem.points)
    kn_log_f64(problem.weights.pointer, logs.pointer, Int64(problem.points))
    for k in 0..<problem.count {
      let (start, end) = (problem.first[k], problem.first[k + 1])
      var hasEmpty = false
      for i in start..<end {
        if problem.weights.pointer[i] > 0 {
          f.pointer[i] = level * (h.pointer[i] - logs.pointer[i])
        } else {
          hasEmpty = true
        }
      }
      guard hasEmpty else { continue }
      let soft = try sweep.softMinimum(k, h)
      for i in start..<end where !(problem.weights.pointer[i] > 0) {
        f.pointer[i] = soft.pointer[i - start]
      }
    }
  }

  /// Constants with the sum 0 may be added to the potentials.
  private func centre() {
    var means: [Double] = []
    for k in 0..<problem.count {
      var sum = CompensatedSum()
      for i in problem.first[k]..<problem.first[k + 1] {
        sum.add(problem.weights.pointer[i] * f.pointer[i])
      }
      means.append(sum.value / problem.mass)
    }
    let common = means.reduce(0, +) / Double(problem.count)
    for k in 0..<problem.count {
      for i in problem.first[k]..<problem.first[k + 1] { f.pointer[i] += common - means[k] }
    }
  }
}
