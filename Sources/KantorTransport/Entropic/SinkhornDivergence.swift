import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** the debiased entropic cost of two measures of equal mass,
///     S = V(a, b) - V(a, a)/2 - V(b, b)/2,   V the value of `sinkhorn` at the same epsilon.
///
/// **Method** Three entropic problems, each to the tolerance: the cross problem by `sinkhorn`, the
/// two symmetric ones by the averaged iteration (`SymmetricSinkhorn`).
///
/// **Symbols** f_ab, g_ab potentials of the cross problem; f_aa, g_bb the symmetric ones.
///
/// **Iteration**
/// 1. (f_ab, g_ab) by `sinkhorn`.
/// 2. f_aa <- (f_aa + T f_aa)/2, T the soft c-transform, down a ladder of epsilon; likewise g_bb.
/// 3. S = <a, f_ab - f_aa> + <b, g_ab - g_bb>.
///
/// **Stops when** the L1 marginal errors of all three plans are at most tolerance x mass.
///
/// **Guarantee** S is within the certified gap. For the squared Euclidean cost S is non-negative,
/// zero only between equal measures, and |t|^2 x mass between a measure and its shift by t.
///
/// **Cost** that of `sinkhorn` and some 30 passes over the pairs within each measure; O(n + m)
/// memory for points.
///
/// **Reference** feydy2019interpolating, sections 2 and 3; genevay2018learning.
public enum SinkhornDivergence {
  public static let spec = MethodSpec(
    name: "sinkhorn_divergence", kind: TransportKind.kind.name,
    summary: "Debiased entropic transport cost: V(a, b) - V(a, a)/2 - V(b, b)/2.",
    source: "J. Feydy and others, Interpolating between optimal transport and MMD using Sinkhorn "
      + "divergences (2019)",
    guarantee: "Marginals of the three plans within the tolerance (L1, relative to the mass), and "
      + "bounds of the value from the three primal-dual gaps.",
    options: options, outputs: outputs, usesWarmStart: false, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost between "
        + "the measures."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 0, max: 1),
      "L1 error of the marginals of each of the three plans relative to the mass."),
    OptionSpec(
      "max_iterations", .int(10000, min: 1, max: .max),
      "Passes over the pairs of all three problems together, after which the solve stops."),
  ]

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "The divergence S."),
    FieldSpec("transport_cost", .real, .output, "<P, C> of the plan between the measures."),
    FieldSpec(
      "gap", .real, .certificate,
      "Upper minus lower bound of S, from the three primal-dual gaps; +infinity if the solve was "
        + "interrupted."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the terms of S."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "Largest of the three plans' marginal errors, relative to the mass."),
    FieldSpec("cross_residual", .real, .certificate, "That of the plan between the measures."),
    FieldSpec("source_residual", .real, .certificate, "That of the plan within the sources."),
    FieldSpec("target_residual", .real, .certificate, "That of the plan within the targets."),
    FieldSpec(
      "ray_source", .array, .output, shape: "(n,)",
      "Infeasible problems: f of a proof that one of the three has no plan."),
    FieldSpec("ray_target", .array, .output, shape: "(m,)", "Infeasible problems: g of the proof."),
    FieldSpec("epsilon", .real, .output, "Strength of the entropy that was used."),
    FieldSpec("mass", .real, .output, "Total mass of the sources."),
    FieldSpec("iterations", .int, .output, "Passes over the pairs, of the three problems."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "callback_code", .int, .output, "What the progress hook returned, if it stopped the solve."),
    FieldSpec(
      "potential_source", .array, .output, shape: "(n,)",
      "f_ab - f_aa: the derivative of S with respect to weights_source."),
    FieldSpec("potential_target", .array, .output, shape: "(m,)", "g_ab - g_bb."),
  ] + TransportOutputs.common.filter { $0.name.hasPrefix("trace_") }

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? TransportProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind transport")
    }
    let solver = try DivergenceSolver(problem, run)
    try solver.run()
    return try DivergenceResult.make(spec, solver, run)
  }
}

/// The three problems of one divergence and their potentials.
final class DivergenceSolver {
  /// An entropic problem with its potentials.
  struct Part {
    let problem: TransportProblem
    var f: Buffer<Double>
    var g: Buffer<Double>
  }

  let problem: TransportProblem
  let tolerance: Double
  private(set) var cross: Part
  private(set) var source: Part
  private(set) var target: Part
  private(set) var epsilon = Double.nan
  /// The first problem that has no plan, with the proof in place of its potentials.
  private(set) var infeasible: Part?
  private let settings: SinkhornSettings
  private let monitor: Monitor
  private var iterations = 0

  init(_ problem: TransportProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    monitor = run.monitor
    tolerance = run.options.real("tolerance")
    settings = SinkhornSettings(
      epsilon: run.options.real("epsilon"), tolerance: tolerance, threads: run.threads)
    cross = try Self.part(problem)
    source = try Self.part(Self.within(problem, ofSource: true))
    target = try Self.part(Self.within(problem, ofSource: false))
  }

  func run() throws(KantorError) {
    let solver = try SinkhornSolver(problem, settings, monitor)
    try solver.run()
    epsilon = solver.target
    iterations = solver.iterations
    try take(solver, into: &cross)
    if goesOn { try solveWithin(&source, solver.meanCost) }
    if goesOn { try solveWithin(&target, solver.meanCost) }
  }

  private var goesOn: Bool { monitor.stop == nil && infeasible == nil }

  private func take(_ solver: SinkhornSolver, into part: inout Part) throws(KantorError) {
    if let ray = solver.ray {
      infeasible = Part(problem: part.problem, f: ray.f, g: ray.g)
    } else {
      let potentials = try EntropicPotentials(solver.state, part.problem)
      (part.f, part.g) = (potentials.f, potentials.g)
    }
  }

  /// A measure against itself: by the averaged iteration if the cost is symmetric and that is
  /// fast, else as any other problem.
  private func solveWithin(_ part: inout Part, _ start: Double) throws(KantorError) {
    let (inner, mass) = (part.problem, part.problem.mass)
    if inner.geometry.isPoints || Self.isSymmetric(inner.geometry) {
      let a = try inner.a.copy()
      for i in 0..<a.count { a.pointer[i] /= mass }
      let method = try SymmetricSinkhorn(
        inner.geometry, a: a, threads: settings.threads, monitor: monitor)
      // Both marginals of a symmetric plan have the same error.
      let outcome = method.run(
        from: start, to: epsilon, tolerance: 0.5 * tolerance, next: record)
      let f = try method.potential(epsilon)
      let shift = -0.5 * epsilon * Double.log(mass)
      for i in 0..<f.count { f.pointer[i] += shift }
      (part.f, part.g) = (f, f)
      if outcome == .converged || outcome == .stopped { return }
    }
    var settings = settings
    settings.epsilon = epsilon
    let solver = try SinkhornSolver(inner, settings, monitor, iterations: iterations)
    try solver.run()
    iterations = solver.iterations
    try take(solver, into: &part)
  }

  private func record(_ error: Double) -> Bool {
    iterations += 1
    if monitor.check(iteration: iterations, residual: error) != nil { return false }
    return !monitor.reachesIterationLimit(iterations)
  }

  private static func part(_ problem: TransportProblem) throws(KantorError) -> Part {
    Part(
      problem: problem, f: try Buffer(count: problem.n), g: try Buffer(count: problem.m))
  }

  /// The sources against themselves, or the targets.
  private static func within(
    _ problem: TransportProblem, ofSource: Bool
  ) throws(KantorError) -> TransportProblem {
    let weights = ofSource ? problem.a : problem.b
    let geometry: Geometry
    switch problem.geometry.source {
    case .points(let x, let y, let d, let metric, let power):
      let (points, count) = ofSource ? (x, problem.n) : (y, problem.m)
      geometry = try .points(
        x: points, n: count, y: points, m: count, dimension: d, metric: metric, power: power)
    case .dense:
      guard let own = ofSource ? problem.sourceGeometry : problem.targetGeometry else {
        throw KantorError(
          .missing,
          "field '\(ofSource ? "cost_source" : "cost_target")' has not been set; the divergence of "
            + "a dense cost needs the costs within both measures")
      }
      geometry = own
    }
    return try TransportProblem(geometry: geometry, a: weights, b: weights)
  }

  private static func isSymmetric(_ geometry: Geometry) -> Bool {
    var cost = geometry.cost
    var (above, below) = (0.0, 0.0)
    for i in 0..<geometry.n {
      for j in 0..<i {
        kn_cost_row_f64(&cost, Int64(i), Int64(j), 1, &below)
        kn_cost_row_f64(&cost, Int64(j), Int64(i), 1, &above)
        if above != below { return false }
      }
    }
    return true
  }
}
