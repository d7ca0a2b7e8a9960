/// Tells rounding from slow convergence.
struct PassProgress {
  private var best = Double.infinity
  private var sinceBest = 0

  /// True when the error has not gone down for long: for passes in less than f64 soon, else after
  /// so many passes that even slow convergence would show.
  mutating func isStuck(_ error: Double, trusted: Bool) -> Bool {
    if error < 0.98 * best {
      best = error
      sinceBest = 0
      return false
    }
    sinceBest += 1
    return sinceBest > (trusted ? 1000 : 25)
  }
}
