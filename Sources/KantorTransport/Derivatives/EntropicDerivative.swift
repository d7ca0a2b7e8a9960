import CKantorKernels
import KantorCore
import KantorNumerics

/// Cotangents of an entropic result pulled back to its problem.
///
/// With E_ij = exp((f_i + g_j - C_ij)/eps) the optimality conditions are sum_j b_j E_ij = 1 and
/// sum_i a_i E_ij = 1 for every point, with or without mass (the potentials of a point without
/// mass are defined by its condition). Q = E diag(b), R = diag(a) E, P = diag(a) E diag(b). Given
/// cotangents fbar, gbar of the centred potentials, Pbar of the plan and s of the objective:
///     fb = fbar + (P.Pbar)1/eps - c a,   gb = gbar + (P.Pbar)'1/eps + c b,
///     c = (sum fbar - sum gbar) / (2 mass), from the centring <a,f> = <b,g>;
///     (diag(b) - P' diag(1/a) P) mu = gb - Q' fb,   Lambda = fb - P mu;
///     Cbar = s P + Q.(Lambda 1') + P.(1 mu') - P.Pbar/eps,
///     abar = s (f + eps (mass - 1)) + (Q.Pbar)1 - eps Q mu - c f,
///     bbar = s (g + eps (mass - 1)) + (R.Pbar)'1 - eps E' Lambda + c g.
/// A target without mass first hands its gbar_j on: fb_i -= gbar_j R_ij, Cbar_ij += gbar_j R_ij,
/// abar_i -= eps gbar_j E_ij.
///
/// Source: implicit function theorem; for the objective the envelope theorem (Danskin).
struct EntropicDerivative {
  private let problem: TransportProblem
  private let request: DerivativeRequest
  private let epsilon: Double
  private let f: Buffer<Double>
  private let g: Buffer<Double>
  private let rows: PlanRows
  private let n: Int
  private let m: Int

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    _ request: DerivativeRequest
  ) throws(KantorError) {
    self.problem = problem
    self.request = request
    self.epsilon = epsilon
    self.f = f
    self.g = g
    (n, m) = (problem.n, problem.m)
    rows = try PlanRows(problem, epsilon: epsilon, f: f, g: g)
  }

  func products() throws(KantorError) -> [String: Tensor] {
    let answer = try DerivativeAnswer(problem, request)
    let scale = request.scalar("objective")
    answer.addWeights(f, g, scale)
    let constant = scale * epsilon * (problem.mass - 1)
    if let out = answer.weightsSource { for i in 0..<n { out.pointer[i] += constant } }
    if let out = answer.weightsTarget { for j in 0..<m { out.pointer[j] += constant } }
    let implicit = try solveImplicit()
    guard answer.wantsCosts || implicit != nil else { return answer.tensors }
    try rows.forEach { (i, c, x) throws(KantorError) in
      addRow(i, c, x, scale, implicit, answer)
    }
    if let implicit { finishWeights(implicit, answer) }
    return answer.tensors
  }

  // MARK: Implicit part

  /// What the rows need to know of the solved system.
  private struct Implicit {
    let lambda: Buffer<Double>
    let mu: Buffer<Double>
    /// (R.Pbar)'1 and E' Lambda, filled row by row.
    let planColumns: Buffer<Double>
    let pulled: Buffer<Double>
    let centring: Double
    let costScale: Double
    let planCotangent: Buffer<Double>?
    let targetCotangent: Buffer<Double>?
    let row: Buffer<Double>
    let cotangent: Buffer<Double>

    /// Pbar of row i, which has the costs c.
    @inline(__always)
    func planBar(_ i: Int, _ j: Int, _ m: Int, _ c: Double) -> Double {
      let given = planCotangent?.pointer[i &* m &+ j] ?? 0
      return costScale == 0 || c == .infinity ? given : given + costScale * c
    }
  }

  private func solveImplicit() throws(KantorError) -> Implicit? {
    let (fbar, gbar) = (request.array("potential_source"), request.array("potential_target"))
    let (pbar, t) = (request.array("plan"), request.scalar("transport_cost"))
    guard fbar != nil || gbar != nil || pbar != nil || t != 0 else { return nil }
    let fb = try Buffer<Double>(count: n)
    let gb = try Buffer<Double>(count: m)
    if let fbar { fb.pointer.update(from: fbar.pointer, count: n) }
    if let gbar { gb.pointer.update(from: gbar.pointer, count: m) }
    var total = CompensatedSum()
    for i in 0..<n { total.add(fb.pointer[i]) }
    for j in 0..<m { total.add(-gb.pointer[j]) }
    let centring = total.value / (2 * problem.mass)
    let implicit = Implicit(
      lambda: fb, mu: try Buffer(count: m), planColumns: try Buffer(count: m),
      pulled: try Buffer(count: m), centring: centring, costScale: t, planCotangent: pbar,
      targetCotangent: gbar, row: try Buffer(count: m), cotangent: try Buffer(count: m))
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    for i in 0..<n { fb.pointer[i] -= centring * a[i] }
    for j in 0..<m { gb.pointer[j] += centring * b[j] }
    try gatherRows(fb, gb, implicit)
    for j in 0..<m where !(b[j] > 0) { gb.pointer[j] = 0 }
    // Right-hand side: gb - Q' fb.
    let side = try gb.copy()
    try rows.forEach { (i, _, x) throws(KantorError) in
      let weight = fb.pointer[i] / rows.sourceScale(i)
      for j in 0..<m where b[j] > 0 { side.pointer[j] -= weight * x[j] }
    }
    try ImplicitSystem(problem, epsilon: epsilon, f: f, g: g, rows).solve(side, implicit.mu)
    return implicit
  }

  /// fb and gb from Pbar and from targets without mass.
  private func gatherRows(
    _ fb: Buffer<Double>, _ gb: Buffer<Double>, _ implicit: Implicit
  ) throws(KantorError) {
    let b = problem.b.pointer
    let hasPlan = implicit.planCotangent != nil || implicit.costScale != 0
    var handsOn = false
    if let gbar = implicit.targetCotangent {
      for j in 0..<m where !(b[j] > 0) && gbar.pointer[j] != 0 { handsOn = true }
    }
    guard hasPlan || handsOn else { return }
    try rows.forEach { (i, c, x) throws(KantorError) in
      let mass = problem.a.pointer[i]
      guard mass > 0 else { return }
      var sum = 0.0
      for j in 0..<m {
        if b[j] > 0 {
          guard hasPlan else { continue }
          let q = x[j] * implicit.planBar(i, j, m, c[j]) / epsilon
          sum += q
          gb.pointer[j] += q
        } else if handsOn, let gbar = implicit.targetCotangent {
          sum -= gbar.pointer[j] * x[j]
        }
      }
      fb.pointer[i] += sum
    }
  }

  // MARK: Last pass

  private func addRow(
    _ i: Int, _ c: UnsafePointer<Double>, _ x: UnsafePointer<Double>, _ scale: Double,
    _ implicit: Implicit?, _ answer: DerivativeAnswer
  ) {
    let (a, b) = (problem.a.pointer[i], problem.b.pointer)
    guard let implicit else {
      guard a > 0 else { return }
      let row = rows.spare.pointer
      for j in 0..<m { row[j] = b[j] > 0 ? scale * x[j] : 0 }
      return answer.addRow(i, row)
    }
    let unit = 1 / rows.sourceScale(i)
    let (mu, bar) = (implicit.mu.pointer, implicit.cotangent.pointer)
    var (mapped, weighted) = (0.0, 0.0)
    for j in 0..<m where b[j] > 0 {
      let q = x[j] * unit
      mapped += q * mu[j]
    }
    // lambda holds fb until its row is reached.
    let lambda = implicit.lambda.pointer[i] - a * mapped
    for j in 0..<m {
      let q = x[j] * unit
      if b[j] > 0 {
        let plan = implicit.planBar(i, j, m, c[j])
        let (p, share) = (a * q, q / b[j])
        bar[j] = (scale + implicit.costScale) * p + q * lambda + p * mu[j] - p * plan / epsilon
        weighted += q * plan
        implicit.planColumns.pointer[j] += a * share * plan
        implicit.pulled.pointer[j] += share * lambda
      } else {
        let handed = implicit.targetCotangent?.pointer[j] ?? 0
        bar[j] = handed * a * q
        mapped += handed * q
        implicit.planColumns.pointer[j] += a * q * implicit.planBar(i, j, m, c[j])
        implicit.pulled.pointer[j] += q * lambda
      }
    }
    if let out = answer.weightsSource {
      out.pointer[i] += weighted - epsilon * mapped - implicit.centring * f.pointer[i]
    }
    if answer.wantsCosts { answer.addRow(i, bar) }
  }

  private func finishWeights(_ implicit: Implicit, _ answer: DerivativeAnswer) {
    guard let out = answer.weightsTarget else { return }
    for j in 0..<m {
      out.pointer[j] +=
        implicit.planColumns.pointer[j] - epsilon * implicit.pulled.pointer[j]
        + implicit.centring * g.pointer[j]
    }
  }
}

/// Rows x_j = a'_i b'_j E_ij, where a' and b' are the weights, or 1 for points without mass:
/// computed on the fly, or kept where the costs themselves are dense.
final class PlanRows {
  let problem: TransportProblem
  private let inverse: Double
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>
  private let costs: Buffer<Double>
  private let row: Buffer<Double>
  let spare: Buffer<Double>

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>
  ) throws(KantorError) {
    self.problem = problem
    inverse = 1 / epsilon
    phi = try Self.exponents(problem.a, f, epsilon)
    gamma = try Self.exponents(problem.b, g, epsilon)
    costs = try Buffer(count: problem.m)
    row = try Buffer(count: problem.m)
    spare = try Buffer(count: problem.m)
  }

  private static func exponents(
    _ weights: Buffer<Double>, _ potential: Buffer<Double>, _ epsilon: Double
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: weights.count)
    kn_log_f64(weights.pointer, out.pointer, Int64(weights.count))
    for i in 0..<weights.count {
      let base = weights.pointer[i] > 0 ? out.pointer[i] : 0
      out.pointer[i] = base + potential.pointer[i] / epsilon
    }
    return out
  }

  /// a'_i
  @inline(__always)
  func sourceScale(_ i: Int) -> Double {
    let weight = problem.a.pointer[i]
    return weight > 0 ? weight : 1
  }

  /// visit(i, costs, x) for every source in order; the rows are valid during the call.
  func forEach(
    _ visit: (Int, UnsafePointer<Double>, UnsafePointer<Double>) throws(KantorError) -> Void
  ) throws(KantorError) {
    let (m, c, x, shift) = (problem.m, costs.pointer, row.pointer, gamma.pointer)
    var cost = problem.geometry.cost
    for i in 0..<problem.n {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), c)
      let base = phi.pointer[i]
      for j in 0..<m { x[j] = base + shift[j] - c[j] * inverse }
      kn_exp_f64(x, x, Int64(m))
      try visit(i, c, x)
    }
  }
}
