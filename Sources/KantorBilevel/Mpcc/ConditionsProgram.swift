import KantorCore

/// The single-level problem in (x, y, multipliers) with the lower level's conditions of optimality
/// in its place:
///
///     min F  subject to  L_y - zl + zu = 0,  g <= 0,  lambda >= 0,  h = 0,  G <= 0,  H = 0,
///
/// and of each inequality of the lower level either -lambda g <= t (relaxed), or one side of
/// lambda >= 0, g <= 0 held at 0 (a piece).
final class ConditionsProgram: SmoothProgram {
  /// Which side of a lower inequality is 0.
  enum Side: Sendable { case active, inactive }

  /// Lower inequalities: rows first, then finite lower and upper bounds of y.
  struct Pairs: Sendable {
    var rows: Int
    var lows: [Int]
    var highs: [Int]
    var count: Int { rows + lows.count + highs.count }

    init(_ problem: BilevelProblem) {
      rows = problem.lower.inequalities
      lows = (0..<problem.ny).filter { problem.yLower.pointer[$0].isFinite }
      highs = (0..<problem.ny).filter { problem.yUpper.pointer[$0].isFinite }
    }
  }

  private enum Row {
    case upper(Int), ball, simplex, lower(Int), product(Int), cut(Int), stationarity(Int)
  }

  let oracle: BilevelOracle
  let problem: BilevelProblem
  let pairs: Pairs
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  /// Other lower answers that were met: f(x, y) <= v(x) for each, where v is the value of the lower
  /// minimum that leads on from it. This keeps out points that satisfy the conditions and are no
  /// lower minima. To be set before `choose`.
  private(set) var cuts: [LowerBranch] = []
  private static let mostCuts = 8
  /// The bound on products, where no piece is chosen.
  var relaxation = 1.0
  private var isPiece = false
  private var list: [Row] = []
  private(set) var equalities = 0
  private let upperRows: Buffer<Double>
  private let lowerRows: Buffer<Double>
  private let upperJacobian: Buffer<Double>
  private let lowerJacobian: Buffer<Double>
  private let gradient: Buffer<Double>
  private let unit: Buffer<Double>
  private let column: Buffer<Double>

  /// x, y, multipliers of all lower rows, of lower bounds, of upper bounds.
  let count: Int
  var rows: Int { list.count }
  var isStopped: Bool { oracle.stopped }
  private var n: Int { problem.n }
  /// Place of the multiplier of a pair.
  func multiplier(_ pair: Int) -> Int {
    pair < pairs.rows ? n + pair : n + problem.lower.rows + pair - pairs.rows
  }

  init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    pairs = Pairs(problem)
    let (n, upperCount, lowerCount) = (problem.n, problem.upper.rows, problem.lower.rows)
    count = n + lowerCount + pairs.lows.count + pairs.highs.count
    lower = try Buffer(count: count, repeating: -.infinity)
    upper = try Buffer(count: count, repeating: .infinity)
    upperRows = try Buffer(count: upperCount)
    lowerRows = try Buffer(count: lowerCount)
    upperJacobian = try Buffer(count: try checkedProduct(upperCount, n, of: "Jacobian"))
    lowerJacobian = try Buffer(count: try checkedProduct(lowerCount, n, of: "Jacobian"))
    gradient = try Buffer(count: n)
    unit = try Buffer(count: n)
    column = try Buffer(count: n)
    choose(nil)
  }

  /// Chooses a piece, or the relaxed form with nil. The number of rows changes with it.
  func choose(_ sides: [Side]?) {
    let (nx, ny) = (problem.nx, problem.ny)
    isPiece = sides != nil
    for i in 0..<nx {
      lower.pointer[i] = problem.xLower.pointer[i]
      upper.pointer[i] = problem.xUpper.pointer[i]
      if case .simplex = problem.xSet { lower.pointer[i] = 0 }
    }
    for j in 0..<ny {
      lower.pointer[nx + j] = problem.yLower.pointer[j]
      upper.pointer[nx + j] = problem.yUpper.pointer[j]
    }
    for p in 0..<pairs.count {
      lower.pointer[multiplier(p)] = 0
      upper.pointer[multiplier(p)] = .infinity
    }
    var (inequalities, equations): ([Row], [Row]) = ([], [])
    for i in 0..<problem.upper.rows {
      if i < problem.upper.inequalities {
        inequalities.append(.upper(i))
      } else {
        equations.append(.upper(i))
      }
    }
    switch problem.xSet {
    case .box: break
    case .ball: inequalities.append(.ball)
    case .simplex: equations.append(.simplex)
    }
    for i in 0..<problem.lower.rows {
      let held = i >= pairs.rows || sides?[i] == .active
      if held { equations.append(.lower(i)) } else { inequalities.append(.lower(i)) }
    }
    for p in 0..<pairs.count {
      guard let sides else {
        inequalities.append(.product(p))
        continue
      }
      if sides[p] == .inactive {
        upper.pointer[multiplier(p)] = 0
      } else if p >= pairs.rows {
        let (j, bound) = side(p)
        lower.pointer[nx + j] = bound
        upper.pointer[nx + j] = bound
      }
    }
    for k in cuts.indices { inequalities.append(.cut(k)) }
    for j in 0..<ny { equations.append(.stationarity(j)) }
    list = inequalities + equations
    equalities = equations.count
  }

  /// Variable and bound of a pair that is a bound.
  func side(_ pair: Int) -> (Int, Double) {
    let k = pair - pairs.rows
    if k < pairs.lows.count { return (pairs.lows[k], problem.yLower.pointer[pairs.lows[k]]) }
    let j = pairs.highs[k - pairs.lows.count]
    return (j, problem.yUpper.pointer[j])
  }

  private func isLow(_ pair: Int) -> Bool { pair < pairs.rows + pairs.lows.count }

  /// The value of the inequality of a pair, <= 0, at the last point evaluated.
  func slack(_ pair: Int, _ z: Point) -> Double {
    guard pair >= pairs.rows else { return lowerRows.pointer[pair] }
    let (j, bound) = side(pair)
    let y = z[problem.nx + j]
    return isLow(pair) ? bound - y : y - bound
  }

  func evaluate(_ z: Point, _ c: Out) throws(KantorError) -> Double {
    let nx = problem.nx
    let value = try oracle.value(.upper, z)
    guard value.isFinite, try oracle.constraints(.upper, z, upperRows.pointer),
      try oracle.constraints(.lower, z, lowerRows.pointer),
      try oracle.lagrangianGradient(.lower, z, sigma: 1, z + n, gradient.pointer)
    else { return .infinity }
    for p in pairs.rows..<max(pairs.count, pairs.rows) {
      gradient.pointer[nx + side(p).0] += (isLow(p) ? -1 : 1) * z[multiplier(p)]
    }
    for (r, row) in list.enumerated() {
      switch row {
      case .upper(let i): c[r] = upperRows.pointer[i]
      case .lower(let i): c[r] = lowerRows.pointer[i]
      case .product(let p): c[r] = -z[multiplier(p)] * slack(p, z) - relaxation
      case .stationarity(let j): c[r] = gradient.pointer[nx + j]
      case .ball, .simplex: c[r] = setRow(z)
      case .cut(let k):
        let here = try oracle.value(.lower, z)
        guard here.isFinite else { return .infinity }
        // No minimum to be found there: no cut.
        c[r] = try cuts[k].follow(z) ? here - cuts[k].value : -1
      }
    }
    return value
  }

  func addCut(_ y: Buffer<Double>) throws(KantorError) {
    cuts.append(try LowerBranch(oracle, from: y))
    if cuts.count > Self.mostCuts { cuts.removeFirst() }
  }

  private func cut(_ k: Int, _ z: Point, _ out: Out) throws(KantorError) -> Bool {
    guard try cuts[k].follow(z) else { return !isStopped }
    guard try oracle.gradient(.lower, z, column.pointer) else { return false }
    for i in 0..<n { out[i] = column.pointer[i] }
    guard try cuts[k].gradient(column.pointer) else { return false }
    for i in 0..<problem.nx { out[i] -= column.pointer[i] }
    return true
  }

  private func setRow(_ z: Point) -> Double {
    var (square, sum) = (0.0, 0.0)
    for i in 0..<problem.nx {
      square += z[i] * z[i]
      sum += z[i]
    }
    switch problem.xSet {
    case .ball(let radius): return square - radius * radius
    case .simplex(let total): return sum - total
    case .box: return 0
    }
  }

  func differentiate(_ z: Point, _ g: Out, _ jacobian: Out) throws(KantorError) -> Bool {
    let nx = problem.nx
    guard try oracle.gradient(.upper, z, column.pointer),
      try oracle.constraints(.lower, z, lowerRows.pointer),
      try oracle.jacobian(.upper, z, upperJacobian.pointer),
      try oracle.jacobian(.lower, z, lowerJacobian.pointer)
    else { return false }
    for k in 0..<count { g[k] = k < n ? column.pointer[k] : 0 }
    for k in 0..<(rows * count) { jacobian[k] = 0 }
    for (r, row) in list.enumerated() {
      let out = jacobian + r * count
      switch row {
      case .upper(let i): for k in 0..<n { out[k] = upperJacobian.pointer[i * n + k] }
      case .lower(let i): for k in 0..<n { out[k] = lowerJacobian.pointer[i * n + k] }
      case .ball: for k in 0..<nx { out[k] = 2 * z[k] }
      case .simplex: for k in 0..<nx { out[k] = 1 }
      case .product(let p): product(p, z, out)
      case .cut(let k): guard try cut(k, z, out) else { return false }
      case .stationarity(let j):
        unit.fill(0)
        unit.pointer[nx + j] = 1
        guard
          try oracle.hessianProduct(.lower, z, z + n, times: unit.pointer, column.pointer)
        else { return false }
        for k in 0..<n { out[k] = column.pointer[k] }
        for i in 0..<problem.lower.rows { out[n + i] = lowerJacobian.pointer[i * n + nx + j] }
        for p in pairs.rows..<max(pairs.count, pairs.rows) where side(p).0 == j {
          out[multiplier(p)] = isLow(p) ? -1 : 1
        }
      }
    }
    return true
  }

  private func product(_ p: Int, _ z: Point, _ out: Out) {
    let weight = z[multiplier(p)]
    out[multiplier(p)] = -slack(p, z)
    guard p >= pairs.rows else {
      for k in 0..<n { out[k] = -weight * lowerJacobian.pointer[p * n + k] }
      return
    }
    out[problem.nx + side(p).0] = isLow(p) ? weight : -weight
  }

  /// The joined vector of variables from x, y and multipliers of an answer.
  func place(_ answer: LowerAnswer, into z: Out) {
    for k in 0..<n { z[k] = answer.w.pointer[k] }
    for i in 0..<problem.lower.rows { z[n + i] = answer.rows.pointer[i] }
    for p in pairs.rows..<max(pairs.count, pairs.rows) {
      let weight = answer.bounds.pointer[side(p).0]
      z[multiplier(p)] = isLow(p) ? max(0, -weight) : max(0, weight)
    }
    for p in 0..<pairs.count { z[multiplier(p)] = max(0, z[multiplier(p)]) }
  }
}
