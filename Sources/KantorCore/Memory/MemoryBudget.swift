import CKantorSupport
import Synchronization

/// The memory that one solve may take: buffers that the calling thread allocates while the solve
/// runs are charged to it, and given back when they end. Option `memory_limit`.
public final class MemoryBudget: Sendable {
  public let limit: Int
  private let used = Atomic<Int>(0)

  public init(limit: Int) { self.limit = limit }

  /// From a number of bytes as options have it; nil when there is no limit.
  public convenience init?(bytes: Double) {
    guard bytes < 0x1p62 else { return nil }
    self.init(limit: Int(max(0, bytes)))
  }

  public var bytes: Int { used.load(ordering: .relaxed) }

  /// Refuses, before anything is allocated, what would pass the limit.
  func charge(_ bytes: Int) throws(KantorError) {
    let before = used.wrappingAdd(bytes, ordering: .relaxed).oldValue
    if bytes > limit - before {
      used.wrappingSubtract(bytes, ordering: .relaxed)
      throw KantorError(
        .tooLarge,
        "option 'memory_limit' is \(limit) bytes; the solve has taken \(before) and needs "
          + "\(bytes) more")
    }
  }

  func giveBack(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }

  /// The budget of the solve that runs on this thread.
  static var current: MemoryBudget? {
    guard let pointer = kn_budget_get() else { return nil }
    return Unmanaged<MemoryBudget>.fromOpaque(pointer).takeUnretainedValue()
  }
}

/// Runs a solve under a budget; a solve inside a hook of another has its own or none.
public func withBudget<T>(
  _ budget: MemoryBudget?, _ body: () throws(KantorError) -> T
) throws(KantorError) -> T {
  let before = kn_budget_set(budget.map { Unmanaged.passUnretained($0).toOpaque() })
  defer { _ = kn_budget_set(before) }
  let answer = try body()
  withExtendedLifetime(budget) {}
  return answer
}
