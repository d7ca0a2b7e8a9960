import KantorCore

/// The problem kind "map_fit": samples of two laws, and a family of maps to choose from.
public enum MapFitKind {
  public static let kind = ProblemKind(
    name: "map_fit",
    summary: "Find a map of a family that takes one cloud of points to another at little cost.",
    fields: [
      FieldSpec(
        "points_source", .array, .input, shape: "(n, d) or (n,)", ranks: [1, 2],
        "Samples x of what is to be mapped."),
      FieldSpec(
        "points_target", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2],
        "Samples y of where the images T(x) should lie, as a cloud."),
      FieldSpec(
        "weights_source", .array, .input, shape: "(n,)", ranks: [1],
        "Weights of the sources, scaled to sum 1; equal if not set."),
      FieldSpec(
        "weights_target", .array, .input, shape: "(m,)", ranks: [1],
        "Weights of the targets, scaled to sum 1; equal if not set."),
      FieldSpec(
        "metric", .text, .input, choices: Metric.allCases.map(\.rawValue),
        "Cost c(x, T(x)) of the Monge gap; the fit itself is measured by squared distances."),
      FieldSpec(
        "power", .real, .input, "Exponent p > 0 of the metric 'power': |x - y|^p; 2 by default."),
      FieldSpec(
        "family", .text, .input, choices: MapFamily.allCases.map(\.rawValue),
        "affine, A x + b (default), or radial, A x + b + sum_k w_k exp(-|x - c_k|^2 / (2 r^2))."),
      FieldSpec(
        "centres", .array, .input, shape: "(k, d) or (k,)", ranks: [1, 2],
        "Radial maps: the centres c_k; some of the sources, far from each other, if not set."),
      FieldSpec(
        "centre_count", .int, .input,
        "Radial maps without centres: how many to choose; 16 or all sources by default."),
      FieldSpec(
        "width", .real, .input,
        "Radial maps: r > 0; the median distance of a centre from the nearest by default."),
      FieldSpec(
        "points_new", .array, .input, shape: "(q, d) or (q,)", ranks: [1, 2],
        "More points to map with the result."),
    ],
    seal: seal, defaultMethod: { _ in "fit_map" })

  private static let usualCentres = 16

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let source = try cloud(fields, "points_source", nil)
    let target = try cloud(fields, "points_target", source.dimension)
    let metric = Metric(rawValue: fields.text("metric") ?? "sqeuclidean") ?? .sqeuclidean
    let power = fields.real("power") ?? 2
    guard power > 0 else {
      throw KantorError(.range, "field 'power' is \(power); a positive exponent is needed")
    }
    let family = MapFamily(rawValue: fields.text("family") ?? "affine") ?? .affine
    for name in ["centres", "centre_count", "width"] where family == .affine {
      guard fields.values[name] == nil else {
        throw KantorError(.state, "field '\(name)' was set; affine maps have none")
      }
    }
    let centres = try centres(fields, source, family)
    return MapFitProblem(
      source: source, target: target,
      a: try MeasureWeights.read(fields, "weights_source", source.count),
      b: try MeasureWeights.read(fields, "weights_target", target.count), metric: metric,
      power: power, centres: centres, width: try width(fields, centres, family),
      new: fields.tensor("points_new") == nil
        ? nil : try cloud(fields, "points_new", source.dimension))
  }

  private static func cloud(
    _ fields: ProblemFields, _ name: String, _ dimension: Int?
  ) throws(KantorError) -> MapFitProblem.Cloud {
    guard let t = fields.tensor(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let (n, d) = try TransportKind.extent(t, name)
    guard dimension == nil || d == dimension else {
      throw KantorError(
        .shape, "points_source have dimension \(dimension ?? 0), \(name) \(d); they must agree")
    }
    return MapFitProblem.Cloud(
      points: try TransportKind.finite(t, name, .sqeuclidean), count: n, dimension: d,
      shape: t.shape)
  }

  private static func centres(
    _ fields: ProblemFields, _ source: MapFitProblem.Cloud, _ family: MapFamily
  ) throws(KantorError) -> MapFitProblem.Cloud {
    let d = source.dimension
    guard family == .radial else {
      return MapFitProblem.Cloud(
        points: try Buffer(count: 0), count: 0, dimension: d, shape: [0, d])
    }
    if fields.tensor("centres") != nil {
      guard fields.int("centre_count") == nil else {
        throw KantorError(.state, "both 'centres' and 'centre_count' were set; one is enough")
      }
      return try cloud(fields, "centres", d)
    }
    let asked = fields.int("centre_count") ?? Int64(min(usualCentres, source.count))
    guard asked >= 1, asked <= Int64(source.count) else {
      throw KantorError(
        .range, "field 'centre_count' is \(asked); between 1 and the \(source.count) sources are "
          + "allowed")
    }
    return try spread(source, Int(asked))
  }

  /// Sources, each the farthest from those before; the first is the farthest from the mean.
  private static func spread(
    _ source: MapFitProblem.Cloud, _ count: Int
  ) throws(KantorError) -> MapFitProblem.Cloud {
    let (n, d, x) = (source.count, source.dimension, source.points.pointer)
    let out = try Buffer<Double>(count: count * d)
    let mean = try Buffer<Double>(count: d)
    for i in 0..<n { for l in 0..<d { mean.pointer[l] += x[i * d + l] / Double(n) } }
    let distance = try Buffer<Double>(count: n, repeating: .infinity)
    var last = UnsafePointer(mean.pointer)
    for k in 0..<count {
      var (best, farthest) = (0, -1.0)
      for i in 0..<n {
        var square = 0.0
        for l in 0..<d { square += (x[i * d + l] - last[l]) * (x[i * d + l] - last[l]) }
        // Distances from the mean choose the first centre only.
        distance.pointer[i] = k == 1 ? square : min(distance.pointer[i], square)
        if distance.pointer[i] > farthest { (best, farthest) = (i, distance.pointer[i]) }
      }
      for l in 0..<d { out.pointer[k * d + l] = x[best * d + l] }
      last = UnsafePointer(out.pointer + k * d)
    }
    withExtendedLifetime(mean) {}
    return MapFitProblem.Cloud(points: out, count: count, dimension: d, shape: [count, d])
  }

  private static func width(
    _ fields: ProblemFields, _ centres: MapFitProblem.Cloud, _ family: MapFamily
  ) throws(KantorError) -> Double {
    if let width = fields.real("width") {
      guard width > 0 else {
        throw KantorError(.range, "field 'width' is \(width); a positive length is needed")
      }
      return width
    }
    let (k, d, c) = (centres.count, centres.dimension, centres.points.pointer)
    var nearest: [Double] = []
    for i in 0..<k {
      var least = Double.infinity
      for j in 0..<k where j != i {
        var square = 0.0
        for l in 0..<d { square += (c[i * d + l] - c[j * d + l]) * (c[i * d + l] - c[j * d + l]) }
        least = min(least, square)
      }
      if least > 0, least < .infinity { nearest.append(least.squareRoot()) }
    }
    nearest.sort()
    return nearest.isEmpty ? 1 : nearest[nearest.count / 2]
  }
}

public enum MapFamily: String, Sendable, CaseIterable {
  case affine
  case radial
}

/// Two clouds and a family of maps, validated.
public final class MapFitProblem: SealedProblem {
  /// Points with the shape in which the caller gave them.
  public struct Cloud: Sendable {
    public let points: Buffer<Double>
    public let count: Int
    public let dimension: Int
    public let shape: [Int]
  }

  public let source: Cloud
  public let target: Cloud
  /// Of sum 1.
  public let a: Buffer<Double>
  public let b: Buffer<Double>
  public let metric: Metric
  public let power: Double
  /// None for affine maps.
  public let centres: Cloud
  public let width: Double
  public let new: Cloud?

  init(
    source: Cloud, target: Cloud, a: Buffer<Double>, b: Buffer<Double>, metric: Metric,
    power: Double, centres: Cloud, width: Double, new: Cloud?
  ) {
    self.source = source
    self.target = target
    self.a = a
    self.b = b
    self.metric = metric
    self.power = power
    self.centres = centres
    self.width = width
    self.new = new
  }

  public var n: Int { source.count }
  public var m: Int { target.count }
  public var dimension: Int { source.dimension }
}

/// T(x) = A x + b + sum_k w_k exp(-|x - c_k|^2 / (2 r^2)).
public struct MapParameters: Sendable {
  /// A, d x d; b, d; w, k x d; row-major.
  public let matrix: Buffer<Double>
  public let offset: Buffer<Double>
  public let radial: Buffer<Double>

  init(dimension d: Int, centres k: Int) throws(KantorError) {
    matrix = try Buffer(count: try checkedProduct(d, d, of: "matrix"))
    offset = try Buffer(count: d)
    radial = try Buffer(count: try checkedProduct(k, d, of: "radial_weights"))
  }
}
