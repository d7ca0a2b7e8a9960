import Glibc
import KantorCore

/// How residuals are counted: min 1/2 sum_i s^2 rho((r_i / s)^2), s the scale.
///
/// Source: W. Triggs, P. McLauchlan, R. Hartley, A. Fitzgibbon, "Bundle adjustment, a modern
/// synthesis" (2000), section 4.3.
public struct RobustLoss: Sendable {
  public enum Shape: String, Sendable, CaseIterable {
    /// rho(z) = z.
    case linear
    /// rho(z) = 2 (sqrt(1 + z) - 1).
    case softL1 = "soft_l1"
    /// rho(z) = z up to 1, 2 sqrt(z) - 1 from there.
    case huber
    /// rho(z) = log(1 + z).
    case cauchy
    /// rho(z) = arctan(z).
    case arctan
  }

  public let shape: Shape
  public let scale: Double

  public init(_ shape: Shape = .linear, scale: Double = 1) {
    self.shape = shape
    self.scale = scale
  }

  public var isLinear: Bool { shape == .linear }

  /// rho, rho' and rho'' at z >= 0.
  package func values(_ z: Double) -> (rho: Double, first: Double, second: Double) {
    switch shape {
    case .linear: return (z, 1, 0)
    case .softL1:
      let t = (1 + z).squareRoot()
      return (2 * z / (t + 1), 1 / t, -0.5 / (t * t * t))
    case .huber:
      if z <= 1 { return (z, 1, 0) }
      let t = z.squareRoot()
      return (2 * t - 1, 1 / t, -0.5 / (t * z))
    case .cauchy:
      let t = 1 / (1 + z)
      return (log1p(z), t, -t * t)
    case .arctan:
      let t = 1 / (1 + z * z)
      return (atan(z), t, -2 * z * t * t)
    }
  }

  /// s^2 rho((r / s)^2) of one residual, and rho' and rho'' with z there.
  func at(_ r: Double) -> (value: Double, first: Double, second: Double, z: Double) {
    if isLinear { return (r * r, 1, 0, r * r) }
    let t = r / scale
    let z = t * t
    let (rho, first, second) = values(z)
    return (scale * scale * rho, first, second, z)
  }

  /// 1/2 sum_i s^2 rho((r_i / s)^2).
  package func cost(_ r: UnsafePointer<Double>, _ count: Int) -> Double {
    var sum = 0.0
    if isLinear {
      for i in 0..<count { sum += r[i] * r[i] }
    } else {
      for i in 0..<count { sum += at(r[i]).value }
    }
    return 0.5 * sum
  }
}
