import KantorCore

/// The problem kind "barycentre": histograms on a support that is given, as is the barycentre's.
public enum BarycentreKind {
  public static let kind = ProblemKind(
    name: "barycentre",
    summary: "The measure on given points least far from k histograms: min sum l_k W(p_k, q).",
    fields: fields, seal: seal, defaultMethod: { _ in "entropic_barycentre" })

  static let fields: [FieldSpec] = [
    FieldSpec(
      "histograms", .array, .input, shape: "(k, n) or (k, r, s) or (k, r, s, t)",
      ranks: [2, 3, 4],
      "The k measures, of equal mass. Without cost and points: on a grid of 1, 2 or 3 axes."),
    FieldSpec(
      "weights", .array, .input, shape: "(k,)", ranks: [1],
      "Weights of the measures, scaled to sum 1; equal if not set."),
    FieldSpec(
      "cost", .array, .input, shape: "(n, m)", ranks: [2],
      "Cost of every pair of a point of the measures and one of the barycentre; finite."),
    FieldSpec(
      "points_source", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
      "Points of the measures, instead of a cost."),
    FieldSpec(
      "points_target", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2],
      "Points of the barycentre; those of the measures if not set."),
    FieldSpec(
      "metric", .text, .input, choices: Metric.allCases.map(\.rawValue),
      "Cost of a pair of points; squared Euclidean by default, always so on a grid."),
    FieldSpec(
      "power", .real, .input, "Exponent p > 0 of the metric 'power': |x - y|^p; 2 by default."),
    FieldSpec(
      "grid_spacing", .array, .input, shape: "(a,)", ranks: [1],
      "Distances of neighbours along each axis of a grid; 1 / (s - 1) for s points by default."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let t = fields.tensor("histograms") else {
      throw KantorError(.missing, "field 'histograms' has not been set")
    }
    guard t.count >= 1 else {
      throw KantorError(.shape, "histograms has the shape \(t.shapeText); it must not be empty")
    }
    let support = try support(fields, t)
    let count = t.shape[0]
    let n = t.count / count
    let values = try t.doubles()
    let tolerance = t.type == .f32 ? 1e-5 : 1e-9
    var mass = 0.0
    for k in 0..<count {
      let own = try MeasureWeights.normalise(values.pointer + k * n, n, "histogram \(k)")
      if k == 0 { mass = own }
      guard abs(own - mass) <= tolerance * max(mass, own) else {
        throw KantorError(
          .range, "the masses differ: histogram 0 sums to \(mass), histogram \(k) to \(own)")
      }
    }
    return BarycentreProblem(
      support: support, histograms: values, count: count,
      lambda: try MeasureWeights.read(fields, "weights", count), mass: mass)
  }

  private static func support(
    _ fields: ProblemFields, _ t: Tensor
  ) throws(KantorError) -> BarycentreProblem.Support {
    let hasPairs = fields.tensor("cost") != nil || fields.tensor("points_source") != nil
    guard hasPairs else { return .grid(try grid(fields, Array(t.shape.dropFirst()))) }
    if fields.tensor("grid_spacing") != nil {
      throw KantorError(.state, "'grid_spacing' belongs to a grid, but a cost or points were set")
    }
    guard t.rank == 2 else {
      throw KantorError(
        .shape, "histograms has the shape \(t.shapeText); with a cost or points it is (k, n)")
    }
    let geometry = try geometry(fields)
    guard t.shape[1] == geometry.n else {
      throw KantorError(
        .shape,
        "histograms has the shape \(t.shapeText); (k, \(geometry.n)) fits the cost or points")
    }
    if case .dense(let cost) = geometry.source { try refuseInfinite(cost) }
    return .pairs(geometry)
  }

  /// As for transport, where the points of the barycentre are those of the measures if not set.
  private static func geometry(_ fields: ProblemFields) throws(KantorError) -> Geometry {
    guard fields.tensor("cost") == nil, fields.tensor("points_target") == nil,
      let x = fields.tensor("points_source")
    else { return try TransportKind.geometry(fields) }
    var both = fields
    try both.set("points_target", .array(x), of: TransportKind.kind)
    guard case .points(let source, _, let d, let metric, let power) =
      try TransportKind.geometry(both).source
    else { return try TransportKind.geometry(both) }
    let n = source.count / d
    return try .points(
      x: source, n: n, y: source, m: n, dimension: d, metric: metric, power: power)
  }

  private static func refuseInfinite(_ cost: Tensor) throws(KantorError) {
    let values = try cost.doubles()
    let m = cost.shape[1]
    for k in 0..<values.count where !values.pointer[k].isFinite {
      throw KantorError(
        .notFinite,
        "cost is \(values.pointer[k]) at (\(k / m), \(k % m)); barycentres need finite costs")
    }
  }

  private static func grid(
    _ fields: ProblemFields, _ counts: [Int]
  ) throws(KantorError) -> [BarycentreProblem.GridAxis] {
    for name in ["points_target", "metric", "power"] where fields.values[name] != nil {
      if name == "metric", fields.text("metric") == Metric.sqeuclidean.rawValue { continue }
      throw KantorError(
        .state, "field '\(name)' needs 'points_source'; a grid has squared Euclidean distances")
    }
    guard let count = counts.max(), count <= 1 << 14 else {
      throw KantorError(.tooLarge, "a grid of \(counts) points; at most 16384 on an axis")
    }
    var axes = counts.map {
      BarycentreProblem.GridAxis(count: $0, spacing: $0 > 1 ? 1 / Double($0 - 1) : 1)
    }
    guard let spacing = fields.tensor("grid_spacing") else { return axes }
    guard spacing.shape == [counts.count] else {
      throw KantorError(
        .shape, "grid_spacing has the shape \(spacing.shapeText); needed is (\(counts.count),)")
    }
    let values = try spacing.doubles()
    for a in 0..<counts.count {
      let step = values.pointer[a]
      guard step.isFinite, step < 1e70 else {
        throw KantorError(.notFinite, "grid_spacing is \(step) at \(a)")
      }
      guard step > 1e-70 else {
        throw KantorError(.range, "grid_spacing is \(step) at \(a); it must be positive")
      }
      axes[a] = BarycentreProblem.GridAxis(count: counts[a], spacing: step)
    }
    return axes
  }
}
