import CKantorSupport

/// A request to stop that any thread, or a signal handler, may raise at any time.
public final class CancelToken: @unchecked Sendable {
  private let flag: UnsafeMutablePointer<kn_flag>
  private let parent: CancelToken?

  /// With a parent, its request counts too.
  public init(parent: CancelToken? = nil) {
    self.parent = parent
    flag = .allocate(capacity: 1)
    flag.initialize(to: kn_flag(value: 0))
  }

  deinit { flag.deallocate() }

  public func cancel() { kn_flag_set(flag, 1) }
  /// A request on behalf of a larger solve, which stops for this reason.
  public func stop(_ reason: Status) { kn_flag_set(flag, reason.rawValue) }
  public func clear() { kn_flag_set(flag, 0) }
  public var isCancelled: Bool { kn_flag_get(flag) != 0 || parent?.isCancelled == true }
  /// Why to stop; nil while nobody asked.
  public var reason: Status? {
    let value = kn_flag_get(flag)
    if value == 0 { return parent?.reason }
    return value == 1 ? .cancelled : Status(rawValue: value) ?? .cancelled
  }
}
