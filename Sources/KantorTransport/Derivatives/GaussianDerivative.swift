import KantorCore

/// Derivatives of squared distances of normal laws by the envelope theorem: for W^2(S_0, S_1) with
/// the map T they are I - T and I - T^-1.
enum GaussianDerivative {
  static func transport(
    _ problem: GaussianProblem, _ certificate: GaussianCertificate
  ) -> Result.Derivative {
    let d = problem.dimension
    return { (cotangents, wanted) throws(KantorError) in
      let scale = try EnvelopeCotangent.scalar(cotangents)
      var answer: [String: Tensor] = [:]
      for name in wanted {
        switch name {
        case "mean_source", "mean_target":
          let sign = name == "mean_source" ? 2 * scale : -2 * scale
          let out = try Buffer<Double>(count: d)
          for i in 0..<d { out.pointer[i] = sign * (problem.mean(0)[i] - problem.mean(1)[i]) }
          answer[name] = Tensor(out)
        case "covariance_source", "covariance_target":
          let out = try Buffer<Double>(count: d * d)
          let map = name == "covariance_source" ? certificate.maps : certificate.inverses
          guard map.pointer[0].isFinite else {
            throw KantorError(
              .unsupported, "covariance_target is singular: the distance has no derivative there")
          }
          identityMinus(map.pointer, out.pointer, d, scale)
          answer[name] = Tensor(out, shape: [d, d])
        default:
          throw unknown(
            name, "mean_source, mean_target, covariance_source, covariance_target")
        }
      }
      return answer
    }
  }

  static func barycentre(
    _ problem: GaussianProblem, _ certificate: GaussianCertificate, mean: Buffer<Double>
  ) -> Result.Derivative {
    let (d, count) = (problem.dimension, problem.count)
    return { (cotangents, wanted) throws(KantorError) in
      let scale = try EnvelopeCotangent.scalar(cotangents)
      var answer: [String: Tensor] = [:]
      for name in wanted {
        switch name {
        case "means":
          let out = try Buffer<Double>(count: count * d)
          for k in 0..<count {
            let weight = 2 * scale * problem.lambda.pointer[k]
            for i in 0..<d {
              out.pointer[k * d + i] = weight * (problem.mean(k)[i] - mean.pointer[i])
            }
          }
          answer[name] = Tensor(out, shape: [count, d])
        case "covariances":
          let out = try Buffer<Double>(count: count * d * d)
          for k in 0..<count {
            identityMinus(
              certificate.inverses.pointer + k * d * d, out.pointer + k * d * d, d,
              scale * problem.lambda.pointer[k])
          }
          answer[name] = Tensor(out, shape: [count, d, d])
        default: throw unknown(name, "means, covariances")
        }
      }
      return answer
    }
  }

  private static func identityMinus(
    _ map: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ d: Int, _ scale: Double
  ) {
    for i in 0..<d {
      for j in 0..<d { out[i * d + j] = scale * ((i == j ? 1 : 0) - map[i * d + j]) }
    }
  }

  private static func unknown(_ name: String, _ known: String) -> KantorError {
    KantorError(
      .name, "no gradient with respect to '\(name.prefix(60))'; this problem has \(known)")
  }
}
