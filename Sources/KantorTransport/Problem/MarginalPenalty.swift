import Glibc

/// What it costs that a marginal r of the plan is not the weight a: D(r | a), point by point.
public struct MarginalPenalty: Sendable {
  public enum Form: String, Sendable {
    /// rho (r log(r/a) - r + a)
    case kl
    /// rho/2 (r - a)^2
    case l2
    /// rho |r - a|
    case tv
    /// r = a
    case fixed
    /// r <= a
    case cap
  }

  public var form: Form
  /// rho, in units of the cost (for l2: of the cost over the mass).
  public var strength: Double

  public init(_ form: Form, strength: Double) {
    self.form = form
    self.strength = strength
  }

  /// D(r | a); for fixed and cap 0, as what they miss is a residual.
  package func value(_ r: Double, _ a: Double) -> Double {
    switch form {
    case .kl:
      if r == 0 { return strength * a }
      return a > 0 ? strength * (r * log(r / a) - r + a) : .infinity
    case .l2: return 0.5 * strength * (r - a) * (r - a)
    case .tv: return strength * abs(r - a)
    case .fixed, .cap: return 0
    }
  }

  /// How far r is from what the form allows.
  package func residual(_ r: Double, _ a: Double) -> Double {
    switch form {
    case .fixed: return abs(r - a)
    case .cap: return max(0, r - a)
    case .kl, .l2, .tv: return 0
    }
  }

  /// -D*(-f | a) = inf over r >= 0 of f r + D(r | a): what potential f adds to the dual.
  package func dual(_ f: Double, _ a: Double) -> Double {
    switch form {
    case .kl: return -strength * a * expm1(-f / strength)
    case .l2:
      return f <= strength * a ? f * a - f * f / (2 * strength) : 0.5 * strength * a * a
    case .tv: return f >= -strength ? a * min(f, strength) : -.infinity
    case .fixed: return a * f
    case .cap: return a * min(f, 0)
    }
  }

  /// The derivative of `dual` with respect to a: of the value with respect to the weight.
  package func weightDerivative(_ f: Double, _ a: Double) -> Double {
    switch form {
    case .kl: return -strength * expm1(-f / strength)
    case .l2: return min(f, strength * a)
    case .tv: return min(f, strength)
    case .fixed: return f
    case .cap: return min(f, 0)
    }
  }

  /// The slope of `dual` in direction d far out: what a ray of potentials is worth.
  package func recession(_ d: Double, _ a: Double) -> Double {
    switch form {
    case .fixed: return a * d
    case .cap: return a * min(d, 0)
    case .kl, .l2, .tv: return d >= 0 ? 0 : -.infinity
    }
  }
}
