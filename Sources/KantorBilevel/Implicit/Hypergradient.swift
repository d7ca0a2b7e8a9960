import KantorCore
import KantorNumerics

/// The value and the derivative of F along y(x) at one x, for callers with an outer loop of their
/// own, with the residuals they were computed to and a check by differences.
public enum Hypergradient {
  /// Stands for the results; options are those of `implicit`.
  public static let spec = MethodSpec(
    name: "hypergradient", kind: BilevelKind.kind.name,
    summary: "The derivative of the upper objective along the lower answer, at one x.",
    source: Implicit.spec.source,
    guarantee: "Residuals of the lower level and of the adjoint system within the tolerance.",
    options: Implicit.spec.ownOptions, outputs: outputs, usesWarmStart: false,
    hasDerivatives: false)

  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "F(x, y) - v.f_y - u.g, the corrected value."),
    FieldSpec("plain_objective", .real, .output, "F(x, y)."),
    FieldSpec("lower_objective", .real, .output, "f(x, y)."),
    FieldSpec("gradient", .array, .output, shape: "(nx,)", "Derivative of F along y(x)."),
    FieldSpec(
      "lower_value_gradient", .array, .output, shape: "(nx,)",
      "Derivative of the least f, by the envelope theorem: f_x and the rows' with multipliers."),
    FieldSpec("x", .array, .output, shape: "(nx,)", "The x that was asked for."),
    FieldSpec("y", .array, .output, shape: "(ny,)", "Answer of the lower level."),
    FieldSpec("adjoint", .array, .output, shape: "(ny,)", "The adjoint v."),
    FieldSpec(
      "lower_multipliers", .array, .output, shape: "(lower_rows,)", "Multipliers of lower rows."),
    FieldSpec(
      "lower_bound_multipliers", .array, .output, shape: "(ny,)",
      "Of the bounds of y: positive at upper, negative at lower ones."),
    FieldSpec("lower_residual", .real, .certificate, "Largest entry of the lower stationarity."),
    FieldSpec("adjoint_residual", .real, .certificate, "Of the adjoint system, relative."),
    FieldSpec("adjoint_iterations", .int, .output, "Iterations of the adjoint system."),
    FieldSpec("adjoint_state", .text, .output, "As of the method implicit."),
    FieldSpec(
      "derivative_check", .real, .certificate,
      "Smallest relative difference from central differences, largest over the directions; NaN "
        + "without check_directions."),
    FieldSpec("check_steps", .array, .output, shape: "(6,)", "Steps of the differences."),
    FieldSpec(
      "check_differences", .array, .output, shape: "(directions, 6)",
      "Relative differences by direction and step: they fall with the step, and rise again where "
        + "rounding takes over."),
  ] + BilevelCounts.specs

  /// The method whose options an evaluation takes for problems of a kind; nil for a kind that is
  /// not a bilevel one.
  public static func method(of kind: ProblemKind) -> MethodSpec? {
    switch kind.name {
    case BilevelKind.kind.name: return Implicit.spec
    case NestedKind.kind.name: return ImplicitProgramming.spec
    default: return nil
    }
  }

  /// For a problem of either kind.
  public static func evaluate(
    _ sealed: any SealedProblem, x: Buffer<Double>, run: Run
  ) throws(KantorError) -> Result {
    if let nested = sealed as? NestedProblem {
      try check(x, count: nested.nx)
      return try NestedHypergradient.evaluate(nested, x: x, run: run)
    }
    guard let problem = sealed as? BilevelProblem else {
      throw KantorError(.unsupported, "the problem is no bilevel one")
    }
    try check(x, count: problem.nx)
    let warm = try run.start.vector("y", count: problem.ny)
    let y = try (warm ?? problem.startY).copy()
    let oracle = try BilevelOracle(problem, run)
    return try HypergradientSolve(oracle, run).evaluate(x, y)
  }

  private static func check(_ x: Buffer<Double>, count: Int) throws(KantorError) {
    guard x.count == count else {
      throw KantorError(
        .shape, "x has the shape (\(x.count),); needed is (\(count),), as start_x has")
    }
    for i in 0..<x.count where !x.pointer[i].isFinite {
      throw KantorError(.notFinite, "x is \(x.pointer[i]) at \(i)")
    }
  }
}

/// One evaluation.
final class HypergradientSolve {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let hyper: HyperOracle
  private let gradient: Buffer<Double>

  init(_ oracle: BilevelOracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    hyper = try HyperOracle(
      oracle, adjoint: AdjointSolver(rawValue: run.options.text("adjoint")) ?? .automatic,
      neumannTerms: run.options.int("neumann_terms"))
    gradient = try Buffer(count: problem.nx)
  }

  /// Tolerances of the lower level and, relative, of the adjoint system.
  private var tight: Double { min(1e-10, 1e-4 * run.options.real("tolerance")) }

  func evaluate(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> Result {
    let outcome = try hyper.evaluate(
      x: x.pointer, y: y.pointer, lowerTolerance: tight, adjointTolerance: tight,
      gradient: gradient.pointer)
    switch outcome {
    case .stopped: return failed(x, run.monitor.stop ?? .numericalError, "the evaluation was ended")
    case .undefined(let end):
      switch end {
      case .infeasible: return failed(x, .locallyInfeasible, "no feasible y was found for this x")
      case .unbounded: return failed(x, .unbounded, "f falls without end for this x")
      default:
        return failed(
          x, .numericalError, oracle.complaint ?? "a function is not defined at the answer")
      }
    case .fine: return try answer(x)
    }
  }

  private func failed(_ x: Buffer<Double>, _ status: Status, _ why: String) -> Result {
    var fields = ResultFields()
    fields.add("objective", Double.nan)
    fields.add("status", status.name)
    fields.add("message", "\(status.name): \(why)")
    fields.add("x", Tensor(x))
    fields.append(oracle.counts.fields)
    return Result(spec: Hypergradient.spec, status: status, fields: fields)
  }

  private func answer(_ x: Buffer<Double>) throws(KantorError) -> Result {
    let (nx, ny) = (problem.nx, problem.ny)
    let answer = hyper.answer
    let outcome = hyper.adjointOutcome
    var fields = ResultFields()
    fields.add("objective", hyper.value)
    fields.add("plain_objective", hyper.plainValue)
    fields.add("lower_objective", answer.value)
    fields.add("gradient", Tensor(try gradient.copy()))
    let slope = try Buffer(copying: UnsafePointer(hyper.lowerSlope.pointer), count: nx)
    fields.add("lower_value_gradient", Tensor(slope))
    fields.add("x", Tensor(x))
    let y = try answer.copyY()
    fields.add("y", Tensor(y))
    let v = try Buffer(copying: UnsafePointer(hyper.adjoint.v.pointer + nx), count: ny)
    fields.add("adjoint", Tensor(v))
    fields.add("lower_multipliers", Tensor(try answer.rows.copy()))
    fields.add("lower_bound_multipliers", Tensor(try answer.bounds.copy()))
    fields.certify("lower_residual", answer.residual)
    fields.certify("adjoint_residual", outcome.residual)
    fields.add("adjoint_iterations", outcome.iterations)
    let state = hyper.adjointState
    fields.add("adjoint_state", state)
    let status = judge(answer)
    try check(x, y, &fields)
    fields.append(oracle.counts.fields)
    fields.add("status", status.name)
    fields.add(
      "message",
      "\(status.name): lower residual \(shortText(answer.residual)), adjoint residual "
        + "\(shortText(outcome.residual)), the adjoint system is \(state)")
    return Result(spec: Hypergradient.spec, status: status, fields: fields)
  }

  private func judge(_ answer: LowerAnswer) -> Status {
    let tolerance = run.options.real("tolerance")
    let outcome = hyper.adjointOutcome
    if let stop = run.monitor.stop { return stop }
    if outcome.isConcave { return .stalled }
    let worst = max(answer.residual / (1 + abs(answer.value)), outcome.residual)
    if outcome.isSingular || hyper.adjoint.isKink { return .solvedInaccurate }
    return worst <= tolerance ? .solved : .stalled
  }

  /// Compares with central differences along random directions, for six steps each.
  private func check(
    _ x: Buffer<Double>, _ y: Buffer<Double>, _ fields: inout ResultFields
  ) throws(KantorError) {
    let directions = run.options.int("check_directions")
    guard directions > 0 else {
      fields.certify("derivative_check", .nan)
      return
    }
    let nx = problem.nx
    let kept = try gradient.copy()
    let (u, point, other) = (
      try Buffer<Double>(count: nx), try Buffer<Double>(count: nx), try Buffer<Double>(count: nx)
    )
    let steps = try Buffer<Double>(count: 6)
    let table = try Buffer<Double>(count: try checkedProduct(directions, 6, of: "check"))
    var size = 1.0
    for i in 0..<nx { size = max(size, abs(x.pointer[i])) }
    var worst = 0.0
    for k in 0..<directions {
      var stream = RandomStream(seed: run.seed, stream: UInt64(k))
      direct(u.pointer, &stream)
      var along = 0.0
      for i in 0..<nx { along += kept.pointer[i] * u.pointer[i] }
      var least = Double.infinity
      var t = size
      for s in 0..<6 {
        t *= 0.1
        steps.pointer[s] = t
        var values = [0.0, 0.0]
        for (side, sign) in [1.0, -1.0].enumerated() {
          for i in 0..<nx { point.pointer[i] = x.pointer[i] + sign * t * u.pointer[i] }
          let outcome = try hyper.evaluate(
            x: point.pointer, y: y.pointer, lowerTolerance: 1e-12, adjointTolerance: 1e-6,
            gradient: other.pointer)
          if case .fine = outcome { values[side] = hyper.value } else { values[side] = .nan }
        }
        let difference = (values[0] - values[1]) / (2 * t)
        let relative = abs(difference - along) / max(abs(along), abs(difference), 1e-12)
        table.pointer[k * 6 + s] = relative
        if relative < least { least = relative }
      }
      worst = max(worst, least)
    }
    fields.certify("derivative_check", worst)
    fields.add("check_steps", Tensor(steps))
    fields.add("check_differences", Tensor(table, shape: [directions, 6]))
  }

  /// A random direction of unit length.
  private func direct(_ u: UnsafeMutablePointer<Double>, _ stream: inout RandomStream) {
    var square = 0.0
    for i in 0..<problem.nx {
      u[i] = 2 * stream.uniform() - 1
      square += u[i] * u[i]
    }
    let length = max(square.squareRoot(), 1e-300)
    for i in 0..<problem.nx { u[i] /= length }
  }
}
