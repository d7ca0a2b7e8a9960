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
  private let tolerance: Double
  private let f: Buffer<Double>
  private let g: Buffer<Double>
  private let rows: PlanRows
  private let spare: Buffer<Double>
  private let group: Group
  private let n: Int
  private let m: Int

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    tolerance: Double, _ request: DerivativeRequest
  ) throws(KantorError) {
    self.problem = problem
    self.request = request
    self.epsilon = epsilon
    self.tolerance = tolerance
    self.f = f
    self.g = g
    (n, m) = (problem.n, problem.m)
    spare = try Buffer(count: m)
    group = try Group(count: m)
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
    let answer = try DerivativeAnswer(problem, request, isGrouped: !rows.looksAtAll)
    let scale = request.scalar("objective")
    answer.addWeights(f, g, scale)
    let constant = scale * epsilon * (problem.mass - 1)
    if let out = answer.weightsSource { for i in 0..<n { out.pointer[i] += constant } }
    if let out = answer.weightsTarget { for j in 0..<m { out.pointer[j] += constant } }
    let implicit = try solveImplicit()
    guard answer.wantsCosts || implicit != nil else { return answer.tensors }
    let b = problem.b.pointer
    rows.forEach(
      begin: { targets in
        group.gather(targets, b, into: group.weight)
        if let implicit { group.gather(targets, implicit.mu.pointer, into: group.dual) }
        group.clear(targets)
        answer.begin(targets)
      },
      end: { targets in
        if let implicit {
          group.add(targets, implicit.planColumns.pointer, implicit.pulled.pointer)
        }
        answer.end(targets)
      },
      { addRow($0, scale, implicit, answer) })
    if let implicit { finishWeights(implicit, answer) }
    return answer.tensors
  }

  // MARK: Groups

  /// Numbers of the targets that some rows have in common, side by side: read before those rows,
  /// and added up for the targets after them.
  private struct Group {
    private let count: Int
    private let room: Buffer<Double>

    init(count m: Int) throws(KantorError) {
      count = m
      room = try Buffer(count: try checkedProduct(4, m, of: "targets"))
    }

    var weight: UnsafeMutablePointer<Double> { room.pointer }
    var dual: UnsafeMutablePointer<Double> { room.pointer + count }
    var first: UnsafeMutablePointer<Double> { room.pointer + 2 * count }
    var second: UnsafeMutablePointer<Double> { room.pointer + 3 * count }

    func gather(
      _ targets: PlanRows.Targets, _ all: UnsafePointer<Double>,
      into out: UnsafeMutablePointer<Double>
    ) {
      for k in 0..<targets.count { out[k] = all[Int(targets.number[k])] }
    }

    func clear(_ targets: PlanRows.Targets) {
      first.update(repeating: 0, count: targets.count)
      second.update(repeating: 0, count: targets.count)
    }

    /// `second` is left out without a place for it.
    func add(
      _ targets: PlanRows.Targets, _ one: UnsafeMutablePointer<Double>,
      _ two: UnsafeMutablePointer<Double>? = nil
    ) {
      let (first, second) = (first, second)
      for k in 0..<targets.count { one[Int(targets.number[k])] += first[k] }
      guard let two else { return }
      for k in 0..<targets.count { two[Int(targets.number[k])] += second[k] }
    }
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
    let cotangent: Buffer<Double>

    /// Pbar of row i, which has the costs c, at the place k of its targets: where a cotangent of
    /// the plan is given those are all, in order.
    @inline(__always)
    func planBar(_ i: Int, _ k: Int, _ m: Int, _ c: Double) -> Double {
      let given = planCotangent?.pointer[i &* m &+ k] ?? 0
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
      targetCotangent: gbar, cotangent: try Buffer(count: m))
    let (a, b) = (problem.a.pointer, problem.b.pointer)
    for i in 0..<n { fb.pointer[i] -= centring * a[i] }
    for j in 0..<m { gb.pointer[j] += centring * b[j] }
    gatherRows(fb, gb, implicit)
    for j in 0..<m where !(b[j] > 0) { gb.pointer[j] = 0 }
    // Right-hand side: gb - Q' fb.
    let side = try gb.copy()
    let sums = group.first
    rows.forEach(
      begin: { targets in group.clear(targets) },
      end: { targets in group.add(targets, side.pointer) },
      { row in
        let weight = fb.pointer[row.source] / sourceScale(row.source)
        for k in 0..<row.targets.count { sums[k] -= weight * row.values[k] }
      })
    for j in 0..<m where !(b[j] > 0) { side.pointer[j] = 0 }
    try ImplicitSystem(
      problem, epsilon: epsilon, f: f, g: g, rows, tolerance: tolerance
    ).solve(side, implicit.mu)
    return implicit
  }

  /// fb and gb from Pbar and from targets without mass.
  private func gatherRows(
    _ fb: Buffer<Double>, _ gb: Buffer<Double>, _ implicit: Implicit
  ) {
    let b = problem.b.pointer
    let hasPlan = implicit.planCotangent != nil || implicit.costScale != 0
    var handsOn = false
    if let gbar = implicit.targetCotangent {
      for j in 0..<m where !(b[j] > 0) && gbar.pointer[j] != 0 { handsOn = true }
    }
    guard hasPlan || handsOn else { return }
    let (weight, sums, inverse) = (group.weight, group.first, 1 / epsilon)
    rows.forEach(
      begin: { targets in
        group.gather(targets, b, into: weight)
        group.clear(targets)
      },
      end: { targets in group.add(targets, gb.pointer) },
      { row in
        let (i, x, c) = (row.source, row.values, row.costs)
        guard problem.a.pointer[i] > 0 else { return }
        var sum = 0.0
        for k in 0..<row.targets.count {
          if weight[k] > 0 {
            guard hasPlan else { continue }
            let q = x[k] * implicit.planBar(i, k, m, c[k]) * inverse
            sum += q
            sums[k] += q
          } else if handsOn, let gbar = implicit.targetCotangent {
            sum -= gbar.pointer[Int(row.targets.number[k])] * x[k]
          }
        }
        fb.pointer[i] += sum
      })
  }

  // MARK: Last pass

  private func addRow(
    _ given: PlanRows.Row, _ scale: Double, _ implicit: Implicit?, _ answer: DerivativeAnswer
  ) {
    let (i, c, x) = (given.source, given.costs, given.values)
    let (count, number) = (given.targets.count, given.targets.number)
    let (a, b) = (problem.a.pointer[i], group.weight)
    guard let implicit else {
      guard a > 0 else { return }
      let row = spare.pointer
      for k in 0..<count { row[k] = b[k] > 0 ? scale * x[k] : 0 }
      return answer.addRow(i, given.targets, row)
    }
    let (unit, inverse) = (1 / sourceScale(i), 1 / epsilon)
    let (mu, bar, columns, pulled) = (
      group.dual, implicit.cotangent.pointer, group.first, group.second)
    var (mapped, weighted) = (0.0, 0.0)
    for k in 0..<count where b[k] > 0 { mapped += x[k] * unit * mu[k] }
    // lambda holds fb until its row is reached.
    let lambda = implicit.lambda.pointer[i] - a * mapped
    for k in 0..<count {
      let q = x[k] * unit
      let plan = implicit.planBar(i, k, m, c[k])
      if b[k] > 0 {
        let (p, share) = (a * q, q / b[k])
        bar[k] = (scale + implicit.costScale) * p + q * lambda + p * mu[k] - p * plan * inverse
        weighted += q * plan
        columns[k] += a * share * plan
        pulled[k] += share * lambda
      } else {
        let handed = implicit.targetCotangent?.pointer[Int(number[k])] ?? 0
        bar[k] = handed * a * q
        mapped += handed * q
        columns[k] += a * q * plan
        pulled[k] += q * lambda
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
