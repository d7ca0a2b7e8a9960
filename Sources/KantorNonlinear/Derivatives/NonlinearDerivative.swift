import KantorBlocks
import KantorCore

/// Derivatives of x and y, and of the optimal value, with respect to the bounds and to parameters
/// of the functions, at a solution.
///
/// With the active bounds and rows held active, the optimality conditions are equations:
///
///     [H_FF  J_AF'] [dx_F]   [-(d_p L')_F dp - H_FB dx_B]
///     [J_AF   0   ] [dy_A] = [-(d_p c)_A dp + db_A - J_AB dx_B],   dx_B = db_B,
///
/// F the free variables, B those at bounds, A the active rows. The matrix is symmetric, so that
/// products with the transposed Jacobian solve the same system.
struct NonlinearDerivative: Sendable {
  let problem: NonlinearProblem
  let x: Buffer<Double>
  let y: Buffer<Double>
  let zLower: Buffer<Double>
  let zUpper: Buffer<Double>

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
    let moves = cotangents["x"] != nil || cotangents["y"] != nil
    if moves {
      let system = try ActiveSystem(self, sides)
      for j in 0..<n { u.pointer[j] = sides.bound[j] == 0 ? gx.pointer[j] : 0 }
      for i in 0..<m { v.pointer[i] = sides.row[i] == 0 ? 0 : gy.pointer[i] }
      try system.solve(u, v)
      // What moving bounds do to the others.
      system.multiplyHessian(u, into: g, scale: -1)
      system.multiplyJacobianTransposed(v, into: g, scale: -1)
    }
    for name in wanted {
      answers[name] = Tensor(try gradient(name, u, v, g, share ?? 0, sides, moves))
    }
    return answers
  }

  private func gradient(
    _ name: String, _ u: Buffer<Double>, _ v: Buffer<Double>, _ g: Buffer<Double>,
    _ share: Double, _ sides: ActiveSides, _ moves: Bool
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
      let parameters = try ParameterDerivatives(self)
      let out = try Buffer<Double>(count: problem.parameters)
      if moves { try parameters.ofSolution().addTransposed(u, v, into: out, scale: -1) }
      if share != 0 {
        let value = try parameters.ofValue()
        for k in 0..<out.count { out.pointer[k] += share * value.pointer[k] }
      }
      return out
    default:
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
  }

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
        let t = try vector(tangent, problem.parameters, name)
        let parameters = try ParameterDerivatives(self)
        if wanted.contains(where: { $0 != "objective" }) {
          try parameters.ofSolution().add(t, into: r, s, scale: -1)
        }
        if wanted.contains("objective") {
          let slope = try parameters.ofValue()
          for k in 0..<t.count { value += slope.pointer[k] * t.pointer[k] }
        }
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
