import KantorCore

/// A pair (x, y) that the default method found, for the checker.
struct AdaptiveCandidate {
  var proposal: BilevelProposal
  var method: String
  /// What to continue from: (x, y, multipliers).
  var z: Buffer<Double>?
  var sides: [ConditionsProgram.Side]?
  /// F.
  var value: Double
  /// Not solved to the end.
  var isRough = false

  /// What candidates are sorted by: a rough one may have a lower F when it is solved.
  var rank: Double { isRough ? value - margin : value }
  private var margin: Double { 1e-3 * (1 + abs(value)) }

  /// Whether it is another one again: the same x and F; for a rough one the same pair about.
  func repeats(_ old: AdaptiveCandidate) -> Bool {
    let difference = abs(old.value - value)
    guard isRough || old.isRough else {
      return difference <= 1e-12 * (1 + abs(value)) && change(from: old, relative: false) < 1e-9
    }
    // A better one than the rough one that is known is none of it.
    guard isRough else { return false }
    return difference <= margin && change(from: old, relative: true) < 1e-2
  }

  /// Largest difference of entries of x; with `relative` of (x, y), over their size.
  private func change(from old: AdaptiveCandidate, relative: Bool) -> Double {
    func largest(_ a: Buffer<Double>, _ b: Buffer<Double>) -> Double {
      var worst = 0.0
      for i in 0..<a.count {
        let size = relative ? 1 + abs(a.pointer[i]) : 1
        worst = max(worst, abs(a.pointer[i] - b.pointer[i]) / size)
      }
      return worst
    }
    let x = largest(old.proposal.x, proposal.x)
    return relative ? max(x, largest(old.proposal.y, proposal.y)) : x
  }
}
