import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics

/// **Solves** max over p, min over q of p'Aq, p and q probabilities.
///
/// **Method** The linear program of the player of the columns: min v subject to Aq <= v, q >= 0,
/// sum q = 1, by the interior-point method of the cone engine. The multipliers of its first rows
/// are the other player's strategy.
///
/// **Symbols** v value; the payoffs are scaled to a range of 1 first, and moved next to 0 where all
/// have one sign, so that sparse ones stay sparse: no strategy changes.
///
/// **Iteration** That of interior_point.
///
/// **Stops when** the linear program is solved to a tenth of the tolerance.
///
/// **Guarantee** Strategies that prove the value within the tolerance times the range of payoffs.
///
/// **Cost** Some 10 to 30 factorisations of a system of n + m unknowns.
///
/// **Reference** gale1951linear.
public enum MatrixGameProgram {
  public static let spec = MethodSpec(
    name: "linear_program", kind: MatrixGameKind.kind.name,
    summary: "Values of zero-sum games by their linear program and an interior-point method.",
    source: "D. Gale, H. W. Kuhn, A. W. Tucker, Linear programming and the theory of games (1951)",
    guarantee: BilinearOutputs.gameGuarantee,
    options: [
      OptionSpec(
        "tolerance", .real(1e-8, min: 1e-12, max: 1),
        "Largest gap of a solved result, over the range of the payoffs."),
      OptionSpec(
        "max_iterations", .int(200, min: 1, max: .max), "Iterations after which the solve stops."),
    ], outputs: BilinearOutputs.game, usesWarmStart: false, hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? MatrixGameProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind matrix_game")
    }
    let (n, m) = (problem.n, problem.m)
    let program = try MatrixGameProgram.program(problem)
    let options = OptionValues(
      specs: InteriorPoint.spec.options,
      set: [
        "tolerance": .real(max(0.1 * run.options.real("tolerance"), 1e-13)),
        "max_iterations": .int(Int64(run.options.int("max_iterations"))),
        "threads": .int(Int64(run.threads)),
      ])
    let inner = Run(options: options, monitor: run.monitor)
    let found = try InteriorPoint.propose(program, inner)
    let (p, q) = (
      try Buffer<Double>(copying: found.z.pointer, count: n),
      try Buffer<Double>(copying: found.x.pointer, count: m)
    )
    return try BilinearResult.make(spec, problem, p, q, run)
  }

  /// Variables q and v; rows A q - v <= 0, -q <= 0, sum q = 1.
  private static func program(_ problem: MatrixGameProblem) throws(KantorError) -> ConeProblem {
    let (n, m, payoff) = (problem.n, problem.m, problem.payoff)
    let range = problem.most - problem.least
    let holdsZero = problem.least <= 0 && problem.most >= 0
    let (shift, scale) = (holdsZero ? 0 : problem.least, range > 0 ? 1 / range : 1)
    // Payoffs of one sign are all stored.
    let whole = shift != 0 ? try checkedProduct(n, m, of: "payoff") : payoff.count
    let count = try checkedSum(try checkedSum(whole, 2 * m, of: "game"), n, of: "game")
    let starts = try Buffer<Int>(count: m + 2)
    let indices = try Buffer<Int32>(count: count)
    let values = try Buffer<Double>(count: count)
    let column = try Buffer<Double>(count: n)
    var at = 0
    func put(_ row: Int, _ value: Double) {
      indices.pointer[at] = Int32(truncatingIfNeeded: row)
      values.pointer[at] = value
      at += 1
    }
    for j in 0..<m {
      starts.pointer[j] = at
      column.fill(-shift)
      for e in payoff.starts.pointer[j]..<payoff.starts.pointer[j + 1] {
        let i = Int(payoff.indices.pointer[e])
        column.pointer[i] += payoff.values.pointer[e]
        if shift == 0 { put(i, scale * payoff.values.pointer[e]) }
      }
      if shift != 0 {
        for i in 0..<n { put(i, scale * column.pointer[i]) }
      }
      put(n + j, -1)
      put(n + m, 1)
    }
    starts.pointer[m] = at
    for i in 0..<n { put(i, -1) }
    starts.pointer[m + 1] = at
    let q = try Buffer<Double>(count: m + 1)
    q.pointer[m] = 1
    let b = try Buffer<Double>(count: n + m + 1)
    b.pointer[n + m] = 1
    return ConeProblem(
      p: try SparseMatrix.zero(rows: m + 1, columns: m + 1), q: q,
      a: SparseMatrix(
        rows: n + m + 1, columns: m + 1, starts: starts, indices: indices, values: values), b: b,
      cones: [.nonnegative(n + m), .zero(1)])
  }
}

/// **Solves** max over p, min over q of p'Aq, p and q probabilities, for large or sparse A.
///
/// **Method** The restarted primal-dual hybrid gradient method, on the payoffs over their range.
///
/// **Symbols** As there: x = q, y = p, K = A'.
///
/// **Iteration** As there, with projections on simplices.
///
/// **Stops when** the strategies prove the value within the tolerance; limits.
///
/// **Guarantee** Games are sharp: errors fall linearly after a first phase.
///
/// **Cost** Two products with A and two projections for each iteration.
///
/// **Reference** applegate2023faster.
public enum MatrixGameGradient {
  public static let spec = MethodSpec(
    name: PrimalDualHybridGradient.spec.name, kind: MatrixGameKind.kind.name,
    summary: "Values of large zero-sum games by first-order steps: only products with the payoffs.",
    source: PrimalDualHybridGradient.spec.source, guarantee: BilinearOutputs.gameGuarantee,
    options: BilinearOutputs.accelerated,
    outputs: BilinearOutputs.game + [BilinearOutputs.restarts, CommonChoices.extrapolations],
    usesWarmStart: true, hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? MatrixGameProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind matrix_game")
    }
    let form = try BilinearForm(try problem.bilinear(), isGame: true, seed: run.seed)
    let loop = try PrimalDualLoop(form, run)
    try loop.start(x: "column_strategy", y: "row_strategy")
    let point = try loop.solve()
    return try BilinearResult.make(spec, problem, point.y, point.x, run, steps: loop.figures)
  }
}
