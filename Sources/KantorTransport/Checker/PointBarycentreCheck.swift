import KantorCore
import KantorNumerics

/// What is proved about points x of weights w and plans from them to the measures, at mass 1.
struct PointBarycentreCertificate {
  var value = Double.nan
  /// Largest L1 error of the plans' marginals.
  var marginalResidual = 0.0
  /// Root mean square of x_i - sum_k lambda_k (P_k Y_k)_i / w_i, relative to the points' spread.
  var stationarity = Double.nan
  /// Sum over the measures of lambda_k times the gaps of their plans.
  var planGap = 0.0
  var scale = 0.0
  var lower = -Double.infinity

  var residual: Double { max(marginalResidual, stationarity) }
  var relativeGap: Double { planGap == 0 ? 0 : planGap / scale }
}

/// Certifies a barycentre of free points.
///
/// Each plan is certified as a plan of its own transport problem, with a lower bound from its
/// potentials. Points that the plans' weighted means leave in place are stationary. Since
///     sum_k lambda_k |x - y_k|^2 >= sum_{k<l} lambda_k lambda_l |y_k - y_l|^2,
/// with equality at the mean, sum_{k<l} lambda_k lambda_l W_2^2(mu_k, mu_l) bounds the value of
/// every barycentre from below, whatever its size.
struct PointBarycentreCheck {
  /// A plan with its potentials, and the value that the method believes it to have.
  struct Plan {
    let plan: SparsePlan
    let f: Buffer<Double>
    let g: Buffer<Double>
    let cost: Double
  }

  struct Pair {
    let first: Int
    let second: Int
    let problem: TransportProblem
    let plan: Plan
  }

  private let problem: PointBarycentreProblem
  private let parallel: Parallel

  init(_ problem: PointBarycentreProblem, _ threads: Int) {
    self.problem = problem
    parallel = Parallel(threads: threads)
  }

  func certify(
    points: Buffer<Double>, weights: Buffer<Double>, plans: [Plan], pairs: [Pair]
  ) throws(KantorError) -> PointBarycentreCertificate {
    var certificate = PointBarycentreCertificate()
    var value = CompensatedSum()
    for k in 0..<problem.count {
      let own = try problem.transport(from: points, weights, to: k)
      let found = try certify(own, plans[k])
      let weight = problem.lambda.pointer[k]
      value.add(weight * found.objective)
      certificate.marginalResidual = max(certificate.marginalResidual, found.marginalResidual)
      certificate.planGap += weight * max(0, found.gap)
      certificate.scale += weight * found.scale
    }
    certificate.value = value.value
    certificate.stationarity = try stationarity(points, weights, plans.map(\.plan))
    if !pairs.isEmpty || problem.count == 1 { certificate.lower = try lowerBound(pairs) }
    return certificate
  }

  private func certify(
    _ own: TransportProblem, _ plan: Plan
  ) throws(KantorError) -> TransportCertificate {
    let (f, g) = (UnsafePointer(plan.f.pointer), UnsafePointer(plan.g.pointer))
    if let line = LinePlanCheck(own), let walk = try line.certify(plan.plan, f: f, g: g) {
      return walk
    }
    return try SparsePlanCheck(own).certify(plan.plan, f: f, g: g, parallel: parallel)
  }

  private func lowerBound(_ pairs: [Pair]) throws(KantorError) -> Double {
    let count = problem.count
    guard pairs.count == count * (count - 1) / 2 else { return -.infinity }
    var (sum, seen) = (0.0, Set<Int>())
    for pair in pairs {
      guard pair.first < pair.second, pair.second < count,
        seen.insert(pair.first * count + pair.second).inserted
      else { return -.infinity }
      let n = problem.size(of: pair.first)
      let x = try Buffer(copying: problem.points(of: pair.first), count: n * problem.dimension)
      let a = try Buffer(copying: problem.weights(of: pair.first), count: n)
      let own = try problem.transport(from: x, a, to: pair.second)
      let found = try certify(own, pair.plan)
      sum += problem.lambda.pointer[pair.first] * problem.lambda.pointer[pair.second]
        * max(0, found.lowerBound)
    }
    return sum
  }

  private func stationarity(
    _ points: Buffer<Double>, _ weights: Buffer<Double>, _ plans: [SparsePlan]
  ) throws(KantorError) -> Double {
    let d = problem.dimension
    let pull = try Buffer<Double>(count: points.count)
    for (k, plan) in plans.enumerated() {
      let (weight, y) = (problem.lambda.pointer[k], problem.points(of: k))
      for e in 0..<plan.count {
        let (i, j) = (Int(plan.rows.pointer[e]), Int(plan.columns.pointer[e]))
        let p = weight * plan.values.pointer[e]
        for c in 0..<d {
          pull.pointer[i * d + c] += p * (y[j * d + c] - points.pointer[i * d + c])
        }
      }
    }
    var square = 0.0
    for i in 0..<weights.count {
      for c in 0..<d {
        let p = pull.pointer[i * d + c]
        square += p * p / weights.pointer[i]
      }
    }
    let spread = problem.spread
    return square == 0 ? 0 : square.squareRoot() / max(spread, 1e-300)
  }
}
