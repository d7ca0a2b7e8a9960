import KantorCore

/// Halpern's iteration w <- (k + 1)/(k + 2) N(w) + 1/(k + 2) anchor for a nonexpansive N, with the
/// anchor moved to the present point when the fixed-point error has fallen enough.
///
/// For N = 2T - 1 its error falls like 1/k, where that of w <- T(w) falls like 1/sqrt(k); for
/// problems without solution the same is true of the distance to the infimal displacement vector,
/// from which rays are read. Restarts make it linear on problems with sharp solutions.
///
/// Source: F. Lieder, "On the convergence rate of the Halpern-iteration", Optim. Lett. 15 (2021);
/// J. Park, E. K. Ryu, "Accelerated infeasibility detection of constrained optimization and
/// fixed-point iterations", ICML (2023); H. Lu, J. Yang, "Restarted Halpern PDHG for linear
/// programming" (2024), whose restart rules these are.
package struct HalpernAnchor {
  package let anchor: Buffer<Double>
  package private(set) var inner = 0
  package private(set) var restarts = 0
  private var total = 0
  private var firstError = Double.nan
  private var lastError = Double.infinity

  private static let sufficient = 0.2
  private static let necessary = 0.5
  private static let longest = 0.36
  private static let shortest = 64

  package init(count: Int) throws(KantorError) { anchor = try Buffer(count: count) }

  package mutating func place(_ w: UnsafePointer<Double>) {
    anchor.pointer.update(from: w, count: anchor.count)
    inner = 0
    firstError = .nan
    lastError = .infinity
  }

  /// w <- the next point; `image` holds N(w).
  package mutating func advance(_ w: UnsafeMutablePointer<Double>, _ image: UnsafePointer<Double>) {
    let keep = Double(inner + 1) / Double(inner + 2)
    let pull = 1 / Double(inner + 2)
    for i in 0..<anchor.count { w[i] = keep * image[i] + pull * anchor.pointer[i] }
    inner += 1
    total += 1
  }

  /// Whether `error`, that of the present point, asks for a restart; the caller then places the
  /// anchor.
  package mutating func wantsRestart(error: Double) -> Bool {
    if firstError.isNaN {
      firstError = error
      lastError = error
      return false
    }
    let restarts =
      error <= Self.sufficient * firstError
      || (error <= Self.necessary * firstError && error > lastError)
      || (inner >= Self.shortest && Double(inner) >= Self.longest * Double(total))
    lastError = error
    if restarts { self.restarts += 1 }
    return restarts
  }
}
