import KantorBlocks
import KantorCore

/// Rows that say something plainer than c <= 0: bounds of one variable, a x_i <= b of the upper
/// level and a y_j <= b of the lower one, and equations written as two rows, c <= 0 and -c <= 0.
/// Bounds tell where random starts may lie, and both need no pieces of their own.
///
/// Three points tell: a bound's derivative is the same there and has one entry; the rows of an
/// equation have the sum 0, and so have their derivatives. That is no proof, so what is found by
/// the problem in its plainer form is for the checker of the problem as it was given to judge.
enum PlainRows {
  /// The problem with such rows made bounds and equations, or as it is where there are none.
  static func moved(_ oracle: BilevelOracle, seed: UInt64) throws(KantorError) -> BilevelProblem {
    let problem = oracle.problem
    let levels: [BilevelLevel] = [.upper, .lower]
    guard problem.blocks == 1, problem.xSet == .box,
      levels.contains(where: { problem.level($0).inequalities > 0 })
    else { return problem }
    let (nx, n) = (problem.nx, problem.n)
    let low = try join(problem.xLower, problem.yLower)
    let high = try join(problem.xUpper, problem.yUpper)
    let points = try points(problem, low, high, seed)
    var kept: [BilevelLevel: Kept] = [:]
    for level in levels {
      let own = level == .upper ? 0..<nx : nx..<n
      let looks = try looks(oracle, level, points)
      let bounds = bounds(looks, problem.level(level)).filter { own.contains($0.variable) }
      for bound in bounds {
        if bound.isUpper {
          high.pointer[bound.variable] = min(high.pointer[bound.variable], bound.value)
        } else {
          low.pointer[bound.variable] = max(low.pointer[bound.variable], bound.value)
        }
      }
      kept[level] = Kept(
        problem.level(level), without: Set(bounds.map(\.row)), looks: looks)
    }
    // Bounds without a point between them are for the methods with rows to report.
    let isEmpty = (0..<n).contains { low.pointer[$0] > high.pointer[$0] }
    guard !isEmpty, let upper = kept[.upper], let lower = kept[.lower],
      upper.rows.count < problem.upper.rows || lower.rows.count < problem.lower.rows
    else { return problem }
    var product: Functions?
    if let given = problem.lowerProduct {
      product = try withRows(given, problem.lower.rows, lower.rows)
    }
    return BilevelProblem(
      upper: try select(problem.upper, upper, n),
      lower: try select(problem.lower, lower, n), startX: problem.startX, startY: problem.startY,
      xBounds: (try part(low, 0, nx), try part(high, 0, nx)),
      yBounds: (try part(low, nx, n), try part(high, nx, n)),
      lowerProduct: product)
  }

  /// What the rows of a level are at one of the points.
  private struct Look {
    let point: Buffer<Double>
    let values: Buffer<Double>
    /// By rows.
    let slopes: Buffer<Double>

    /// Whether rows r and s have the sum 0, up to the rounding of their terms.
    func areOpposite(_ r: Int, _ s: Int) -> Bool {
      let n = point.count
      var size = abs(values.pointer[r]) + abs(values.pointer[s])
      for i in 0..<n {
        let (a, b) = (slopes.pointer[r * n + i], slopes.pointer[s * n + i])
        guard a == -b else { return false }
        size += abs(a * point.pointer[i])
      }
      return abs(values.pointer[r] + values.pointer[s]) <= 1e-14 * max(1, size)
    }
  }

  /// Rows that stay: inequalities, then equations.
  private struct Kept {
    var rows: [Int]
    let equalities: Int

    init(_ level: BilevelProblem.Level, without moved: Set<Int>, looks: [Look]) {
      var single = (0..<level.inequalities).filter { !moved.contains($0) }
      var paired: [Int] = []
      var next = 0
      while next < single.count {
        let r = single[next]
        let other = single.indices.dropFirst(next + 1).first { place in
          let s = single[place]
          return !looks.isEmpty && looks.allSatisfy { $0.areOpposite(r, s) }
        }
        if let other {
          single.remove(at: other)
          single.remove(at: next)
          paired.append(r)
        } else {
          next += 1
        }
      }
      rows = single + Array(level.inequalities..<level.rows) + paired
      equalities = level.equalities + paired.count
    }
  }

  private struct Bound {
    let row: Int
    let variable: Int
    let value: Double
    let isUpper: Bool
  }

  /// The start and two random points.
  private static func points(
    _ problem: BilevelProblem, _ low: Buffer<Double>, _ high: Buffer<Double>, _ seed: UInt64
  ) throws(KantorError) -> [Buffer<Double>] {
    let start = try join(problem.startX, problem.startY)
    var stream = RandomStarts(seed: seed)
    var points = [start]
    for _ in 0..<2 {
      let point = try Buffer<Double>(count: problem.n)
      stream.scatter(start, low, high, into: point)
      points.append(point)
    }
    return points
  }

  /// The rows of a level at the points; none where a function is not defined at one of them.
  private static func looks(
    _ oracle: BilevelOracle, _ level: BilevelLevel, _ points: [Buffer<Double>]
  ) throws(KantorError) -> [Look] {
    let (given, n) = (oracle.problem.level(level), oracle.problem.n)
    guard given.inequalities > 0, given.functions.jacobian != nil else { return [] }
    var looks: [Look] = []
    for point in points {
      let look = Look(
        point: point, values: try Buffer(count: given.rows),
        slopes: try Buffer(count: try checkedProduct(given.rows, n, of: "Jacobian")))
      guard try oracle.constraints(level, point.pointer, look.values.pointer),
        try oracle.jacobian(level, point.pointer, look.slopes.pointer)
      else { return [] }
      looks.append(look)
    }
    return looks
  }

  private static func bounds(_ looks: [Look], _ level: BilevelProblem.Level) -> [Bound] {
    guard let first = looks.first else { return [] }
    let n = first.point.count
    var found: [Bound] = []
    for r in 0..<level.inequalities {
      let row = first.slopes.pointer + r * n
      let entries = (0..<n).filter { row[$0] != 0 }
      guard entries.count == 1, let i = entries.first else { continue }
      let value = first.point.pointer[i] - first.values.pointer[r] / row[i]
      let isBound = looks.allSatisfy { look in
        let isSame = (0..<n).allSatisfy { look.slopes.pointer[r * n + $0] == row[$0] }
        let expected = row[i] * (look.point.pointer[i] - value)
        let size = abs(row[i]) * (abs(look.point.pointer[i]) + abs(value))
        return isSame && abs(look.values.pointer[r] - expected) <= 1e-12 * size
      }
      guard isBound, value.isFinite else { continue }
      found.append(Bound(row: r, variable: i, value: value, isUpper: row[i] > 0))
    }
    return found
  }

  // MARK: Functions of some of the rows

  private static func select(
    _ level: BilevelProblem.Level, _ all: Kept, _ n: Int
  ) throws(KantorError) -> BilevelProblem.Level {
    let (rows, kept) = (level.rows, all.rows)
    guard kept.count < rows else { return level }
    var functions = try withRows(level.functions, rows, kept)
    functions.map = nil
    functions.jacobian = nil
    functions.jacobianProduct = nil
    functions.jacobianTransposeProduct = nil
    if !kept.isEmpty, let map = level.functions.map, let jacobian = level.functions.jacobian {
      let values = try Buffer<Double>(count: rows)
      functions.map = { x, out in
        values.fill(.nan)
        let code = map(x, values.pointer)
        for (k, r) in kept.enumerated() { out[k] = values.pointer[r] }
        return code
      }
      let slopes = try Buffer<Double>(count: try checkedProduct(rows, n, of: "Jacobian"))
      functions.jacobian = { x, out in
        slopes.fill(.nan)
        let code = jacobian(x, slopes.pointer)
        for (k, r) in kept.enumerated() {
          (out + k * n).update(from: slopes.pointer + r * n, count: n)
        }
        return code
      }
    }
    return BilevelProblem.Level(
      functions: functions, rows: kept.count, equalities: all.equalities,
      components: level.components)
  }

  /// Second derivatives take multipliers of all rows: those that are left out have 0.
  private static func withRows(
    _ given: Functions, _ rows: Int, _ kept: [Int]
  ) throws(KantorError) -> Functions {
    var functions = given
    let multipliers = try Buffer<Double>(count: rows)
    if let hessian = given.hessian {
      functions.hessian = { x, sigma, y, out in
        for (k, r) in kept.enumerated() { multipliers.pointer[r] = y[k] }
        return hessian(x, sigma, multipliers.pointer, out)
      }
    }
    if let product = given.hessianProduct {
      functions.hessianProduct = { x, sigma, y, v, out in
        for (k, r) in kept.enumerated() { multipliers.pointer[r] = y[k] }
        return product(x, sigma, multipliers.pointer, v, out)
      }
    }
    return functions
  }

  private static func join(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: x.count + y.count)
    out.pointer.update(from: x.pointer, count: x.count)
    (out.pointer + x.count).update(from: y.pointer, count: y.count)
    return out
  }

  private static func part(
    _ w: Buffer<Double>, _ from: Int, _ to: Int
  ) throws(KantorError) -> Buffer<Double> {
    try Buffer(copying: UnsafePointer(w.pointer + from), count: to - from)
  }
}
