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
/// Between large clouds sums run over the pairs near each other (`NearPairs`): what they leave out
/// is 1/100 of the marginal error, to which these gradients are of first order. A cotangent of the
/// plan is given for all pairs, and then all are looked at.
///
/// Source: implicit function theorem; for the objective the envelope theorem (Danskin).
struct EntropicDerivative {
  private let problem: TransportProblem
  private let request: DerivativeRequest
  private let epsilon: Double
  private let f: Buffer<Double>
  private let g: Buffer<Double>
  private let rows: PlanRows
  private let spare: Buffer<Double>
  private let n: Int
  private let m: Int

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    tolerance: Double, _ request: DerivativeRequest
  ) throws(KantorError) {
    self.problem = problem
    self.request = request
    self.epsilon = epsilon
    self.f = f
    self.g = g
    (n, m) = (problem.n, problem.m)
    spare = try Buffer(count: m)
    let (phi, gamma) = (try Self.scaled(f, 1 / epsilon), try Self.scaled(g, 1 / epsilon))
    let near = request.array("plan") == nil
      ? try NearPairs(
        problem, phi: phi, gamma: gamma, epsilon: epsilon, tolerance: tolerance)
      : nil
    Self.addLogs(problem.a, phi)
    Self.addLogs(problem.b, gamma)
    rows = try PlanRows(problem.geometry, epsilon: epsilon, phi: phi, gamma: gamma, near: near)
  }

  private static func scaled(
    _ potential: Buffer<Double>, _ factor: Double
  ) throws(KantorError) -> Buffer<Double> {
    let out = try potential.copy()
    for i in 0..<out.count { out.pointer[i] *= factor }
    return out
  }

  /// Rows are x_j = a'_i b'_j E_ij, where a' and b' are the weights, or 1 for points without mass.
  private static func addLogs(_ weights: Buffer<Double>, _ exponent: Buffer<Double>) {
    for i in 0..<weights.count where weights.pointer[i] > 0 {
      exponent.pointer[i] += Double.log(weights.pointer[i])
    }
  }

  /// a'_i
  @inline(__always)
  private func sourceScale(_ i: Int) -> Double {
    let weight = problem.a.pointer[i]
    return weight > 0 ? weight : 1
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
    try rows.forEach { addRow($0, scale, implicit, answer) }
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
    try rows.forEach { row in
      let weight = fb.pointer[row.source] / sourceScale(row.source)
      for k in 0..<row.targets.count {
        let j = Int(row.targets.number[k])
        if b[j] > 0 { side.pointer[j] -= weight * row.values[k] }
      }
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
    try rows.forEach { row in
      let (i, x, c) = (row.source, row.values, row.costs)
      guard problem.a.pointer[i] > 0 else { return }
      var sum = 0.0
      for k in 0..<row.targets.count {
        let j = Int(row.targets.number[k])
        if b[j] > 0 {
          guard hasPlan else { continue }
          let q = x[k] * implicit.planBar(i, j, m, c[k]) / epsilon
          sum += q
          gb.pointer[j] += q
        } else if handsOn, let gbar = implicit.targetCotangent {
          sum -= gbar.pointer[j] * x[k]
        }
      }
      fb.pointer[i] += sum
    }
  }

  // MARK: Last pass

  private func addRow(
    _ given: PlanRows.Row, _ scale: Double, _ implicit: Implicit?, _ answer: DerivativeAnswer
  ) {
    let (i, c, x) = (given.source, given.costs, given.values)
    let (count, number) = (given.targets.count, given.targets.number)
    let (a, b) = (problem.a.pointer[i], problem.b.pointer)
    guard let implicit else {
      guard a > 0 else { return }
      let row = spare.pointer
      for k in 0..<count { row[k] = b[Int(number[k])] > 0 ? scale * x[k] : 0 }
      return answer.addRow(i, given.targets, row)
    }
    let unit = 1 / sourceScale(i)
    let (mu, bar) = (implicit.mu.pointer, implicit.cotangent.pointer)
    var (mapped, weighted) = (0.0, 0.0)
    for k in 0..<count {
      let j = Int(number[k])
      if b[j] > 0 { mapped += x[k] * unit * mu[j] }
    }
    // lambda holds fb until its row is reached.
    let lambda = implicit.lambda.pointer[i] - a * mapped
    for k in 0..<count {
      let (j, q) = (Int(number[k]), x[k] * unit)
      if b[j] > 0 {
        let plan = implicit.planBar(i, j, m, c[k])
        let (p, share) = (a * q, q / b[j])
        bar[k] = (scale + implicit.costScale) * p + q * lambda + p * mu[j] - p * plan / epsilon
        weighted += q * plan
        implicit.planColumns.pointer[j] += a * share * plan
        implicit.pulled.pointer[j] += share * lambda
      } else {
        let handed = implicit.targetCotangent?.pointer[j] ?? 0
        bar[k] = handed * a * q
        mapped += handed * q
        implicit.planColumns.pointer[j] += a * q * implicit.planBar(i, j, m, c[k])
        implicit.pulled.pointer[j] += q * lambda
      }
    }
    if let out = answer.weightsSource {
      out.pointer[i] += weighted - epsilon * mapped - implicit.centring * f.pointer[i]
    }
    if answer.wantsCosts { answer.addRow(i, given.targets, bar) }
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
