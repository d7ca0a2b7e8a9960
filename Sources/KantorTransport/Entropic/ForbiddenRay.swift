import CKantorKernels
import KantorCore

/// Looks for a proof that forbidden pairs leave no feasible plan: sources I whose allowed targets
/// all lie in J, with a(I) > b(J). Then f = 1 on I, g = -1 on J is a ray of the dual.
///
/// When there is no plan, Sinkhorn's iteration overfills the targets of such a J for ever, so J is
/// read off the column sums. The checker decides whether the ray proves anything.
enum ForbiddenRay {
  /// How much a target must be overfilled to belong to J; several guesses.
  private static let excesses = [0.0, 1e-8, 1e-4, 1e-2, 0.1]

  static func find(
    _ state: EntropicState, _ problem: TransportProblem
  ) throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>)? {
    if let column = try emptyColumn(problem) { return column }
    for excess in excesses {
      let f = try Buffer<Double>(count: problem.n)
      let g = try Buffer<Double>(count: problem.m)
      for j in 0..<problem.m {
        let isFull = state.columnSum.pointer[j] <= (1 + excess) * state.b.pointer[j]
        g.pointer[j] = problem.b.pointer[j] > 0 && isFull ? 0 : -1
      }
      let value = try raiseSources(f, g, problem)
      if value > 1e-12 * problem.mass { return (f, g) }
    }
    return nil
  }

  /// f_i = 1 where every allowed target is in J; the value <a, f> + <b, g>.
  private static func raiseSources(
    _ f: Buffer<Double>, _ g: Buffer<Double>, _ problem: TransportProblem
  ) throws(KantorError) -> Double {
    let m = problem.m
    let row = try Buffer<Double>(count: m)
    var cost = problem.geometry.cost
    var value = 0.0
    for j in 0..<m { value += problem.b.pointer[j] * g.pointer[j] }
    for i in 0..<problem.n where problem.a.pointer[i] > 0 {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), row.pointer)
      var isConfined = true
      for j in 0..<m where row.pointer[j] < .infinity && g.pointer[j] == 0 { isConfined = false }
      if isConfined {
        f.pointer[i] = 1
        value += problem.a.pointer[i]
      }
    }
    return value
  }

  /// A target with mass that no source with mass may reach.
  private static func emptyColumn(
    _ problem: TransportProblem
  ) throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>)? {
    let m = problem.m
    let row = try Buffer<Double>(count: m)
    let isReached = try Buffer<UInt8>(count: m)
    var cost = problem.geometry.cost
    for i in 0..<problem.n where problem.a.pointer[i] > 0 {
      kn_cost_row_f64(&cost, Int64(i), 0, Int64(m), row.pointer)
      for j in 0..<m where row.pointer[j] < .infinity { isReached.pointer[j] = 1 }
    }
    for j in 0..<m where problem.b.pointer[j] > 0 && isReached.pointer[j] == 0 {
      let f = try Buffer<Double>(count: problem.n)
      let g = try Buffer<Double>(count: m)
      g.pointer[j] = 1
      for i in 0..<problem.n where !(problem.a.pointer[i] > 0) { f.pointer[i] = -1 }
      return (f, g)
    }
    return nil
  }
}
