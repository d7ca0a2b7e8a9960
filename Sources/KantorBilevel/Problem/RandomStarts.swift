import KantorCore
import KantorNumerics

/// Random points within bounds, or around a point where there are none.
struct RandomStarts {
  private var stream: RandomStream

  init(seed: UInt64) { stream = RandomStream(seed: seed, stream: 0x5354_4152) }

  /// A number between 0 and 1.
  mutating func next() -> Double { stream.uniform() }

  /// `isWhole` for points of all the room between bounds, not of the part near the centre.
  mutating func scatter(
    _ centre: Buffer<Double>, _ low: Buffer<Double>, _ high: Buffer<Double>,
    isWhole: Bool = false, into out: Buffer<Double>
  ) {
    for i in 0..<centre.count {
      let (low, high, c) = (low.pointer[i], high.pointer[i], centre.pointer[i])
      let half = 0.5 * (high - low)
      let reach = max(3 * (1 + abs(c)), half.isFinite ? half : 0)
      let isAll = isWhole && half.isFinite
      let (from, to) = isAll ? (low, high) : (max(low, c - reach), min(high, c + reach))
      out.pointer[i] = from + (to - from) * next()
    }
  }
}
