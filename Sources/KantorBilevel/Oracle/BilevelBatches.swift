import KantorBlocks
import KantorCore
import KantorNumerics

/// Independent sequences of random batches, so that one estimate does not know of another's draws.
public enum BatchStream: UInt64, Sendable {
  case upperForX = 1
  case upperForY = 2
  case lowerGradient = 3
  case lowerProduct = 4
  case other = 5
}

extension BilevelOracle {
  /// `size` components of a level's sum, drawn with replacement; the draw is a function of (seed,
  /// stream, step) alone, so that the same batch can be asked for at two points. All of them, in
  /// order, when `size` is not less than their number.
  public func draw(
    _ level: BilevelLevel, size: Int, seed: UInt64, stream: BatchStream, step: Int
  ) throws(KantorError) -> Buffer<Int64> {
    let components = problem.level(level).components
    guard size < components else { return try all(level) }
    let indices = try Buffer<Int64>(count: max(size, 1))
    let key = stream.rawValue << 56 ^ UInt64(truncatingIfNeeded: step)
    var numbers = RandomStream(seed: seed, stream: key)
    for i in 0..<indices.count { indices.pointer[i] = Int64(numbers.index(below: components)) }
    return indices
  }

  /// Whether batches of a level can be asked for; the other calls give the whole sum otherwise.
  public func offersBatches(_ level: BilevelLevel) -> Bool {
    problem.level(level).components > 0 && problem.level(level).functions.batchGradient != nil
  }

  public func batchValue(
    _ level: BilevelLevel, _ w: Point, _ indices: Buffer<Int64>
  ) throws(KantorError) -> Double {
    let functions = problem.level(level).functions
    guard functions.batchValue != nil else { return try value(level, w) }
    guard permit() else { return .infinity }
    noteSamples(indices.count, level, values: 1, gradients: 0, products: 0)
    var out = 0.0
    let outcome = try evaluator(level).call(
      .batchValue, functions.batchValue, at: w, indices: indices, count: indices.count, into: &out,
      count: 1)
    return fine(outcome, level) ? out : .infinity
  }

  public func batchGradient(
    _ level: BilevelLevel, _ w: Point, _ indices: Buffer<Int64>, _ out: Out
  ) throws(KantorError) -> Bool {
    let functions = problem.level(level).functions
    guard functions.batchGradient != nil else { return try gradient(level, w, out) }
    guard permit() else { return false }
    noteSamples(indices.count, level, values: 0, gradients: 1, products: 0)
    let outcome = try evaluator(level).call(
      .batchGradient, functions.batchGradient, at: w, indices: indices, count: indices.count,
      into: out, count: problem.n)
    return fine(outcome, level)
  }

  /// The mean second derivative over the batch times v; by differences of batch gradients, on the
  /// same batch, if it is not offered.
  public func batchHessianProduct(
    _ level: BilevelLevel, _ w: Point, _ indices: Buffer<Int64>, times v: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let functions = problem.level(level).functions
    let n = problem.n
    if functions.batchHessianProduct != nil {
      guard permit() else { return false }
      noteSamples(indices.count, level, values: 0, gradients: 0, products: 1)
      let outcome = try evaluator(level).batchHessianProduct(
        at: w, indices: indices, count: indices.count, times: v, into: out)
      return fine(outcome, level)
    }
    guard functions.batchGradient != nil else {
      return try hessianProduct(level, w, times: v, out)
    }
    noteDifferences()
    var (largest, size) = (0.0, 0.0)
    for i in 0..<n {
      largest = max(largest, abs(v[i]))
      size = max(size, v[i] == 0 ? 0 : abs(w[i]))
    }
    let point = try Buffer<Double>(count: n)
    let other = try Buffer<Double>(count: n)
    guard largest > 0 else {
      for i in 0..<n { out[i] = 0 }
      return true
    }
    let t = Self.step * (1 + size) / largest
    for i in 0..<n { point.pointer[i] = w[i] + t * v[i] }
    guard try batchGradient(level, point.pointer, indices, out) else { return false }
    for i in 0..<n { point.pointer[i] = w[i] - t * v[i] }
    guard try batchGradient(level, point.pointer, indices, other.pointer) else { return false }
    for i in 0..<n { out[i] = (out[i] - other.pointer[i]) / (2 * t) }
    return true
  }
}
