import KantorCore

/// The problem kind "sliced_transport": two clouds, compared by their shadows on lines.
public enum SlicedKind {
  public static let kind = ProblemKind(
    name: "sliced_transport",
    summary: "Transport of two clouds seen along lines: W_p^p of the projections, mean or largest.",
    fields: [
      FieldSpec(
        "points_source", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2], "Source points."),
      FieldSpec(
        "points_target", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2], "Target points."),
      FieldSpec(
        "weights_source", .array, .input, shape: "(n,)", ranks: [1],
        "Masses a >= 0 of the sources; uniform with total 1 (or the targets' total) if not set."),
      FieldSpec(
        "weights_target", .array, .input, shape: "(m,)", ranks: [1],
        "Masses b >= 0 of the targets, of the same total as the sources' to 1e-9 (f32: 1e-6)."),
      FieldSpec("power", .real, .input, "Exponent p >= 1 of the distances on lines; 2 if unset."),
      FieldSpec(
        "projections", .array, .input, shape: "(k, d)", ranks: [2],
        "Directions to project on, one in each row, used with the length that they have; drawn "
          + "from the unit sphere if not set. max_sliced starts from them."),
    ],
    seal: seal, defaultMethod: { _ in "sliced" })

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let x = fields.tensor("points_source") else {
      throw KantorError(.missing, "field 'points_source' has not been set")
    }
    guard let y = fields.tensor("points_target") else {
      throw KantorError(.missing, "field 'points_target' has not been set")
    }
    let power = fields.real("power") ?? 2
    guard power >= 1, power <= 100 else {
      throw KantorError(.range, "field 'power' is \(power); an exponent in [1, 100] is needed")
    }
    let (n, d) = try TransportKind.extent(x, "points_source")
    let (m, e) = try TransportKind.extent(y, "points_target")
    guard d == e else {
      throw KantorError(
        .shape, "points_source have dimension \(d), points_target \(e); they must agree")
    }
    let tolerance = [fields.tensor("weights_source"), fields.tensor("weights_target")]
      .contains { $0?.type == .f32 } ? 1e-6 : 1e-9
    let marginals = try TransportProblem(
      geometry: .dense(try emptyCost(n, m)),
      a: try TransportKind.weights(fields, "weights_source", n),
      b: try TransportKind.weights(fields, "weights_target", m), massTolerance: tolerance)
    return SlicedProblem(
      marginals: marginals, x: try TransportKind.finite(x, "points_source", .power),
      y: try TransportKind.finite(y, "points_target", .power), dimension: d, power: power,
      projections: try projections(fields, d), shapes: (x.shape, y.shape))
  }

  /// One number that stands for all costs, none of which is ever asked for: points with their
  /// copies for the kernels would take most of the time of a problem on the line.
  private static func emptyCost(_ n: Int, _ m: Int) throws(KantorError) -> Tensor {
    let cell = try Buffer<Double>(count: 1)
    return Tensor(
      type: .f64, shape: [n, m], strides: [0, 0], base: UnsafeMutableRawPointer(cell.pointer),
      owner: cell)
  }

  private static func projections(
    _ fields: ProblemFields, _ d: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard let t = fields.tensor("projections") else { return nil }
    let count = t.shape[0]
    guard count >= 1, t.shape[1] == d else {
      throw KantorError(
        .shape, "projections has the shape \(t.shapeText); directions (k, \(d)) are needed, k >= 1")
    }
    let values = try t.doubles()
    for l in 0..<count {
      var size = 0.0
      for c in 0..<d {
        let v = values.pointer[l * d + c]
        guard abs(v) <= 1e100 else {
          throw KantorError(.notFinite, "projections is \(v) at (\(l), \(c)); at most 1e100")
        }
        size = max(size, abs(v))
      }
      guard size > 0 else {
        throw KantorError(.range, "projections has the direction 0 in row \(l)")
      }
    }
    return values
  }
}

/// Two clouds of equal mass and how their shadows are compared.
public final class SlicedProblem: SealedProblem, @unchecked Sendable {
  /// The weights; it has no costs.
  let marginals: TransportProblem
  public let dimension: Int
  public let power: Double
  /// Directions of the caller, row by row.
  public let projections: Buffer<Double>?
  /// Shapes in which the caller gave the points.
  let shapes: (source: [Int], target: [Int])
  private let points: (x: Buffer<Double>, y: Buffer<Double>)

  /// The points, row by row.
  var x: UnsafePointer<Double> { UnsafePointer(points.x.pointer) }
  var y: UnsafePointer<Double> { UnsafePointer(points.y.pointer) }
  var n: Int { marginals.n }
  var m: Int { marginals.m }
  var mass: Double { marginals.mass }
  /// Directions of the caller.
  var given: Int { (projections?.count ?? 0) / dimension }

  init(
    marginals: TransportProblem, x: Buffer<Double>, y: Buffer<Double>, dimension: Int,
    power: Double, projections: Buffer<Double>?, shapes: (source: [Int], target: [Int])
  ) {
    self.marginals = marginals
    points = (x, y)
    self.dimension = dimension
    self.power = power
    self.projections = projections
    self.shapes = shapes
  }
}
