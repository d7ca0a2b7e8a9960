import CKantorKernels
import KantorCore
import KantorNumerics

/// What a transport value V leaves between the cost of a map's own pairs and itself.
package enum GapForm: String, Sendable, CaseIterable {
  /// min <P, C> + eps sum P log P, the form of the paper.
  case shannon
  /// min <P, C> + eps KL(P | a a^T).
  case kl
  /// V(x, y) - V(x, x)/2 - V(y, y)/2.
  case debiased
}

/// The Monge gap sum a_i C_ii - V and an interval that contains it.
package struct MongeGapCertificate {
  package var value = Double.nan
  package var pairingCost = Double.nan
  package var transportValue = Double.nan
  package var lower = -Double.infinity
  package var upper = Double.infinity
  package var scale = Double.nan
  package var marginalResidual = Double.nan

  package var gap: Double { upper - lower }
  package var relativeGap: Double { gap <= 0 ? 0 : gap / scale }
}

/// Puts the certificate of the inner transport problem and the cost of the map's own pairs, added
/// up here from the caller's data, together.
package struct MongeGapCheck {
  private let problem: MapProblem
  private let pairing: Double
  private let size: Double

  package init(_ problem: MapProblem) throws(KantorError) {
    self.problem = problem
    let cost = try CheckedCost(problem.transport.geometry)
    var (sum, size) = (CompensatedSum(), CompensatedSum())
    for i in 0..<problem.n where problem.weights.pointer[i] > 0 {
      let term = problem.weights.pointer[i] * cost.entry(i, i)
      sum.add(term)
      size.add(abs(term))
    }
    pairing = sum.value
    self.size = size.value
  }

  /// Of the exact problem: below by the plan, above by the dual bound.
  package func exact(_ inner: TransportCertificate, tolerance: Double) -> MongeGapCertificate {
    var out = start(inner.objective, inner.scale, inner.marginalResidual)
    // The pairing itself is a plan, so that a value below 0 is rounding.
    out.lower = inner.marginalResidual <= tolerance ? pairing - inner.upperBound : 0
    out.upper = max(out.lower, pairing - inner.lowerBound)
    return out
  }

  /// Of an entropic problem in one of the two conventions.
  package func entropic(
    _ inner: TransportCertificate, epsilon: Double, form: GapForm
  ) -> MongeGapCertificate {
    let shift = form == .shannon ? shannonShift(epsilon) : 0
    var out = start(inner.objective - shift, inner.scale, inner.marginalResidual)
    out.lower = pairing - (inner.dualObjective + inner.gap - shift)
    out.upper = pairing - (inner.dualObjective - shift)
    return out
  }

  /// Of a divergence known up to `gap` on either side.
  package func debiased(
    value: Double, gap: Double, scale: Double, marginalResidual: Double
  ) -> MongeGapCertificate {
    var out = start(value, scale, marginalResidual)
    out.lower = out.value - gap
    out.upper = out.value + gap
    return out
  }

  /// The least gap that any map of these weights has, reached by none if eps > 0: the pairing is a
  /// plan, whose entropy is that of the weights.
  package func leastValue(epsilon: Double, form: GapForm) -> Double {
    guard epsilon > 0 else { return 0 }
    switch form {
    case .shannon: return epsilon * entropy
    case .kl: return -epsilon * (entropy + massTerm)
    case .debiased: return -.infinity
    }
  }

  private func start(
    _ value: Double, _ innerScale: Double, _ residual: Double
  ) -> MongeGapCertificate {
    var out = MongeGapCertificate()
    out.pairingCost = pairing
    out.transportValue = value
    out.value = pairing - value
    out.scale = max(innerScale, size)
    out.marginalResidual = residual
    return out
  }

  /// What the value with KL(P | a a^T) has more than that with sum P log P.
  private func shannonShift(_ epsilon: Double) -> Double { epsilon * (2 * entropy + massTerm) }

  private var massTerm: Double {
    let mass = problem.transport.mass
    return mass * mass - mass
  }

  /// -sum a log a
  private var entropy: Double {
    var sum = CompensatedSum()
    for i in 0..<problem.n where problem.weights.pointer[i] > 0 {
      var (input, output) = (problem.weights.pointer[i], 0.0)
      kn_log_f64(&input, &output, 1)
      sum.add(-input * output)
    }
    return sum.value
  }
}
