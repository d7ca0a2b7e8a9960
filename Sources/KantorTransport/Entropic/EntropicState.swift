import CKantorKernels
import KantorCore
import KantorNumerics

/// Potentials of an entropic plan in the form in which the sweeps use them:
///     P_ij = exp(phi_i + gamma_j - C_ij / eps),  phi = f/eps + log a,  gamma = g/eps + log b,
/// -infinity where there is no mass. A sweep finds phi from gamma, so gamma alone is the iterate.
final class EntropicState {
  let n: Int
  let m: Int
  let a: Buffer<Double>
  let b: Buffer<Double>
  let mass: Double
  let logA: Buffer<Double>
  let logB: Buffer<Double>
  let phi: Buffer<Double>
  let gamma: Buffer<Double>
  /// Column sums of the plan of the last sweep, whose rows were exact.
  let columnSum: Buffer<Double>
  private(set) var epsilon: Double

  /// g at the previous level of epsilon scaling.
  private let previousG: Buffer<Double>
  private var previousEpsilon = Double.nan

  init(a: Buffer<Double>, b: Buffer<Double>, mass: Double, epsilon: Double) throws(KantorError) {
    n = a.count
    m = b.count
    self.a = a
    self.b = b
    self.mass = mass
    self.epsilon = epsilon
    logA = try Buffer(count: n)
    logB = try Buffer(count: m)
    kn_log_f64(a.pointer, logA.pointer, Int64(n))
    kn_log_f64(b.pointer, logB.pointer, Int64(m))
    phi = try logA.copy()
    gamma = try logB.copy()
    columnSum = try Buffer(count: m)
    previousG = try Buffer(count: m)
  }

  /// Starts at given target potentials, at the same epsilon.
  func set(g: UnsafePointer<Double>) {
    for j in 0..<m where b.pointer[j] > 0 { gamma.pointer[j] = logB.pointer[j] + g[j] / epsilon }
  }

  /// Takes over potentials at the same epsilon.
  func set(f: UnsafePointer<Double>, g: UnsafePointer<Double>) {
    set(g: g)
    for i in 0..<n where a.pointer[i] > 0 { phi.pointer[i] = logA.pointer[i] + f[i] / epsilon }
  }

  /// Forgets everything: zero potentials at another epsilon.
  func restart(at epsilon: Double) {
    self.epsilon = epsilon
    previousEpsilon = .nan
    for j in 0..<m { gamma.pointer[j] = logB.pointer[j] }
    for i in 0..<n { phi.pointer[i] = logA.pointer[i] }
  }

  /// Moves to another epsilon. For small epsilon g is nearly linear in it, so two levels predict
  /// the next; after one level g is kept.
  func move(to next: Double) {
    let slope =
      previousEpsilon.isNaN ? 0 : (next - epsilon) / (epsilon - previousEpsilon)
    for j in 0..<m where b.pointer[j] > 0 {
      let g = epsilon * (gamma.pointer[j] - logB.pointer[j])
      let change = previousEpsilon.isNaN ? 0 : g - previousG.pointer[j]
      previousG.pointer[j] = g
      gamma.pointer[j] = logB.pointer[j] + (g + slope * change) / next
    }
    for i in 0..<n where a.pointer[i] > 0 {
      phi.pointer[i] = logA.pointer[i] + (phi.pointer[i] - logA.pointer[i]) * (epsilon / next)
    }
    previousEpsilon = epsilon
    epsilon = next
  }

  /// Potentials in units of the cost; meaningless without mass.
  @inline(__always)
  func f(_ i: Int) -> Double { epsilon * (phi.pointer[i] - logA.pointer[i]) }
  @inline(__always)
  func g(_ j: Int) -> Double { epsilon * (gamma.pointer[j] - logB.pointer[j]) }

  /// A copy of the potentials in units of the cost, 0 where there is no mass.
  func potentials() throws(KantorError) -> (f: Buffer<Double>, g: Buffer<Double>) {
    let f = try Buffer<Double>(count: n)
    let g = try Buffer<Double>(count: m)
    for i in 0..<n where a.pointer[i] > 0 { f.pointer[i] = self.f(i) }
    for j in 0..<m where b.pointer[j] > 0 { g.pointer[j] = self.g(j) }
    return (f, g)
  }

  /// L1 distance of the column sums from b relative to the mass; rows are exact after a sweep.
  var columnError: Double {
    var error = CompensatedSum()
    for j in 0..<m { error.add(abs(columnSum.pointer[j] - b.pointer[j])) }
    return error.value / mass
  }

  /// <a,f> + <b,g>, which is the dual value when the plan's total is the mass, as after a sweep.
  var dualValue: Double {
    var value = CompensatedSum()
    for i in 0..<n where a.pointer[i] > 0 {
      value.add(a.pointer[i] * (phi.pointer[i] - logA.pointer[i]))
    }
    for j in 0..<m where b.pointer[j] > 0 {
      value.add(b.pointer[j] * (gamma.pointer[j] - logB.pointer[j]))
    }
    return epsilon * value.value
  }
}
