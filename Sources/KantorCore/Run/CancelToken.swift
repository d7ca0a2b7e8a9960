import CKantorSupport

/// A request to stop that any thread, or a signal handler, may raise at any time.
public final class CancelToken: @unchecked Sendable {
  private let flag: UnsafeMutablePointer<kn_flag>

  public init() {
    flag = .allocate(capacity: 1)
    flag.initialize(to: kn_flag(value: 0))
  }

  deinit { flag.deallocate() }

  public func cancel() { kn_flag_set(flag, 1) }
  public func clear() { kn_flag_set(flag, 0) }
  public var isCancelled: Bool { kn_flag_get(flag) != 0 }
}
