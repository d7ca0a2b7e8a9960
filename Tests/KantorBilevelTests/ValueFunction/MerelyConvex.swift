import KantorBilevel
import KantorCore

/// The merely convex problem of the LV-HBA paper: per coordinate
/// F = |x - y2|^2 / 2 + |y1 - 1|^2 / 2, f = |y1|^2 / 2 - x.y1 + sum y2, and one equation
/// sum x + sum y1 + sum y2 = 0. The solution is x = -0.3, y = (0.7, -0.4), F = 0.05 n.
enum MerelyConvex {
  static func problem(_ n: Int) throws -> BilevelProblem {
    let problem = Problem(kind: BilevelKind.kind)
    var upper = Functions()
    upper.value = { w, out in
      var sum = 0.0
      for i in 0..<n {
        let (d, e) = (w[i] - w[2 * n + i], w[n + i] - 1)
        sum += 0.5 * (d * d + e * e)
      }
      out[0] = sum
      return 0
    }
    upper.gradient = { w, out in
      for i in 0..<n {
        out[i] = w[i] - w[2 * n + i]
        out[n + i] = w[n + i] - 1
        out[2 * n + i] = w[2 * n + i] - w[i]
      }
      return 0
    }
    var lower = Functions()
    lower.value = { w, out in
      var sum = 0.0
      for i in 0..<n {
        sum += 0.5 * w[n + i] * w[n + i] - w[i] * w[n + i] + w[2 * n + i]
      }
      out[0] = sum
      return 0
    }
    lower.gradient = { w, out in
      for i in 0..<n {
        out[i] = -w[n + i]
        out[n + i] = w[n + i] - w[i]
        out[2 * n + i] = 1
      }
      return 0
    }
    lower.map = { w, out in
      out[0] = 0
      for i in 0..<(3 * n) { out[0] += w[i] }
      return 0
    }
    lower.jacobian = { _, out in
      for i in 0..<(3 * n) { out[i] = 1 }
      return 0
    }
    try problem.set("upper", .functions(upper))
    try problem.set("lower", .functions(lower))
    try problem.set("lower_rows", .int(1))
    try problem.set("lower_equalities", .int(1))
    try problem.set("start_x", .array(Tensor(try Buffer<Double>(count: n, repeating: 10))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: 2 * n, repeating: -5))))
    guard let sealed = try problem.seal() as? BilevelProblem else {
      throw KantorError(.internal, "another kind")
    }
    return sealed
  }
}
