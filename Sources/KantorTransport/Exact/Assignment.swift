import KantorCore

/// The assignment problem: exact transport between equally many points of equal weight.
///
/// **Solves.** min over permutations s of sum_i C_i,s(i); C_ij = +infinity forbids a pair. The plan
/// moves mass / n along each pair.
///
/// **Method.** Shortest augmenting paths after Jonker and Volgenant. Small problems work on the
/// whole matrix, as published. Larger ones start from the potentials of a short entropic run
/// (`EntropicStart`) and work on the arcs with small reduced costs (`CandidateArcs`); a sweep
/// over all pairs then frees the rows whose partner is not their best, lists their best arc, and
/// matches them again, until it frees none.
///
/// **Symbols.** v potentials of columns (g); u_i = C_i,s(i) - v_s(i) potentials of rows (f); d
/// shortest distance of a column from a free row, in reduced costs.
///
/// **Iteration.** 1. Column reduction: v_j = min_i C_ij, matched if the row is free. 2.
/// Augmenting row reduction, twice: a free row takes its best column and lowers its v by the
/// distance to the second best; who had it is free. 3. For each row still free: shortest path
/// (Dijkstra) over reduced costs C_ij - u_i - v_j to a free column; v_j += d_j - d_end on the
/// columns passed; swap along the path.
///
/// **Stops when** every row is matched to its best column: C_i,s(i) - v_s(i) <= C_ij - v_j up to
/// tau (|C_ij| + |u_i| + |v_j|) for all pairs.
///
/// **Guarantee.** Exact up to rounding. f is the c-transform of g, so f_i + g_j <= C_ij for every
/// pair up to one rounding.
///
/// **Cost.** O(n^3) at worst; on random data 25 to 30 passes over C. 60 bytes a point beside the
/// list.
///
/// **Reference.** Jonker, Volgenant, "A shortest augmenting path algorithm for dense and sparse
/// linear assignment problems", Computing 38 (1987).
/// Deviation: columns are reduced by entropic potentials when n is large; on 4000 points in the
/// plane one row in eleven then needs a path, on independent costs one in 250.
public enum Assignment: TransportMethod {
  public static let spec = MethodSpec(
    name: "assignment", kind: TransportKind.kind.name,
    summary: "Exact transport between equally many points of equal weight; plan a permutation.",
    source: "Jonker, Volgenant (1987), A shortest augmenting path algorithm for dense and sparse "
      + "linear assignment problems",
    guarantee: "Optimal up to rounding, with feasible potentials; infeasibility is detected.",
    options: [
      OptionSpec(
        "candidates", .int(12, min: 1, max: 10_000),
        "Arcs per node in the first list that the paths are sought in.", advanced: true)
    ],
    outputs: TransportOutputs.with([
      FieldSpec("paths", .int, .output, "Shortest augmenting paths sought."),
      FieldSpec("pricing_sweeps", .int, .output, "Sweeps over all pairs."),
    ]),
    usesWarmStart: true, hasDerivatives: true)

  static let tolerance = 1e-14
  private static let certifiedTolerance = 1e-12

  /// Equally many points of equal weight.
  static func applies(to problem: TransportProblem) -> Bool {
    problem.n == problem.m && problem.hasUniformWeights
  }

  public static func propose(
    _ problem: TransportProblem, _ run: Run
  ) throws(KantorError) -> TransportProposal {
    guard applies(to: problem) else {
      throw KantorError(
        .unsupported,
        "'assignment' needs equally many sources and targets of equal weight; this problem has "
          + "\(problem.n) sources and \(problem.m) targets"
          + (problem.hasUniformWeights ? "" : " and weights that differ"))
    }
    var state = try State(problem, run)
    try state.solve()
    var figures = ResultFields()
    figures.add("paths", state.paths)
    figures.add("pricing_sweeps", state.sweeps)
    if state.isInfeasible {
      return TransportProposal(
        plan: .infeasible, f: state.f, g: state.g, figures: figures,
        tolerance: certifiedTolerance)
    }
    let plan = try state.plan()
    state.centre()
    return TransportProposal(
      plan: .sparse(plan), f: state.f, g: state.g, figures: figures,
      tolerance: certifiedTolerance)
  }
}

extension Assignment {
  /// Up to this many rows the whole matrix is searched.
  static var denseLimit: Int { 64 }

  struct State {
    static var none: Int32 { -1 }

    let run: Run
    let rows: CostRows
    let n: Int
    let massPerPair: Double
    /// Potentials of the targets to start from, if the caller has some.
    let given: Buffer<Double>?
    /// u and v of the header.
    let f: Buffer<Double>
    let g: Buffer<Double>
    /// Partners; -1 if free.
    let columnOf: UnsafeMutablePointer<Int32>
    let rowOf: UnsafeMutablePointer<Int32>
    /// Cost of the pair of a matched row.
    let pairCost: UnsafeMutablePointer<Double>
    /// Rows that have no partner yet.
    let free: UnsafeMutablePointer<Int32>
    var freeCount = 0
    /// Workspace of the path search, one element for each column.
    let distance: UnsafeMutablePointer<Double>
    let predecessor: UnsafeMutablePointer<Int32>
    let place: UnsafeMutablePointer<Int32>
    let heap: UnsafeMutablePointer<Int32>
    let touched: UnsafeMutablePointer<Int32>
    var paths = 0
    var sweeps = 0
    var isInfeasible = false
    private let arena: Arena

    var monitor: Monitor { run.monitor }

    init(_ problem: TransportProblem, _ run: Run) throws(KantorError) {
      self.run = run
      rows = try CostRows(problem.geometry.cost)
      n = problem.n
      massPerPair = problem.mass / Double(n)
      given = try run.start.vector("potential_target", count: n)
      f = try Buffer(count: n)
      g = try Buffer(count: n)
      var arena = try Arena(
        bytes: 2 * (try Arena.bytes(Double.self, n)) + 7 * (try Arena.bytes(Int32.self, n)))
      columnOf = arena.take(Int32.self, n)
      rowOf = arena.take(Int32.self, n)
      pairCost = arena.take(Double.self, n)
      free = arena.take(Int32.self, n)
      distance = arena.take(Double.self, n)
      predecessor = arena.take(Int32.self, n)
      place = arena.take(Int32.self, n)
      heap = arena.take(Int32.self, n)
      touched = arena.take(Int32.self, n)
      for k in 0..<n {
        (columnOf[k], rowOf[k], place[k]) = (Self.none, Self.none, Self.none)
      }
      self.arena = arena
    }

    mutating func solve() throws(KantorError) {
      // Shares the memory of the iterates.
      let view = self
      if n <= Assignment.denseLimit {
        reduceColumns()
        for _ in 0..<2 { reduceFreeRows { view.bestOfRow($0) } }
        guard matchFreeRows(over: nil) else { return }
        for i in 0..<n { f.pointer[i] = pairCost[i] - g.pointer[Int(columnOf[i])] }
        return
      }
      guard let arcs = try startFromPotentials() else { return }
      for _ in 0..<2 { reduceFreeRows { view.bestListed($0, arcs) } }
      repeat {
        guard matchFreeRows(over: arcs), try freeMismatchedRows(arcs) else { return }
        if monitor.check(iteration: sweeps, residual: Double(freeCount)) != nil { return }
      } while freeCount > 0
    }

    /// A path for every free row, over listed arcs where there is one, else over all pairs. False
    /// when the solve is to stop or a row cannot be matched.
    private mutating func matchFreeRows(over arcs: RowArcs?) -> Bool {
      var pulse = Pulse(monitor)
      while freeCount > 0 {
        let i = Int(free[freeCount - 1])
        var work = arcs.flatMap { augment(from: i, over: $0) }
        if work == nil { work = augmentDensely(from: i) }
        paths += 1
        guard let work else {
          isInfeasible = true
          return false
        }
        freeCount -= 1
        if pulse.beat(work) != nil { return false }
      }
      return true
    }

    // MARK: - Answer

    /// The pairs; rows and columns still free after an early stop are paired off in order.
    func plan() throws(KantorError) -> SparsePlan {
      var plan = try SparsePlan(capacity: n)
      var j = 0
      for i in 0..<n {
        if columnOf[i] >= 0 {
          plan.append(i, Int(columnOf[i]), massPerPair)
          continue
        }
        while j < n && rowOf[j] >= 0 { j += 1 }
        if j < n && rows.entry(i, j) < .infinity { plan.append(i, j, massPerPair) }
        j += 1
      }
      return plan
    }

    func centre() {
      var difference = 0.0
      for k in 0..<n { difference += f.pointer[k] - g.pointer[k] }
      let shift = difference / (2 * Double(n))
      guard shift.isFinite else { return }
      for k in 0..<n {
        f.pointer[k] -= shift
        g.pointer[k] += shift
      }
    }
  }
}
