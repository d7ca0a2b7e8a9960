import KantorCore

/// Derivatives of the optimal value of an entropic barycentre, by the envelope theorem.
enum BarycentreDerivative {
  /// With respect to the histograms, along directions that keep their mass: lambda_k f_k.
  static func make(
    _ problem: BarycentreProblem, epsilon: Double, f: Buffer<Double>
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let scale = try EnvelopeCotangent.scalar(cotangents)
      var answer: [String: Tensor] = [:]
      for name in wanted {
        guard name == "histograms" else {
          throw KantorError(
            .name, "no gradient with respect to '\(name.prefix(60))'; this problem has histograms")
        }
        let gradient = try Buffer<Double>(count: f.count)
        for k in 0..<problem.count {
          let weight = scale * problem.lambda.pointer[k]
          for i in 0..<problem.n {
            // A point without mass has no finite derivative: the entropy's slope is infinite.
            let value = f.pointer[k * problem.n + i]
            gradient.pointer[k * problem.n + i] = value.isFinite ? weight * value : 0
          }
        }
        var shape = problem.shape
        if case .pairs = problem.support { shape = [problem.n] }
        answer[name] = Tensor(gradient, shape: [problem.count] + shape)
      }
      return answer
    }
  }
}
