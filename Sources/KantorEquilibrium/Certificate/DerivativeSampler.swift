import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// Derivatives of the players' gradients at random points of a region: from `jacobian`, or from
/// central differences of `map`.
final class DerivativeSampler {
  let jacobian: Buffer<Double>
  private let region: GameRegion
  private let evaluator: Evaluator
  private let projection: TermProjection
  private var stream: RandomStream
  private let n: Int
  private let x: Buffer<Double>
  private let moved: Buffer<Double>
  private let ahead: Buffer<Double>
  private let behind: Buffer<Double>

  /// Times the size of a variable: where the errors of cutting off and of rounding are alike.
  private static let step = 6e-6

  init(_ region: GameRegion, _ run: Run) throws(KantorError) {
    self.region = region
    n = region.lower.count
    evaluator = try Evaluator(
      region.functions, variables: n, rows: n, monitor: run.monitor,
      limit: run.options.int("max_evaluations"), limited: [.jacobian, .map])
    projection = try TermProjection(region.sets)
    stream = RandomStream(seed: run.seed)
    jacobian = try Buffer(count: try checkedProduct(n, n, of: "jacobian"))
    x = try Buffer(count: n)
    moved = try Buffer(count: n)
    ahead = try Buffer(count: n)
    behind = try Buffer(count: n)
  }

  var complaint: String? { evaluator.complaint }

  /// The derivative at the next point, into `jacobian`.
  func next() throws(KantorError) -> Evaluation {
    let (low, high) = (region.lower.pointer, region.upper.pointer)
    for i in 0..<n { x.pointer[i] = low[i] + (high[i] - low[i]) * stream.uniform() }
    guard projection.apply(x.pointer, step: 1) else { return .undefined }
    if region.functions.jacobian != nil {
      return try evaluator.call(
        .jacobian, region.functions.jacobian, at: x.pointer, into: jacobian.pointer, count: n * n)
    }
    moved.pointer.update(from: x.pointer, count: n)
    for j in 0..<n {
      let outcome = try column(j)
      guard case .fine = outcome else { return outcome }
    }
    return .fine
  }

  /// Between two points beside x that lie in the box, where it has room.
  private func column(_ j: Int) throws(KantorError) -> Evaluation {
    let (low, high) = (region.lower[j], region.upper[j])
    let wanted = Self.step * max(1, abs(x[j]))
    let h = high > low ? min(wanted, 0.5 * (high - low)) : wanted
    let centre = high > low ? min(max(x[j], low + h), high - h) : x[j]
    defer { moved.pointer[j] = x[j] }
    let (up, down) = (centre + h, centre - h)
    for (place, out) in [(up, ahead), (down, behind)] {
      moved.pointer[j] = place
      let outcome = try evaluator.call(
        .map, region.functions.map, at: moved.pointer, into: out.pointer, count: n)
      guard case .fine = outcome else { return outcome }
    }
    for i in 0..<n { jacobian.pointer[i * n + j] = (ahead[i] - behind[i]) / (up - down) }
    return .fine
  }
}
