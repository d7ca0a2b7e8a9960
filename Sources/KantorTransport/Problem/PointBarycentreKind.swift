import KantorCore
import KantorNumerics

/// The problem kind "point_barycentre": measures on points of their own, and a barycentre whose
/// points move as well.
public enum PointBarycentreKind {
  public static let kind = ProblemKind(
    name: "point_barycentre",
    summary: "Points x of weights w least far from k measures: min sum lambda_k W_2^2.",
    fields: [
      FieldSpec(
        "points", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
        "The points of all measures, one measure after the other."),
      FieldSpec(
        "counts", .array, .input, shape: "(k,)", ranks: [1],
        "How many of the points belong to each measure; together n."),
      FieldSpec(
        "point_weights", .array, .input, shape: "(n,)", ranks: [1],
        "Weights of the points within their measures, which have equal masses; equal if not set."),
      FieldSpec(
        "weights", .array, .input, shape: "(k,)", ranks: [1],
        "Weights of the measures, scaled to sum 1; equal if not set."),
      FieldSpec(
        "points_start", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2],
        "Where the barycentre's points start; drawn from the points if not set."),
      FieldSpec(
        "weights_barycentre", .array, .input, shape: "(m,)", ranks: [1],
        "Weights of the barycentre's points, all positive; equal if not set."),
      FieldSpec(
        "size", .int, .input,
        "Points of the barycentre, where points_start is not set; those of the first measure by "
          + "default."),
    ],
    seal: seal,
    defaultMethod: { problem in
      guard let problem = problem as? PointBarycentreProblem, problem.dimension == 1,
        problem.asksForNoSupport
      else { return "free_support_barycentre" }
      return "quantile_barycentre"
    })

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let t = fields.tensor("points") else {
      throw KantorError(.missing, "field 'points' has not been set")
    }
    guard let c = fields.tensor("counts") else {
      throw KantorError(.missing, "field 'counts' has not been set")
    }
    let (n, d) = try TransportKind.extent(t, "points")
    let first = try offsets(c, n)
    let count = first.count - 1
    var weights = try Buffer<Double>(count: n, repeating: 1)
    if let w = fields.tensor("point_weights") {
      guard w.shape == [n] else {
        throw KantorError(
          .shape, "point_weights has the shape \(w.shapeText); needed is (\(n),)")
      }
      weights = try w.doubles()
    }
    let isGiven = fields.tensor("point_weights") != nil
    let tolerance = fields.tensor("point_weights")?.type == .f32 ? 1e-5 : 1e-9
    var mass = 0.0
    for k in 0..<count {
      let own = try MeasureWeights.normalise(
        weights.pointer + first[k], first[k + 1] - first[k], "point_weights of measure \(k)")
      if k == 0 { mass = isGiven ? own : 1 }
      guard !isGiven || abs(own - mass) <= tolerance * max(mass, own) else {
        throw KantorError(
          .range, "the masses differ: measure 0 has \(mass), measure \(k) has \(own)")
      }
    }
    let start = try fields.tensor("points_start").map { (s) throws(KantorError) in
      let (m, e) = try TransportKind.extent(s, "points_start")
      guard e == d else {
        throw KantorError(
          .shape, "points have dimension \(d), points_start \(e); they must agree")
      }
      return (count: m, values: try TransportKind.finite(s, "points_start", .sqeuclidean))
    }
    let size = try size(fields, start?.count, first[1] - first[0])
    let own = try barycentreWeights(fields, size)
    return PointBarycentreProblem(
      points: try TransportKind.finite(t, "points", .sqeuclidean), first: first, weights: weights,
      dimension: d, lambda: try MeasureWeights.read(fields, "weights", count), mass: mass,
      start: start?.values, size: size, own: own,
      asksForNoSupport: start == nil && fields.values["size"] == nil
        && fields.tensor("weights_barycentre") == nil, pointsShape: t.shape)
  }

  private static func offsets(_ c: Tensor, _ n: Int) throws(KantorError) -> [Int] {
    let values = try c.doubles()
    guard values.count >= 1 else {
      throw KantorError(.shape, "counts is empty; one measure at least is needed")
    }
    var first = [0]
    for k in 0..<values.count {
      let x = values.pointer[k]
      guard x.isFinite else { throw KantorError(.notFinite, "counts is \(x) at \(k)") }
      guard x >= 1, x <= Double(n), x == x.rounded() else {
        throw KantorError(.range, "counts is \(x) at \(k); a whole number in [1, \(n)] is needed")
      }
      first.append(first[k] + Int(x))
      guard first[k + 1] <= n else {
        throw KantorError(.shape, "counts sum to more than the \(n) points")
      }
    }
    guard first[values.count] == n else {
      throw KantorError(.shape, "counts sum to \(first[values.count]); there are \(n) points")
    }
    return first
  }

  private static func size(
    _ fields: ProblemFields, _ given: Int?, _ usual: Int
  ) throws(KantorError) -> Int {
    guard case .int(let asked)? = fields.values["size"] else {
      return given ?? fields.tensor("weights_barycentre")?.count ?? usual
    }
    guard asked >= 1, asked <= Int64(TransportKind.maxPoints) else {
      throw KantorError(.range, "field 'size' is \(asked); at least 1 is needed")
    }
    guard given == nil || given == Int(asked) else {
      throw KantorError(.shape, "field 'size' is \(asked); points_start has \(given ?? 0) points")
    }
    return Int(asked)
  }

  private static func barycentreWeights(
    _ fields: ProblemFields, _ size: Int
  ) throws(KantorError) -> Buffer<Double> {
    let own = try MeasureWeights.read(fields, "weights_barycentre", size)
    for i in 0..<size where !(own.pointer[i] > 0) {
      throw KantorError(
        .range, "weights_barycentre is \(own.pointer[i]) at \(i); all have to be positive")
    }
    return own
  }
}
