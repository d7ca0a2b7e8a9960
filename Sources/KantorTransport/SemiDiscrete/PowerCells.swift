import KantorCore
import KantorNumerics

/// Semi-discrete transport of the uniform density on a convex polygon, exactly.
///
/// **Solves** max_g  <b, g> + rho sum_j integral over cell j of (|x - y_j|^2 - g_j),
/// cell j being where |x - y_j|^2 - g_j is least within the polygon, rho the density.
///
/// **Method** Damped Newton on the equations q_j(g) = b_j for the cells' masses; the cells are
/// polygons, cut out exactly.
///
/// **Symbols** q_j = rho |cell j|; H the derivative of q, a Laplacian: dq_j/dg_k = -rho
/// |border of j and k| / (2 |y_j - y_k|).
///
/// **Iteration**
/// 1. H d = b - q, by conjugate gradients with an approximate factorisation; d is fixed at one
///    point.
/// 2. The first t of 1, 1/2, 1/4, ... with which no cell falls below half of the least of all
///    masses at the start and asked for, and |b - q| by the factor 1 - t/2 at least; g <- g + t d.
/// The start are the cells of the points drawn together about the polygon's centre until all lie
/// within: none is empty.
///
/// **Stops when** |q - b|_1 <= tolerance times the mass.
///
/// **Guarantee** Converges from every start without empty cells, at last quadratically.
///
/// **Cost** About m cells and one linear system with 3 m entries per step; O(m) memory.
///
/// **Reference** kitagawa2019convergence (algorithm 1); aurenhammer1998minkowski.
public enum PowerCells {
  public static let spec = MethodSpec(
    name: "power_cells", kind: PolygonKind.kind.name,
    summary: "Exact semi-discrete transport on a convex polygon by damped Newton on power cells.",
    source: "J. Kitagawa, Q. Merigot, B. Thibert, Convergence of a Newton algorithm for "
      + "semi-discrete optimal transport (2019)",
    guarantee: "The masses of the cells are those asked for to the tolerance, by areas in closed "
      + "form; the gap of the cost is certified.",
    options: [
      OptionSpec(
        "tolerance", .real(1e-10, min: 0, max: 2),
        "L1 distance of the cells' masses from those asked for, relative to the mass."),
      OptionSpec(
        "max_iterations", .int(500, min: 1, max: .max), "Steps after which the solve stops."),
    ],
    outputs: PolygonResult.outputs, usesWarmStart: false, hasDerivatives: true)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? PolygonProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind \(PolygonKind.kind.name)")
    }
    let newton = try CellNewton(problem, run)
    try newton.climb()
    return try PolygonResult.make(spec, problem, newton.g, run)
  }
}

/// The Newton iteration of `PowerCells`.
private final class CellNewton {
  let problem: PolygonProblem
  let g: Buffer<Double>
  private let run: Run
  private let diagram: PowerDiagram
  private let solver: ConjugateGradient
  private let step: Buffer<Double>
  private let rest: Buffer<Double>
  private let trial: Buffer<Double>
  private var random = RandomStream(seed: 0, stream: 0x504F_5745)

  private static let leastStep = 1e-9
  private static let linearTolerance = 1e-10
  /// The points drawn together reach so far towards the border of the polygon.
  private static let reach = 0.9

  init(_ problem: PolygonProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    let m = problem.m
    diagram = try PowerDiagram(problem, threads: run.threads)
    g = try Buffer(count: m)
    step = try Buffer(count: m)
    rest = try Buffer(count: m)
    trial = try Buffer(count: m)
    solver = try ConjugateGradient(count: max(1, m - 1))
  }

  /// Potentials with which the cells are those of y' = c + s (y - c), all within the polygon:
  /// |x - y'|^2 / s and |x - y|^2 - g differ by a function of x alone if g = |y - c|^2 (1 - s).
  private func start() {
    let centre = centroid()
    var s = 1.0
    let corners = problem.corners
    for j in 0..<problem.m {
      let d = problem.point(j) - centre
      for k in corners.indices {
        let edge = corners[k + 1 < corners.count ? k + 1 : 0] - corners[k]
        // The distance to an edge's line, times its length, at the centre and on the way to y.
        let (inside, slope) = (edge.cross(centre - corners[k]), edge.cross(d))
        if inside + s * slope < (1 - Self.reach) * inside, slope < 0 {
          s = min(s, Self.reach * inside / -slope)
        }
      }
    }
    for j in 0..<problem.m {
      g.pointer[j] = (problem.point(j) - centre).square * (1 - s)
    }
  }

  private func centroid() -> PlanePoint {
    let corners = problem.corners
    var (x, y) = (0.0, 0.0)
    for k in corners.indices {
      let p = corners[k] - corners[0]
      let q = corners[k + 1 < corners.count ? k + 1 : 0] - corners[0]
      let cross = p.cross(q)
      x += cross * (p.x + q.x)
      y += cross * (p.y + q.y)
    }
    let scale = 1 / (6 * problem.area)
    return PlanePoint(corners[0].x + scale * x, corners[0].y + scale * y)
  }

  private struct State {
    /// |b - q| in two norms, the dual value, and the least mass of a cell.
    var norm = 0.0
    var error = 0.0
    var value = 0.0
    var least = Double.infinity
  }

  private func measure(_ g: Buffer<Double>) -> State {
    diagram.measure(g.pointer)
    var (state, value) = (State(), CompensatedSum())
    for j in 0..<problem.m {
      let q = problem.density * diagram.areas.pointer[j]
      let difference = problem.b.pointer[j] - q
      rest.pointer[j] = difference
      state.norm += difference * difference
      state.error += abs(difference)
      state.least = min(state.least, q)
      value.add(problem.density * diagram.costs.pointer[j] + difference * g.pointer[j])
    }
    state.norm = state.norm.squareRoot()
    state.value = value.value
    return state
  }

  func climb() throws(KantorError) {
    start()
    var now = measure(g)
    var floor = now.least
    for j in 0..<problem.m { floor = min(floor, problem.b.pointer[j]) }
    floor *= 0.5
    let goal = 0.5 * run.options.real("tolerance") * problem.mass
    var iteration = 0
    while true {
      iteration += 1
      let stop = run.monitor.check(
        iteration: iteration, objective: now.value, residual: now.error / problem.mass)
      if stop != nil || now.error <= goal || problem.m == 1 { return }
      if run.monitor.reachesIterationLimit(iteration) { return }
      try solve()
      var t = 1.0
      while true {
        for j in 0..<problem.m { trial.pointer[j] = g.pointer[j] + t * step.pointer[j] }
        let then = measure(trial)
        if then.least >= floor, then.norm <= (1 - 0.5 * t) * now.norm {
          g.pointer.update(from: trial.pointer, count: problem.m)
          now = then
          break
        }
        t *= 0.5
        // Rounding: no step brings anything.
        if t < Self.leastStep { return }
        if run.monitor.heartbeat() != nil { return }
      }
    }
  }

  /// Newton's direction; the last point stays.
  private func solve() throws(KantorError) {
    let count = problem.m - 1
    let borders = diagram.borders
    let density = problem.density
    var graph = try ApproximateCholesky(count: count, edgeCount: borders.count)
    let degrees = try Buffer<Int32>(count: count)
    for border in borders {
      if border.first < count { degrees.pointer[Int(border.first)] += 1 }
      if border.second < count { degrees.pointer[Int(border.second)] += 1 }
    }
    try graph.begin(degrees: degrees.pointer)
    for border in borders {
      graph.join(Int(border.first), Int(border.second), density * border.rate)
    }
    let monitor = run.monitor
    guard try graph.factorise(random: &random, shouldStop: { monitor.heartbeat() != nil }) else {
      return
    }
    step.fill(0)
    _ = solver.solve(
      rightHandSide: rest.pointer, x: step.pointer, tolerance: Self.linearTolerance,
      maxIterations: 1000,
      multiply: { x, out in
        for j in 0..<count { out[j] = 0 }
        for border in borders {
          let (j, k) = (Int(border.first), Int(border.second))
          let flow = density * border.rate * ((j < count ? x[j] : 0) - (k < count ? x[k] : 0))
          if j < count { out[j] += flow }
          if k < count { out[k] -= flow }
        }
      },
      precondition: { r, z in
        for j in 0..<count { z[j] = r[j] }
        graph.solve(z)
      },
      shouldStop: { monitor.heartbeat() != nil })
    step.pointer[count] = 0
  }
}
