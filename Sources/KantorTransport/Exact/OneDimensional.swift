import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// Exact optimal transport on the line.
///
/// **Solves.** min <P, C> over couplings of a and b, for points x_i, y_j on the line and C_ij =
/// h(x_i - y_j) with h convex: squared or absolute difference, or its p-th power with p >= 1.
///
/// **Method.** Sort both point sets and match the mass from left to right.
///
/// **Symbols.** a, b weights; f, g potentials; the staircase is the sequence of cells (i, j) that
/// the matching visits, in sorted order.
///
/// **Iteration.** 1. At cell (i, j), move the smaller of what is left of a_i and b_j. 2. Step to
/// i + 1 if a_i is used up, else to j + 1: f_i+1 = C_i+1,j - g_j, or g_j+1 = C_i,j+1 - f_i.
///
/// **Stops when** both sets are used up; there is nothing to wait for, limits are not consulted.
///
/// **Guarantee.** Exact. For convex h, C has the Monge property C_ij + C_kl <= C_il + C_kj for i
/// < k, j < l (sorted), and so has D = C - f - g, which differs from it by a row and a column
/// term. D is 0 on the staircase, whose steps change one index at a time; adding the inequalities
/// of the squares between a cell and the staircase gives D >= 0 everywhere. So f and g are
/// feasible, and equality holds wherever mass moves. Points of weight 0 are on the staircase like
/// all others and get potentials by the same steps.
///
/// **Cost.** O(n) for the sort by digits and the walk; 60 bytes a point, 8 more with two threads,
/// which take a side each.
///
/// **Reference.** Villani, "Topics in Optimal Transportation" (2003), section 2.2; Hoffman, "On
/// simple linear programming problems" (1963).
public enum OneDimensional: TransportMethod {
  public static let spec = MethodSpec(
    name: "one_dimensional", kind: TransportKind.kind.name,
    summary: "Exact optimal transport on the line for convex costs of the distance, by sorting.",
    source: "Hoffman (1963), On simple linear programming problems; Villani (2003), Topics in "
      + "Optimal Transportation, section 2.2",
    guarantee: "Optimal up to rounding, with feasible potentials.",
    options: [], outputs: TransportOutputs.with(), usesWarmStart: false, hasDerivatives: true)

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    guard problem.geometry.isConvexLine,
      case .points(let x, let y, _, let metric, let power) = problem.geometry.source
    else {
      throw KantorError(
        .unsupported,
        "'one_dimensional' needs points on a line and a convex cost: metric sqeuclidean, "
          + "euclidean, l1, or power with an exponent of at least 1")
    }
    let walk = try Staircase(problem, x: x.pointer, y: y.pointer, run)
    let proposal: Staircase.Matching
    switch metric {
    case .sqeuclidean: proposal = try walk.match { $0 * $0 }
    case .power where power == 2: proposal = try walk.match { $0 * $0 }
    case .power where power != 1: proposal = try walk.match { pow(abs($0), power) }
    default: proposal = try walk.match { abs($0) }
    }
    return TransportProposal(
      plan: .sparse(proposal.plan), f: proposal.f, g: proposal.g,
      tolerance: tolerance(problem.n + problem.m))
  }

  /// Rounding runs along the whole staircase into the potentials.
  private static func tolerance(_ cells: Int) -> Double {
    1e-12 + 1e-14 * Double(cells).squareRoot()
  }
}

/// The walk from left to right through two sorted point sets.
private struct Staircase {
  typealias Matching = (plan: SparsePlan, f: Buffer<Double>, g: Buffer<Double>)

  let problem: TransportProblem
  let n: Int
  let m: Int
  /// Equal weights as whole numbers, so that no rounding disturbs the walk.
  let isUniform: Bool
  let each: (supply: Double, demand: Double)
  /// Indices of the points from left to right.
  let rowOrder: Buffer<Int32>
  let columnOrder: Buffer<Int32>
  /// Coordinates from left to right, which the walk replaces by potentials: passes over memory in
  /// its order, and one collection before and one distribution after, where nothing waits.
  private let sources: UnsafeMutablePointer<Double>
  private let targets: UnsafeMutablePointer<Double>
  private let work: Buffer<UInt64>
  /// The two sides are sorted and collected by a thread each, if there are two.
  private let sides: Parallel

  init(
    _ problem: TransportProblem, x: UnsafePointer<Double>, y: UnsafePointer<Double>,
    _ run: Run
  ) throws(KantorError) {
    self.problem = problem
    (n, m) = (problem.n, problem.m)
    isUniform = problem.hasUniformWeights
    each = ExactWeights.wholeNumbers(n, m)
    let sides = Parallel(threads: n + m >= Self.pointsPerThread ? min(run.threads, 2) : 1)
    self.sides = sides
    // Two sorts at once need memory each.
    let second = sides.threads > 1 ? 2 * n : 0
    work = try Buffer<UInt64>(count: sides.threads > 1 ? 2 * (n + m) : 2 * max(n, m))
    rowOrder = try Buffer(count: n)
    columnOrder = try Buffer(count: m)
    let (rows, columns, room) = (rowOrder, columnOrder, work.pointer)
    let (n, m) = (n, m)
    sides.forEach(2) { _, first, end in
      if first == 0 { kn_argsort_f64(x, Int64(n), rows.pointer, room) }
      if end == 2 { kn_argsort_f64(y, Int64(m), columns.pointer, room + second) }
    }
    _ = run.monitor.heartbeat()
    // The sort's memory is free now.
    sources = UnsafeMutableRawPointer(work.pointer).bindMemory(to: Double.self, capacity: n + m)
    targets = sources + n
    let (sources, targets) = (sources, targets)
    sides.forEach(2) { _, first, end in
      if first == 0 { Self.collect(x, rows, sources) }
      if end == 2 { Self.collect(y, columns, targets) }
    }
  }

  /// Points of both sides below which another thread costs more than it brings.
  private static let pointsPerThread = 1 << 16

  private static func collect(
    _ values: UnsafePointer<Double>, _ order: Buffer<Int32>, _ out: UnsafeMutablePointer<Double>
  ) {
    let index = order.pointer
    for k in 0..<order.count { out[k] = values[Int(index[k])] }
  }

  private static func distribute(
    _ values: UnsafePointer<Double>, _ order: Buffer<Int32>, _ out: UnsafeMutablePointer<Double>
  ) {
    let index = order.pointer
    for k in 0..<order.count { out[Int(index[k])] = values[k] }
  }

  /// Plan and potentials for the cost h(x - y).
  @inline(__always)
  func match(_ h: (Double) -> Double) throws(KantorError) -> Matching {
    let f = try Buffer<Double>(count: n)
    let g = try Buffer<Double>(count: m)
    let plan = try isUniform && n == m ? pairs(h) : walk(h, f.pointer, g.pointer)
    sides.forEach(2) { _, first, end in
      if first == 0 { Self.distribute(sources, rowOrder, f.pointer) }
      if end == 2 { Self.distribute(targets, columnOrder, g.pointer) }
    }
    try centre(f.pointer, g.pointer)
    return (plan, f, g)
  }

  /// The walk for any weights; `supplies` and `demands` are room for them in sorted order.
  @inline(__always)
  private func walk(
    _ h: (Double) -> Double, _ supplies: UnsafeMutablePointer<Double>,
    _ demands: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> SparsePlan {
    var plan = try SparsePlan(capacity: n + m - 1)
    let (rows, columns) = (rowOrder.pointer, columnOrder.pointer)
    if !isUniform {
      Self.collect(problem.a.pointer, rowOrder, supplies)
      Self.collect(problem.b.pointer, columnOrder, demands)
    }
    let unit = isUniform ? problem.mass / (Double(n) * each.supply) : 1
    var (s, t) = (0, 0)
    var (source, target) = (sources[0], targets[0])
    var (own, far) = (0.0, h(source - target))
    var supply = isUniform ? each.supply : supplies[0]
    var demand = isUniform ? each.demand : demands[0]
    (sources[0], targets[0]) = (own, far)
    while true {
      let amount = self.amount(supply, demand, isLastRow: s + 1 == n, isLastColumn: t + 1 == m)
      if amount > 0 { plan.append(Int(rows[s]), Int(columns[t]), amount * unit) }
      supply -= amount
      demand -= amount
      if s + 1 < n && (supply <= 0 || t + 1 == m) {
        s += 1
        source = sources[s]
        supply = isUniform ? each.supply : supplies[s]
        own = h(source - target) - far
        sources[s] = own
      } else if t + 1 < m {
        t += 1
        target = targets[t]
        demand = isUniform ? each.demand : demands[t]
        far = h(source - target) - own
        targets[t] = far
      } else {
        return plan
      }
    }
  }

  /// What moves at a cell. The last point of a side takes all that is left of the other, so that
  /// every weight, however small, is moved although the sums differ by rounding.
  @inline(__always)
  private func amount(
    _ supply: Double, _ demand: Double, isLastRow: Bool, isLastColumn: Bool
  ) -> Double {
    if isLastColumn && (!isLastRow || supply > 0) { return supply }
    return isLastRow ? demand : min(supply, demand)
  }

  /// The walk when it pairs the points one by one: half of the cells carry mass, the others, below
  /// them, hand the potentials on.
  @inline(__always)
  private func pairs(_ h: (Double) -> Double) throws(KantorError) -> SparsePlan {
    var plan = try SparsePlan(capacity: n)
    let share = problem.mass / Double(n)
    var target = targets[0]
    var potential = h(sources[0] - target)
    for k in 0..<n {
      let source = sources[k]
      // Cell (k, k - 1), then cell (k, k).
      let own = h(source - target) - potential
      target = targets[k]
      potential = h(source - target) - own
      sources[k] = own
      targets[k] = potential
    }
    for k in 0..<n {
      plan.rows.pointer[k] = Int64(rowOrder.pointer[k])
      plan.columns.pointer[k] = Int64(columnOrder.pointer[k])
      plan.values.pointer[k] = share
    }
    plan.count = n
    return plan
  }

  /// The same shift for all, so that <a,f> = <b,g>.
  private func centre(
    _ f: UnsafeMutablePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    var difference = 0.0
    for i in 0..<n { difference += problem.a.pointer[i] * f[i] }
    for j in 0..<m { difference -= problem.b.pointer[j] * g[j] }
    guard difference.isFinite else {
      throw KantorError(.range, "powers of the distances are too large for a number")
    }
    let shift = difference / (2 * problem.mass)
    for i in 0..<n { f[i] -= shift }
    for j in 0..<m { g[j] += shift }
  }
}
