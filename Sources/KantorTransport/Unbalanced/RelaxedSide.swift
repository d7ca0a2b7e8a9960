import CKantorKernels
import KantorCore
import KantorNumerics

/// One side of a relaxed entropic problem: its potentials, and how they follow from the plan.
///
/// phi_i = base_i + f_i/eps, with base = log a for the reference a b' and 0 for the uniform one, is
/// the potential in the exponents of the plan; `transform`[i] is the phi_i with which row i of the
/// plan would sum to 1. So f~_i = eps (log a_i - base_i + transform_i) makes that sum a_i, and the
/// dual is largest in f_i at
///
///     kl     f = rho/(rho + eps) f~            tv   f = f~ clipped to [-rho, rho]
///     fixed  f = f~                            cap  f = min(f~, 0)
///     l2     a - f/rho = a exp((f - f~)/eps)
final class RelaxedSide: @unchecked Sendable {
  let weights: Buffer<Double>
  let penalty: MarginalPenalty
  let mass: Double
  /// f, in units of the cost.
  let potential: Buffer<Double>
  /// The multiplier of the mass, which the exponents of one side hold: phi = base + (f + l)/eps.
  var multiplier = 0.0
  let phi: Buffer<Double>
  let transform: Buffer<Double>
  private let base: Buffer<Double>
  /// log a - base, 0 where there is no mass.
  private let offset: Buffer<Double>
  private let room: Buffer<Double>

  /// Where exp(-f/rho) no longer counts.
  private static let far = 50.0

  init(
    _ weights: Buffer<Double>, _ penalty: MarginalPenalty, isUniform: Bool
  ) throws(KantorError) {
    let count = weights.count
    self.weights = weights
    self.penalty = penalty
    mass = RelaxedProblem.total(weights)
    potential = try Buffer(count: count)
    phi = try Buffer(count: count)
    transform = try Buffer(count: count)
    base = try Buffer(count: count)
    offset = try Buffer(count: count)
    room = try Buffer(count: count)
    kn_log_f64(weights.pointer, base.pointer, Int64(count))
    for i in 0..<count where isUniform && weights.pointer[i] > 0 {
      offset.pointer[i] = base.pointer[i]
      base.pointer[i] = 0
    }
  }

  var count: Int { weights.count }

  /// phi of the present f, for points first ..< end.
  func setExponents(_ epsilon: Double, _ first: Int, _ end: Int) {
    for i in first..<end {
      phi.pointer[i] = base.pointer[i] + (potential.pointer[i] + multiplier) / epsilon
    }
  }

  func setExponents(_ epsilon: Double) { setExponents(epsilon, 0, count) }

  /// f from the transform, for points first ..< end, and phi.
  func update(_ epsilon: Double, _ first: Int, _ end: Int) {
    let (f, rho) = (potential.pointer, penalty.strength)
    let kappa = rho / (rho + epsilon)
    for i in first..<end {
      let free = exact(i, epsilon) - multiplier
      switch penalty.form {
      case .kl: f[i] = free < .infinity ? kappa * free : Self.far * rho
      case .tv: f[i] = min(max(free, -rho), rho)
      case .fixed: f[i] = free < .infinity ? free : 0
      case .cap: f[i] = min(free, 0)
      case .l2: f[i] = quadratic(free, weights.pointer[i], epsilon)
      }
    }
    setExponents(epsilon, first, end)
  }

  /// f~ + l.
  func exact(_ i: Int, _ epsilon: Double) -> Double {
    epsilon * (offset.pointer[i] + transform.pointer[i])
  }

  /// With t = (f - f~)/eps the root of e^t + k t = c, k = eps/(rho a), c = 1 - f~/(rho a), which is
  /// convex and rising: Newton's method falls onto it from the right.
  private func quadratic(_ free: Double, _ a: Double, _ epsilon: Double) -> Double {
    let scale = penalty.strength * a
    guard free < .infinity, a > 0 else { return min(scale, free) }
    let (k, c) = (epsilon / scale, 1 - free / scale)
    var t = c > 1 ? Double.log(c) : min(0, c / k)
    for _ in 0..<100 {
      let e = exponential(t)
      let step = (e + k * t - c) / (e + k)
      t -= step
      if abs(step) <= 1e-15 * max(1, abs(t)) { break }
    }
    return free + epsilon * t
  }

  private func exponential(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_exp_f64(&input, &output, 1)
    return output
  }

  /// Sum over the points of |marginal - what the penalty wants at f|, marginals being
  /// exp(phi - transform); relative to `scale`.
  func error(_ epsilon: Double, relativeTo scale: Double) -> Double {
    let (n, rho) = (count, penalty.strength)
    let wanted = room.pointer
    var sum = CompensatedSum()
    if penalty.form == .kl {
      for i in 0..<n { wanted[i] = -potential.pointer[i] / rho }
      kn_exp_f64(wanted, wanted, Int64(n))
    }
    for i in 0..<n where weights.pointer[i] > 0 {
      let (a, f) = (weights.pointer[i], potential.pointer[i])
      let row = exponential(phi.pointer[i] - transform.pointer[i])
      switch penalty.form {
      case .kl: sum.add(abs(row - a * wanted[i]))
      case .l2: sum.add(abs(row - max(0, a - f / rho)))
      case .fixed: sum.add(abs(row - a))
      case .cap: sum.add(f < 0 ? abs(row - a) : max(0, row - a))
      case .tv:
        sum.add(f <= -rho ? max(0, a - row) : f >= rho ? max(0, row - a) : abs(row - a))
      }
    }
    return sum.value / scale
  }

  /// Sum of the marginals.
  func massOfMarginals() -> Double {
    for i in 0..<count { room.pointer[i] = phi.pointer[i] - transform.pointer[i] }
    kn_exp_f64(room.pointer, room.pointer, Int64(count))
    var sum = CompensatedSum()
    for i in 0..<count where weights.pointer[i] > 0 { sum.add(room.pointer[i]) }
    return sum.value
  }

  /// log sum a exp(-f/rho): of the mass for a side that is fixed.
  func logTotal() -> Double {
    guard penalty.form == .kl else { return Double.log(mass) }
    let e = room.pointer
    kn_log_f64(weights.pointer, e, Int64(count))
    for i in 0..<count { e[i] -= potential.pointer[i] / penalty.strength }
    return kn_logsumexp_f64(e, Int64(count))
  }

  /// Puts potentials back where the penalty keeps them.
  func clip() {
    let rho = penalty.strength
    for i in 0..<count {
      let f = potential.pointer[i]
      switch penalty.form {
      case .tv: potential.pointer[i] = min(max(f, -rho), rho)
      case .cap: potential.pointer[i] = min(f, 0)
      case .kl, .l2, .fixed: break
      }
    }
  }

  func shift(by amount: Double) {
    for i in 0..<count { potential.pointer[i] += amount }
  }
}
