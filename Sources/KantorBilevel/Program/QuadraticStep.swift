import KantorCone
import KantorCore

/// The quadratic program of a step: min d'Bd/2 + g'd subject to c + Jd <= 0 (= 0) and bounds of d;
/// and the same with slacks, at a price, where no d satisfies it.
final class QuadraticStep {
  typealias Point = UnsafePointer<Double>

  enum Outcome {
    case solved
    /// With slacks: the rows contradict each other within the bounds.
    case elastic
    case failed
  }

  private let n: Int
  private let m: Int
  private let equalities: Int
  let d: Buffer<Double>
  /// Multipliers of rows, >= 0 of inequalities, and of the bounds of d: >= 0 at upper ones.
  let rows: Buffer<Double>
  let bounds: Buffer<Double>
  private let low: Buffer<Double>
  private let high: Buffer<Double>
  private let rowLow: Buffer<Double>
  private let rowHigh: Buffer<Double>
  private let answer: Buffer<Double>
  private let active: Buffer<Int32>
  private let memory: Buffer<Double>
  private var wide: WideStep?

  init(count n: Int, rows m: Int, equalities: Int) throws(KantorError) {
    self.n = n
    self.m = m
    self.equalities = equalities
    d = try Buffer(count: n)
    rows = try Buffer(count: m)
    bounds = try Buffer(count: n)
    low = try Buffer(count: n)
    high = try Buffer(count: n)
    rowLow = try Buffer(count: m)
    rowHigh = try Buffer(count: m)
    answer = try Buffer(count: n + m)
    active = try Buffer(count: n + m)
    memory = try Buffer(count: try DenseAnswer.room(n, m))
  }

  /// `price`: of a unit of slack.
  func solve(
    b: Point, g: Point, j: Point, c: Point, x: Point, lower: Point, upper: Point, price: Double
  ) throws(KantorError) -> Outcome {
    for i in 0..<n {
      low.pointer[i] = min(lower[i] - x[i], 0)
      high.pointer[i] = max(upper[i] - x[i], 0)
    }
    for i in 0..<m {
      rowHigh.pointer[i] = -c[i]
      rowLow.pointer[i] = i < m - equalities ? -.infinity : -c[i]
    }
    let problem = DenseQP(
      n: n, m: m, p: b, q: g, a: m > 0 ? j : nil, rowLower: UnsafePointer(rowLow.pointer),
      rowUpper: UnsafePointer(rowHigh.pointer), lower: UnsafePointer(low.pointer),
      upper: UnsafePointer(high.pointer))
    guard
      let found = try Self.attempt({ () throws(KantorError) in
        try DenseAnswer.solve(
          problem, memory: memory.pointer, start: UnsafePointer(active.pointer), x: d.pointer,
          y: answer.pointer, active: active.pointer)
      })
    else {
      active.fill(0)
      return .failed
    }
    switch found.status {
    case .solved, .solvedInaccurate:
      for i in 0..<m { rows.pointer[i] = answer.pointer[i] }
      for i in 0..<n { bounds.pointer[i] = answer.pointer[m + i] }
      return .solved
    default:
      active.fill(0)
      guard m > 0 else { return .failed }
      return try elastic(b, g, j, c, price)
    }
  }

  /// nil where rounding made the matrix indefinite, or a number too large; the next one may do.
  static func attempt(
    _ solve: () throws(KantorError) -> DenseAnswer
  ) throws(KantorError) -> DenseAnswer? {
    do throws(KantorError) {
      return try solve()
    } catch {
      guard error.code == .range || error.code == .notFinite else { throw error }
      return nil
    }
  }

  private func elastic(
    _ b: Point, _ g: Point, _ j: Point, _ c: Point, _ price: Double
  ) throws(KantorError) -> Outcome {
    let wide: WideStep
    if let made = self.wide {
      wide = made
    } else {
      wide = try WideStep(count: n, rows: m, equalities: equalities)
      self.wide = wide
    }
    return try wide.solve(b, g, j, c, low.pointer, high.pointer, price, self) ? .elastic : .failed
  }
}

/// A step with one slack for each row.
private final class WideStep {
  typealias Point = UnsafePointer<Double>
  private let n: Int
  private let m: Int
  private let equalities: Int
  private let b: Buffer<Double>
  private let g: Buffer<Double>
  private let a: Buffer<Double>
  private let low: Buffer<Double>
  private let high: Buffer<Double>
  private let rowLow: Buffer<Double>
  private let rowHigh: Buffer<Double>
  private let x: Buffer<Double>
  private let y: Buffer<Double>
  private let memory: Buffer<Double>

  init(count n: Int, rows m: Int, equalities: Int) throws(KantorError) {
    self.n = n
    self.m = m
    self.equalities = equalities
    let (columns, all) = (n + m, m + equalities)
    b = try Buffer(count: try checkedProduct(columns, columns, of: "step with slacks"))
    g = try Buffer(count: columns)
    a = try Buffer(count: try checkedProduct(all, columns, of: "step with slacks"))
    low = try Buffer(count: columns)
    high = try Buffer(count: columns)
    rowLow = try Buffer(count: all)
    rowHigh = try Buffer(count: all)
    x = try Buffer(count: columns)
    y = try Buffer(count: columns + all)
    memory = try Buffer(count: try DenseAnswer.room(columns, all))
  }

  func solve(
    _ hessian: Point, _ gradient: Point, _ j: Point, _ c: Point, _ lower: Point, _ upper: Point,
    _ price: Double, _ out: QuadraticStep
  ) throws(KantorError) -> Bool {
    let (columns, all) = (n + m, m + equalities)
    b.fill(0)
    a.fill(0)
    for i in 0..<n {
      for k in 0..<n { b.pointer[i * columns + k] = hessian[i * n + k] }
      g.pointer[i] = gradient[i]
      low.pointer[i] = lower[i]
      high.pointer[i] = upper[i]
    }
    for i in 0..<m {
      // A little curvature keeps the program strictly convex.
      b.pointer[(n + i) * columns + n + i] = 1e-6 * price
      g.pointer[n + i] = price
      low.pointer[n + i] = 0
      high.pointer[n + i] = .infinity
    }
    for r in 0..<all {
      let i = r < m ? r : r - equalities
      for k in 0..<n { a.pointer[r * columns + k] = j[i * n + k] }
      a.pointer[r * columns + n + i] = r < m ? -1 : 1
      rowHigh.pointer[r] = r < m ? -c[i] : .infinity
      rowLow.pointer[r] = r < m ? -.infinity : -c[i]
    }
    let problem = DenseQP(
      n: columns, m: all, p: UnsafePointer(b.pointer), q: UnsafePointer(g.pointer),
      a: UnsafePointer(a.pointer), rowLower: UnsafePointer(rowLow.pointer),
      rowUpper: UnsafePointer(rowHigh.pointer), lower: UnsafePointer(low.pointer),
      upper: UnsafePointer(high.pointer))
    let found = try QuadraticStep.attempt { () throws(KantorError) in
      try DenseAnswer.solve(
        problem, memory: memory.pointer, start: nil, x: x.pointer, y: y.pointer, active: nil)
    }
    guard let found, found.status == .solved || found.status == .solvedInaccurate else {
      return false
    }
    for i in 0..<n {
      out.d.pointer[i] = x.pointer[i]
      out.bounds.pointer[i] = y.pointer[all + i]
    }
    for i in 0..<m {
      out.rows.pointer[i] = y.pointer[i] + (i < m - equalities ? 0 : y.pointer[i + equalities])
    }
    return true
  }
}
