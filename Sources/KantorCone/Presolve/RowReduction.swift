import KantorBlocks
import KantorCore
import KantorNumerics

/// A limit on a row or a variable, and the caller's row that it comes from: that row is `factor`
/// times this one, as far as variables are left.
struct SourcedLimits {
  let value: Buffer<Double>
  let row: Buffer<Int32>
  let factor: Buffer<Double>

  init(count: Int, free: Double) throws(KantorError) {
    value = try Buffer(count: count, repeating: free)
    row = try Buffer(count: count, repeating: -1)
    factor = try Buffer(count: count, repeating: 1)
  }

  @inline(__always) func set(_ k: Int, _ x: Double, _ source: Int32, _ t: Double) {
    value.pointer[k] = x
    row.pointer[k] = source
    factor.pointer[k] = t
  }
}

/// Takes out of a cone program what needs no method: rows of linear cones without entries or
/// limits, rows of one variable (its bounds), variables whose bounds meet, variables that no row
/// holds, and rows that are multiples of others.
///
/// What is taken out makes other rows shorter, so a list of candidates is worked off until it is
/// empty. Rows of other cones stay; fixed variables move to their right-hand sides. A variable that
/// is an entry of a psd matrix stays with its rows: the small dense system of a program in standard
/// form (`SchurCondensation`) wants every entry to be one.
final class RowReduction {
  let problem: ConeProblem
  /// Column i is row i of A.
  let rows: SparseMatrix
  /// Limits of the rows on what is left of a'x, and of the variables.
  let rowLow: SourcedLimits
  let rowHigh: SourcedLimits
  let low: SourcedLimits
  let high: SourcedLimits
  let isLinear: Buffer<Bool>
  let hasRow: Buffer<Bool>
  let hasColumn: Buffer<Bool>
  /// Values of the variables that are fixed, and these in the order of their fixing.
  let value: Buffer<Double>
  private(set) var fixed: [Int32] = []
  private let inRow: Buffer<Int32>
  private let inColumn: Buffer<Int32>
  /// Size of the terms that a limit was made of; rounding is measured by it.
  private let rowSize: Buffer<Double>
  private let couples: Buffer<Bool>
  private let isMatrixEntry: Buffer<Bool>
  private let slack: Double
  private let unit: Double
  private var rowList: [Int32] = []
  private var columnList: [Int32] = []

  /// Rows whose weights prove that no point is feasible.
  struct Contradiction { let terms: [(row: Int, weight: Double)] }

  init(_ problem: ConeProblem, tolerance: Double) throws(KantorError) {
    self.problem = problem
    unit = problem.units.primal
    let (n, m) = (problem.n, problem.m)
    slack = min(1e-9, 0.1 * tolerance)
    rows = try problem.a.transposed().matrix
    rowLow = try SourcedLimits(count: m, free: -.infinity)
    rowHigh = try SourcedLimits(count: m, free: .infinity)
    low = try SourcedLimits(count: n, free: -.infinity)
    high = try SourcedLimits(count: n, free: .infinity)
    isLinear = try Buffer(count: m, repeating: false)
    hasRow = try Buffer(count: m, repeating: true)
    hasColumn = try Buffer(count: n, repeating: true)
    value = try Buffer(count: n)
    inRow = try Buffer(count: m)
    inColumn = try Buffer(count: n)
    // Data that stand for 0 may be rounded too.
    rowSize = try Buffer(count: m, repeating: unit)
    couples = try Buffer(count: n, repeating: false)
    isMatrixEntry = try Buffer(count: n, repeating: false)
    readLimits()
    readMatrixEntries()
    readPatterns()
  }

  /// Limits of a'x, from s = b - a'x in its cone.
  private func readLimits() {
    let b = problem.b.pointer
    for (k, cone) in problem.cones.enumerated() where cone.isLinear {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        var (l, u) = (b[i], b[i])
        switch cone {
        case .zero: break
        case .box:
          l = b[i] - (problem.upper?.pointer[i] ?? .infinity)
          u = b[i] - (problem.lower?.pointer[i] ?? -.infinity)
        default: l = -.infinity
        }
        isLinear.pointer[i] = true
        let source = Int32(truncatingIfNeeded: i)
        if l > -LinearForm.huge { rowLow.set(i, l, source, 1) }
        if u < LinearForm.huge { rowHigh.set(i, u, source, 1) }
        for side in [l, u] where abs(side) < LinearForm.huge {
          rowSize.pointer[i] = max(rowSize.pointer[i], abs(side), abs(b[i]))
        }
      }
    }
  }

  private func readMatrixEntries() {
    for (k, cone) in problem.cones.enumerated() {
      guard case .psd = cone else { continue }
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        var (count, column) = (0, 0)
        forEachEntry(ofRow: i) { (j, _) in (count, column) = (count + 1, j) }
        if count == 1 { isMatrixEntry.pointer[column] = true }
      }
    }
  }

  private func readPatterns() {
    for i in 0..<problem.m {
      forEachEntry(ofRow: i) { (j, _) in
        inRow.pointer[i] += 1
        inColumn.pointer[j] += 1
      }
      if isLinear.pointer[i] { review(row: i) }
    }
    let p = problem.p
    for j in 0..<problem.n {
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] where p.values.pointer[k] != 0 {
        let i = Int(p.indices.pointer[k])
        if i == j { continue }
        couples.pointer[i] = true
        couples.pointer[j] = true
      }
      review(column: j)
    }
  }

  @inline(__always)
  func forEachEntry(ofRow i: Int, _ visit: (Int, Double) -> Void) {
    for k in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
      let (j, a) = (Int(rows.indices.pointer[k]), rows.values.pointer[k])
      if a != 0 && hasColumn.pointer[j] { visit(j, a) }
    }
  }

  private func review(row i: Int) {
    let isFree = rowLow.value.pointer[i] == -.infinity && rowHigh.value.pointer[i] == .infinity
    if inRow.pointer[i] <= 1 || isFree { rowList.append(Int32(truncatingIfNeeded: i)) }
  }

  private func review(column j: Int) {
    if inColumn.pointer[j] == 0 { columnList.append(Int32(truncatingIfNeeded: j)) }
  }

  // MARK: The work

  /// Takes out what can be; or says why no point is feasible.
  func run() throws(KantorError) -> Contradiction? {
    while true {
      if let found = settle() { return found }
      if let found = try mergeParallels() { return found }
      // Merged rows fix nothing by themselves, but a variable may have lost its last row.
      if columnList.isEmpty { return nil }
    }
  }

  private func settle() -> Contradiction? {
    while true {
      if let i = rowList.popLast() {
        if let found = settle(row: Int(i)) { return found }
      } else if let j = columnList.popLast() {
        settle(column: Int(j))
      } else {
        return nil
      }
    }
  }

  private func settle(row i: Int) -> Contradiction? {
    guard hasRow.pointer[i] else { return nil }
    let (l, u) = (rowLow.value.pointer[i], rowHigh.value.pointer[i])
    if l == -.infinity && u == .infinity {
      drop(row: i)
      return nil
    }
    switch inRow.pointer[i] {
    case 0:
      let miss = slack * rowSize.pointer[i]
      if l > miss { return contradiction([(rowLow, i, -1)]) }
      if u < -miss { return contradiction([(rowHigh, i, 1)]) }
      drop(row: i)
      return nil
    case 1: return bound(byRow: i)
    default: return nil
    }
  }

  /// A variable in no row, and not coupled to others by P, has its own optimum, if it has one.
  private func settle(column j: Int) {
    guard hasColumn.pointer[j], inColumn.pointer[j] == 0, !couples.pointer[j] else { return }
    let (l, u) = (low.value.pointer[j], high.value.pointer[j])
    let (p, q): (Double, Double) = (problem.p[j, j], problem.q.pointer[j])
    var x: Double
    if p > 0 {
      x = -q / p
    } else if p == 0 {
      x = q == 0 ? 0 : q > 0 ? -.infinity : .infinity
    } else {
      return
    }
    x = min(max(x, l), u)
    if x.isFinite { fix(j, x) }
  }

  private func bound(byRow i: Int) -> Contradiction? {
    var (j, a) = (0, 1.0)
    forEachEntry(ofRow: i) { (column, entry) in (j, a) = (column, entry) }
    if isMatrixEntry.pointer[j] { return nil }
    let sides = a > 0 ? (rowLow, rowHigh) : (rowHigh, rowLow)
    let (l, u) = (sides.0.value.pointer[i] / a, sides.1.value.pointer[i] / a)
    guard !l.isNaN, !u.isNaN else { return nil }
    if l > low.value.pointer[j] {
      low.set(j, l, sides.0.row.pointer[i], sides.0.factor.pointer[i] * a)
    }
    if u < high.value.pointer[j] {
      high.set(j, u, sides.1.row.pointer[i], sides.1.factor.pointer[i] * a)
    }
    let (least, most) = (low.value.pointer[j], high.value.pointer[j])
    if least >= most {
      let size = max(abs(least), abs(most), unit, rowSize.pointer[i] / abs(a))
      if least - most > slack * size {
        return contradiction([(low, j, -1), (high, j, 1)])
      }
      drop(row: i)
      fix(j, 0.5 * (least + most))
    } else {
      drop(row: i)
    }
    return nil
  }

  private func contradiction(_ sides: [(SourcedLimits, Int, Double)]) -> Contradiction {
    Contradiction(
      terms: sides.map { (limits, k, weight) in
        (Int(limits.row.pointer[k]), weight / limits.factor.pointer[k])
      })
  }

  private func drop(row i: Int) {
    hasRow.pointer[i] = false
    forEachEntry(ofRow: i) { (j, _) in
      inColumn.pointer[j] -= 1
      review(column: j)
    }
  }

  private func fix(_ j: Int, _ x: Double) {
    hasColumn.pointer[j] = false
    value.pointer[j] = x
    fixed.append(Int32(truncatingIfNeeded: j))
    let a = problem.a
    for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] where a.values.pointer[k] != 0 {
      let i = Int(a.indices.pointer[k])
      guard hasRow.pointer[i] else { continue }
      inRow.pointer[i] -= 1
      guard isLinear.pointer[i] else { continue }
      let move = a.values.pointer[k] * x
      rowLow.value.pointer[i] -= move
      rowHigh.value.pointer[i] -= move
      rowSize.pointer[i] = max(rowSize.pointer[i], abs(move))
      review(row: i)
    }
  }

  // MARK: Parallel rows

  /// Of rows that are multiples of each other the first stays, with the narrower limits.
  private func mergeParallels() throws(KantorError) -> Contradiction? {
    var bits = 4
    while 1 << bits < 2 * problem.m { bits += 1 }
    let mask = 1 << bits - 1
    let table = try Buffer<Int32>(count: mask + 1, repeating: -1)
    let hashes = try Buffer<UInt64>(count: problem.m)
    for i in 0..<problem.m where hasRow.pointer[i] && isLinear.pointer[i] {
      hashes.pointer[i] = hash(ofRow: i)
      var slot = Int(truncatingIfNeeded: hashes.pointer[i] >> 20) & mask
      // Rows of one pattern that are not parallel may share a hash; a few are looked at.
      for _ in 0..<Self.probes {
        let keeper = Int(table.pointer[slot])
        if keeper < 0 {
          table.pointer[slot] = Int32(truncatingIfNeeded: i)
          break
        }
        if hashes.pointer[keeper] == hashes.pointer[i], let t = ratio(of: i, to: keeper) {
          if let found = merge(i, into: keeper, t) { return found }
          break
        }
        slot = (slot + 1) & mask
      }
    }
    return nil
  }

  private static let probes = 16

  /// Of the columns, and of the entries over the first one to some twenty bits.
  private func hash(ofRow i: Int) -> UInt64 {
    var (hash, first) = (14_695_981_039_346_656_037 as UInt64, 0.0)
    forEachEntry(ofRow: i) { (j, a) in
      if first == 0 { first = a }
      let share = Float(a / first).bitPattern &+ 8
      hash = (hash ^ UInt64(j)) &* 1_099_511_628_211
      hash = (hash ^ UInt64(share >> 4)) &* 1_099_511_628_211
    }
    return hash
  }

  /// a_i over a_k where they are parallel up to rounding.
  private func ratio(of i: Int, to k: Int) -> Double? {
    guard inRow.pointer[i] == inRow.pointer[k], inRow.pointer[i] > 0 else { return nil }
    let start = rows.starts.pointer
    var (s, t) = (start[i], start[k])
    var found: Double?
    while s < start[i + 1] && t < start[k + 1] {
      let (j, l) = (Int(rows.indices.pointer[s]), Int(rows.indices.pointer[t]))
      let (a, b) = (rows.values.pointer[s], rows.values.pointer[t])
      if a == 0 || !hasColumn.pointer[j] {
        s += 1
      } else if b == 0 || !hasColumn.pointer[l] {
        t += 1
      } else {
        let known = found ?? a / b
        if j != l || abs(a - known * b) > 8 * a.ulp { return nil }
        found = known
        s += 1
        t += 1
      }
    }
    guard let found, found.isFinite, found != 0 else { return nil }
    return found
  }

  private func merge(_ i: Int, into k: Int, _ t: Double) -> Contradiction? {
    let sides = t > 0 ? (rowLow, rowHigh) : (rowHigh, rowLow)
    let (l, u) = (sides.0.value.pointer[i] / t, sides.1.value.pointer[i] / t)
    if l > rowLow.value.pointer[k] {
      rowLow.set(k, l, sides.0.row.pointer[i], sides.0.factor.pointer[i] * t)
    }
    if u < rowHigh.value.pointer[k] {
      rowHigh.set(k, u, sides.1.row.pointer[i], sides.1.factor.pointer[i] * t)
    }
    rowSize.pointer[k] = max(rowSize.pointer[k], rowSize.pointer[i] / abs(t))
    drop(row: i)
    let (least, most) = (rowLow.value.pointer[k], rowHigh.value.pointer[k])
    guard least > most else { return nil }
    if least - most > slack * rowSize.pointer[k] {
      return contradiction([(rowLow, k, -1), (rowHigh, k, 1)])
    }
    let middle = 0.5 * (least + most)
    rowLow.value.pointer[k] = middle
    rowHigh.value.pointer[k] = middle
    return nil
  }
}
