import KantorNumerics

/// Numbers for random starts.
struct RandomStreamOfStarts {
  private var stream: RandomStream

  init(seed: UInt64) { stream = RandomStream(seed: seed, stream: 0x5354_4152) }

  mutating func next() -> Double { stream.uniform() }
}
