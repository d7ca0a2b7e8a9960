import KantorBlocks
import KantorCore
import KantorNumerics

/// Bounds of the variables that follow from the rows of a cone program: s = b - Ax lies in a range
/// that its cone tells, and each variable in a row is what the others leave. Rounded outwards, so
/// that every feasible point lies within.
///
/// Source: A. L. Brearley, G. Mitra, H. P. Williams, "Analysis of mathematical programming problems
/// prior to applying the simplex algorithm", Math. Program. 8 (1975).
struct VariableRanges {
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  /// A range is empty: no point is feasible.
  private(set) var isEmpty = false

  private static let rounds = 4

  init(
    _ problem: ConeProblem, lower given: Buffer<Double>?, upper givenUpper: Buffer<Double>?
  ) throws(KantorError) {
    let n = problem.n
    if let given { lower = try given.copy() } else {
      lower = try Buffer(count: n, repeating: -.infinity)
    }
    if let givenUpper { upper = try givenUpper.copy() } else {
      upper = try Buffer(count: n, repeating: .infinity)
    }
    let rows = try problem.a.transposed().matrix
    for _ in 0..<Self.rounds {
      var hasChanged = false
      for k in 0..<problem.cones.count where tighten(problem, rows, k) { hasChanged = true }
      for j in 0..<n where lower.pointer[j] > upper.pointer[j] { isEmpty = true }
      if !hasChanged || isEmpty { break }
    }
  }

  /// One pass over the rows of a cone; true when a range became smaller by much.
  private func tighten(
    _ problem: ConeProblem, _ rows: SparseMatrix, _ k: Int
  ) -> Bool {
    let first = problem.rowStarts[k]
    var hasChanged = false
    func row(_ i: Int, _ low: Double, _ high: Double) {
      if tighten(rows, first + i, problem.b.pointer[first + i], low, high) { hasChanged = true }
    }
    func most(_ i: Int) -> Double {
      max(largestSlack(rows, first + i, problem.b.pointer[first + i]), 0)
    }
    let half = 0.5.squareRoot()
    switch problem.cones[k] {
    case .zero(let count): for i in 0..<count { row(i, 0, 0) }
    case .nonnegative(let count): for i in 0..<count { row(i, 0, .infinity) }
    case .box(let count):
      guard let l = problem.lower, let u = problem.upper else { break }
      for i in 0..<count { row(i, l.pointer[first + i], u.pointer[first + i]) }
    case .secondOrder(let count):
      row(0, 0, .infinity)
      let head = most(0)
      for i in 1..<max(count, 1) { row(i, -head, head) }
    case .rotatedSecondOrder(let count):
      for i in 0..<2 { row(i, 0, .infinity) }
      // |w|^2 <= 2ab <= (a + b)^2/2.
      let tail = Outward.up(Outward.up(half) * Outward.up(most(0) + most(1)))
      for i in 2..<max(count, 2) { row(i, -tail, tail) }
    case .exponential:
      for i in 1..<3 { row(i, 0, .infinity) }
    case .power, .generalizedPower:
      var heads = 2
      if case .generalizedPower(let exponents, _) = problem.cones[k] { heads = exponents.count }
      for i in 0..<heads { row(i, 0, .infinity) }
    case .psd(let side):
      var p = 0
      for j in 0..<side {
        row(p + j, 0, .infinity)
        p += j + 1
      }
    }
    return hasChanged
  }

  /// At least every value of s_i = b_i - a'x within the ranges.
  private func largestSlack(_ rows: SparseMatrix, _ i: Int, _ b: Double) -> Double {
    var (sum, size) = (b, abs(b))
    let (start, end) = (rows.starts.pointer[i], rows.starts.pointer[i + 1])
    for t in start..<end {
      let (j, a) = (Int(rows.indices.pointer[t]), rows.values.pointer[t])
      if a == 0 { continue }
      let term = a > 0 ? -a * lower.pointer[j] : -a * upper.pointer[j]
      sum += term
      size += abs(term)
    }
    if sum.isNaN { return .infinity }
    return sum + Self.error(size, end - start)
  }

  /// Bounds every sum of that many terms and a few operations more.
  private static func error(_ size: Double, _ count: Int) -> Double {
    size.isFinite ? (Double(count) + 8) * 0x1p-51 * size + .leastNormalMagnitude : 0
  }

  private func tighten(
    _ rows: SparseMatrix, _ i: Int, _ b: Double, _ low: Double, _ high: Double
  ) -> Bool {
    // b - high <= a'x <= b - low.
    let (start, end) = (rows.starts.pointer[i], rows.starts.pointer[i + 1])
    var (least, most, leastOpen, mostOpen) = (0.0, 0.0, 0, 0)
    var size = abs(b)
    for t in start..<end {
      let (j, a) = (Int(rows.indices.pointer[t]), rows.values.pointer[t])
      if a == 0 { continue }
      let (l, u) = ends(j, a)
      if l.isFinite { least += a * l } else { leastOpen += 1 }
      if u.isFinite { most += a * u } else { mostOpen += 1 }
      if l.isFinite { size += abs(a * l) }
      if u.isFinite { size += abs(a * u) }
    }
    if !size.isFinite { return false }
    var hasChanged = false
    for t in start..<end {
      let (j, a) = (Int(rows.indices.pointer[t]), rows.values.pointer[t])
      if a == 0 { continue }
      let (l, u) = ends(j, a)
      // a x_j <= b - low - the least of the others; a x_j >= b - high - their most.
      if low > -.infinity && leastOpen - (l.isFinite ? 0 : 1) == 0 {
        let room = (b - low) - (least - (l.isFinite ? a * l : 0))
        let slack = Self.error(size + abs(low), end - start)
        if set(j, a > 0, room + slack, a) { hasChanged = true }
      }
      if high < .infinity && mostOpen - (u.isFinite ? 0 : 1) == 0 {
        let room = (b - high) - (most - (u.isFinite ? a * u : 0))
        let slack = Self.error(size + abs(high), end - start)
        if set(j, a < 0, room - slack, a) { hasChanged = true }
      }
    }
    return hasChanged
  }

  /// Where a x_j is least and most.
  @inline(__always) private func ends(_ j: Int, _ a: Double) -> (Double, Double) {
    let (l, u) = (lower.pointer[j], upper.pointer[j])
    return a > 0 ? (l, u) : (u, l)
  }

  /// x_j <= or >= room / a.
  private func set(_ j: Int, _ isUpper: Bool, _ room: Double, _ a: Double) -> Bool {
    let x = room / a
    guard x.isFinite else { return false }
    let old = isUpper ? upper.pointer[j] : lower.pointer[j]
    let new = isUpper ? Outward.up(x) : Outward.down(x)
    guard isUpper ? new < old : new > old else { return false }
    (isUpper ? upper : lower).pointer[j] = new
    return !old.isFinite || abs(new - old) > 1e-3 * max(abs(old), abs(new))
  }
}
