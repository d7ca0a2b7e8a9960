import KantorCore

/// The set X of the leader's variables: bounds, a ball, or a simplex.
public final class LeaderSet: Sendable {
  /// Where x lies beside its bounds.
  public enum Shape: Sendable, Equatable {
    case box
    /// |x| <= radius
    case ball(Double)
    /// x >= 0, sum x = total
    case simplex(Double)
  }

  public let shape: Shape
  /// Infinite where there is no bound.
  public let lower: Buffer<Double>
  public let upper: Buffer<Double>

  public var count: Int { lower.count }

  public init(
    _ shape: Shape = .box, bounds: (lower: Buffer<Double>, upper: Buffer<Double>)
  ) {
    self.shape = shape
    (lower, upper) = bounds
  }

  /// x <- the point of X nearest to x.
  public func project(_ x: UnsafeMutablePointer<Double>) {
    let n = count
    for i in 0..<n { x[i] = min(max(x[i], lower.pointer[i]), upper.pointer[i]) }
    switch shape {
    case .box: return
    case .ball(let radius):
      var square = 0.0
      for i in 0..<n { square += x[i] * x[i] }
      let length = square.squareRoot()
      guard length > radius else { return }
      for i in 0..<n { x[i] *= radius / length }
    case .simplex(let total):
      // The threshold t of max(x - t, 0) by Michelot's rounds: values below it leave for good.
      var t = -Double.infinity
      while true {
        var (sum, count) = (0.0, 0)
        for i in 0..<n where x[i] > t {
          sum += x[i]
          count += 1
        }
        let next = count > 0 ? (sum - total) / Double(count) : t
        if !(next > t) { break }
        t = next
      }
      for i in 0..<n { x[i] = max(x[i] - t, 0) }
    }
  }

  /// Whether X has a row beside its bounds, and whether that is an equation.
  var hasRow: Bool { shape != .box }
  var isEquation: Bool { if case .simplex = shape { true } else { false } }

  /// That row: |x|^2 - radius^2 <= 0, or sum x - total = 0; `slope` gets its gradient.
  func row(
    _ x: UnsafePointer<Double>, slope: UnsafeMutablePointer<Double>? = nil
  ) -> Double {
    var sum = 0.0
    switch shape {
    case .box: return 0
    case .ball(let radius):
      for i in 0..<count {
        sum += x[i] * x[i]
        slope?[i] = 2 * x[i]
      }
      return sum - radius * radius
    case .simplex(let total):
      for i in 0..<count {
        sum += x[i]
        slope?[i] = 1
      }
      return sum - total
    }
  }

  /// Bounds that hold beside that row.
  func bounds() throws(KantorError) -> (lower: Buffer<Double>, upper: Buffer<Double>) {
    let low = try lower.copy()
    if isEquation { low.fill(0) }
    return (low, upper)
  }

  /// Largest |x - P(x - g)|; `room` holds P(x - g) afterwards.
  func residual(
    _ x: UnsafePointer<Double>, _ g: UnsafePointer<Double>, room: UnsafeMutablePointer<Double>
  ) -> Double {
    for i in 0..<count { room[i] = x[i] - g[i] }
    project(room)
    var worst = 0.0
    for i in 0..<count { worst = max(worst, abs(x[i] - room[i])) }
    return worst
  }
}
