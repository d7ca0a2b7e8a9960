import KantorCore

/// lower <= x <= upper, entries infinite where there is no bound.
public struct BoundBox: Sendable {
  public let lower: Buffer<Double>
  public let upper: Buffer<Double>
  /// False when every entry is infinite.
  public let isBounded: Bool

  /// Fields `lower` and `upper`, each a vector of n, or missing.
  init(_ fields: ProblemFields, count n: Int) throws(KantorError) {
    lower = try Self.side(fields, "lower", n, -.infinity)
    upper = try Self.side(fields, "upper", n, .infinity)
    var bounded = false
    for j in 0..<n {
      let (l, u) = (lower.pointer[j], upper.pointer[j])
      guard l <= u else {
        throw KantorError(
          .range, "lower is \(l) and upper \(u) at \(j); lower must not be larger")
      }
      if l > -.infinity || u < .infinity { bounded = true }
    }
    isBounded = bounded
  }

  private static func side(
    _ fields: ProblemFields, _ name: String, _ n: Int, _ free: Double
  ) throws(KantorError) -> Buffer<Double> {
    guard let tensor = fields.tensor(name) else { return try Buffer(count: n, repeating: free) }
    guard tensor.shape == [n] else {
      throw KantorError(
        .shape, "\(name) has the shape \(tensor.shapeText); needed is (\(n),), as start has")
    }
    let given = try tensor.doubles()
    for j in 0..<n where given.pointer[j].isNaN || given.pointer[j] == -free {
      throw KantorError(
        .notFinite, "\(name) is \(given.pointer[j]) at \(j); a number or \(free) is allowed")
    }
    return given
  }

  @inline(__always) func clamp(_ t: Double, _ j: Int) -> Double {
    max(lower.pointer[j], min(upper.pointer[j], t))
  }

  /// The start of the fields.
  static func start(
    _ fields: ProblemFields
  ) throws(KantorError) -> Buffer<Double> {
    guard let tensor = fields.tensor("start") else {
      throw KantorError(.missing, "field 'start' has not been set")
    }
    let x = try tensor.doubles()
    guard x.count >= 1 else {
      throw KantorError(.shape, "start has the shape (0,); at least one variable is needed")
    }
    for j in 0..<x.count where !x.pointer[j].isFinite {
      throw KantorError(.notFinite, "start is \(x.pointer[j]) at \(j); a finite number is needed")
    }
    return x
  }

  /// Moves x into the box; the number of entries that were moved.
  func project(_ x: UnsafeMutablePointer<Double>) -> Int {
    var moved = 0
    for j in 0..<lower.count {
      let t = clamp(x[j], j)
      if t != x[j] { moved += 1 }
      x[j] = t
    }
    return moved
  }
}
