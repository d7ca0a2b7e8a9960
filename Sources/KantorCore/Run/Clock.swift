import Glibc

/// Seconds on the monotonic clock. Only `Monitor` reads it inside a solve.
public func monotonicSeconds() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Double(now.tv_sec) + 1e-9 * Double(now.tv_nsec)
}
