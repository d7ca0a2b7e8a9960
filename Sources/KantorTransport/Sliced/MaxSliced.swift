import Glibc
import KantorCore
import KantorNumerics

/// **Solves** max over unit vectors theta of F(theta) = W_p^p(theta'x, theta'y).
///
/// **Method** Projected gradient ascent on the sphere from several starts at once.
///
/// **Symbols** P the optimal plan along theta; g = sum_ij P_ij h'(theta'(x_i - y_j)) (x_i - y_j), a
/// gradient of F, less its part along theta; alpha the angle of a step.
///
/// **Iteration** 1. Cost of `slices` directions drawn and of the difference of the means; the
/// `starts` best go on. 2. theta' = cos(alpha) theta + sin(alpha) g/|g|. If F rises, go there and
/// double alpha, else quarter it. 3. When alpha is rounding for all: try directions around the
/// best, drawn at random at several angles; go on from a better one, else end.
///
/// **Stops when** no direction tried around the best one is better by a tenth of the tolerance.
///
/// **Guarantee** F rises monotonically. F is the lowest of convex functions, one for each plan,
/// with kinks where projections meet, and neither convex nor concave: the end is a local maximum as
/// far as the checker's own tries can tell, and its value a lower bound of the largest. An upper
/// bound comes from the plan: for every coupling, max_theta F <= max_theta sum P h(theta'(x - y)),
/// which for p = 2 is an eigenvalue.
///
/// **Cost** One sort of both clouds for each direction tried.
///
/// **Reference** deshpande2019max; paty2019subspace for the upper bound.
/// Deviation: the tries at random get ascents off the kinks at which the gradient does not vanish.
public enum MaxSliced {
  public static let spec = MethodSpec(
    name: "max_sliced", kind: SlicedKind.kind.name,
    summary: "Max-sliced Wasserstein distance: the direction along which two clouds differ most.",
    source: "I. Deshpande and others, Max-sliced Wasserstein distance and its use for GANs (2019)",
    guarantee: "The value is exact for its direction, a lower bound of the largest, and no "
      + "direction that the checker tried nearby is better; upper_bound bounds all directions.",
    options: [
      OptionSpec(
        "slices", .int(64, min: 1, max: 1 << 30),
        "Directions to draw first; those of the problem, if it has any, take their place."),
      OptionSpec("starts", .int(8, min: 1, max: 1 << 20), "Best ones of these to climb from."),
      OptionSpec(
        "tolerance", .real(1e-5, min: 0, max: 1),
        "Relative gain of a direction nearby at which the best one counts as improved; or "
          + "bound_gap, whichever is smaller."),
      OptionSpec(
        "max_iterations", .int(2000, min: 1, max: .max),
        "Steps of all ascents together, each taken at once, after which the solve stops."),
    ],
    outputs: SlicedOutputs.largest, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? SlicedProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind sliced_transport")
    }
    let search = try SliceAscent(problem, run)
    try search.run()
    let check = try MaxSliceCheck(problem, threads: run.threads)
    let certificate = try check.certify(
      search.best.pointer, rows: search.rows.pointer, columns: search.columns.pointer,
      probes: run.monitor.stop == nil || run.monitor.stop == .iterationLimit
    ) { run.monitor.heartbeat() == nil }
    return try SlicedOutputs.largest(
      spec, problem, search.best, certificate, ends: search.ends, run)
  }
}

/// The ascents, all at once.
private final class SliceAscent {
  private let problem: SlicedProblem
  private let solve: Run
  private let loop: SliceLoop
  private let gradients: [SliceGradient]
  private let d: Int
  /// Directions to be looked at together, with what is found there.
  private let tried: Buffer<Double>
  private let slopes: Buffer<Double>
  private let costs: Buffer<Double>
  private let room: Int
  let best: Buffer<Double>
  /// Orders of the projections on the best direction.
  let rows: Buffer<Int32>
  let columns: Buffer<Int32>
  private(set) var ends: [Double] = []

  private static let firstAngle = 0.1
  private static let lastAngle = 1e-8
  private static let tries = 24
  private static let angles = [0.3, 0.03, 0.003]

  private struct Climber {
    var direction: [Double]
    var gradient: [Double]
    var cost: Double
    var angle = SliceAscent.firstAngle
  }

  init(_ problem: SlicedProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    solve = run
    d = problem.dimension
    let first = problem.projections == nil ? run.options.int("slices") + 1 : problem.given
    room = max(first, run.options.int("starts"), Self.tries)
    let size = try checkedProduct(room, d, of: "slices")
    loop = try SliceLoop(problem, threads: run.threads, slices: room)
    var gradients: [SliceGradient] = []
    for _ in loop.parts { gradients.append(try SliceGradient(problem, weights: false)) }
    self.gradients = gradients
    tried = try Buffer(count: size)
    slopes = try Buffer(count: size)
    costs = try Buffer(count: room)
    best = try Buffer(count: d)
    rows = try Buffer(count: problem.n)
    columns = try Buffer(count: problem.m)
  }

  func run() throws(KantorError) {
    try climbAll()
    // The orders of the best direction, for the checker.
    tried.pointer.update(from: best.pointer, count: d)
    let (rows, columns) = (rows.pointer, columns.pointer)
    let (n, m) = (problem.n, problem.m)
    _ = try loop.run(tried.pointer, count: 1, goesOn: { _ in true }) { slice, _ in
      rows.update(from: slice.rows, count: n)
      columns.update(from: slice.columns, count: m)
    }
  }

  private func climbAll() throws(KantorError) {
    var climbers = try firstDirections()
    var iteration = 0
    var round = 0
    while true {
      try climb(&climbers, &iteration)
      let top = climbers.indices.max { climbers[$0].cost < climbers[$1].cost } ?? 0
      if ends.isEmpty { ends = climbers.map(\.cost) }
      for c in 0..<d { best.pointer[c] = climbers[top].direction[c] }
      guard solve.monitor.stop == nil, d > 1 else { return }
      round += 1
      guard let better = try tryAround(climbers[top], round) else { return }
      climbers = [better]
    }
  }

  /// Cost and gradient along the first `count` directions of `tried`.
  private func evaluate(_ count: Int) throws(KantorError) -> Int {
    let (out, slopes, d) = (costs.pointer, slopes.pointer, d)
    return try loop.run(tried.pointer, count: count) { _ in
      solve.monitor.heartbeat() == nil
    } visit: { slice, part in
      out[slice.k] = gradients[part].slope(slice, slopes + slice.k * d)
    }
  }

  private func climber(_ k: Int) -> Climber {
    var gradient = (0..<d).map { slopes.pointer[k * d + $0] }
    let direction = (0..<d).map { tried.pointer[k * d + $0] }
    let along = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
    for c in 0..<d { gradient[c] -= along * direction[c] }
    return Climber(direction: direction, gradient: gradient, cost: costs.pointer[k])
  }

  private func firstDirections() throws(KantorError) -> [Climber] {
    var count = 0
    if let given = problem.projections {
      count = problem.given
      tried.pointer.update(from: given.pointer, count: count * d)
      for k in 0..<count { _ = SliceDirections.normalise(tried.pointer + k * d, d) }
    } else if d > 1 {
      count = solve.options.int("slices")
      let drawn = try SliceDirections.draw(
        count, dimension: d, seed: solve.seed, stream: 0, orthogonal: true)
      tried.pointer.update(from: drawn.pointer, count: count * d)
      if meanDifference(tried.pointer + count * d) { count += 1 }
    } else {
      tried.pointer[0] = 1
      count = 1
    }
    let done = try evaluate(count)
    let order = (0..<done).sorted { costs.pointer[$0] > costs.pointer[$1] }
    return order.prefix(solve.options.int("starts")).map { climber($0) }
  }

  private func meanDifference(_ out: UnsafeMutablePointer<Double>) -> Bool {
    for c in 0..<d { out[c] = 0 }
    for i in 0..<problem.n {
      let w = problem.marginals.a.pointer[i]
      for c in 0..<d { out[c] += w * problem.x[i * d + c] }
    }
    for j in 0..<problem.m {
      let w = problem.marginals.b.pointer[j]
      for c in 0..<d { out[c] -= w * problem.y[j * d + c] }
    }
    return SliceDirections.normalise(out, d)
  }

  private func climb(_ climbers: inout [Climber], _ iteration: inout Int) throws(KantorError) {
    while true {
      var active: [Int] = []
      for (k, item) in climbers.enumerated() where item.angle > Self.lastAngle {
        if step(item, into: tried.pointer + active.count * d) { active.append(k) }
      }
      let top = climbers.map(\.cost).max() ?? .nan
      iteration += 1
      if solve.monitor.check(iteration: iteration, objective: top) != nil { return }
      if active.isEmpty || solve.monitor.reachesIterationLimit(iteration) { return }
      guard try evaluate(active.count) == active.count else { return }
      for (at, k) in active.enumerated() {
        var next = climber(at)
        if next.cost > climbers[k].cost {
          next.angle = min(2 * climbers[k].angle, 0.5)
          climbers[k] = next
        } else {
          climbers[k].angle *= 0.25
        }
      }
    }
  }

  /// The direction an angle along the gradient; false where there is no gradient.
  private func step(_ climber: Climber, into out: UnsafeMutablePointer<Double>) -> Bool {
    let length = climber.gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard length > 0, length.isFinite else { return false }
    let (p, q) = (cos(climber.angle), sin(climber.angle) / length)
    for c in 0..<d { out[c] = p * climber.direction[c] + q * climber.gradient[c] }
    return SliceDirections.normalise(out, d)
  }

  /// A direction near the best one that is better by more than rounding, if one is found.
  private func tryAround(_ climber: Climber, _ round: Int) throws(KantorError) -> Climber? {
    let drawn = try SliceDirections.draw(
      Self.tries, dimension: d, seed: solve.seed, stream: UInt64(round), orthogonal: true)
    for k in 0..<Self.tries {
      let (out, angle) = (tried.pointer + k * d, Self.angles[k % Self.angles.count])
      for c in 0..<d {
        out[c] = climber.direction[c] + angle * drawn.pointer[k * d + c]
      }
      _ = SliceDirections.normalise(out, d)
    }
    guard try evaluate(Self.tries) == Self.tries else { return nil }
    var top = 0
    for k in 1..<Self.tries where costs.pointer[k] > costs.pointer[top] { top = k }
    let needed = 0.1 * solve.options.real("tolerance") * climber.cost
    return costs.pointer[top] > climber.cost + needed ? self.climber(top) : nil
  }
}

extension SliceGradient {
  /// The cost of a direction; its gradient goes to `out`.
  func slope(_ slice: SliceLoop.Slice, _ out: UnsafeMutablePointer<Double>) -> Double {
    measure(slice)
    return gather(slice, out)
  }
}
