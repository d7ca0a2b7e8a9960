import KantorCore

/// The problem kind "gaussian_transport": two normal laws.
public enum GaussianTransportKind {
  public static let kind = ProblemKind(
    name: "gaussian_transport",
    summary: "Squared Wasserstein distance of two normal laws and the linear map between them.",
    fields: [
      FieldSpec(
        "mean_source", .array, .input, shape: "(d,)", ranks: [1],
        "Mean of the source; 0 if not set."),
      FieldSpec(
        "mean_target", .array, .input, shape: "(d,)", ranks: [1],
        "Mean of the target; 0 if not set."),
      FieldSpec(
        "covariance_source", .array, .input, shape: "(d, d)", ranks: [2],
        "Covariance of the source, symmetric and positive definite."),
      FieldSpec(
        "covariance_target", .array, .input, shape: "(d, d)", ranks: [2],
        "Covariance of the target, symmetric and positive semidefinite."),
    ],
    seal: { (fields) throws(KantorError) in
      let source = try GaussianFields.covariances(fields, "covariance_source")
      let target = try GaussianFields.covariances(fields, "covariance_target")
      let d = source.shape[0]
      guard target.shape == source.shape else {
        throw KantorError(
          .shape, "covariance_target has the shape \(target.shapeText); needed is (\(d), \(d))")
      }
      let means = try Buffer<Double>(count: 2 * d)
      for (k, name) in ["mean_source", "mean_target"].enumerated() {
        let mean = try GaussianFields.means(fields, name, [d])
        (means.pointer + k * d).update(from: mean.pointer, count: d)
      }
      let covariances = try Buffer<Double>(count: 2 * d * d)
      for (k, t) in [source, target].enumerated() {
        let values = try t.doubles()
        (covariances.pointer + k * d * d).update(from: values.pointer, count: d * d)
      }
      let singular = try GaussianFields.validate(covariances, 2, d) { k in
        k == 0 ? "covariance_source" : "covariance_target"
      }
      if let least = singular[0] {
        throw KantorError(
          .range, "covariance_source is singular: its least eigenvalue is \(least); the map needs "
            + "it positive definite")
      }
      return GaussianProblem(
        means: means, covariances: covariances, count: 2, dimension: d,
        lambda: try Buffer(count: 2, repeating: 0.5))
    },
    defaultMethod: { _ in "bures_wasserstein" })
}

/// The problem kind "gaussian_barycentre": several normal laws.
public enum GaussianBarycentreKind {
  public static let kind = ProblemKind(
    name: "gaussian_barycentre",
    summary: "The normal law of least mean squared Wasserstein distance to k normal laws.",
    fields: [
      FieldSpec(
        "means", .array, .input, shape: "(k, d)", ranks: [2], "Means of the laws; 0 if not set."),
      FieldSpec(
        "covariances", .array, .input, shape: "(k, d, d)", ranks: [3],
        "Covariances, symmetric and positive definite."),
      FieldSpec(
        "weights", .array, .input, shape: "(k,)", ranks: [1],
        "Weights of the laws, scaled to sum 1; equal if not set."),
    ],
    seal: { (fields) throws(KantorError) in
      let t = try GaussianFields.covariances(fields, "covariances")
      let (k, d) = (t.shape[0], t.shape[1])
      let covariances = try t.doubles()
      let lambda = try MeasureWeights.read(fields, "weights", k)
      let singular = try GaussianFields.validate(covariances, k, d) { "covariance \($0)" }
      for i in 0..<k {
        guard let least = singular[i] else { continue }
        throw KantorError(
          .range, "covariance \(i) is singular: its least eigenvalue is \(least); positive "
            + "definite ones are needed")
      }
      return GaussianProblem(
        means: try GaussianFields.means(fields, "means", [k, d]), covariances: covariances,
        count: k, dimension: d, lambda: lambda)
    },
    defaultMethod: { _ in "bures_barycentre" })
}
