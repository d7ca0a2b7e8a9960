import KantorBlocks
import KantorCore
import KantorNumerics

/// Derivatives of x and y, and of the optimal value, with respect to the bounds and to parameters
/// of the functions, at a solution.
///
/// With the active bounds and rows held active, the optimality conditions are equations:
///
///     [H_FF  J_AF'] [dx_F]   [-(d_p L')_F dp - H_FB dx_B]
///     [J_AF   0   ] [dy_A] = [-(d_p c)_A dp + db_A - J_AB dx_B],   dx_B = db_B,
///
/// F the free variables, B those at bounds, A the active rows. The matrix is symmetric, so that
/// products with the transposed Jacobian solve the same system. It is dense here.
struct NonlinearDerivative: Sendable {
  let problem: NonlinearProblem
  let x: Buffer<Double>
  let y: Buffer<Double>
  let zLower: Buffer<Double>
  let zUpper: Buffer<Double>

  static let mostUnknowns = 4000

  // MARK: Products with the transposed Jacobian

  func pull(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let (n, m) = (problem.n, problem.m)
    for name in cotangents.keys { try checkOutput(name) }
    let share = try cotangents["objective"].map { (t) throws(KantorError) in try t.doubles()[0] }
    let gx = try vector(cotangents["x"], n)
    let gy = try vector(cotangents["y"], m)
    var answers: [String: Tensor] = [:]
    let u = try Buffer<Double>(count: n)
    let v = try Buffer<Double>(count: m)
    let g = try gx.copy()
    let sides = ActiveSides(self)
    if cotangents["x"] != nil || cotangents["y"] != nil {
      let system = try ActiveSystem(self, sides)
      for j in 0..<n { u.pointer[j] = sides.bound[j] == 0 ? gx.pointer[j] : 0 }
      for i in 0..<m { v.pointer[i] = sides.row[i] == 0 ? 0 : gy.pointer[i] }
      try system.solve(u, v)
      // What moving bounds do to the others.
      system.multiplyHessian(u, into: g, scale: -1)
      system.multiplyJacobianTransposed(v, into: g, scale: -1)
    }
    for name in wanted {
      answers[name] = Tensor(try gradient(name, u, v, g, share ?? 0, sides))
    }
    return answers
  }

  private func gradient(
    _ name: String, _ u: Buffer<Double>, _ v: Buffer<Double>, _ g: Buffer<Double>,
    _ share: Double, _ sides: ActiveSides
  ) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    switch name {
    case "lower", "upper":
      let out = try Buffer<Double>(count: n)
      for j in 0..<n where sides.holds(j, name == "lower") {
        let z = zLower.pointer[j] - zUpper.pointer[j]
        out.pointer[j] = g.pointer[j] + share * z
      }
      return out
    case "constraint_lower", "constraint_upper":
      let out = try Buffer<Double>(count: m)
      let side = name == "constraint_lower" ? -1 : 1
      for i in 0..<m where sides.row[i] == side || (sides.row[i] == 2 && side == 1) {
        out.pointer[i] = v.pointer[i] - share * y.pointer[i]
      }
      return out
    case "parameters":
      guard share == 0 else { throw Self.noValueDerivative }
      let cross = try ParameterDerivatives(self)
      let out = try Buffer<Double>(count: problem.parameters)
      cross.addTransposed(u, v, into: out, scale: -1)
      return out
    default:
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
  }

  private static let noValueDerivative = KantorError(
    .unsupported,
    "the derivative of 'objective' with respect to 'parameters' is that of f + y'c alone (envelope "
      + "theorem), which the functions do not offer")

  // MARK: Products with the Jacobian

  func push(
    _ tangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let (n, m) = (problem.n, problem.m)
    for name in wanted { try checkOutput(name) }
    let sides = ActiveSides(self)
    let system = try ActiveSystem(self, sides)
    let moved = try Buffer<Double>(count: n)
    let r = try Buffer<Double>(count: n)
    let s = try Buffer<Double>(count: m)
    var value = 0.0
    for (name, tangent) in tangents {
      switch name {
      case "lower", "upper":
        let t = try vector(tangent, n, name)
        for j in 0..<n where sides.holds(j, name == "lower") {
          moved.pointer[j] += t.pointer[j]
          value += t.pointer[j] * (zLower.pointer[j] - zUpper.pointer[j])
        }
      case "constraint_lower", "constraint_upper":
        let t = try vector(tangent, m, name)
        let side = name == "constraint_lower" ? -1 : 1
        for i in 0..<m where sides.row[i] == side || (sides.row[i] == 2 && side == 1) {
          s.pointer[i] += t.pointer[i]
          value -= t.pointer[i] * y.pointer[i]
        }
      case "parameters":
        guard !wanted.contains("objective") else { throw Self.noValueDerivative }
        let t = try vector(tangent, problem.parameters, name)
        try ParameterDerivatives(self).add(t, into: r, s, scale: -1)
      default:
        throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
      }
    }
    system.multiplyHessian(moved, into: r, scale: -1)
    system.multiplyJacobian(moved, into: s, scale: -1)
    for j in 0..<n where sides.bound[j] != 0 { r.pointer[j] = 0 }
    for i in 0..<m where sides.row[i] == 0 { s.pointer[i] = 0 }
    try system.solve(r, s)
    for j in 0..<n where sides.bound[j] != 0 { r.pointer[j] = moved.pointer[j] }
    var answers: [String: Tensor] = [:]
    for name in wanted {
      switch name {
      case "x": answers[name] = Tensor(r)
      case "y": answers[name] = Tensor(s)
      default: answers[name] = Tensor(try Buffer([value]), shape: [])
      }
    }
    return answers
  }

  private func checkOutput(_ name: String) throws(KantorError) {
    guard ["x", "y", "objective"].contains(name) else {
      throw KantorError(
        .unsupported, "'\(name)' has no derivatives; those of 'x', 'y' and 'objective' can be had")
    }
  }

  /// A copy, or zeros.
  private func vector(
    _ tensor: Tensor?, _ count: Int, _ name: String = ""
  ) throws(KantorError) -> Buffer<Double> {
    guard let tensor else { return try Buffer(count: count) }
    guard tensor.shape == [count] else {
      throw KantorError(
        .shape, "the tangent of '\(name)' has the shape \(tensor.shapeText), not (\(count),)")
    }
    return try tensor.doubles()
  }
}

/// Which bounds and rows hold with equality: those whose multiplier is larger than the slack.
struct ActiveSides {
  /// -1 lower, 1 upper, 2 both (fixed), 0 free.
  var bound: [Int]
  var row: [Int]

  init(_ d: NonlinearDerivative) {
    let p = d.problem
    bound = [Int](repeating: 0, count: p.n)
    row = [Int](repeating: 0, count: p.m)
    for j in 0..<p.n {
      let (x, low, high) = (d.x.pointer[j], p.lower.pointer[j], p.upper.pointer[j])
      if low == high {
        bound[j] = 2
      } else if d.zLower.pointer[j] > x - low {
        bound[j] = -1
      } else if d.zUpper.pointer[j] > high - x {
        bound[j] = 1
      }
    }
    for i in 0..<p.m {
      let y = d.y.pointer[i]
      if p.isEquality(i) { row[i] = 2 } else if abs(y) > 1e-6 { row[i] = y > 0 ? 1 : -1 }
    }
  }

  /// Whether moving this bound moves x_j; of a fixed variable the lower one is taken to.
  func holds(_ j: Int, _ isLower: Bool) -> Bool {
    isLower ? bound[j] == -1 || bound[j] == 2 : bound[j] == 1
  }
}

/// The system of the active set, factored.
final class ActiveSystem {
  private let oracle: NonlinearOracle
  private let free: [Int]
  private let rows: [Int]
  private let factor: PivotedLDL
  private let n: Int

  init(_ d: NonlinearDerivative, _ sides: ActiveSides) throws(KantorError) {
    let problem = d.problem
    n = problem.n
    free = (0..<problem.n).filter { sides.bound[$0] == 0 }
    rows = (0..<problem.m).filter { sides.row[$0] != 0 }
    let order = free.count + rows.count
    guard order <= NonlinearDerivative.mostUnknowns else {
      throw KantorError(
        .unsupported,
        "derivatives of a solution with \(order) free variables and active rows; up to "
          + "\(NonlinearDerivative.mostUnknowns) are solved for")
    }
    oracle = try NonlinearOracle(problem, monitor: Monitor())
    guard
      case .fine = try oracle.jacobian(at: d.x.pointer),
      case .fine = try oracle.hessian(at: d.x.pointer, sigma: 1, y: d.y.pointer)
    else {
      throw KantorError(
        .unsupported,
        "the functions cannot be evaluated at the solution: \(oracle.evaluator.complaint ?? "")")
    }
    factor = try PivotedLDL(order: order)
    let hessian = try oracle.hessianMatrix()
    let a = factor.entries
    let row = try Buffer<Double>(count: n)
    let unit = try Buffer<Double>(count: max(n, problem.m))
    for (k, j) in free.enumerated() {
      row.fill(0)
      unit.pointer[j] = 1
      hessian.multiply(unit.pointer, into: row.pointer)
      unit.pointer[j] = 0
      for (l, i) in free.enumerated() { a[k * order + l] = row.pointer[i] }
    }
    for (k, i) in rows.enumerated() {
      row.fill(0)
      unit.pointer[i] = 1
      oracle.jacobianMatrix.multiplyTransposed(unit.pointer, into: row.pointer)
      unit.pointer[i] = 0
      for (l, j) in free.enumerated() { a[l * order + free.count + k] = row.pointer[j] }
      for l in k..<rows.count { a[(free.count + k) * order + free.count + l] = 0 }
    }
    var size = 0.0
    for k in 0..<order * order { size = max(size, abs(a[k])) }
    factor.factor(threshold: 1e-12 * size)
    guard factor.isFinite, factor.zero == 0 else {
      throw KantorError(
        .unsupported,
        "the solution is not a differentiable function of the data: the system of its active "
          + "constraints is singular")
    }
  }

  /// Free variables and active rows are solved for in place; others become 0.
  func solve(_ u: Buffer<Double>, _ v: Buffer<Double>) throws(KantorError) {
    let b = try Buffer<Double>(count: free.count + rows.count)
    for (k, j) in free.enumerated() { b.pointer[k] = u.pointer[j] }
    for (k, i) in rows.enumerated() { b.pointer[free.count + k] = v.pointer[i] }
    factor.solve(b.pointer)
    u.fill(0)
    v.fill(0)
    for (k, j) in free.enumerated() { u.pointer[j] = b.pointer[k] }
    for (k, i) in rows.enumerated() { v.pointer[i] = b.pointer[free.count + k] }
  }

  func multiplyHessian(_ u: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.hessianStore?.multiply(u.pointer, into: out.pointer, scale: scale)
  }
  func multiplyJacobian(_ u: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.jacobianMatrix.multiply(u.pointer, into: out.pointer, scale: scale)
  }
  func multiplyJacobianTransposed(_ v: Buffer<Double>, into out: Buffer<Double>, scale: Double) {
    oracle.jacobianMatrix.multiplyTransposed(v.pointer, into: out.pointer, scale: scale)
  }
}

/// What the host's functions say about their parameters at the solution.
struct ParameterDerivatives {
  private let p: Int
  private let n: Int
  private let m: Int
  /// (n, p) and (m, p), row-major.
  private let ofGradient: Buffer<Double>
  private let ofRows: Buffer<Double>

  init(_ d: NonlinearDerivative) throws(KantorError) {
    let problem = d.problem
    (p, n, m) = (problem.parameters, problem.n, problem.m)
    guard p > 0 else {
      throw KantorError(.missing, "field 'parameters' has not been set; it has no derivatives")
    }
    let evaluator = try Evaluator(
      problem.functions, variables: n, rows: m, monitor: Monitor())
    ofGradient = try Buffer(count: try checkedProduct(n, p, of: "parameter_gradient"))
    ofRows = try Buffer(count: try checkedProduct(m, p, of: "parameter_jacobian"))
    var outcome = try evaluator.call(
      .parameterGradient, problem.functions.parameterGradient, at: d.x.pointer, sigma: 1,
      y: d.y.pointer, into: ofGradient.pointer, count: ofGradient.count)
    if case .fine = outcome, m > 0 {
      outcome = try evaluator.call(
        .parameterJacobian, problem.functions.parameterJacobian, at: d.x.pointer,
        into: ofRows.pointer, count: ofRows.count)
    }
    guard case .fine = outcome else {
      throw KantorError(
        .unsupported, "derivatives with respect to parameters: \(evaluator.complaint ?? "")")
    }
  }

  func add(
    _ t: Buffer<Double>, into r: Buffer<Double>, _ s: Buffer<Double>, scale: Double
  ) {
    for (matrix, rows, out) in [(ofGradient, n, r), (ofRows, m, s)] {
      for i in 0..<rows {
        for k in 0..<p { out.pointer[i] += scale * matrix.pointer[i * p + k] * t.pointer[k] }
      }
    }
  }

  func addTransposed(
    _ u: Buffer<Double>, _ v: Buffer<Double>, into out: Buffer<Double>, scale: Double
  ) {
    for (matrix, rows, w) in [(ofGradient, n, u), (ofRows, m, v)] {
      for i in 0..<rows {
        for k in 0..<p { out.pointer[k] += scale * matrix.pointer[i * p + k] * w.pointer[i] }
      }
    }
  }
}
