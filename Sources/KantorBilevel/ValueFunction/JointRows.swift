import KantorCore

/// The rows of both levels over the joined vector, inequalities first, and those that the set of x
/// adds: |x| <= r, or sum x = total.
final class JointRows {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  let rows: Int
  let equalities: Int
  private let lowerPlace: [Int]
  private let upperPlace: [Int]
  private let setPlace: Int
  private let values: Buffer<Double>
  private let room: Buffer<Double>

  init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    let (lower, upper, set) = (problem.lower, problem.upper, problem.xSet)
    var (isBall, isSimplex) = (false, false)
    if case .ball = set { isBall = true }
    if case .simplex = set { isSimplex = true }
    let inequalities = lower.inequalities + upper.inequalities + (isBall ? 1 : 0)
    equalities = lower.equalities + upper.equalities + (isSimplex ? 1 : 0)
    rows = inequalities + equalities
    lowerPlace = (0..<lower.rows).map {
      $0 < lower.inequalities ? $0 : inequalities + $0 - lower.inequalities
    }
    upperPlace = (0..<upper.rows).map {
      $0 < upper.inequalities
        ? lower.inequalities + $0
        : inequalities + lower.equalities + $0 - upper.inequalities
    }
    setPlace = isBall ? inequalities - 1 : isSimplex ? inequalities + equalities - 1 : -1
    let most = max(lower.rows, upper.rows)
    values = try Buffer(count: most)
    room = try Buffer(count: try checkedProduct(most, problem.n, of: "Jacobian"))
  }

  /// Bounds of x and y, into the leading nx + ny places.
  func placeBounds(_ low: Out, _ high: Out) {
    for i in 0..<problem.nx {
      low[i] = problem.xLower.pointer[i]
      high[i] = problem.xUpper.pointer[i]
      if case .simplex = problem.xSet { low[i] = max(low[i], 0) }
    }
    for j in 0..<problem.ny {
      low[problem.nx + j] = problem.yLower.pointer[j]
      high[problem.nx + j] = problem.yUpper.pointer[j]
    }
  }

  func values(_ w: Point, _ out: Out) throws(KantorError) -> Bool {
    guard try oracle.constraints(.lower, w, values.pointer) else { return false }
    for (r, place) in lowerPlace.enumerated() { out[place] = values.pointer[r] }
    guard try oracle.constraints(.upper, w, values.pointer) else { return false }
    for (r, place) in upperPlace.enumerated() { out[place] = values.pointer[r] }
    guard setPlace >= 0 else { return true }
    var sum = 0.0
    switch problem.xSet {
    case .box: break
    case .ball(let radius):
      for i in 0..<problem.nx { sum += w[i] * w[i] }
      out[setPlace] = (sum - radius * radius) / (2 * radius)
    case .simplex(let total):
      for i in 0..<problem.nx { sum += w[i] }
      out[setPlace] = sum - total
    }
    return true
  }

  /// rows x columns, of which the leading nx + ny columns are not 0.
  func jacobian(_ w: Point, columns: Int, _ out: Out) throws(KantorError) -> Bool {
    let n = problem.n
    for k in 0..<(rows * columns) { out[k] = 0 }
    guard try oracle.jacobian(.lower, w, room.pointer) else { return false }
    for (r, place) in lowerPlace.enumerated() {
      (out + place * columns).update(from: room.pointer + r * n, count: n)
    }
    guard try oracle.jacobian(.upper, w, room.pointer) else { return false }
    for (r, place) in upperPlace.enumerated() {
      (out + place * columns).update(from: room.pointer + r * n, count: n)
    }
    guard setPlace >= 0 else { return true }
    switch problem.xSet {
    case .box: break
    case .ball(let radius):
      for i in 0..<problem.nx { out[setPlace * columns + i] = w[i] / radius }
    case .simplex: for i in 0..<problem.nx { out[setPlace * columns + i] = 1 }
    }
    return true
  }
}
