import CKantorKernels
import KantorCore
import KantorNumerics

/// A plan as the caller sees it: dense, by entries, or through the barycentric map, made on demand.
enum PlanView: Sendable {
  case sparse(SparsePlan, TransportProblem)
  case entropic(EntropicPlan)

  func dense() throws(KantorError) -> Tensor {
    switch self {
    case .sparse(let plan, let problem):
      let (n, m) = (problem.n, problem.m)
      let out = try Buffer<Double>(count: try checkedProduct(n, m, of: "plan"))
      for k in 0..<plan.count {
        let place = Int(plan.rows.pointer[k]) * m + Int(plan.columns.pointer[k])
        out.pointer[place] += plan.values.pointer[k]
      }
      return Tensor(out, shape: [n, m])
    case .entropic(let plan):
      return try plan.dense()
    }
  }

  /// (P y)_i / (P 1)_i; sources without mass are not moved anywhere and get NaN.
  func barycentricMap() throws(KantorError) -> Tensor {
    switch self {
    case .entropic(let plan):
      return try plan.barycentricMap()
    case .sparse(let plan, let problem):
      guard case .points(_, let y, let d, _, _) = problem.geometry.source else {
        throw KantorError(.unsupported, "a barycentric map needs target points")
      }
      let out = try Buffer<Double>(count: try checkedProduct(problem.n, d, of: "map"))
      let mass = try Buffer<Double>(count: problem.n)
      for k in 0..<plan.count {
        let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
        let p = plan.values.pointer[k]
        mass.pointer[i] += p
        for c in 0..<d { out.pointer[i * d + c] += p * y.pointer[j * d + c] }
      }
      for i in 0..<problem.n {
        for c in 0..<d { out.pointer[i * d + c] /= mass.pointer[i] }
      }
      return Tensor(out, shape: [problem.n, d])
    }
  }

  /// The entries above a threshold, found once when one of the three arrays is asked for.
  func addEntries(_ fields: inout ResultFields, threshold: Double) {
    guard case .entropic(let plan) = self else { return }
    let entries = LazyEntries(plan, threshold: threshold)
    fields.addLazily("plan_row") { () throws(KantorError) in
      let plan = try entries.plan()
      return Tensor(plan.rows, count: plan.count)
    }
    fields.addLazily("plan_column") { () throws(KantorError) in
      let plan = try entries.plan()
      return Tensor(plan.columns, count: plan.count)
    }
    fields.addLazily("plan_value") { () throws(KantorError) in
      let plan = try entries.plan()
      return Tensor(plan.values, count: plan.count)
    }
  }
}

/// The plan of entropic potentials, never stored: P_ij = a_i b_j exp((f_i + g_j - C_ij)/eps), or
/// its feasible rounding.
struct EntropicPlan: Sendable {
  let problem: TransportProblem
  let epsilon: Double
  let rounding: Rounding?
  /// The marginal error that the plan was solved to; 0 where rows are not known to have their mass.
  private let tolerance: Double
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    rounding: Rounding?, tolerance: Double = 0
  ) throws(KantorError) {
    self.tolerance = tolerance
    self.problem = problem
    self.epsilon = epsilon
    self.rounding = rounding
    phi = try EntropicCheck.exponents(problem.a, f, epsilon)
    gamma = try EntropicCheck.exponents(problem.b, g, epsilon)
  }

  /// visit(i, row) for every source in order; the row is valid during the call.
  func forEachRow(
    _ visit: (Int, UnsafeMutablePointer<Double>) throws(KantorError) -> Void
  ) throws(KantorError) {
    let m = problem.m
    let scratch = try Buffer<UInt8>(count: Int(kn_sweep_scratch(Int64(m))))
    let row = try Buffer<Double>(count: m)
    var cost = problem.geometry.cost
    for i in 0..<problem.n {
      for j in 0..<m { row.pointer[j] = 0 }
      if problem.a.pointer[i] > 0 {
        // The kernel writes row i of a matrix of the given leading dimension: here a single row.
        kn_kernel_rows_f64(
          &cost, Int64(i), Int64(i + 1), 1 / epsilon, phi.pointer, gamma.pointer,
          row.pointer, 0, scratch.pointer)
        if let rounding {
          let x = rounding.x.pointer[i]
          for j in 0..<m {
            row.pointer[j] = x * row.pointer[j] * rounding.y.pointer[j] + rounding.added(i, j)
          }
        }
      }
      try visit(i, row.pointer)
    }
  }

  func dense() throws(KantorError) -> Tensor {
    let (n, m) = (problem.n, problem.m)
    let out = try Buffer<Double>(count: try checkedProduct(n, m, of: "plan"))
    let base = out.pointer
    try forEachRow { (i, row) throws(KantorError) in
      (base + i * m).update(from: row, count: m)
    }
    return Tensor(out, shape: [n, m])
  }

  func barycentricMap() throws(KantorError) -> Tensor {
    guard case .points(_, let y, let d, _, _) = problem.geometry.source else {
      throw KantorError(.unsupported, "a barycentric map needs target points")
    }
    let out = try Buffer<Double>(count: try checkedProduct(problem.n, d, of: "map"))
    let base = out.pointer
    try forEach(near: try nearRows()) { (i, targets, row) in
      var mass = 0.0
      for k in 0..<targets.count {
        let (p, at) = (row[k], y.pointer + Int(targets.number[k]) * d)
        mass += p
        for c in 0..<d { base[i * d + c] += p * at[c] }
      }
      for c in 0..<d { base[i * d + c] /= mass }
    }
    return Tensor(out, shape: [problem.n, d])
  }

  /// Entries above the threshold, row by row.
  func entries(above threshold: Double) throws(KantorError) -> SparsePlan {
    let near = rounding == nil
      ? try NearPairs(
        problem.geometry, phi: phi, gamma: gamma, epsilon: epsilon,
        cut: threshold > 0 ? Double.log(threshold) : Self.underflow)
      : nil
    let start = try Buffer<Int>(count: problem.n + 1)
    try forEach(near: near) { (i, targets, row) in
      for k in 0..<targets.count where row[k] > threshold { start.pointer[i + 1] += 1 }
    }
    for i in 0..<problem.n { start.pointer[i + 1] += start.pointer[i] }
    var plan = try SparsePlan(capacity: start.pointer[problem.n])
    plan.count = start.pointer[problem.n]
    try forEach(near: near, isOrdered: true) { (i, targets, row) in
      var place = start.pointer[i]
      for k in 0..<targets.count where row[k] > threshold {
        plan.rows.pointer[place] = Int64(i)
        plan.columns.pointer[place] = Int64(targets.number[k])
        plan.values.pointer[place] = row[k]
        place += 1
      }
    }
    return plan
  }

  /// Exponentials below are 0.
  private static let underflow = -746.0

  /// The pairs that rows need for means, where it is known what they may lack.
  private func nearRows() throws(KantorError) -> NearPairs? {
    guard tolerance > 0, rounding == nil else { return nil }
    return try NearPairs(
      problem, phi: try perMass(phi, problem.a), gamma: try perMass(gamma, problem.b),
      epsilon: epsilon, tolerance: tolerance)
  }

  private func perMass(
    _ exponent: Buffer<Double>, _ weights: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let out = try exponent.copy()
    for i in 0..<out.count where weights.pointer[i] > 0 {
      out.pointer[i] -= Double.log(weights.pointer[i])
    }
    return out
  }

  /// visit(i, targets, row) for every source, over the pairs given or all.
  private func forEach(
    near: NearPairs?, isOrdered: Bool = false,
    _ visit: (Int, PlanRows.Targets, UnsafePointer<Double>) -> Void
  ) throws(KantorError) {
    guard let near else {
      let number = try Buffer<Int32>(count: problem.m)
      for j in 0..<problem.m { number.pointer[j] = Int32(truncatingIfNeeded: j) }
      let all = PlanRows.Targets(count: problem.m, number: UnsafePointer(number.pointer))
      return try forEachRow { (i, row) in visit(i, all, row) }
    }
    let rows = try PlanRows(problem.geometry, epsilon: epsilon, phi: phi, gamma: gamma, near: near)
    rows.forEach(isOrdered: isOrdered) { visit($0.source, $0.targets, $0.values) }
  }
}
