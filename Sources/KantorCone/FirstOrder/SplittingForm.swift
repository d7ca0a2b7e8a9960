import KantorBlocks
import KantorCore
import KantorNumerics

/// A point of the scaled program, with its factor 1/tau applied.
final class SplittingPoint {
  let x: Buffer<Double>
  let y: Buffer<Double>
  let s: Buffer<Double>

  init(_ form: SplittingForm) throws(KantorError) {
    x = try Buffer(count: form.n)
    y = try Buffer(count: form.rows)
    s = try Buffer(count: form.rows)
  }
}

/// A cone program as the splitting takes it: scaled, every row of a box turned so that it is an
/// equation, an inequality s >= 0, free, or two-sided; the two-sided rows make one cone
/// {(t, s): t low <= s <= t high} with a further row s_t = 1 at the end.
///
///     x = D xh / sigma,  s = E^-1 sh / sigma,  z = E zh / sigma
final class SplittingForm {
  enum Kind {
    static let zero: UInt8 = 0
    static let nonnegative: UInt8 = 1
    static let box: UInt8 = 2
    static let free: UInt8 = 3
    static let general: UInt8 = 4
    static let boxTop: UInt8 = 5
  }

  let problem: ConeProblem
  let n: Int
  /// The caller's rows, and one more when there are two-sided ones.
  let rows: Int
  let p: SparseMatrix
  let a: SparseMatrix
  let q: Buffer<Double>
  let b: Buffer<Double>
  let kind: Buffer<UInt8>
  /// s of the form is sign (s - shift), before scaling.
  let sign: Buffer<Double>
  let shift: Buffer<Double>
  /// Limits of two-sided rows, scaled for t = 1.
  let low: Buffer<Double>
  let high: Buffer<Double>
  let hasBox: Bool
  /// Whether there are cones that are no product of half-lines.
  let hasGeneral: Bool
  /// D and E.
  let columns: Buffer<Double>
  let rowScale: Buffer<Double>
  let sigma: Double
  let largestB: Double

  /// Numbers from here on stand for infinity.
  static let huge = 1e20

  init(_ problem: ConeProblem) throws(KantorError) {
    self.problem = problem
    let m = problem.m
    n = problem.n
    var reader = try SplittingRows(problem)
    reader.read()
    hasBox = reader.hasBox
    rows = m + (hasBox ? 1 : 0)
    (kind, sign, shift, low, high) = (
      reader.kind, reader.sign, reader.shift, reader.low, reader.high)
    p = try problem.p.copy()
    q = try problem.q.copy()
    let values = try problem.a.values.copy()
    let row = problem.a.indices.pointer
    for k in 0..<values.count { values.pointer[k] *= sign.pointer[Int(row[k])] }
    a = SparseMatrix(
      rows: rows, columns: n, starts: problem.a.starts, indices: problem.a.indices,
      values: values)
    b = try Buffer(count: rows)
    var blocks: [Range<Int>] = []
    for (k, cone) in problem.cones.enumerated() where !cone.isLinear {
      blocks.append(problem.rowStarts[k]..<problem.rowStarts[k + 1])
    }
    hasGeneral = !blocks.isEmpty
    (columns, rowScale) = try SplittingScale.equilibrate(p: p, a: a, q: q.pointer, blocks: blocks)
    var top = 0.0
    for i in 0..<m {
      let e = rowScale.pointer[i]
      b.pointer[i] = e * sign.pointer[i] * (problem.b.pointer[i] - shift.pointer[i])
      low.pointer[i] *= e
      high.pointer[i] *= e
      top = max(top, abs(b.pointer[i]))
    }
    if hasBox {
      b.pointer[m] = 1
      top = max(top, 1)
    }
    for j in 0..<n { top = max(top, abs(q.pointer[j])) }
    sigma = top > 0 ? 1 / min(max(top, 1e-4), 1e4) : 1
    for i in 0..<rows { b.pointer[i] *= sigma }
    for i in 0..<m {
      low.pointer[i] *= sigma
      high.pointer[i] *= sigma
    }
    for j in 0..<n { q.pointer[j] *= sigma }
    largestB = SplittingRows.largest(problem.b)
  }

  // MARK: The caller's units

  /// z of the caller for multipliers y of the form.
  func multipliers(_ y: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double> {
    let z = try Buffer<Double>(count: problem.m)
    for i in 0..<problem.m where kind.pointer[i] != Kind.free {
      z.pointer[i] = sign.pointer[i] * rowScale.pointer[i] * y[i] / sigma
    }
    return z
  }

  func variables(_ x: UnsafePointer<Double>) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: n)
    for j in 0..<n { out.pointer[j] = columns.pointer[j] * x[j] / sigma }
    return out
  }

  func answer(_ point: SplittingPoint) throws(KantorError) -> (
    x: Buffer<Double>, s: Buffer<Double>, z: Buffer<Double>
  ) {
    let x = try variables(point.x.pointer)
    let z = try multipliers(point.y.pointer)
    // Rows of half-lines: the slack nearest to b - Ax; it lies in its cone whatever x is.
    let s = try LinearSlack.make(problem, x)
    for i in 0..<problem.m where kind.pointer[i] == Kind.general {
      s.pointer[i] = point.s.pointer[i] / (rowScale.pointer[i] * sigma)
    }
    return (x, s, z)
  }
}

/// Sorts the caller's rows by what is asked of their slack.
private struct SplittingRows {
  let problem: ConeProblem
  let kind: Buffer<UInt8>
  let sign: Buffer<Double>
  let shift: Buffer<Double>
  let low: Buffer<Double>
  let high: Buffer<Double>
  var hasBox = false

  init(_ problem: ConeProblem) throws(KantorError) {
    self.problem = problem
    let count = problem.m + 1
    kind = try Buffer(count: count)
    sign = try Buffer(count: count, repeating: 1)
    shift = try Buffer(count: count)
    low = try Buffer(count: count)
    high = try Buffer(count: count)
    kind.pointer[problem.m] = SplittingForm.Kind.boxTop
  }

  mutating func read() {
    for (k, cone) in problem.cones.enumerated() {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        switch cone {
        case .zero: kind.pointer[i] = SplittingForm.Kind.zero
        case .nonnegative:
          if problem.b.pointer[i] >= SplittingForm.huge {
            free(i)
          } else {
            kind.pointer[i] = SplittingForm.Kind.nonnegative
          }
        case .box: box(i)
        default: kind.pointer[i] = SplittingForm.Kind.general
        }
      }
    }
  }

  private mutating func box(_ i: Int) {
    let l = problem.lower?.pointer[i] ?? -.infinity
    let u = problem.upper?.pointer[i] ?? .infinity
    let (hasLow, hasHigh) = (l > -SplittingForm.huge, u < SplittingForm.huge)
    switch (hasLow, hasHigh) {
    case (false, false): free(i)
    case (true, false):
      kind.pointer[i] = SplittingForm.Kind.nonnegative
      shift.pointer[i] = l
    case (false, true):
      kind.pointer[i] = SplittingForm.Kind.nonnegative
      shift.pointer[i] = u
      sign.pointer[i] = -1
    case (true, true):
      if l == u {
        kind.pointer[i] = SplittingForm.Kind.zero
        shift.pointer[i] = l
        return
      }
      kind.pointer[i] = SplittingForm.Kind.box
      hasBox = true
      // The cone over [low, high] is the simplest when 0 lies inside; nothing is rounded away if
      // it already does.
      let centre = min(max(0, l), u)
      shift.pointer[i] = centre
      low.pointer[i] = l - centre
      high.pointer[i] = u - centre
    }
  }

  /// Nothing is asked of the row: it is taken out by a sign of zero.
  private func free(_ i: Int) {
    kind.pointer[i] = SplittingForm.Kind.free
    sign.pointer[i] = 0
    shift.pointer[i] = 0
  }

  static func largest(_ v: Buffer<Double>) -> Double {
    var top = 0.0
    for i in 0..<v.count where abs(v.pointer[i]) < SplittingForm.huge {
      top = max(top, abs(v.pointer[i]))
    }
    return top
  }
}
