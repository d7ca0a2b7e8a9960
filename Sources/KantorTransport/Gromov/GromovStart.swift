import KantorCore
import KantorNumerics

/// Where a method for structures starts: a plan with the right marginals, and potentials.
struct GromovStart {
  /// The product of the weights, or what the caller gave.
  let plan: Buffer<Double>
  let g: Buffer<Double>?
  /// The plan is the caller's.
  let isGiven: Bool

  /// L1 errors of a given plan's marginals, relative to the mass, beyond which it is refused; below
  /// it is rounded to exact ones. Entropic plans that were stopped early are good starts.
  private static let marginalTolerance = 1e-2

  init(_ problem: GromovProblem, _ run: Run, isRelaxed: Bool = false) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    _ = try run.start.vector("potential_source", count: n)
    g = try run.start.vector("potential_target", count: m)
    if let given = try run.start.matrix("plan", rows: n, columns: m) {
      try Self.correct(given, problem, isRelaxed)
      plan = given
      isGiven = true
      return
    }
    isGiven = false
    plan = try Buffer(count: n * m)
    for i in 0..<n {
      let row = plan.pointer + i * m
      if isRelaxed {
        for j in 0..<m { row[j] = a[i] / Double(m) }
      } else {
        for j in 0..<m { row[j] = a[i] * b[j] / problem.mass }
      }
    }
  }

  /// Scales rows and columns down to the weights and spreads what is missing.
  static func correct(
    _ plan: Buffer<Double>, _ problem: GromovProblem, _ isRelaxed: Bool
  ) throws(KantorError) {
    let (n, m, p) = (problem.n, problem.m, plan.pointer)
    let rows = try Buffer<Double>(count: n)
    let columns = try Buffer<Double>(count: m)
    func addUp() {
      rows.fill(0)
      columns.fill(0)
      for i in 0..<n {
        for j in 0..<m {
          rows.pointer[i] += p[i * m + j]
          columns.pointer[j] += p[i * m + j]
        }
      }
    }
    for k in 0..<plan.count where p[k] < 0 {
      throw KantorError(
        .range, "start value 'plan' is \(p[k]) at (\(k / m), \(k % m)); a plan is not negative")
    }
    addUp()
    var error = 0.0
    for i in 0..<n { error += abs(rows.pointer[i] - problem.a.pointer[i]) }
    if !isRelaxed {
      for j in 0..<m { error += abs(columns.pointer[j] - problem.b.pointer[j]) }
    }
    guard error <= marginalTolerance * problem.mass else {
      throw KantorError(
        .range, "start value 'plan' has marginals that differ from the weights by "
          + "\(shortText(error)) in all; at most \(shortText(marginalTolerance * problem.mass))")
    }
    for i in 0..<n {
      let scale = ratio(problem.a.pointer[i], rows.pointer[i], isExact: isRelaxed)
      for j in 0..<m { p[i * m + j] *= scale }
    }
    if isRelaxed { return }
    addUp()
    for j in 0..<m {
      columns.pointer[j] = ratio(problem.b.pointer[j], columns.pointer[j], isExact: false)
    }
    for i in 0..<n {
      for j in 0..<m { p[i * m + j] *= columns.pointer[j] }
    }
    addUp()
    var missing = 0.0
    for i in 0..<n {
      rows.pointer[i] = max(0, problem.a.pointer[i] - rows.pointer[i])
      missing += rows.pointer[i]
    }
    guard missing > 0 else { return }
    for j in 0..<m {
      let share = max(0, problem.b.pointer[j] - columns.pointer[j]) / missing
      for i in 0..<n { p[i * m + j] += rows.pointer[i] * share }
    }
  }

  private static func ratio(_ wanted: Double, _ found: Double, isExact: Bool) -> Double {
    guard found > 0 else { return 1 }
    return isExact ? wanted / found : min(1, wanted / found)
  }
}
