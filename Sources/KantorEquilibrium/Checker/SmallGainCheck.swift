import KantorCore
import KantorNumerics

/// What block weights prove about a game.
package struct SmallGainCertificate {
  /// alpha: lower bound of the monotonicity in the metric of the weights.
  package var margin = Double.nan
  /// The same for equal weights.
  package var euclideanMargin = Double.nan
  /// beta: upper bound of the Lipschitz constant in the metric; NaN where it is not known.
  package var lipschitz = Double.nan
  /// True when a nonnegative vector v with Mv <= 0 shows that no weights will do.
  package var isExcluded = false
}

/// Judges weights w and, where there are none, a vector v that says so.
///
/// With M = diag(mu) - coupling and S the symmetric part of W^(1/2) M W^(-1/2), the players'
/// gradients F satisfy <F(x) - F(y), x - y>_W >= lambda_min(S) |x - y|_W^2. M is a nonsingular
/// M-matrix if and only if some w makes lambda_min(S) positive; Mv <= 0 for a v >= 0 that is not 0
/// excludes it, because the inverse of such a matrix is nonnegative.
package struct SmallGainCheck {
  let bounds: GameBounds
  /// Exact derivatives, where they are known: a sharper beta.
  let matrices: (values: Buffer<Double>, count: Int, players: [Int])?

  package init(
    _ bounds: GameBounds,
    matrices: (values: Buffer<Double>, count: Int, players: [Int])? = nil
  ) {
    self.bounds = bounds
    self.matrices = matrices
  }

  package func certify(
    weights: Buffer<Double>, witness: Buffer<Double>?
  ) throws(KantorError) -> SmallGainCertificate {
    let count = bounds.players
    var found = SmallGainCertificate()
    let ones = try Buffer<Double>(count: count, repeating: 1)
    found.euclideanMargin = try margin(ones)
    var isPositive = true
    for i in 0..<count where !(weights[i] > 0 && weights[i].isFinite) { isPositive = false }
    if isPositive {
      found.margin = try margin(weights)
      found.lipschitz = try lipschitz(weights)
    }
    if let witness { found.isExcluded = excludes(witness) }
    return found
  }

  private func margin(_ weights: Buffer<Double>) throws(KantorError) -> Double {
    let count = bounds.players
    let s = try Buffer<Double>(count: count * count)
    for i in 0..<count {
      s[i * count + i] = bounds.curvature[i]
      for j in 0..<i {
        let ratio = (weights[i] / weights[j]).squareRoot()
        let off =
          -0.5 * (ratio * bounds.coupling[i * count + j] + bounds.coupling[j * count + i] / ratio)
        s[i * count + j] = off
        s[j * count + i] = off
      }
    }
    return try SpectrumBounds.least(s, order: count)
  }

  /// The norm of W^(1/2) J W^(-1/2): of the derivatives themselves, or of the matrix of bounds,
  /// which is no less.
  private func lipschitz(_ weights: Buffer<Double>) throws(KantorError) -> Double {
    if let matrices {
      var scales: [Double] = []
      for (i, size) in matrices.players.enumerated() {
        scales += Array(repeating: weights[i].squareRoot(), count: size)
      }
      let n = scales.count
      let scaled = try Buffer<Double>(count: n * n)
      var worst = 0.0
      for k in 0..<matrices.count {
        for i in 0..<n {
          for j in 0..<n {
            scaled[i * n + j] = scales[i] / scales[j] * matrices.values[(k * n + i) * n + j]
          }
        }
        worst = max(worst, try SpectrumBounds.norm(scaled, rows: n, columns: n))
      }
      return worst
    }
    guard let smoothness = bounds.smoothness else { return .nan }
    let count = bounds.players
    let scaled = try Buffer<Double>(count: count * count)
    for i in 0..<count {
      for j in 0..<count {
        let bound = i == j ? smoothness[i] : bounds.coupling[i * count + j]
        scaled[i * count + j] = (weights[i] / weights[j]).squareRoot() * bound
      }
    }
    return try SpectrumBounds.norm(scaled, rows: count, columns: count)
  }

  private func excludes(_ v: Buffer<Double>) -> Bool {
    let count = bounds.players
    var top = 0.0
    for i in 0..<count {
      guard v[i] >= 0, v[i].isFinite else { return false }
      top = max(top, v[i])
    }
    guard top > 0 else { return false }
    for i in 0..<count {
      var sum = CompensatedSum()
      sum.add(bounds.curvature[i] * v[i])
      for j in 0..<count where j != i { sum.add(-bounds.coupling[i * count + j] * v[j]) }
      if !(sum.value <= 0) { return false }
    }
    return true
  }
}
