import KantorCore
import KantorNumerics

/// Certifies a barycentre on the line whose atoms each go to one point of every measure.
///
/// If atoms and their points ascend together for every measure, the plans are optimal, and so are
/// those between the measures that they induce. If the atoms lie at the weighted means of their
/// points, the value equals sum_{k<l} lambda_k lambda_l W_2^2(mu_k, mu_l), which no measure falls
/// below: the optimum is global.
struct QuantileCheck {
  private let problem: PointBarycentreProblem

  init(_ problem: PointBarycentreProblem) { self.problem = problem }

  /// targets: k x m indices within the measures.
  func certify(
    points x: Buffer<Double>, weights w: Buffer<Double>, targets: Buffer<Int32>
  ) throws(KantorError) -> PointBarycentreCertificate {
    let (m, count) = (w.count, problem.count)
    var certificate = PointBarycentreCertificate()
    var (value, pairs) = (CompensatedSum(), CompensatedSum())
    let mean = try Buffer<Double>(count: m)
    let square = try Buffer<Double>(count: m)
    for k in 0..<count {
      let (n, y, lambda) = (problem.size(of: k), problem.points(of: k), problem.lambda.pointer[k])
      let rest = try Buffer<Double>(copying: problem.weights(of: k), count: n)
      let own = targets.pointer + k * m
      for i in 0..<m {
        let j = Int(own[i])
        guard j >= 0, j < n, w.pointer[i] > 0, i == 0 || y[Int(own[i - 1])] <= y[j] else {
          certificate.marginalResidual = .infinity
          return certificate
        }
        rest.pointer[j] -= w.pointer[i]
        mean.pointer[i] += lambda * y[j]
        let step = x.pointer[i] - y[j]
        square.pointer[i] += lambda * step * step
      }
      var error = CompensatedSum()
      for j in 0..<n { error.add(abs(rest.pointer[j])) }
      certificate.marginalResidual = max(certificate.marginalResidual, error.value)
    }
    var moves = CompensatedSum()
    for i in 0..<m {
      let step = x.pointer[i] - mean.pointer[i]
      // Means of ascending points ascend, so the atoms do up to this step.
      moves.add(w.pointer[i] * step * step)
      value.add(w.pointer[i] * square.pointer[i])
      pairs.add(w.pointer[i] * max(0, square.pointer[i] - step * step))
    }
    let spread = problem.spread
    let step = moves.value.squareRoot()
    certificate.stationarity = step == 0 ? 0 : step / max(spread, 1e-300)
    certificate.value = value.value
    certificate.lower = pairs.value
    certificate.planGap = value.value - pairs.value
    certificate.scale = max(value.value, spread * spread)
    return certificate
  }
}
