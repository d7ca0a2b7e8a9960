import KantorCore

/// The problem kind "transport": its fields and how they become a `TransportProblem`.
public enum TransportKind {
  public static let kind = ProblemKind(
    name: "transport",
    summary: "Move mass from n sources to m targets at least cost: min <P, C>, P 1 = a, P' 1 = b.",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  static let fields: [FieldSpec] = [
    FieldSpec(
      "cost", .array, .input, shape: "(n, m)", ranks: [2],
      "Cost of every pair, f64 or f32 (kept as it is); +infinity forbids a pair."),
    FieldSpec(
      "points_source", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
      "Source points, instead of a cost; one-dimensional samples may have rank 1."),
    FieldSpec(
      "points_target", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2], "Target points."),
    FieldSpec(
      "metric", .text, .input, choices: Metric.allCases.map(\.rawValue),
      "Cost of a pair of points: squared Euclidean (default), Euclidean, sum of absolute "
        + "differences, a power of the Euclidean distance, or 1 - cosine."),
    FieldSpec(
      "power", .real, .input, "Exponent p > 0 of the metric 'power': |x - y|^p; 2 by default."),
    FieldSpec(
      "weights_source", .array, .input, shape: "(n,)", ranks: [1],
      "Masses a >= 0 of the sources; uniform with total 1 (or the targets' total) if not set."),
    FieldSpec(
      "weights_target", .array, .input, shape: "(m,)", ranks: [1],
      "Masses b >= 0 of the targets, of the same total as the sources' to 1e-9 (f32: 1e-6)."),
    FieldSpec(
      "cost_source", .array, .input, shape: "(n, n)", ranks: [2],
      "Costs among the sources, which the Sinkhorn divergence of a dense cost needs."),
    FieldSpec(
      "cost_target", .array, .input, shape: "(m, m)", ranks: [2], "Costs among the targets."),
  ]

  static func defaultMethod(_ problem: any SealedProblem) -> String {
    guard let problem = problem as? TransportProblem else { return "network_simplex" }
    return ExactDispatch.method(for: problem)
  }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let geometry = try geometry(fields)
    let tolerance = [fields.tensor("weights_source"), fields.tensor("weights_target")]
      .contains { $0?.type == .f32 } ? 1e-6 : 1e-9
    return try TransportProblem(
      geometry: geometry,
      a: try weights(fields, "weights_source", geometry.n),
      b: try weights(fields, "weights_target", geometry.m),
      sourceGeometry: try within(fields, "cost_source", geometry.n),
      targetGeometry: try within(fields, "cost_target", geometry.m), massTolerance: tolerance,
      isFlat: (
        fields.tensor("points_source")?.rank == 1, fields.tensor("points_target")?.rank == 1
      ))
  }

  static func geometry(_ fields: ProblemFields) throws(KantorError) -> Geometry {
    let x = fields.tensor("points_source")
    let y = fields.tensor("points_target")
    if let cost = fields.tensor("cost") {
      guard x == nil && y == nil else {
        throw KantorError(
          .state, "both 'cost' and points were set; a transport problem has one or the other")
      }
      return .dense(try checkedCost(cost, "cost"))
    }
    guard let x else {
      throw KantorError(.missing, "field 'cost' or 'points_source' has not been set")
    }
    guard let y else { throw KantorError(.missing, "field 'points_target' has not been set") }
    let metric = Metric(rawValue: fields.text("metric") ?? "sqeuclidean") ?? .sqeuclidean
    let power = fields.real("power") ?? 2
    guard power > 0 else {
      throw KantorError(.range, "field 'power' is \(power); a positive exponent is needed")
    }
    let (n, d) = try extent(x, "points_source")
    let (m, e) = try extent(y, "points_target")
    guard d == e else {
      throw KantorError(
        .shape, "points_source have dimension \(d), points_target \(e); they must agree")
    }
    return try .points(
      x: try finite(x, "points_source", metric), n: n, y: try finite(y, "points_target", metric),
      m: m, dimension: d, metric: metric, power: power)
  }

  static func extent(_ t: Tensor, _ name: String) throws(KantorError) -> (Int, Int) {
    let d = t.rank == 2 ? t.shape[1] : 1
    guard t.shape[0] >= 1, d >= 1 else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); it must not be empty")
    }
    guard t.shape[0] <= maxPoints, d <= maxPoints else {
      throw KantorError(.tooLarge, "\(name) has the shape \(t.shapeText); at most \(maxPoints)")
    }
    return (t.shape[0], d)
  }

  /// Node numbers are 32-bit inside the methods.
  static let maxPoints = Int(Int32.max) / 4

  static func finite(
    _ t: Tensor, _ name: String, _ metric: Metric
  ) throws(KantorError) -> Buffer<Double> {
    let values = try t.doubles()
    for i in 0..<values.count {
      let value = values.pointer[i]
      // Squares of larger numbers overflow, and costs must be finite.
      guard abs(value) <= 1e150 else {
        throw KantorError(
          .notFinite, "\(name) is \(value) at element \(i); at most 1e150 is allowed")
      }
    }
    return values
  }

  static func weights(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard let t = fields.tensor(name) else { return nil }
    guard t.shape[0] == count else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); needed is (\(count),)")
    }
    return try t.doubles()
  }

  private static func within(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> Geometry? {
    guard let t = fields.tensor(name) else { return nil }
    guard t.shape == [count, count] else {
      throw KantorError(
        .shape, "\(name) has the shape \(t.shapeText); needed is (\(count), \(count))")
    }
    return .dense(try checkedCost(t, name))
  }

  /// f64 or f32 with unit inner stride, no NaN, no -infinity.
  static func checkedCost(_ t: Tensor, _ name: String) throws(KantorError) -> Tensor {
    let (n, m) = (t.shape[0], t.shape[1])
    guard n >= 1 && m >= 1 else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); it must not be empty")
    }
    guard n <= maxPoints, m <= maxPoints else {
      throw KantorError(.tooLarge, "\(name) has the shape \(t.shapeText); at most \(maxPoints)")
    }
    switch t.type {
    case .f64: try refuseBad(t, Double.self, name)
    case .f32: try refuseBad(t, Float.self, name)
    default: return Tensor(try t.doubles(), shape: t.shape)
    }
    return t
  }

  private static func refuseBad<T: BinaryFloatingPoint>(
    _ t: Tensor, _: T.Type, _ name: String
  ) throws(KantorError) {
    let (n, m) = (t.shape[0], t.shape[1])
    let base = t.base.assumingMemoryBound(to: T.self)
    for i in 0..<n {
      let row = base + i * t.strides[0]
      var bad = false
      for j in 0..<m { bad = bad || !(row[j] > -T.infinity) }
      guard bad else { continue }
      for j in 0..<m where !(row[j] > -T.infinity) {
        throw KantorError(
          .notFinite, "\(name) is \(row[j]) at (\(i), \(j)); finite or +infinity is allowed")
      }
    }
  }
}
