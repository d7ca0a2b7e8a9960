import CKantorKernels
import KantorCore
import KantorNumerics

/// Where the costs of a transport problem come from. Methods see nothing else of it: they ask the
/// kernels for rows of costs, dense or computed on the fly in O(n + m) memory.
///
/// The kernel view may hold points that were centred or normalised; the checker therefore reads
/// `source` (the caller's own data) and never the kernel view.
public final class Geometry: @unchecked Sendable {
  public enum Source: @unchecked Sendable {
    /// f64 or f32, rank 2, unit inner stride.
    case dense(Tensor)
    /// Row-major points of n x d and m x d, as the caller gave them.
    case points(x: Buffer<Double>, y: Buffer<Double>, dimension: Int, metric: Metric, power: Double)
  }

  public let source: Source
  public let n: Int
  public let m: Int
  /// What the kernels read; valid as long as this object lives.
  public let cost: kn_cost
  private let owned: [AnyObject]

  private init(source: Source, n: Int, m: Int, cost: kn_cost, owned: [AnyObject]) {
    self.source = source
    self.n = n
    self.m = m
    self.cost = cost
    self.owned = owned
  }

  /// The stride between coordinates of kernel points: whole vectors of any CPU level.
  static func paddedCount(_ m: Int) -> Int { (m + 15) / 16 * 16 }

  public static func dense(_ tensor: Tensor) -> Geometry {
    let n = tensor.shape[0]
    let m = tensor.shape[1]
    var cost = kn_cost()
    cost.rows = Int64(n)
    cost.columns = Int64(m)
    cost.leading = Int64(tensor.strides[0])
    if tensor.type == .f32 {
      cost.kind = Int32(KN_COST_DENSE_F32)
      cost.dense32 = UnsafePointer(tensor.base.assumingMemoryBound(to: Float.self))
    } else {
      cost.kind = Int32(KN_COST_DENSE_F64)
      cost.dense64 = UnsafePointer(tensor.base.assumingMemoryBound(to: Double.self))
    }
    return Geometry(
      source: .dense(tensor), n: n, m: m, cost: cost, owned: tensor.owner.map { [$0] } ?? [])
  }

  public static func points(
    x: Buffer<Double>, n: Int, y: Buffer<Double>, m: Int, dimension d: Int, metric: Metric,
    power: Double
  ) throws(KantorError) -> Geometry {
    let stride = paddedCount(m)
    let size = try checkedProduct(stride, d, of: "points_target")
    let x64 = try x.copy()
    let y64 = try Buffer<Double>(count: size)
    let x32 = try Buffer<Float>(count: n * d)
    let y32 = try Buffer<Float>(count: size)
    transform(x64.pointer, n, d, metric, shift: metric.isTranslationInvariant ? y : nil, m)
    let yRows = try y.copy()
    transform(
      yRows.pointer, m, d, metric, shift: metric.isTranslationInvariant ? y : nil, m)
    for j in 0..<m {
      for k in 0..<d { y64.pointer[k * stride + j] = yRows.pointer[j * d + k] }
    }
    for i in 0..<(n * d) { x32.pointer[i] = Float(x64.pointer[i]) }
    for i in 0..<size { y32.pointer[i] = Float(y64.pointer[i]) }
    var cost = kn_cost()
    cost.kind = metric.kernelKind
    cost.dimension = Int32(d)
    cost.rows = Int64(n)
    cost.columns = Int64(m)
    cost.x64 = UnsafePointer(x64.pointer)
    cost.y64 = UnsafePointer(y64.pointer)
    cost.x32 = UnsafePointer(x32.pointer)
    cost.y32 = UnsafePointer(y32.pointer)
    cost.stride = Int64(stride)
    cost.power = power
    return Geometry(
      source: .points(x: x, y: y, dimension: d, metric: metric, power: power), n: n, m: m,
      cost: cost, owned: [x64, y64, x32, y32])
  }

  /// Moves points by minus the mean of the target cloud, or brings them to unit length.
  private static func transform(
    _ points: UnsafeMutablePointer<Double>, _ count: Int, _ d: Int, _ metric: Metric,
    shift: Buffer<Double>?, _ m: Int
  ) {
    if let shift {
      for k in 0..<d {
        var sum = 0.0
        for j in 0..<m { sum += shift.pointer[j * d + k] }
        let mean = sum / Double(m)
        for i in 0..<count { points[i * d + k] -= mean }
      }
    } else if metric == .cosine {
      for i in 0..<count {
        var square = 0.0
        for k in 0..<d { square += points[i * d + k] * points[i * d + k] }
        let scale = square > 0 ? 1 / square.squareRoot() : 0
        for k in 0..<d { points[i * d + k] *= scale }
      }
    }
  }

  /// True when both point sets live on a line and the cost is a convex function of the distance.
  public var isConvexLine: Bool {
    guard case .points(_, _, let d, let metric, let power) = source, d == 1 else { return false }
    return metric != .cosine && (metric != .power || power >= 1)
  }

  public var isPoints: Bool {
    if case .points = source { return true }
    return false
  }

  /// The point dimension; nil for dense costs.
  public var dimension: Int? {
    if case .points(_, _, let d, _, _) = source { return d }
    return nil
  }

  /// The same costs with sources and targets exchanged.
  public func transposed() throws(KantorError) -> Geometry {
    switch source {
    case .dense(let tensor):
      let flipped = Tensor(
        type: tensor.type, shape: tensor.shape.reversed(), strides: tensor.strides.reversed(),
        base: tensor.base, owner: tensor.owner)
      return .dense(try flipped.copied())
    case .points(let x, let y, let d, let metric, let power):
      return try .points(x: y, n: m, y: x, m: n, dimension: d, metric: metric, power: power)
    }
  }
}
