import KantorBlocks
import KantorCore

/// What a stochastic method sees of F: the mean of a few components, or what `map` gives, noise
/// included.
final class SampledFeedback {
  let oracle: Oracle
  private let sampler: Sampler?
  /// Steps between two looks at the whole F.
  let period: Int

  var isSampling: Bool { sampler != nil }

  init(_ oracle: Oracle, _ run: Run) throws(KantorError) {
    self.oracle = oracle
    let count = oracle.problem.components
    guard count > 0 else {
      (sampler, period) = (nil, 1)
      return
    }
    let made = try Sampler(oracle, batch: run.options.int("batch"), seed: run.seed)
    sampler = made
    period = max(1, 2 * (count / made.batch))
  }

  func value(
    at z: UnsafePointer<Double>, into f: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    guard let sampler else { return try oracle.value(at: z, into: f) }
    sampler.draw()
    return try sampler.mean(at: z, into: f)
  }

  static let options: [OptionSpec] = [
    OptionSpec(
      "batch", .int(1, min: 1, max: 1 << 40), "Components drawn for a step of a finite sum.")
  ]
}
