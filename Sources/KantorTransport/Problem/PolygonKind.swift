import KantorCore
import KantorNumerics

/// The problem kind "semi_discrete_polygon": a uniform density on a convex polygon, and points that
/// share it out.
public enum PolygonKind {
  public static let kind = ProblemKind(
    name: "semi_discrete_polygon",
    summary: "Share a convex polygon out among points: min over maps to y_j, each taking the mass "
      + "b_j of the uniform density.",
    fields: [
      FieldSpec(
        "polygon", .array, .input, shape: "(k, 2)", ranks: [2],
        "Corners of a convex polygon, in order; the unit square if neither this nor a box is set."),
      FieldSpec(
        "box", .array, .input, shape: "(2, 2)", ranks: [2],
        "Lowest and highest corner of a rectangle, instead of a polygon."),
      FieldSpec(
        "points_target", .array, .input, shape: "(m, 2)", ranks: [2],
        "The points y_j, all different; they may lie outside."),
      FieldSpec(
        "weights_target", .array, .input, shape: "(m,)", ranks: [1],
        "Masses b > 0 of the points; uniform with total 1 if not set. The density is scaled to "
          + "their total."),
    ],
    seal: seal, defaultMethod: { _ in "power_cells" })

  static let mostPoints = 100_000
  private static let mostCorners = 10_000

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let t = fields.tensor("points_target") else {
      throw KantorError(.missing, "field 'points_target' has not been set")
    }
    let (m, d) = try TransportKind.extent(t, "points_target")
    guard d == 2 else {
      throw KantorError(.shape, "points_target has the shape \(t.shapeText); needed is (m, 2)")
    }
    guard m <= mostPoints else {
      throw KantorError(.tooLarge, "points_target has \(m) points; at most \(mostPoints)")
    }
    let y = try TransportKind.finite(t, "points_target", .sqeuclidean)
    try refuseTwins(y, m)
    let b = try SemiDiscreteKind.targets(fields, m)
    return PolygonProblem(
      corners: try domain(fields), y: y, b: b, mass: RelaxedProblem.total(b))
  }

  private static func refuseTwins(_ y: Buffer<Double>, _ m: Int) throws(KantorError) {
    let p = y.pointer
    let order = (0..<m).sorted {
      p[2 * $0] != p[2 * $1] ? p[2 * $0] < p[2 * $1] : p[2 * $0 + 1] < p[2 * $1 + 1]
    }
    for k in 1..<max(1, m) {
      let (i, j) = (order[k - 1], order[k])
      if p[2 * i] == p[2 * j] && p[2 * i + 1] == p[2 * j + 1] {
        throw KantorError(
          .range, "points_target are the same at \(min(i, j)) and \(max(i, j)); a point that is "
            + "there twice should have both masses")
      }
    }
  }

  private static func domain(_ fields: ProblemFields) throws(KantorError) -> [PlanePoint] {
    if let t = fields.tensor("polygon") {
      guard fields.tensor("box") == nil else {
        throw KantorError(.state, "both 'polygon' and 'box' were set; one or the other is needed")
      }
      return try polygon(t)
    }
    let (low, high) = try SemiDiscreteKind.corners(fields, 2)
    return [
      PlanePoint(low[0], low[1]), PlanePoint(high[0], low[1]), PlanePoint(high[0], high[1]),
      PlanePoint(low[0], high[1]),
    ]
  }

  /// The corners, counterclockwise.
  private static func polygon(_ t: Tensor) throws(KantorError) -> [PlanePoint] {
    guard t.shape[1] == 2, t.shape[0] >= 3, t.shape[0] <= mostCorners else {
      throw KantorError(
        .shape, "polygon has the shape \(t.shapeText); needed is (k, 2) with 3 <= k <= "
          + "\(mostCorners)")
    }
    let values = try TransportKind.finite(t, "polygon", .sqeuclidean)
    var corners = (0..<t.shape[0]).map {
      PlanePoint(values.pointer[2 * $0], values.pointer[2 * $0 + 1])
    }
    func turn(_ k: Int) -> Double {
      let n = corners.count
      return (corners[(k + 1) % n] - corners[k]).cross(corners[(k + 2) % n] - corners[(k + 1) % n])
    }
    var area = 0.0
    for k in corners.indices {
      area += (corners[k] - corners[0]).cross(corners[(k + 1) % corners.count] - corners[0])
    }
    if area < 0 { corners.reverse() }
    guard abs(area) > 0 else { throw KantorError(.range, "the polygon has no area") }
    let size = abs(area)
    for k in corners.indices where turn(k) < -1e-12 * size {
      throw KantorError(
        .range, "the polygon is not convex at its corner \((k + 1) % corners.count); a convex one "
          + "with its corners in order is needed")
    }
    // Convex corners all around may still wind twice.
    let winding = (2..<corners.count).allSatisfy {
      (corners[$0 - 1] - corners[0]).cross(corners[$0] - corners[0]) >= -1e-12 * size
    }
    guard winding else { throw KantorError(.range, "the polygon crosses itself") }
    return corners
  }
}

/// A point or a vector of the plane.
struct PlanePoint: Sendable {
  var x: Double
  var y: Double

  init(_ x: Double, _ y: Double) {
    self.x = x
    self.y = y
  }

  static func - (_ p: PlanePoint, _ q: PlanePoint) -> PlanePoint {
    PlanePoint(p.x - q.x, p.y - q.y)
  }

  func cross(_ other: PlanePoint) -> Double { x * other.y - y * other.x }
  var square: Double { x * x + y * y }
}

/// A convex polygon and the points that share it, validated.
public final class PolygonProblem: SealedProblem {
  /// Counterclockwise.
  let corners: [PlanePoint]
  let y: Buffer<Double>
  let b: Buffer<Double>
  public let mass: Double
  let area: Double

  public var m: Int { b.count }
  /// Mass per area.
  var density: Double { mass / area }

  init(corners: [PlanePoint], y: Buffer<Double>, b: Buffer<Double>, mass: Double) {
    self.corners = corners
    self.y = y
    self.b = b
    self.mass = mass
    var twice = 0.0
    for k in corners.indices {
      twice += (corners[k] - corners[0]).cross(corners[(k + 1) % corners.count] - corners[0])
    }
    area = 0.5 * twice
  }

  func point(_ j: Int) -> PlanePoint { PlanePoint(y.pointer[2 * j], y.pointer[2 * j + 1]) }
}
