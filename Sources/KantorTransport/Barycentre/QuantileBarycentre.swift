import CKantorKernels
import KantorCore

/// **Solves** the 2-Wasserstein barycentre of measures on the line, exactly.
///
/// **Method** Its quantile function is the weighted mean of those of the measures.
///
/// **Symbols** Q_k(t) the quantile functions, steps at the cumulated weights of the sorted points.
///
/// **Iteration** Sort every measure. Walk through the levels t at which any Q_k jumps; between two
/// of them an atom sits at sum_k lambda_k Q_k, of the levels' distance as weight.
///
/// **Stops when** all mass is used up; limits are not consulted.
///
/// **Guarantee** Exact and global. The atoms go to one point of each measure, in order: plans on
/// the line are then optimal, and the atoms lie at the means of their points, for which the bound
/// of `PointBarycentreCheck` is attained.
///
/// **Cost** O(n log n + k m) for n points in all and m <= n atoms.
///
/// **Reference** agueh2011barycenters, section 6.
public enum QuantileBarycentre {
  public static let spec = MethodSpec(
    name: "quantile_barycentre", kind: PointBarycentreKind.kind.name,
    summary: "Exact barycentre on the line: the mean of the quantile functions.",
    source: "M. Agueh, G. Carlier, Barycenters in the Wasserstein space (2011)",
    guarantee: "The global optimum up to rounding; its number of points follows from the weights.",
    options: [], outputs: PointBarycentreOutputs.outputs, usesWarmStart: false,
    hasDerivatives: true)

  private static let tolerance = 1e-10

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? PointBarycentreProblem else {
      throw KantorError(
        .unsupported, "'\(spec.name)' solves problems of the kind point_barycentre")
    }
    guard problem.dimension == 1, problem.asksForNoSupport else {
      throw KantorError(
        .unsupported, "'\(spec.name)' needs points on a line, and finds the barycentre's number of "
          + "points and weights itself: points_start, weights_barycentre and size must not be set")
    }
    let walk = try QuantileWalk(problem)
    _ = run.monitor.check(iteration: 1)
    let certificate = try QuantileCheck(problem).certify(
      points: walk.points, weights: walk.weights, targets: walk.targets)
    let status = Status.judge(
      residual: certificate.residual, tolerance: tolerance, stop: run.monitor.stop)
    var plans: [PointBarycentreCheck.Plan] = []
    let (m, none) = (walk.weights.count, try Buffer<Double>(count: 0))
    for k in 0..<problem.count {
      var plan = try SparsePlan(capacity: m)
      for i in 0..<m {
        plan.append(i, Int(walk.targets.pointer[k * m + i]), walk.weights.pointer[i])
      }
      plans.append(PointBarycentreCheck.Plan(plan: plan, f: none, g: none, cost: .nan))
    }
    return try PointBarycentreOutputs.result(
      spec, problem, status, certificate, points: walk.points, weights: walk.weights, plans: plans,
      run)
  }
}

/// The atoms of the barycentre and the points of the measures that they go to.
private struct QuantileWalk {
  let points: Buffer<Double>
  let weights: Buffer<Double>
  /// k x m: indices within the measures.
  let targets: Buffer<Int32>

  /// Rests of mass below this are rounding.
  private static let sliver = 1e-15

  init(_ problem: PointBarycentreProblem) throws(KantorError) {
    let (count, n) = (problem.count, problem.points.count)
    let order = try Buffer<Int32>(count: n)
    let work = try Buffer<UInt64>(count: 2 * n + 2)
    var (place, left) = ([Int](repeating: 0, count: count), [Double](repeating: 0, count: count))
    for k in 0..<count {
      let own = order.pointer + problem.first[k]
      kn_argsort_f64(problem.points(of: k), Int64(problem.size(of: k)), own, work.pointer)
      left[k] = problem.weights(of: k)[Int(own[0])]
    }
    let x = try Buffer<Double>(count: n)
    let w = try Buffer<Double>(count: n)
    let all = try Buffer<Int32>(count: try checkedProduct(n, count, of: "plan"))
    var atoms = 0
    walk: while atoms < n {
      // Points that are used up, and those without mass, give way to the next ones.
      for k in 0..<count {
        while left[k] <= Self.sliver {
          place[k] += 1
          guard place[k] < problem.size(of: k) else { break walk }
          left[k] += problem.weights(of: k)[Int(order.pointer[problem.first[k] + place[k]])]
        }
      }
      var amount = left[0]
      for k in 1..<max(count, 1) where count > 1 { amount = min(amount, left[k]) }
      var position = 0.0
      for k in 0..<count {
        let j = order.pointer[problem.first[k] + place[k]]
        position += problem.lambda.pointer[k] * problem.points(of: k)[Int(j)]
        all.pointer[k * n + atoms] = j
        left[k] -= amount
      }
      (x.pointer[atoms], w.pointer[atoms]) = (position, amount)
      atoms += 1
    }
    points = try Buffer(copying: x.pointer, count: atoms)
    weights = try Buffer(copying: w.pointer, count: atoms)
    targets = try Buffer(count: atoms * count)
    for k in 0..<count {
      (targets.pointer + k * atoms).update(from: all.pointer + k * n, count: atoms)
    }
  }
}
