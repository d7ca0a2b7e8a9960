import KantorBlocks
import KantorCore
import KantorNumerics

/// A linear or quadratic program as the proximal loop takes it:
///     min 1/2 x'Px + q'x  subject to  l <= [G; I] x <= u,
/// scaled, with rows of one variable turned into its bounds. Rows that say nothing are dropped here
/// too, as a program may come without `ConePresolve`.
struct LinearForm {
  let n: Int
  let rows: Int
  let p: SparseMatrix
  let g: SparseMatrix
  let q: Buffer<Double>
  /// Of the rows, then of the variables; equal in equations.
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  let scale: Equilibration
  /// Largest entry of G.
  let largest: Double
  /// The caller's row of each row.
  let origin: Buffer<Int32>
  /// The caller's rows that gave a variable's bounds, -1 for none, and their coefficients.
  let lowRow: Buffer<Int32>
  let highRow: Buffer<Int32>
  let lowFactor: Buffer<Double>
  let highFactor: Buffer<Double>

  /// Rows and variables with limits.
  var constraints: Int { rows + n }

  /// Numbers from here on stand for infinity.
  static let huge = 1e20

  enum Outcome {
    case form(LinearForm)
    /// A z that proves that rows contradict each other.
    case infeasible(Buffer<Double>)
  }

  static func make(_ problem: ConeProblem) throws(KantorError) -> Outcome {
    var reader = try RowReader(problem)
    if let ray = try reader.read() { return .infeasible(ray) }
    return .form(try reader.form())
  }
}

/// Sorts the caller's rows into equations, inequalities, bounds and nothing.
private struct RowReader {
  let problem: ConeProblem
  let limits: (lower: Buffer<Double>, upper: Buffer<Double>)
  let entries: Buffer<Int32>
  let first: Buffer<Int32>
  let value: Buffer<Double>
  let low: Buffer<Double>
  let high: Buffer<Double>
  let lowRow: Buffer<Int32>
  let highRow: Buffer<Int32>
  let lowFactor: Buffer<Double>
  let highFactor: Buffer<Double>
  /// New row of each row, or -1.
  let place: Buffer<Int32>
  var kept = 0

  init(_ problem: ConeProblem) throws(KantorError) {
    self.problem = problem
    let (n, m) = (problem.n, problem.m)
    limits = (try Buffer(count: m), try Buffer(count: m))
    entries = try Buffer(count: m)
    first = try Buffer(count: m)
    value = try Buffer(count: m)
    low = try Buffer(count: n, repeating: -.infinity)
    high = try Buffer(count: n, repeating: .infinity)
    lowRow = try Buffer(count: n, repeating: -1)
    highRow = try Buffer(count: n, repeating: -1)
    lowFactor = try Buffer(count: n, repeating: 1)
    highFactor = try Buffer(count: n, repeating: 1)
    place = try Buffer(count: m, repeating: -1)
  }

  /// Limits of Ax, from s = b - Ax in its cones.
  private func readLimits() {
    let b = problem.b.pointer
    for (k, cone) in problem.cones.enumerated() {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        var (l, u) = (b[i], b[i])
        switch cone {
        case .zero: break
        case .box:
          l = b[i] - (problem.upper?.pointer[i] ?? .infinity)
          u = b[i] - (problem.lower?.pointer[i] ?? -.infinity)
        default: l = -.infinity
        }
        limits.lower.pointer[i] = l <= -LinearForm.huge ? -.infinity : l
        limits.upper.pointer[i] = u >= LinearForm.huge ? .infinity : u
      }
    }
    let a = problem.a
    for j in 0..<a.columns {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] where a.values.pointer[k] != 0 {
        let i = Int(a.indices.pointer[k])
        entries.pointer[i] &+= 1
        first.pointer[i] = Int32(truncatingIfNeeded: j)
        value.pointer[i] = a.values.pointer[k]
      }
    }
  }

  /// Nil, or the multipliers of rows that contradict each other.
  mutating func read() throws(KantorError) -> Buffer<Double>? {
    readLimits()
    for i in 0..<problem.m {
      let (l, u) = (limits.lower.pointer[i], limits.upper.pointer[i])
      if l == -.infinity && u == .infinity { continue }
      switch entries.pointer[i] {
      case 0:
        if l > 0 || u < 0 { return try ray([(i, l > 0 ? -1 : 1)]) }
      case 1 where l < u:
        bound(i, l, u)
        let j = Int(first.pointer[i])
        if low.pointer[j] > high.pointer[j] {
          return try ray([
            (Int(lowRow.pointer[j]), -1 / lowFactor.pointer[j]),
            (Int(highRow.pointer[j]), 1 / highFactor.pointer[j]),
          ])
        }
      default:
        place.pointer[i] = Int32(truncatingIfNeeded: kept)
        kept += 1
      }
    }
    return nil
  }

  private func bound(_ i: Int, _ l: Double, _ u: Double) {
    let (j, a, row) = (Int(first.pointer[i]), value.pointer[i], Int32(truncatingIfNeeded: i))
    let (lo, hi) = a > 0 ? (l / a, u / a) : (u / a, l / a)
    if lo > low.pointer[j] {
      low.pointer[j] = lo
      lowRow.pointer[j] = row
      lowFactor.pointer[j] = a
    }
    if hi < high.pointer[j] {
      high.pointer[j] = hi
      highRow.pointer[j] = row
      highFactor.pointer[j] = a
    }
  }

  private func ray(_ terms: [(Int, Double)]) throws(KantorError) -> Buffer<Double> {
    let z = try Buffer<Double>(count: problem.m)
    for (i, t) in terms { z.pointer[i] += t }
    return z
  }

  func form() throws(KantorError) -> LinearForm {
    let n = problem.n
    let g = try keptRows()
    let p = try problem.p.copy()
    let q = try problem.q.copy()
    let scale = try Equilibration(p: p, a: g, q: q.pointer, blocks: [])
    let lower = try Buffer<Double>(count: kept + n)
    let upper = try Buffer<Double>(count: kept + n)
    let origin = try Buffer<Int32>(count: kept)
    for i in 0..<problem.m where place.pointer[i] >= 0 {
      let k = Int(place.pointer[i])
      origin.pointer[k] = Int32(truncatingIfNeeded: i)
      lower.pointer[k] = limits.lower.pointer[i] * scale.rows.pointer[k]
      upper.pointer[k] = limits.upper.pointer[i] * scale.rows.pointer[k]
    }
    for j in 0..<n {
      lower.pointer[kept + j] = low.pointer[j] / scale.columns.pointer[j]
      upper.pointer[kept + j] = high.pointer[j] / scale.columns.pointer[j]
    }
    return LinearForm(
      n: n, rows: kept, p: p, g: g, q: q, lower: lower, upper: upper, scale: scale,
      largest: ConeCheck.largest(g.values.pointer, g.count), origin: origin, lowRow: lowRow,
      highRow: highRow, lowFactor: lowFactor, highFactor: highFactor)
  }

  private func keptRows() throws(KantorError) -> SparseMatrix {
    let a = problem.a
    var count = 0
    for k in 0..<a.count where place.pointer[Int(a.indices.pointer[k])] >= 0 { count += 1 }
    let starts = try Buffer<Int>(count: a.columns + 1)
    let indices = try Buffer<Int32>(count: count)
    let values = try Buffer<Double>(count: count)
    var t = 0
    for j in 0..<a.columns {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let i = place.pointer[Int(a.indices.pointer[k])]
        guard i >= 0 else { continue }
        indices.pointer[t] = i
        values.pointer[t] = a.values.pointer[k]
        t += 1
      }
      starts.pointer[j + 1] = t
    }
    return SparseMatrix(
      rows: kept, columns: a.columns, starts: starts, indices: indices, values: values)
  }
}
