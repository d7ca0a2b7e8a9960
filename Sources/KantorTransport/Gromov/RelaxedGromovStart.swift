import KantorCore
import KantorNumerics

/// Where methods for spaces whose weights may be missed start.
enum RelaxedGromovStart {
  /// Share of the mass that a given plan may miss or lie beyond the caps.
  private static let tolerance = 1e-2

  /// The plan given, or the product of the weights with the mass to match.
  static func plan(
    _ problem: RelaxedGromovProblem, _ run: Run
  ) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    if let given = try run.start.matrix("plan", rows: n, columns: m) {
      for k in 0..<given.count where !(given.pointer[k] >= 0) {
        throw KantorError(
          .range, "start value 'plan' is \(given.pointer[k]) at (\(k / m), \(k % m)); a plan is "
            + "not negative")
      }
      if let total = problem.terms.total { try correct(given, problem, total) }
      guard RelaxedProblem.total(given) > 0 else {
        throw KantorError(.range, "start value 'plan' moves nothing; a positive mass is needed")
      }
      return given
    }
    let plan = try Buffer<Double>(count: n * m)
    let masses = (problem.sourceMass, problem.targetMass)
    // Unbalanced: the geometric mean of the masses.
    let total = problem.terms.total ?? (masses.0 * masses.1).squareRoot()
    let scale = total / (masses.0 * masses.1)
    for i in 0..<n {
      for j in 0..<m {
        plan.pointer[i * m + j] = scale * problem.a.pointer[i] * problem.b.pointer[j]
      }
    }
    return plan
  }

  /// Rows and columns scaled down to their caps, and what is missing spread over what they leave.
  private static func correct(
    _ plan: Buffer<Double>, _ problem: RelaxedGromovProblem, _ total: Double
  ) throws(KantorError) {
    let (n, m, p) = (problem.n, problem.m, plan.pointer)
    let rows = try Buffer<Double>(count: n)
    let columns = try Buffer<Double>(count: m)
    func addUp() {
      rows.fill(0)
      columns.fill(0)
      for k in 0..<plan.count {
        rows.pointer[k / m] += p[k]
        columns.pointer[k % m] += p[k]
      }
    }
    addUp()
    var error = abs(RelaxedProblem.total(rows) - total)
    for i in 0..<n { error += max(0, rows.pointer[i] - problem.a.pointer[i]) }
    for j in 0..<m { error += max(0, columns.pointer[j] - problem.b.pointer[j]) }
    guard error <= tolerance * problem.mass else {
      throw KantorError(
        .range, "start value 'plan' misses the mass \(total) and the caps by \(shortText(error)) "
          + "in all; at most \(shortText(tolerance * problem.mass))")
    }
    for k in 0..<plan.count where rows.pointer[k / m] > problem.a.pointer[k / m] {
      p[k] *= problem.a.pointer[k / m] / rows.pointer[k / m]
    }
    addUp()
    for k in 0..<plan.count where columns.pointer[k % m] > problem.b.pointer[k % m] {
      p[k] *= problem.b.pointer[k % m] / columns.pointer[k % m]
    }
    addUp()
    let missing = total - RelaxedProblem.total(rows)
    if missing < 0 {
      for k in 0..<plan.count { p[k] *= total / (total - missing) }
      return
    }
    for i in 0..<n { rows.pointer[i] = max(0, problem.a.pointer[i] - rows.pointer[i]) }
    for j in 0..<m { columns.pointer[j] = max(0, problem.b.pointer[j] - columns.pointer[j]) }
    let room = RelaxedProblem.total(rows) * RelaxedProblem.total(columns)
    guard missing > 0, room > 0 else { return }
    for k in 0..<plan.count {
      p[k] += missing * rows.pointer[k / m] * columns.pointer[k % m] / room
    }
  }
}
