import KantorCore
import Synchronization

/// The thresholded entries of an entropic plan, found once, by whichever thread asks first.
final class LazyEntries: Sendable {
  private let source: EntropicPlan
  private let threshold: Double
  private let made = Mutex<SparsePlan?>(nil)

  init(_ source: EntropicPlan, threshold: Double) {
    self.source = source
    self.threshold = threshold
  }

  func plan() throws(KantorError) -> SparsePlan {
    let (source, threshold) = (self.source, self.threshold)
    return try made.withLock { (made) throws(KantorError) in
      if let plan = made { return plan }
      let plan = try source.entries(above: threshold)
      made = plan
      return plan
    }
  }
}
