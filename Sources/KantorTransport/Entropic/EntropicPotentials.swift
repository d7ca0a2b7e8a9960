import CKantorKernels
import KantorCore
import KantorNumerics

/// The potentials of a state in units of the cost, with <a,f> = <b,g>; points without mass get the
/// soft c-transform of the other side, so that every value is finite.
struct EntropicPotentials {
  let f: Buffer<Double>
  let g: Buffer<Double>

  /// The state's weights have mass 1; the problem's plan is its mass times the state's.
  init(_ state: EntropicState, _ problem: TransportProblem) throws(KantorError) {
    let (n, m, epsilon) = (state.n, state.m, state.epsilon)
    f = try Buffer(count: n)
    g = try Buffer(count: m)
    // a_i b_j = mass^2 a'_i b'_j, while P = mass P'.
    let shift = -0.5 * epsilon * Double.log(problem.mass)
    for i in 0..<n where state.a.pointer[i] > 0 {
      f.pointer[i] = epsilon * (state.phi.pointer[i] - state.logA.pointer[i]) + shift
    }
    for j in 0..<m where state.b.pointer[j] > 0 {
      g.pointer[j] = epsilon * (state.gamma.pointer[j] - state.logB.pointer[j]) + shift
    }
    try fillMassless(state, problem, shift)
    centre(problem)
  }

  /// (f + t, g - t) is the same plan.
  private func centre(_ problem: TransportProblem) {
    var difference = CompensatedSum()
    for i in 0..<f.count { difference.add(problem.a.pointer[i] * f.pointer[i]) }
    for j in 0..<g.count { difference.add(-problem.b.pointer[j] * g.pointer[j]) }
    let t = 0.5 * difference.value / problem.mass
    for i in 0..<f.count { f.pointer[i] -= t }
    for j in 0..<g.count { g.pointer[j] += t }
  }

  private func fillMassless(
    _ state: EntropicState, _ problem: TransportProblem, _ shift: Double
  ) throws(KantorError) {
    let (n, m, epsilon) = (state.n, state.m, state.epsilon)
    let row = try Buffer<Double>(count: max(n, m))
    var cost = problem.geometry.cost
    for i in 0..<n where !(state.a.pointer[i] > 0) {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), row.pointer)
      for j in 0..<m { row.pointer[j] = state.gamma.pointer[j] - row.pointer[j] / epsilon }
      f.pointer[i] = softMinimum(row, m, epsilon) + shift
    }
    for j in 0..<m where !(state.b.pointer[j] > 0) {
      let values = row
      for i in 0..<n {
        var c = 0.0
        kn_cost_row_f64(&cost, Int64(i), Int64(j), 1, &c)
        values.pointer[i] = state.phi.pointer[i] - c / epsilon
      }
      g.pointer[j] = softMinimum(values, n, epsilon) + shift
    }
  }

  /// -eps log sum exp; 0 for a point that may not reach any mass, where any value is as good.
  private func softMinimum(_ e: Buffer<Double>, _ count: Int, _ epsilon: Double) -> Double {
    let value = -epsilon * kn_logsumexp_f64(e.pointer, Int64(count))
    return value.isFinite ? value : 0
  }
}
