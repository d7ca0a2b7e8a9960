import KantorCore
import KantorNumerics

extension TransportDerivative {
  /// Of a smoothed problem: of the objective by the envelope theorem; where the plan is certified
  /// and no capacity is exceeded, also of plan and transport cost, by implicit differentiation on
  /// the plan's support.
  static func smooth(
    _ problem: TransportProblem, _ term: SmoothTerm, plan: SparsePlan, f: Buffer<Double>,
    g: Buffer<Double>, isExact: Bool
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let outputs = isExact ? ["objective", "transport_cost", "plan"] : ["objective"]
      let request = try DerivativeRequest(problem, cotangents, wanted, outputs: outputs)
      let answer = try DerivativeAnswer(problem, request)
      let scale = request.scalar("objective")
      answer.addWeights(f, g, scale)
      let direct = scale + request.scalar("transport_cost")
      answer.add(plan, { _, p in direct * p })
      guard request.array("plan") != nil || request.scalar("transport_cost") != 0 else {
        return answer.tensors
      }
      let implicit = try SupportDerivative(problem, plan, request)
      try implicit.solve()
      implicit.add(to: answer, gamma: term.gamma)
      return answer.tensors
    }
  }
}

extension DerivativeAnswer {
  /// Cotangents of the costs at the entries of a plan: value(k, p) for entry k of mass p.
  fileprivate func add(_ plan: SparsePlan, _ value: (Int, Double) -> Double) {
    guard wantsCosts else { return }
    for k in 0..<plan.count {
      let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
      let v = value(k, plan.values.pointer[k])
      addCost(i, j, v)
      addPair(i, j, v)
    }
  }
}

/// Pulls a cotangent B of the plan P = [f + g - C]_+ / gamma back. On the support S,
/// dP = (df + dg - dC)/gamma with marginals da, db; so with (lambda, mu) the weights of B's
/// projection on sums of rows and columns over S,
///     abar = lambda, bbar = mu, Cbar = (lambda + mu - B)/gamma on S.
private struct SupportDerivative {
  private let plan: SparsePlan
  private let bar: Buffer<Double>
  private let lambda: Buffer<Double>
  private let mu: Buffer<Double>
  private let rowCount: Buffer<Double>
  private let columnCount: Buffer<Double>
  private let work: Buffer<Double>

  private static let tolerance = 1e-13

  init(
    _ problem: TransportProblem, _ plan: SparsePlan, _ request: DerivativeRequest
  ) throws(KantorError) {
    self.plan = plan
    let (n, m) = (problem.n, problem.m)
    bar = try Buffer(count: plan.count)
    lambda = try Buffer(count: n)
    mu = try Buffer(count: m)
    rowCount = try Buffer(count: n)
    columnCount = try Buffer(count: m)
    work = try Buffer(count: n)
    let cost = try CheckedCost(problem.geometry)
    let (given, t) = (request.array("plan"), request.scalar("transport_cost"))
    for k in 0..<plan.count {
      let (i, j) = place(k)
      rowCount.pointer[i] += 1
      columnCount.pointer[j] += 1
      bar.pointer[k] = given?.pointer[i * m + j] ?? 0
      if t != 0 { bar.pointer[k] += t * cost.entry(i, j) }
    }
  }

  @inline(__always)
  private func place(_ k: Int) -> (Int, Int) {
    (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
  }

  /// (diag(columns) - S' diag(1/rows) S) mu = S'B - S' diag(1/rows) S B, then lambda.
  func solve() throws(KantorError) {
    let (m, b) = (mu.count, bar.pointer)
    let side = try Buffer<Double>(count: m)
    let row = work.pointer
    work.fill(0)
    for k in 0..<plan.count { row[place(k).0] += b[k] }
    for k in 0..<plan.count {
      let (i, j) = place(k)
      side.pointer[j] += b[k] - row[i] / rowCount.pointer[i]
    }
    let inverse = try Buffer<Double>(count: m)
    for j in 0..<m { inverse.pointer[j] = columnCount.pointer[j] }
    for k in 0..<plan.count {
      let (i, j) = place(k)
      inverse.pointer[j] -= 1 / rowCount.pointer[i]
    }
    for j in 0..<m {
      inverse.pointer[j] =
        columnCount.pointer[j] > 0 ? 1 / max(inverse.pointer[j], 0.01) : 0
    }
    let solver = try ConjugateGradient(count: m)
    _ = solver.solve(
      rightHandSide: side.pointer, x: mu.pointer, tolerance: Self.tolerance,
      maxIterations: 20 * (m + 10), multiply: multiply,
      precondition: { r, z in for j in 0..<m { z[j] = inverse.pointer[j] * r[j] } })
    for k in 0..<plan.count {
      let (i, j) = place(k)
      lambda.pointer[i] += (b[k] - mu.pointer[j]) / rowCount.pointer[i]
    }
  }

  private func multiply(_ x: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>) {
    let row = work.pointer
    work.fill(0)
    for k in 0..<plan.count {
      let (i, j) = place(k)
      row[i] += x[j]
    }
    for j in 0..<mu.count { out[j] = columnCount.pointer[j] * x[j] }
    for k in 0..<plan.count {
      let (i, j) = place(k)
      out[j] -= row[i] / rowCount.pointer[i]
    }
  }

  func add(to answer: DerivativeAnswer, gamma: Double) {
    answer.addWeights(lambda, mu, 1)
    answer.add(plan) { k, _ in
      let (i, j) = place(k)
      return (lambda.pointer[i] + mu.pointer[j] - bar.pointer[k]) / gamma
    }
  }
}
