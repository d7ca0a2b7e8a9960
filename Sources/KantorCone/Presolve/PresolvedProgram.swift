import KantorBlocks
import KantorCore
import KantorNumerics

/// What a reduction leaves of a program, and the way back to the caller's rows and variables.
struct PresolvedProgram {
  let problem: ConeProblem
  private let whole: ConeProblem
  private let reduction: RowReduction
  /// Variables that are left.
  private let columns: [Int]
  /// Linear rows that are left, then the caller's rows of other cones.
  private let lines: [Line]
  private let general: [Int]

  /// Row or bounds of the reduced program: sign (a'x) + s = right.
  private struct Line {
    enum Kind: Int { case zero, nonnegative, box }
    /// A row of the caller's, or m + j for the bounds of variable j.
    let origin: Int
    let kind: Kind
    let sign: Double
  }

  var removedRows: Int { whole.m - problem.m }
  var removedVariables: Int { whole.n - problem.n }

  /// Nil when nothing is gained.
  init?(_ reduction: RowReduction) throws(KantorError) {
    whole = reduction.problem
    self.reduction = reduction
    let (n, m) = (whole.n, whole.m)
    columns = (0..<n).filter { reduction.hasColumn.pointer[$0] }
    var found: [Line] = []
    for k in 0..<(m + n) {
      let isLeft =
        k < m
        ? reduction.hasRow.pointer[k] && reduction.isLinear.pointer[k]
        : reduction.hasColumn.pointer[k - m]
      guard isLeft else { continue }
      let (l, u) = Self.limits(reduction, k, m)
      if l == -.infinity && u == .infinity { continue }
      if l == u {
        found.append(Line(origin: k, kind: .zero, sign: 1))
      } else if l > -.infinity && u < .infinity {
        found.append(Line(origin: k, kind: .box, sign: 1))
      } else {
        found.append(Line(origin: k, kind: .nonnegative, sign: u < .infinity ? 1 : -1))
      }
    }
    let order: [Line.Kind] = [.zero, .nonnegative, .box]
    lines = order.flatMap { kind in found.filter { $0.kind == kind } }
    general = (0..<m).filter { !reduction.isLinear.pointer[$0] }
    let gains = columns.count < n || lines.count + general.count < m
    guard gains, !columns.isEmpty || general.isEmpty else { return nil }
    problem = try Self.build(reduction, columns, lines, general)
  }

  private static func limits(_ r: RowReduction, _ k: Int, _ m: Int) -> (Double, Double) {
    k < m
      ? (r.rowLow.value.pointer[k], r.rowHigh.value.pointer[k])
      : (r.low.value.pointer[k - m], r.high.value.pointer[k - m])
  }

  // MARK: The smaller program

  private static func build(
    _ r: RowReduction, _ columns: [Int], _ lines: [Line], _ general: [Int]
  ) throws(KantorError) -> ConeProblem {
    let whole = r.problem
    let (rows, n) = (lines.count + general.count, columns.count)
    let place = try Buffer<Int32>(count: whole.n, repeating: -1)
    for (k, j) in columns.enumerated() { place.pointer[j] = Int32(truncatingIfNeeded: k) }
    let b = try Buffer<Double>(count: rows)
    let lower = try Buffer<Double>(count: rows, repeating: -.infinity)
    let upper = try Buffer<Double>(count: rows, repeating: .infinity)
    var counts = [0, 0, 0]
    for (t, line) in lines.enumerated() {
      let (l, u) = limits(r, line.origin, whole.m)
      counts[line.kind.rawValue] += 1
      switch line.kind {
      case .zero: b.pointer[t] = l
      case .nonnegative: b.pointer[t] = line.sign > 0 ? u : -l
      case .box: (lower.pointer[t], upper.pointer[t]) = (-u, -l)
      }
    }
    for (t, i) in general.enumerated() {
      b.pointer[lines.count + t] = whole.b.pointer[i] - r.fixedPart(ofRow: i)
    }
    let cones: [Cone] = [.zero(counts[0]), .nonnegative(counts[1]), .box(counts[2])]
    return ConeProblem(
      p: try objective(r, place, n), q: try gradient(r, columns),
      a: try matrix(r, place, n, lines, general), b: b,
      cones: cones.filter { $0.rows > 0 } + whole.cones.filter { !$0.isLinear },
      lower: counts[2] > 0 ? lower : nil, upper: counts[2] > 0 ? upper : nil)
  }

  private static func matrix(
    _ r: RowReduction, _ place: Buffer<Int32>, _ n: Int, _ lines: [Line], _ general: [Int]
  ) throws(KantorError) -> SparseMatrix {
    let m = r.problem.m
    let starts = try Buffer<Int>(count: lines.count + general.count + 1)
    var count = 0
    let all = lines.map { ($0.origin, $0.sign) } + general.map { ($0, 1.0) }
    for (t, (origin, _)) in all.enumerated() {
      if origin >= m { count += 1 } else { r.forEachEntry(ofRow: origin) { (_, _) in count += 1 } }
      starts.pointer[t + 1] = count
    }
    let indices = try Buffer<Int32>(count: count)
    let values = try Buffer<Double>(count: count)
    var k = 0
    func put(_ j: Int, _ x: Double) {
      indices.pointer[k] = place.pointer[j]
      values.pointer[k] = x
      k += 1
    }
    for (origin, sign) in all {
      if origin >= m {
        put(origin - m, sign)
      } else {
        r.forEachEntry(ofRow: origin) { (j, a) in put(j, sign * a) }
      }
    }
    let byRows = SparseMatrix(
      rows: n, columns: all.count, starts: starts, indices: indices, values: values)
    return try byRows.transposed().matrix
  }

  private static func objective(
    _ r: RowReduction, _ place: Buffer<Int32>, _ n: Int
  ) throws(KantorError) -> SparseMatrix {
    let p = r.problem.p
    let starts = try Buffer<Int>(count: n + 1)
    let indices = try Buffer<Int32>(count: p.count)
    let values = try Buffer<Double>(count: p.count)
    var t = 0
    for j in 0..<r.problem.n where place.pointer[j] >= 0 {
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] {
        let i = place.pointer[Int(p.indices.pointer[k])]
        if i < 0 { continue }
        indices.pointer[t] = i
        values.pointer[t] = p.values.pointer[k]
        t += 1
      }
      starts.pointer[Int(place.pointer[j]) + 1] = t
    }
    return SparseMatrix(
      rows: n, columns: n, starts: starts, indices: try Buffer(copying: indices.pointer, count: t),
      values: try Buffer(copying: values.pointer, count: t))
  }

  /// q + P x over the fixed variables, in what is left.
  private static func gradient(
    _ r: RowReduction, _ columns: [Int]
  ) throws(KantorError) -> Buffer<Double> {
    let g = try r.problem.q.copy()
    let x = try Buffer<Double>(count: r.problem.n)
    for j in r.fixed { x.pointer[Int(j)] = r.value.pointer[Int(j)] }
    r.problem.p.multiplySymmetric(x.pointer, into: g.pointer)
    let q = try Buffer<Double>(count: columns.count)
    for (k, j) in columns.enumerated() { q.pointer[k] = g.pointer[j] }
    return q
  }

  // MARK: Forth

  /// The caller's start, in the reduced program.
  func start(_ given: WarmStart) throws(KantorError) -> WarmStart {
    var arrays: [String: Tensor] = [:]
    let out = try Buffer<Double>(count: problem.n)
    if let x = try given.vector("x", count: whole.n) {
      for (k, j) in columns.enumerated() { out.pointer[k] = x.pointer[j] }
      arrays["x"] = Tensor(try out.copy())
    }
    if let s = try given.vector("s", count: whole.m) {
      let slack = try LinearSlack.make(problem, out)
      for (t, i) in general.enumerated() { slack.pointer[lines.count + t] = s.pointer[i] }
      arrays["s"] = Tensor(slack)
    }
    if let z = try given.vector("z", count: whole.m) {
      let reduced = try Buffer<Double>(count: problem.m)
      for (t, line) in lines.enumerated() {
        let (low, high, k) = sources(line)
        let y =
          low.row.pointer[k] == high.row.pointer[k]
          ? part(z, low, k) : max(0, part(z, high, k)) + min(0, part(z, low, k))
        reduced.pointer[t] = line.sign * y
      }
      for (t, i) in general.enumerated() { reduced.pointer[lines.count + t] = z.pointer[i] }
      arrays["z"] = Tensor(reduced)
    }
    return given.with(arrays: arrays)
  }

  private func sources(_ line: Line) -> (low: SourcedLimits, high: SourcedLimits, k: Int) {
    line.origin < whole.m
      ? (reduction.rowLow, reduction.rowHigh, line.origin)
      : (reduction.low, reduction.high, line.origin - whole.m)
  }

  private func part(_ z: Buffer<Double>, _ side: SourcedLimits, _ k: Int) -> Double {
    let row = Int(side.row.pointer[k])
    return row < 0 ? 0 : z.pointer[row] * side.factor.pointer[k]
  }

  // MARK: Back

  /// The proposal for the caller's program.
  func lift(_ proposal: ConeProposal) throws(KantorError) -> ConeProposal {
    var lifted = proposal
    let isPoint = proposal.claim == .point
    lifted.x = try Buffer(count: whole.n)
    if proposal.claim != .infeasible {
      for (k, j) in columns.enumerated() { lifted.x.pointer[j] = proposal.x.pointer[k] }
    }
    lifted.s = try Buffer(count: whole.m)
    lifted.z = try Buffer(count: whole.m)
    if isPoint {
      for j in reduction.fixed { lifted.x.pointer[Int(j)] = reduction.value.pointer[Int(j)] }
      lifted.s = try LinearSlack.make(whole, lifted.x)
      for (t, i) in general.enumerated() {
        lifted.s.pointer[i] = proposal.s.pointer[lines.count + t]
      }
    }
    if proposal.claim == .unbounded { return lifted }
    for (t, line) in lines.enumerated() {
      let (low, high, k) = sources(line)
      let y = line.sign * proposal.z.pointer[t]
      give(y, to: y > 0 ? high : low, k, lifted.z)
    }
    for (t, i) in general.enumerated() {
      lifted.z.pointer[i] = proposal.z.pointer[lines.count + t]
    }
    try reduction.balance(lifted.z, at: isPoint ? lifted.x : nil)
    return lifted
  }

  private func give(_ y: Double, to side: SourcedLimits, _ k: Int, _ z: Buffer<Double>) {
    let row = Int(side.row.pointer[k])
    if row >= 0 { z.pointer[row] += y / side.factor.pointer[k] }
  }

  /// Where to start when no variable is left: there is nothing to solve.
  func nothingLeft(tolerance: Double) throws(KantorError) -> ConeProposal? {
    guard problem.n == 0 else { return nil }
    let none = try Buffer<Double>(count: 0)
    return ConeProposal(
      claim: .point, x: none, s: none, z: try Buffer(count: problem.m), tolerance: tolerance)
  }
}

extension RowReduction {
  /// Sum of a_j x_j over the fixed variables of a row.
  func fixedPart(ofRow i: Int) -> Double {
    var sum = CompensatedSum()
    for k in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
      let j = Int(rows.indices.pointer[k])
      if !hasColumn.pointer[j] { sum.add(rows.values.pointer[k] * value.pointer[j]) }
    }
    return sum.value
  }

  /// Chooses the multipliers of the rows that fixed variables, the last one first, such that
  /// (Px + A'z + q)_j = 0 for each of them; A'z = 0 alone for a ray, without x. A row taken out
  /// later holds its multiplier already when its fixed variables are looked at.
  func balance(_ z: Buffer<Double>, at x: Buffer<Double>?) throws(KantorError) {
    let gradient: Buffer<Double>
    if let x {
      gradient = try problem.q.copy()
      problem.p.multiplySymmetric(x.pointer, into: gradient.pointer)
    } else {
      gradient = try Buffer(count: problem.n)
    }
    let a = problem.a
    for index in fixed.reversed() {
      let j = Int(index)
      var sum = CompensatedSum()
      sum.add(gradient.pointer[j])
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let (entry, t) = (a.values.pointer[k], z.pointer[Int(a.indices.pointer[k])])
        let product = entry * t
        sum.add(product)
        sum.add((-product).addingProduct(entry, t))
      }
      let y = -sum.value
      let side = y > 0 ? high : low
      let row = Int(side.row.pointer[j])
      // A variable that no row held may have its optimum away from its bounds.
      let isHeld =
        low.value.pointer[j] >= high.value.pointer[j]
        || side.value.pointer[j] == value.pointer[j]
      if row >= 0 && isHeld { z.pointer[row] += y / side.factor.pointer[j] }
    }
  }
}
