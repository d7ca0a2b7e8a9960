import Glibc
import KantorBlocks
import KantorCore

/// Moves a vector into the dual of a cone for certain: the nearest point first, then so far inwards
/// that rounding errors cannot put it outside.
struct DualLift {
  let problem: ConeProblem
  private let projection: ConeProjection

  init(_ problem: ConeProblem) throws(KantorError) {
    self.problem = problem
    projection = try ConeProjection(
      problem.cones, lower: problem.lower, upper: problem.upper)
  }

  /// False when z is not finite.
  func lift(_ z: UnsafeMutablePointer<Double>) throws(KantorError) -> Bool {
    guard projection.projectDual(z) else { return false }
    for (k, cone) in problem.cones.enumerated() {
      let v = z + problem.rowStarts[k]
      switch cone {
      case .zero, .nonnegative, .box: continue
      case .secondOrder(let count):
        v[0] = max(v[0], Self.longest(v + 1, count - 1))
      case .rotatedSecondOrder(let count): Self.rotated(v, count)
      case .exponential: Self.exponential(v)
      case .power(let a): Self.power([a, 1 - a], v, 1)
      case .generalizedPower(let exponents, let tail): Self.power(exponents, v, tail)
      case .psd(let side): try Self.semidefinite(v, side)
      }
    }
    for i in 0..<problem.m where !z[i].isFinite { return false }
    return true
  }

  /// At least the length.
  private static func longest(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    let length = SecondOrderProjection.length(v, count)
    return length == 0 ? 0 : length * (1 + Double(count + 8) * 0x1p-52) + .leastNonzeroMagnitude
  }

  /// 2ab >= |w|^2.
  private static func rotated(_ v: UnsafeMutablePointer<Double>, _ count: Int) {
    (v[0], v[1]) = (max(v[0], 0), max(v[1], 0))
    let tail = longest(v + 2, count - 2)
    guard tail > 0 else { return }
    // With a >= b: b is at least |w|^2/(2a), and a at least |w|/2.
    let k = v[0] >= v[1] ? 0 : 1
    v[k] = max(v[k], 0.5 * tail)
    v[1 - k] = max(v[1 - k], (tail / v[k]) * (0.5 * tail) * (1 + 0x1p-49) + .leastNormalMagnitude)
  }

  /// z_2 >= -z_0 exp(z_1/z_0 - 1).
  private static func exponential(_ v: UnsafeMutablePointer<Double>) {
    v[2] = max(v[2], 0)
    if v[0] >= 0 {
      (v[0], v[1]) = (0, max(v[1], 0))
      return
    }
    let exponent = v[1] / v[0] - 1
    // The exponent has an error of some units of rounding of itself.
    let least = -v[0] * exp(exponent + (abs(exponent) + 2) * 0x1p-50)
    v[2] = max(v[2], least * (1 + 0x1p-49) + .leastNormalMagnitude)
  }

  /// prod (z_i/a_i)^{a_i} >= |w|: heads times a factor, as their side has degree 1.
  private static func power(
    _ exponents: [Double], _ v: UnsafeMutablePointer<Double>, _ tail: Int
  ) {
    let k = exponents.count
    for i in 0..<k { v[i] = max(v[i], 0) }
    let length = longest(v + k, tail)
    guard length > 0 else { return }
    var (sum, size, total) = (0.0, 0.0, 0.0)
    for (i, a) in exponents.enumerated() {
      // Heads of 0 would need infinite others.
      v[i] = max(v[i], 1e-20 * length, .leastNormalMagnitude)
      let term = a * (log(v[i]) - log(a))
      sum += term
      size += abs(term) + a * (abs(log(v[i])) + abs(log(a)))
      total += a
    }
    let short = log(length) - sum
    let slack = (size + abs(log(length)) + 4) * Double(k + 8) * 0x1p-51
    guard short + slack > 0 else { return }
    let factor = exp((short + slack) / total * (1 + 0x1p-50)) * (1 + 0x1p-49)
    for i in 0..<k { v[i] *= factor }
  }

  /// Raises the diagonal until a Cholesky factorisation that is shifted by more than its own error
  /// succeeds.
  ///
  /// Source: S. M. Rump, "Verification of positive definiteness", BIT 46 (2006).
  private static func semidefinite(
    _ v: UnsafeMutablePointer<Double>, _ k: Int
  ) throws(KantorError) {
    guard k > 0 else { return }
    if k == 1 { return v[0] = max(v[0], 0) }
    let matrix = try Buffer<Double>(count: k * k)
    var trace = 0.0
    var p = -1
    for j in 0..<k {
      p += j + 1
      trace += max(v[p], 0)
    }
    if trace == 0 {
      for i in 0..<(k * (k + 1) / 2) where v[i] != 0 { trace += abs(v[i]) }
      if trace == 0 { return }
    }
    // Errors of the factorisation, and of dividing by sqrt 2.
    var raise = 4 * Double(k + 4) * 0x1p-53 * trace + Double.leastNormalMagnitude
    for _ in 0..<200 {
      let margin = 2 * Double(k + 3) * 0x1p-53 * (trace + Double(k) * raise)
      ScaledTriangle.unpack(v, k, into: matrix.pointer)
      for j in 0..<k { matrix.pointer[j * k + j] -= margin }
      if hasCholesky(matrix.pointer, k) { return }
      p = -1
      for j in 0..<k {
        p += j + 1
        v[p] += raise
      }
      trace += Double(k) * raise
      raise *= 2
    }
    v[0] = .nan
  }

  private static func hasCholesky(_ m: UnsafeMutablePointer<Double>, _ k: Int) -> Bool {
    for j in 0..<k {
      let rowJ = m + j * k
      for i in 0...j {
        let rowI = m + i * k
        var sum = 0.0
        for t in 0..<i { sum += rowI[t] * rowJ[t] }
        let x = rowJ[i] - sum
        if i < j {
          rowJ[i] = x / rowI[i]
        } else {
          if !(x > 0) { return false }
          rowJ[j] = x.squareRoot()
        }
      }
    }
    return true
  }
}
