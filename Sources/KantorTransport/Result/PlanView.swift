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
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    rounding: Rounding?
  ) throws(KantorError) {
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
    let m = problem.m
    let out = try Buffer<Double>(count: try checkedProduct(problem.n, d, of: "map"))
    let base = out.pointer
    try forEachRow { (i, row) throws(KantorError) in
      var mass = 0.0
      for j in 0..<m {
        let p = row[j]
        mass += p
        for c in 0..<d { base[i * d + c] += p * y.pointer[j * d + c] }
      }
      for c in 0..<d { base[i * d + c] /= mass }
    }
    return Tensor(out, shape: [problem.n, d])
  }

  /// Entries above the threshold, row by row.
  func entries(above threshold: Double) throws(KantorError) -> SparsePlan {
    let m = problem.m
    var count = 0
    try forEachRow { (_, row) throws(KantorError) in
      for j in 0..<m where row[j] > threshold { count += 1 }
    }
    let rows = try Buffer<Int64>(count: count)
    let columns = try Buffer<Int64>(count: count)
    let values = try Buffer<Double>(count: count)
    var k = 0
    try forEachRow { (i, row) throws(KantorError) in
      for j in 0..<m where row[j] > threshold {
        rows.pointer[k] = Int64(i)
        columns.pointer[k] = Int64(j)
        values.pointer[k] = row[j]
        k += 1
      }
    }
    return SparsePlan(rows: rows, columns: columns, values: values, count: count)
  }
}
