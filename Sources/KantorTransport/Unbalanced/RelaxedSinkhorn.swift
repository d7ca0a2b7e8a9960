import CKantorKernels
import KantorCore
import KantorNumerics

/// The loop that `unbalanced_sinkhorn` and `entropic_partial` share: from potentials of the targets
/// a pass updates those of the sources, then the targets follow, with the multiplier of the mass
/// where there is one, and Anderson's mixing of what the sources see of them.
final class RelaxedSinkhorn {
  let problem: RelaxedProblem
  let entropy: RelaxedEntropy
  let source: RelaxedSide
  let target: RelaxedSide

  private let pass: RelaxedPass
  private let monitor: Monitor
  private var memory: AndersonMemory
  private let one: Buffer<Double>
  private let accelerates: Bool
  private let spread: Double
  private var isWarm = false
  private(set) var iterations = 0

  /// The ladder of eps: from this share of the spread of the costs, by this factor.
  private static let firstFraction = 0.05
  private static let levelFactor = 0.25
  private static let levelTolerance = 1e-2
  private static let levelPasses = 50
  /// Entries of a kernel that is stored without being asked for.
  private static let storedEntries = 1 << 26

  init(_ problem: RelaxedProblem, _ entropy: RelaxedEntropy, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.entropy = entropy
    monitor = run.monitor
    accelerates = run.options.flag("acceleration")
    source = try RelaxedSide(problem.a, problem.terms.source, isUniform: entropy.isUniform)
    target = try RelaxedSide(problem.b, problem.terms.target, isUniform: entropy.isUniform)
    let size = try checkedProduct(problem.n, problem.m, of: "kernel")
    let engine = run.options.text("engine")
    pass = try RelaxedPass(
      problem.geometry, rows: source, columns: target,
      stored: engine == "scaling" || (engine == "auto" && size <= Self.storedEntries),
      threads: run.threads, monitor: run.monitor)
    memory = try AndersonMemory(rows: 1, columns: problem.m)
    one = try Buffer(count: 1, repeating: 1)
    spread = try CostSummary(problem.base, sampled: true, run.monitor).spread
    if let g = try run.start.vector("potential_target", count: problem.m) {
      target.potential.pointer.update(from: g.pointer, count: g.count)
      target.clip()
      isWarm = true
    }
    if let f = try run.start.vector("potential_source", count: problem.n) {
      source.potential.pointer.update(from: f.pointer, count: f.count)
    }
  }

  static let options: [OptionSpec] = [
    OptionSpec(
      "epsilon", .real(0, min: 0, max: .greatestFiniteMagnitude), unit: "cost",
      "Strength of the entropy, in units of the cost. 0 takes 0.05 times the mean cost under the "
        + "product of the weights."),
    OptionSpec(
      "reference", .text("product", choices: ["product", "uniform"]),
      "What the entropy KL(P | Q) is relative to: Q = a b', or 1 for every pair with mass."),
    OptionSpec(
      "tolerance", .real(1e-9, min: 1e-15, max: 1),
      "Certified relative gap, and distance of the marginals from what the potentials ask for "
        + "(L1, relative to the mass), at which the solve ends."),
    OptionSpec("max_iterations", .int(10000, min: 1, max: .max), "Passes over all pairs."),
    OptionSpec(
      "engine", .text("auto", choices: ["auto", "log", "scaling"]),
      "log: exponentials in every pass, nothing stored. scaling: a stored kernel that is rebuilt "
        + "when the potentials have moved far. auto stores up to 67 million pairs."),
    OptionSpec(
      "epsilon_scaling", .flag(true),
      "Approach a small epsilon in steps; not done from a warm start."),
    OptionSpec(
      "acceleration", .flag(true), "Anderson's mixing of the last potentials.", advanced: true),
  ]

  static func entropy(_ problem: RelaxedProblem, _ run: Run) throws(KantorError) -> RelaxedEntropy {
    var epsilon = run.options.real("epsilon")
    if epsilon == 0 {
      epsilon = try CostSummary(problem.base, sampled: false, run.monitor).automaticEpsilon
    }
    return RelaxedEntropy(
      epsilon: epsilon, isUniform: run.options.text("reference") == "uniform")
  }

  // MARK: The loop

  /// To the tolerance, and on until the certificate has it too: where potentials are clipped, the
  /// gap is as large as the error of the marginals, not as its square.
  func solve(_ run: Run) throws(KantorError) -> RelaxedProposal {
    let tolerance = run.options.real("tolerance")
    var done = try descend(tolerance, scaling: run.options.flag("epsilon_scaling") && !isWarm)
    let check = try RelaxedCheck(problem, threads: run.threads)
    var goal = tolerance
    while done && isClipped && goal > Self.leastTolerance {
      let found = try check.certify(
        entropy, f: source.potential, g: target.potential, multiplier: target.multiplier)
      if found.relativeGap <= tolerance && found.residual <= tolerance { break }
      goal *= 0.03
      done = try reach(entropy.epsilon, goal, limit: .max)
    }
    pass.transformMassless(entropy.epsilon)
    for j in 0..<target.count where !(problem.b.pointer[j] > 0) {
      target.update(entropy.epsilon, j, j + 1)
    }
    return RelaxedProposal(
      plan: .entropic(entropy), f: source.potential, g: target.potential,
      multiplier: target.multiplier, tolerance: tolerance, gapTolerance: tolerance)
  }

  private static let leastTolerance = 1e-14

  private var isClipped: Bool {
    let forms = [source.penalty.form, target.penalty.form]
    return forms.contains(.tv) || forms.contains(.cap) || forms.contains(.fixed)
  }

  private func descend(_ tolerance: Double, scaling: Bool) throws(KantorError) -> Bool {
    var level = scaling ? Self.firstFraction * spread : 0
    while level > 1.5 * entropy.epsilon {
      guard
        try reach(level, max(Self.levelTolerance, tolerance), limit: Self.levelPasses)
      else { return false }
      level *= Self.levelFactor
    }
    return try reach(entropy.epsilon, tolerance, limit: .max)
  }

  /// Plain steps, which never go wrong, for a while wherever mixing has not lowered the error:
  /// where potentials are clipped, the step is not smooth, and mixing may go round in circles.
  private struct Patience {
    private var best = Double.infinity
    private var waited = 0
    private var plain = 0
    private var pause = 20
    private static let longest = 15

    var mixes: Bool { plain == 0 }

    mutating func note(_ error: Double) {
      if plain > 0 {
        plain -= 1
        best = error
        return
      }
      waited = error < 0.9 * best ? 0 : waited + 1
      best = min(best, error)
      guard waited >= Self.longest else { return }
      (waited, plain) = (0, pause)
      pause *= 2
    }
  }

  /// Passes until the targets are where their penalty wants them; false when stopped.
  private func reach(_ epsilon: Double, _ goal: Double, limit: Int) throws(KantorError) -> Bool {
    memory = try AndersonMemory(rows: 1, columns: problem.m)
    if isWarm, problem.terms.total != nil, !findMultiplier(epsilon) { return false }
    isWarm = false
    var passes = 0
    var patience = Patience()
    while true {
      target.setExponents(epsilon)
      guard pass.run(epsilon) else { return false }
      iterations += 1
      passes += 1
      let error = target.error(epsilon, relativeTo: problem.mass) + totalError()
      if monitor.check(iteration: iterations, residual: error) != nil { return false }
      if error <= goal { return true }
      if monitor.reachesIterationLimit(iterations) { return false }
      guard passes < limit else { return true }
      let mixed = patience.mixes
      patience.note(error)
      if mixed && !patience.mixes { memory = try AndersonMemory(rows: 1, columns: problem.m) }
      step(epsilon, mixes: accelerates && patience.mixes)
    }
  }

  private func step(_ epsilon: Double, mixes: Bool) {
    let g = target.potential.pointer
    target.shift(by: target.multiplier)
    memory.begin(g, 1, g)
    target.shift(by: -target.multiplier)
    if let total = problem.terms.total {
      balanceTotal(total, epsilon)
    } else {
      target.update(epsilon, 0, target.count)
      translate()
    }
    guard mixes else { return }
    target.shift(by: target.multiplier)
    memory.mix(g, 1, g, lambda: one.pointer, mass: problem.b.pointer)
    target.shift(by: -target.multiplier)
    target.clip()
  }

  /// The best shift of f against g where KL or a fixed marginal stand on both sides: it takes away
  /// the slow mode of strong penalties.
  private func translate() {
    let forms = (source.penalty.form, target.penalty.form)
    guard forms.0 == .kl || forms.0 == .fixed, forms.1 == .kl else { return }
    let (p, q) = (source.penalty.strength, target.penalty.strength)
    let factor = forms.0 == .fixed ? q : p * q / (p + q)
    let shift = factor * (source.logTotal() - target.logTotal())
    if shift.isFinite { target.shift(by: -shift) }
  }

  // MARK: A mass that is prescribed

  private func totalError() -> Double {
    guard let total = problem.terms.total else { return 0 }
    return abs(target.massOfMarginals() - total) / problem.mass
  }

  /// Of the potentials that were given, the multiplier with which they move the right mass.
  private func findMultiplier(_ epsilon: Double) -> Bool {
    source.setExponents(epsilon)
    target.setExponents(epsilon)
    guard let total = problem.terms.total, let mass = pass.mass(epsilon) else { return false }
    let l = epsilon * Double.log(total / mass)
    if l.isFinite { target.multiplier += l }
    return true
  }

  /// Caps and mass at once: with k_j = (g~_j + l)/eps, column j sums to b_j min(1, exp(x - k_j))
  /// for l = eps x; the x with which they sum to s lies between two of the k_j, in order.
  private func balanceTotal(_ total: Double, _ epsilon: Double) {
    let b = problem.b.pointer
    let order = (0..<target.count)
      .filter { b[$0] > 0 && target.exact($0, epsilon) < .infinity }
      .sorted { target.exact($0, epsilon) < target.exact($1, epsilon) }
    guard let last = order.last else { return }
    // log sum of b exp(-k) from a place on, and the sum of b before it.
    var tails = [Double](repeating: 0, count: order.count)
    var tail = -Double.infinity
    for place in order.indices.reversed() {
      let j = order[place]
      let own = Double.log(b[j]) - target.exact(j, epsilon) / epsilon
      let high = max(tail, own)
      tail = high + Double.log(exponential(tail - high) + exponential(own - high))
      tails[place] = tail
    }
    var (x, before) = (target.exact(last, epsilon) / epsilon, 0.0)
    for place in order.indices where total > before {
      let candidate = Double.log(total - before) - tails[place]
      if candidate <= target.exact(order[place], epsilon) / epsilon {
        x = candidate
        break
      }
      before += b[order[place]]
    }
    target.multiplier = epsilon * x
    target.update(epsilon, 0, target.count)
    target.multiplier -= room()
  }

  /// How far all f may rise while l falls: no pair sees it, and the dual gains where s is less than
  /// the mass of the sources. The next pass raises f; without this, passes go there by steps of the
  /// mass that stays behind.
  private func room() -> Double {
    let (f, a) = (source.potential.pointer, problem.a.pointer)
    var top = -Double.infinity
    for i in 0..<problem.n where a[i] > 0 { top = max(top, f[i]) }
    return top.isFinite ? max(0, -top) : 0
  }

  private func exponential(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_exp_f64(&input, &output, 1)
    return output
  }
}
