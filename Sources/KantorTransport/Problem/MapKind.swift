import KantorCore

/// The problem kind "map": points and where a map takes them, weighed by its cost.
public enum MapKind {
  public static let kind = ProblemKind(
    name: "map",
    summary: "Judge a map given by its samples x_i, T(x_i) by what moving the points costs.",
    fields: [
      FieldSpec(
        "points", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
        "The points x; those of one dimension may have rank 1."),
      FieldSpec(
        "images", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
        "T(x): where the map takes each of them."),
      FieldSpec(
        "cost", .array, .input, shape: "(n, n)", ranks: [2],
        "Instead of points: C_ij = c(x_i, T(x_j)), finite on the diagonal; +infinity elsewhere "
          + "forbids a pair."),
      FieldSpec(
        "metric", .text, .input, choices: Metric.allCases.map(\.rawValue),
        "Cost of taking a point to another, as in problems of the kind transport."),
      FieldSpec(
        "power", .real, .input, "Exponent p > 0 of the metric 'power': |x - y|^p; 2 by default."),
      FieldSpec(
        "weights", .array, .input, shape: "(n,)", ranks: [1],
        "Masses a >= 0 of the points, which their images keep; uniform with total 1 if not set."),
    ],
    seal: seal, defaultMethod: { _ in "monge_gap" })

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let geometry = try geometry(fields)
    var weights: Buffer<Double>?
    if let t = fields.tensor("weights") {
      guard t.shape == [geometry.n] else {
        throw KantorError(
          .shape, "weights has the shape \(t.shapeText); needed is (\(geometry.n),)")
      }
      weights = try checked(try t.doubles())
    }
    return MapProblem(
      transport: try TransportProblem(
        geometry: geometry, a: weights, b: weights,
        isFlat: (fields.tensor("points")?.rank == 1, fields.tensor("images")?.rank == 1)))
  }

  private static func geometry(_ fields: ProblemFields) throws(KantorError) -> Geometry {
    let (x, y) = (fields.tensor("points"), fields.tensor("images"))
    if let cost = fields.tensor("cost") {
      guard x == nil && y == nil else {
        throw KantorError(.state, "both 'cost' and points were set; a map has one or the other")
      }
      guard cost.shape[0] == cost.shape[1] else {
        throw KantorError(
          .shape, "cost has the shape \(cost.shapeText); as many images as points are needed")
      }
      let dense = Geometry.dense(try TransportKind.checkedCost(cost, "cost"))
      let entries = try CheckedCost(dense)
      for i in 0..<dense.n where !(entries.entry(i, i) < .infinity) {
        throw KantorError(
          .notFinite, "cost is \(entries.entry(i, i)) at (\(i), \(i)); the cost of a point's own "
            + "image has to be finite")
      }
      return dense
    }
    guard let x else {
      throw KantorError(.missing, "field 'cost' or 'points' has not been set")
    }
    guard let y else { throw KantorError(.missing, "field 'images' has not been set") }
    let metric = Metric(rawValue: fields.text("metric") ?? "sqeuclidean") ?? .sqeuclidean
    let power = fields.real("power") ?? 2
    guard power > 0 else {
      throw KantorError(.range, "field 'power' is \(power); a positive exponent is needed")
    }
    let (n, d) = try TransportKind.extent(x, "points")
    let (m, e) = try TransportKind.extent(y, "images")
    guard n == m, d == e else {
      throw KantorError(
        .shape, "points have the shape \(x.shapeText), images \(y.shapeText); they must agree")
    }
    return try .points(
      x: try TransportKind.finite(x, "points", metric), n: n,
      y: try TransportKind.finite(y, "images", metric), m: m, dimension: d, metric: metric,
      power: power)
  }

  /// Under the name of this kind's field, before the transport problem names its own.
  private static func checked(_ weights: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    var sum = 0.0
    for i in 0..<weights.count {
      let w = weights.pointer[i]
      guard w.isFinite else { throw KantorError(.notFinite, "weights is \(w) at \(i)") }
      guard w >= 0 else {
        throw KantorError(.range, "weights is \(w) at \(i); weights must not be negative")
      }
      sum += w
    }
    guard sum > 0, sum.isFinite else {
      throw KantorError(.range, "weights sum to \(sum); a positive mass is needed")
    }
    return weights
  }
}

/// A map by its samples: the transport problem between points and images of the same weights.
public final class MapProblem: SealedProblem {
  public let transport: TransportProblem

  init(transport: TransportProblem) { self.transport = transport }

  public var n: Int { transport.n }
  public var weights: Buffer<Double> { transport.a }
}
