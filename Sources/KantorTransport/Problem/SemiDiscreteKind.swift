import KantorCore
import KantorNumerics

/// The problem kind "semi_discrete_transport": a density, sampled, and points that share it out.
public enum SemiDiscreteKind {
  public static let kind = ProblemKind(
    name: "semi_discrete_transport",
    summary: "Share a density among points: min over maps to y_j, each taking the mass b_j.",
    fields: [
      FieldSpec(
        "density", .array, .input, shape: "(k1,), (k1, k2) or (k1, k2, k3)", ranks: [1, 2, 3],
        "Density >= 0 on the cells of a grid over a box, constant in each cell; scaled to the mass "
          + "of the points."),
      FieldSpec(
        "box", .array, .input, shape: "(2, d)", ranks: [2],
        "Lowest and highest corner of the box; the unit cube if not set."),
      FieldSpec(
        "quadrature", .int, .input,
        "Samples along each edge of a cell, 1 to 16; 1 by default."),
      FieldSpec(
        "samples", .array, .input, shape: "(s, d) or (s,)", ranks: [1, 2],
        "Samples of the density, instead of a grid."),
      FieldSpec(
        "sample_weights", .array, .input, shape: "(s,)", ranks: [1],
        "Their masses >= 0, scaled to the mass of the points; equal if not set."),
      FieldSpec(
        "points_target", .array, .input, shape: "(m, d) or (m,)", ranks: [1, 2], "The points y_j."),
      FieldSpec(
        "weights_target", .array, .input, shape: "(m,)", ranks: [1],
        "Masses b > 0 of the points; uniform with total 1 if not set."),
    ],
    seal: seal, defaultMethod: { _ in "semi_discrete" })

  private static let mostSamples = 1 << 28

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let t = fields.tensor("points_target") else {
      throw KantorError(.missing, "field 'points_target' has not been set")
    }
    let (m, d) = try TransportKind.extent(t, "points_target")
    let y = try TransportKind.finite(t, "points_target", .sqeuclidean)
    let (samples, weights) = try sampling(fields, d)
    let b = try targets(fields, m)
    var (mass, total) = (CompensatedSum(), CompensatedSum())
    for j in 0..<m { mass.add(b.pointer[j]) }
    let n = weights.count
    for s in 0..<n { total.add(weights.pointer[s]) }
    guard total.value > 0, total.value.isFinite else {
      throw KantorError(.range, "the density has the mass \(total.value); a positive one is needed")
    }
    // Samples of no mass are left out.
    var kept = 0
    for s in 0..<n where weights.pointer[s] > 0 {
      for c in 0..<d { samples.pointer[kept * d + c] = samples.pointer[s * d + c] }
      weights.pointer[kept] = weights.pointer[s] * (mass.value / total.value)
      kept += 1
    }
    return SemiDiscreteProblem(
      x: samples, weights: weights, count: kept, y: y, b: b, dimension: d, mass: mass.value,
      targetShape: t.shape)
  }

  static func targets(
    _ fields: ProblemFields, _ m: Int
  ) throws(KantorError) -> Buffer<Double> {
    guard let b = try TransportKind.weights(fields, "weights_target", m) else {
      return try Buffer(count: m, repeating: 1 / Double(m))
    }
    for j in 0..<m {
      let w = b.pointer[j]
      guard w.isFinite, w < 1e150 else {
        throw KantorError(.notFinite, "weights_target is \(w) at \(j)")
      }
      guard w > 0 else {
        throw KantorError(
          .range, "weights_target is \(w) at \(j); every point has to take some mass")
      }
    }
    return b
  }

  private static func sampling(
    _ fields: ProblemFields, _ d: Int
  ) throws(KantorError) -> (Buffer<Double>, Buffer<Double>) {
    if let density = fields.tensor("density") {
      guard fields.tensor("samples") == nil, fields.tensor("sample_weights") == nil else {
        throw KantorError(.state, "both 'density' and samples were set; one or the other is needed")
      }
      return try grid(fields, density, d)
    }
    guard let t = fields.tensor("samples") else {
      throw KantorError(.missing, "field 'density' or 'samples' has not been set")
    }
    for name in ["box", "quadrature"] where fields.values[name] != nil {
      throw KantorError(.state, "field '\(name)' belongs to a density on a grid")
    }
    let (n, e) = try TransportKind.extent(t, "samples")
    guard e == d else {
      throw KantorError(
        .shape, "samples have dimension \(e), points_target \(d); they must agree")
    }
    let x = try TransportKind.finite(t, "samples", .sqeuclidean)
    guard let w = try TransportKind.weights(fields, "sample_weights", n) else {
      return (x, try Buffer(count: n, repeating: 1))
    }
    try refuseNegative(w, "sample_weights")
    return (x, w)
  }

  private static func refuseNegative(
    _ values: Buffer<Double>, _ name: String
  ) throws(KantorError) {
    for s in 0..<values.count {
      let w = values.pointer[s]
      guard w.isFinite, w < 1e150 else { throw KantorError(.notFinite, "\(name) is \(w) at \(s)") }
      guard w >= 0 else {
        throw KantorError(.range, "\(name) is \(w) at \(s); masses must not be negative")
      }
    }
  }

  /// Midpoints of the parts of every cell.
  private static func grid(
    _ fields: ProblemFields, _ density: Tensor, _ d: Int
  ) throws(KantorError) -> (Buffer<Double>, Buffer<Double>) {
    guard density.rank == d else {
      throw KantorError(
        .shape, "density has the shape \(density.shapeText), points_target the dimension \(d); a "
          + "grid of \(d) axes is needed")
    }
    let quadrature = fields.int("quadrature") ?? 1
    guard quadrature >= 1, quadrature <= 16 else {
      throw KantorError(.range, "field 'quadrature' is \(quadrature); 1 to 16 is allowed")
    }
    let q = Int(quadrature)
    let values = try density.doubles()
    try refuseNegative(values, "density")
    let corners = try corners(fields, d)
    var (count, counts) = (1, [Int]())
    for k in density.shape {
      counts.append(try checkedProduct(k, q, of: "density"))
      count = try checkedProduct(count, counts[counts.count - 1], of: "density")
    }
    guard count >= 1, count <= mostSamples else {
      throw KantorError(
        count < 1 ? .shape : .tooLarge,
        "density has the shape \(density.shapeText): \(count) samples; 1 to \(mostSamples) are "
          + "allowed")
    }
    let x = try Buffer<Double>(count: try checkedProduct(count, d, of: "density"))
    let w = try Buffer<Double>(count: count)
    for s in 0..<count {
      var (rest, cell, stride) = (s, 0, 1)
      for c in Swift.stride(from: d - 1, through: 0, by: -1) {
        let at = rest % counts[c]
        rest /= counts[c]
        cell += at / q * stride
        stride *= density.shape[c]
        let part = (Double(at) + 0.5) / Double(counts[c])
        x.pointer[s * d + c] = corners.low[c] + part * (corners.high[c] - corners.low[c])
      }
      w.pointer[s] = values.pointer[cell]
    }
    return (x, w)
  }

  static func corners(
    _ fields: ProblemFields, _ d: Int
  ) throws(KantorError) -> (low: [Double], high: [Double]) {
    guard let box = fields.tensor("box") else {
      return ([Double](repeating: 0, count: d), [Double](repeating: 1, count: d))
    }
    guard box.shape == [2, d] else {
      throw KantorError(.shape, "box has the shape \(box.shapeText); needed is (2, \(d))")
    }
    let values = try TransportKind.finite(box, "box", .sqeuclidean)
    let low = (0..<d).map { values.pointer[$0] }
    let high = (0..<d).map { values.pointer[d + $0] }
    for c in 0..<d where !(low[c] < high[c]) {
      throw KantorError(
        .range, "box reaches from \(low[c]) to \(high[c]) on axis \(c); the lowest corner comes "
          + "first")
    }
    return (low, high)
  }
}

/// Samples of a density and the points that share it, both of the same mass.
public final class SemiDiscreteProblem: SealedProblem, @unchecked Sendable {
  /// Samples, row by row, and their masses, all positive.
  let x: Buffer<Double>
  let weights: Buffer<Double>
  public let count: Int
  let y: Buffer<Double>
  let b: Buffer<Double>
  public let dimension: Int
  public let mass: Double
  let targetShape: [Int]

  public var m: Int { b.count }

  init(
    x: Buffer<Double>, weights: Buffer<Double>, count: Int, y: Buffer<Double>, b: Buffer<Double>,
    dimension: Int, mass: Double, targetShape: [Int]
  ) {
    self.x = x
    self.weights = weights
    self.count = count
    self.y = y
    self.b = b
    self.dimension = dimension
    self.mass = mass
    self.targetShape = targetShape
  }

  /// Samples that a thread looks at between two questions to the host: some milliseconds.
  var samplesPerBeat: Int { max(16, (1 << 21) / m) }
}
