import Glibc
import KantorCore
import KantorNumerics

/// **Solves** semi-discrete transport with squared distances on a sampling of the density:
///     max_g  sum_j b_j g_j + sum_s w_s min_j (|x_s - y_j|^2 - g_j),
/// or with a soft minimum of strength epsilon.
///
/// **Method** L-BFGS on the semi-dual, with the strength of the soft minimum lowered step by step.
///
/// **Symbols** g potential of the points; cell j: the samples for which j attains the minimum; q_j
/// its mass; b - q the gradient.
///
/// **Iteration** For epsilon_0 = mean cost / 4 and then a quarter of it each time, down to epsilon
/// (for 0: until the samples stand too far apart for the soft minimum to matter, then 0 itself):
/// maximise by L-BFGS from the last g.
///
/// **Stops when** |q - b|_1 <= tolerance times the mass, or no step goes up any more.
///
/// **Guarantee** The semi-dual is concave: no local maxima. With epsilon > 0 it is smooth, and any
/// tolerance down to rounding is reached. With epsilon = 0 it has a kink wherever a sample
/// changes its cell, so masses can be met to about the mass of the samples on the cells' borders.
///
/// **Cost** s m operations per evaluation for s samples; some ten evaluations per epsilon.
///
/// **Reference** genevay2016stochastic, section 2; kitagawa2019convergence for the cells.
public enum SemiDiscrete {
  public static let spec = MethodSpec(
    name: "semi_discrete", kind: SemiDiscreteKind.kind.name,
    summary: "Semi-discrete transport of a sampled density by L-BFGS on the semi-dual.",
    source: "A. Genevay, M. Cuturi, G. Peyre, F. Bach, Stochastic optimization for large-scale "
      + "optimal transport (2016)",
    guarantee: "Cells whose masses are those asked for to the tolerance, with bounds of the cost "
      + "on the samples.",
    options: SemiDiscreteOutputs.options + [
      OptionSpec(
        "max_iterations", .int(2000, min: 1, max: .max), "Steps after which the solve stops.")
    ],
    outputs: SemiDiscreteOutputs.outputs, usesWarmStart: false, hasDerivatives: true)

  private static let shrink = 0.25
  private static let mostStages = 40
  private static let stepsPerStage = 60

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    let problem = try SemiDiscreteOutputs.problem(sealed, spec)
    let g = try Buffer<Double>(count: problem.m)
    try climb(problem, run, g.pointer)
    return try SemiDiscreteOutputs.result(spec, problem, g, run)
  }

  /// Strengths of the soft minimum, from the first to the last.
  private static func stages(_ problem: SemiDiscreteProblem, _ epsilon: Double, _ mean: Double)
    -> [Double]
  {
    // Borders between cells are soft over epsilon / distance of their points; below the spacing of
    // the samples this makes no difference.
    let d = Double(problem.dimension)
    let spacing = 2 * mean.squareRoot() / pow(Double(problem.count), 1 / d)
    let between = 2 * mean.squareRoot() / pow(Double(problem.m), 1 / d)
    let floor = max(epsilon, 0.1 * spacing * between, 1e-7 * mean)
    var (all, now) = ([Double](), 0.25 * mean)
    while now > floor, all.count < mostStages {
      all.append(now)
      now *= shrink
    }
    return all + [epsilon > 0 ? epsilon : 0]
  }

  private static func climb(
    _ problem: SemiDiscreteProblem, _ run: Run, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (m, tolerance) = (problem.m, run.options.real("tolerance"))
    let dual = try SemiDual(problem, run)
    let (mean, mass) = (dual.meanCost, problem.mass)
    let scaled = try Buffer<Double>(count: m)
    let gradient = try Buffer<Double>(count: m)
    let stages = stages(problem, run.options.real("epsilon"), mean)
    var iteration = 0
    for (k, epsilon) in stages.enumerated() {
      let isLast = k == stages.count - 1
      // Early stages only show the way.
      let goal = isLast ? 0.9 * tolerance : max(0.02, tolerance)
      let left = isLast ? Int.max : stepsPerStage
      var search = try LBFGS(count: m, memory: 12)
      dual.forget()
      var (isReached, before) = (false, iteration)
      _ = search.minimise(x: scaled.pointer, tolerance: 0, maxIterations: left) {
        (u, out) -> Double in
        for j in 0..<m { g[j] = mean * u[j] }
        let value = dual.evaluate(g, epsilon: epsilon, gradient.pointer)
        for j in 0..<m { out[j] = -gradient.pointer[j] / mass }
        return -value / (mean * mass)
      } goesOn: { now in
        iteration = before + now.iteration
        var error = 0.0
        for j in 0..<m { error += abs(gradient.pointer[j]) }
        isReached = error <= goal * mass
        guard run.monitor.check(
          iteration: iteration, objective: -now.value * mean * mass, residual: error / mass) == nil
        else { return false }
        return !isReached && !run.monitor.reachesIterationLimit(iteration)
      }
      before = iteration
      for j in 0..<m { g[j] = mean * scaled.pointer[j] }
      if run.monitor.stop != nil { return }
    }
  }
}

/// **Solves** the same problem from samples drawn at random.
///
/// **Method** Averaged stochastic gradient ascent on the semi-dual.
///
/// **Symbols** chi_j the share of a drawn batch that falls into cell j; g_t the iterate.
///
/// **Iteration** g_t+1 = g_t + step / sqrt(t) (b - chi); the answer is the mean of the g_t with
/// weights t.
///
/// **Stops when** max_iterations are done; no quantity that it knows tells how far it is.
///
/// **Guarantee** The expected dual value of the mean approaches the optimum like log t / sqrt(t).
///
/// **Cost** m operations per drawn sample, whatever the number of samples.
///
/// **Reference** genevay2016stochastic, algorithm 2.
/// Deviation: batches instead of single samples, and later iterates weigh more in the mean, which
/// forgets the start sooner.
public enum SemiDiscreteStochastic {
  public static let spec = MethodSpec(
    name: "semi_discrete_stochastic", kind: SemiDiscreteKind.kind.name,
    summary: "Semi-discrete transport by averaged stochastic gradients.",
    source: "A. Genevay, M. Cuturi, G. Peyre, F. Bach, Stochastic optimization for large-scale "
      + "optimal transport (2016)",
    guarantee: "The masses of the cells are those asked for to the tolerance, if so reported: the "
      + "checker looks at all samples.",
    options: [
      OptionSpec(
        "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
        "Strength of the soft minimum; 0 for none."),
      OptionSpec(
        "tolerance", .real(0.05, min: 0, max: 2),
        "L1 distance of the cells' masses from those asked for, relative to the mass."),
      OptionSpec("batch", .int(64, min: 1, max: 1 << 24), "Samples drawn for a step."),
      OptionSpec(
        "step", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
        "Length of the first step; 0 takes the mean cost times sqrt(m)."),
      OptionSpec("max_iterations", .int(5000, min: 1, max: 1 << 40), "Steps to take."),
    ],
    outputs: SemiDiscreteOutputs.outputs, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    let problem = try SemiDiscreteOutputs.problem(sealed, spec)
    let g = try Buffer<Double>(count: problem.m)
    try climb(problem, run, g.pointer)
    return try SemiDiscreteOutputs.result(spec, problem, g, run)
  }

  private static func climb(
    _ problem: SemiDiscreteProblem, _ run: Run, _ mean: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (m, n, d, mass) = (problem.m, problem.count, problem.dimension, problem.mass)
    let (epsilon, batch) = (run.options.real("epsilon"), run.options.int("batch"))
    let dual = try SemiDual(problem, run)
    let asked = run.options.real("step")
    let step = asked > 0 ? asked : dual.meanCost * Double(m).squareRoot()
    let sums = try Buffer<Double>(count: n)
    var total = 0.0
    for s in 0..<n {
      total += problem.weights.pointer[s]
      sums.pointer[s] = total
    }
    let g = try Buffer<Double>(count: m)
    let chi = try Buffer<Double>(count: m)
    let row = try Buffer<Double>(count: m)
    var random = RandomStream(seed: run.seed, stream: 1)
    var t = 0
    while true {
      t += 1
      chi.fill(0)
      for _ in 0..<batch {
        let s = draw(random.uniform() * total, sums.pointer, n)
        share(problem.x.pointer + s * d, problem, g.pointer, epsilon, chi.pointer, row.pointer)
      }
      let length = step / Double(t).squareRoot()
      for j in 0..<m {
        g.pointer[j] += length * (problem.b.pointer[j] / mass - chi.pointer[j] / Double(batch))
        mean[j] += 2 / Double(t + 1) * (g.pointer[j] - mean[j])
      }
      if run.monitor.check(iteration: t) != nil || run.monitor.reachesIterationLimit(t) { return }
    }
  }

  /// The first sample whose running sum passes a number.
  private static func draw(_ at: Double, _ sums: UnsafePointer<Double>, _ n: Int) -> Int {
    var (low, high) = (0, n - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > at { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Adds the shares of a sample among the points.
  private static func share(
    _ x: UnsafePointer<Double>, _ problem: SemiDiscreteProblem, _ g: UnsafePointer<Double>,
    _ epsilon: Double, _ chi: UnsafeMutablePointer<Double>, _ row: UnsafeMutablePointer<Double>
  ) {
    let (m, d) = (problem.m, problem.dimension)
    var (low, at) = (Double.infinity, 0)
    for j in 0..<m {
      let y = problem.y.pointer + j &* d
      var value = -g[j]
      for c in 0..<d { value += (x[c] - y[c]) * (x[c] - y[c]) }
      row[j] = value
      if value < low { (low, at) = (value, j) }
    }
    guard epsilon > 0 else {
      chi[at] += 1
      return
    }
    var sum = 0.0
    for j in 0..<m {
      row[j] = problem.b.pointer[j] * exp((low - row[j]) / epsilon)
      sum += row[j]
    }
    for j in 0..<m { chi[j] += row[j] / sum }
  }
}
