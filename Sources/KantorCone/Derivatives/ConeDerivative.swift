import KantorBlocks
import KantorCore
import KantorNumerics
import Synchronization

/// Derivatives of x, s, z and the optimal value with respect to P, q, A, b, lower and upper, at a
/// point that solves the program.
///
/// The value's are those of the Lagrangian at the point (envelope theorem) and need no system:
/// dV/dq = x, dV/db = -z, dV/dA = z x', dV/dP = x x'/2, and z for the bound that is active. The
/// others solve the system of `ConeLinearisation`, which is symmetric: for cotangents g_x, g_s and
/// g_z,
///
///     (u, v) solves it for (g_x - A'g_s, g_z),  rho = g_s + v,
///     dL/dq = -u,  dL/db = rho,  dL/dA = -(z u' + rho x'),  dL/dP = -(u x' + x u')/2,
///
/// and -v_i for the active bound of row i. The system is factored for the first product that needs
/// it, and kept for the others.
package struct ConeDerivative: Sendable {
  package let problem: ConeProblem
  let x: Buffer<Double>
  let s: Buffer<Double>
  let z: Buffer<Double>
  private let system = SharedLinearisation()

  package init(
    problem: ConeProblem, x: Buffer<Double>, s: Buffer<Double>, z: Buffer<Double>
  ) {
    self.problem = problem
    self.x = x
    self.s = s
    self.z = z
  }

  package static let outputs = ["objective", "x", "s", "z"]

  // MARK: Products with the transposed Jacobian

  package func pull(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let (n, m) = (problem.n, problem.m)
    for name in cotangents.keys where !Self.outputs.contains(name) {
      throw KantorError(
        .unsupported,
        "'\(name)' has no derivatives; those of 'objective', 'x', 's' and 'z' can be had")
    }
    let value = try cotangents["objective"].map { (t) throws(KantorError) in try t.doubles()[0] }
    let u = try vector(cotangents["x"], n)
    let v = try vector(cotangents["z"], m)
    let rho = try vector(cotangents["s"], m)
    if cotangents.keys.contains(where: { $0 != "objective" }) {
      problem.a.multiplyTransposed(rho.pointer, into: u.pointer, scale: -1)
      try solve(u, v)
    }
    let share = value ?? 0
    for i in 0..<m {
      v.pointer[i] -= share * z.pointer[i]
      rho.pointer[i] += v.pointer[i]
    }
    var answers: [String: Tensor] = [:]
    for name in wanted {
      answers[name] = try gradient(name, u, v, rho, share)
    }
    return answers
  }

  /// rho = g_s + v, and v, hold their share of the value already; u does not.
  private func gradient(
    _ name: String, _ u: Buffer<Double>, _ v: Buffer<Double>, _ rho: Buffer<Double>,
    _ share: Double
  ) throws(KantorError) -> Tensor {
    let (x, z) = (self.x.pointer, self.z.pointer)
    switch name {
    case "q":
      let out = try Buffer<Double>(count: problem.n)
      for j in 0..<problem.n { out.pointer[j] = share * x[j] - u.pointer[j] }
      return Tensor(out)
    case "b": return Tensor(try rho.copy())
    case "A":
      return try fill(problem.aEntries, name) { (i, j) in
        -(z[i] * u.pointer[j] + rho.pointer[i] * x[j])
      }
    case "P":
      let entries = problem.pEntries
      return try fill(entries, name) { (i, j) in
        if entries.isTriangle && i > j { return 0 }
        let plain = -0.5 * (u.pointer[i] * x[j] + u.pointer[j] * x[i]) + 0.5 * share * x[i] * x[j]
        return entries.isTriangle && i < j ? 2 * plain : plain
      }
    case "lower", "upper":
      let out = try Buffer<Double>(count: boxRows)
      forEachBoxRow { (k, i) in
        if activeSide(i) == (name == "lower" ? -1 : 1) { out.pointer[k] = -v.pointer[i] }
      }
      return Tensor(out)
    default:
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
  }

  private func fill(
    _ entries: MatrixEntries, _ name: String, _ value: (Int, Int) -> Double
  ) throws(KantorError) -> Tensor {
    try present(entries, name)
    let shape = entries.shape
    let out = try Buffer<Double>(count: shape.reduce(1, *))
    try entries.forEach { (k, i, j) in out.pointer[k] = value(i, j) }
    return Tensor(out, shape: shape)
  }

  private func present(_ entries: MatrixEntries, _ name: String) throws(KantorError) {
    if case .missing = entries.form {
      throw KantorError(.missing, "field '\(name)' has not been set; it has no derivatives")
    }
  }

  // MARK: Products with the Jacobian

  package func push(
    _ tangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    for name in wanted where !Self.outputs.contains(name) {
      throw KantorError(
        .unsupported,
        "'\(name)' has no derivatives; those of 'objective', 'x', 's' and 'z' can be had")
    }
    let (n, m) = (problem.n, problem.m)
    // r_1 = -(dP x + dA'z + dq), r_2 = db - dA x, e: how active bounds move.
    let r1 = try Buffer<Double>(count: n)
    let r2 = try Buffer<Double>(count: m)
    let e = try Buffer<Double>(count: m)
    var value = 0.0
    for (name, tangent) in tangents { value += try add(name, tangent, r1, r2, e) }
    var answers: [String: Tensor] = [:]
    if wanted.contains("objective") {
      answers["objective"] = Tensor(try Buffer([value]), shape: [])
    }
    guard wanted.contains(where: { $0 != "objective" }) else { return answers }
    let dx = try r1.copy()
    let dz = try Buffer<Double>(count: m)
    for i in 0..<m { dz.pointer[i] = r2.pointer[i] - e.pointer[i] }
    try solve(dx, dz)
    // ds = r_2 - A dx.
    problem.a.multiply(dx.pointer, into: r2.pointer, scale: -1)
    for (name, tensor) in [("x", dx), ("s", r2), ("z", dz)] where wanted.contains(name) {
      answers[name] = Tensor(tensor)
    }
    return answers
  }

  /// Adds one field's tangent; gives the change of the value.
  private func add(
    _ name: String, _ tangent: Tensor, _ r1: Buffer<Double>, _ r2: Buffer<Double>,
    _ e: Buffer<Double>
  ) throws(KantorError) -> Double {
    let (x, z) = (self.x.pointer, self.z.pointer)
    var value = 0.0
    switch name {
    case "q":
      let t = try vector(tangent, problem.n, name)
      for j in 0..<problem.n {
        r1.pointer[j] -= t.pointer[j]
        value += t.pointer[j] * x[j]
      }
    case "b":
      let t = try vector(tangent, problem.m, name)
      for i in 0..<problem.m {
        r2.pointer[i] += t.pointer[i]
        value -= t.pointer[i] * z[i]
      }
    case "A":
      let t = try values(tangent, problem.aEntries, name)
      try problem.aEntries.forEach { (k, i, j) in
        r1.pointer[j] -= t.pointer[k] * z[i]
        r2.pointer[i] -= t.pointer[k] * x[j]
        value += t.pointer[k] * z[i] * x[j]
      }
    case "P":
      let entries = problem.pEntries
      let t = try values(tangent, entries, name)
      try entries.forEach { (k, i, j) in
        if entries.isTriangle && i > j { return }
        let factor = entries.isTriangle && i < j ? t.pointer[k] : 0.5 * t.pointer[k]
        r1.pointer[i] -= factor * x[j]
        r1.pointer[j] -= factor * x[i]
        value += factor * x[i] * x[j]
      }
    case "lower", "upper":
      let t = try vector(tangent, boxRows, name)
      forEachBoxRow { (k, i) in
        guard activeSide(i) == (name == "lower" ? -1 : 1) else { return }
        e.pointer[i] += t.pointer[k]
        value += t.pointer[k] * z[i]
      }
    default:
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
    return value
  }

  private func values(
    _ tangent: Tensor, _ entries: MatrixEntries, _ name: String
  ) throws(KantorError) -> Buffer<Double> {
    try present(entries, name)
    guard tangent.shape == entries.shape else {
      throw KantorError(
        .shape,
        "the tangent of '\(name)' has the shape \(tangent.shapeText), not "
          + Tensor.shapeText(entries.shape))
    }
    return try tangent.doubles()
  }

  // MARK: Small things

  private func solve(_ top: Buffer<Double>, _ bottom: Buffer<Double>) throws(KantorError) {
    try system.use(problem, s, z) { (linearisation) throws(KantorError) in
      try linearisation.solve(top.pointer, bottom.pointer)
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
    return try tensor.doubles().copy()
  }

  private var boxRows: Int {
    problem.cones.reduce(0) { (sum, cone) in
      if case .box(let k) = cone { return sum + k }
      return sum
    }
  }

  /// Number among the rows of boxes, and among all.
  private func forEachBoxRow(_ body: (Int, Int) -> Void) {
    var k = 0
    for (index, cone) in problem.cones.enumerated() {
      guard case .box(let size) = cone else { continue }
      for t in 0..<size { body(k + t, problem.rowStarts[index] + t) }
      k += size
    }
  }

  /// -1: the slack of a box's row is at its lower bound, 1: at its upper one, 0: at neither.
  private func activeSide(_ i: Int) -> Int {
    guard let lower = problem.lower, let upper = problem.upper else { return 0 }
    let w = s.pointer[i] - z.pointer[i]
    if w <= lower.pointer[i] { return -1 }
    return w >= upper.pointer[i] ? 1 : 0
  }
}

/// A linearisation that is made when it is first asked for. One product at a time uses it.
private final class SharedLinearisation: Sendable {
  /// The factor is only touched with the lock held.
  private struct Kept: @unchecked Sendable { var made: ConeLinearisation? }
  private let state = Mutex(Kept())

  func use(
    _ problem: ConeProblem, _ s: Buffer<Double>, _ z: Buffer<Double>,
    _ body: (ConeLinearisation) throws(KantorError) -> Void
  ) throws(KantorError) {
    try state.withLock { (kept) throws(KantorError) in
      if let made = kept.made { return try body(made) }
      let made = try ConeLinearisation(problem, s: s.pointer, z: z.pointer)
      kept.made = made
      try body(made)
    }
  }
}
