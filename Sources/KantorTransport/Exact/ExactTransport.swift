import KantorCore
import KantorNumerics

/// Exact transport of a dense matrix in one call: the same validation, method and checker as a
/// solve by handles, without the handles, the named options and the named results, which would
/// take longer than the solve when n and m are small.
public enum ExactTransport {
  public struct Answer {
    public let status: Status
    public let objective: Double
    /// Empty for infeasible problems; f and g are then a ray that proves it.
    public let plan: SparsePlan
    public let f: Buffer<Double>
    public let g: Buffer<Double>
  }

  /// Reads n x m row-major costs and the weights (nil: uniform of mass 1) where they are.
  public static func solve(
    cost: UnsafePointer<Double>, n: Int, m: Int, a: UnsafePointer<Double>?,
    b: UnsafePointer<Double>?
  ) throws(KantorError) -> Answer {
    _ = try checkedProduct(try checkedProduct(n, m, of: "cost"), 8, of: "cost")
    let matrix = try TransportKind.checkedCost(
      Tensor(
        type: .f64, shape: [n, m], strides: [m, 1], base: UnsafeMutableRawPointer(mutating: cost),
        owner: nil), "cost")
    let problem = try TransportProblem(geometry: .dense(matrix), a: copy(a, n), b: copy(b, m))
    let run = Settings.defaultRun(for: NetworkSimplex.spec)
    let proposal = try ExactDispatch.propose(problem, run)
    guard case .sparse(let plan) = proposal.plan else {
      let isProved = try InfeasibilityCheck.holds(
        problem, f: proposal.f.pointer, g: proposal.g.pointer)
      return Answer(
        status: isProved ? .infeasible : .numericalError, objective: .infinity,
        plan: try SparsePlan(capacity: 0), f: proposal.f, g: proposal.g)
    }
    let certificate = try SparsePlanCheck(problem).certify(
      plan, f: proposal.f.pointer, g: proposal.g.pointer, parallel: Parallel(threads: 1))
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: proposal.tolerance,
      gap: certificate.relativeGap, gapTolerance: proposal.tolerance, stop: nil)
    return Answer(
      status: status, objective: certificate.objective, plan: plan, f: proposal.f, g: proposal.g)
  }

  private static func copy(
    _ weights: UnsafePointer<Double>?, _ count: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard let weights else { return nil }
    return try Buffer(copying: weights, count: count)
  }
}
