import KantorBlocks
import KantorCore
import KantorNumerics

/// How far a solution is from a point at which its derivatives jump.
///
/// They do where s and z vanish together: where the least eigenvalue of s/|s| + z/|z| is 0, in the
/// algebra of each symmetric cone (on half-lines, and for the sides of boxes, the number itself).
/// |s| and |z| are largest entries, or the units of the data where these are larger. Values near 1
/// are safe; near `tolerance` the point may as well lie on the other side of the jump, or on it,
/// where what is differentiated is one choice of several.
struct DerivativeQuality {
  let problem: ConeProblem
  let s: Buffer<Double>
  let z: Buffer<Double>

  /// NaN with exponential and power cones, in which s and z have no common eigenvalues.
  func value() throws(KantorError) -> Double {
    let m = problem.m
    let units = problem.units
    let primal = 1 / max(units.primal, ConeCheck.largest(s.pointer, m))
    let dual = 1 / max(units.dual, ConeCheck.largest(z.pointer, m))
    let sum = try Buffer<Double>(count: m)
    for i in 0..<m { sum.pointer[i] = s.pointer[i] * primal + z.pointer[i] * dual }
    var least = 1.0
    for (k, cone) in problem.cones.enumerated() {
      let (first, end) = (problem.rowStarts[k], problem.rowStarts[k + 1])
      let v = sum.pointer + first
      switch cone {
      case .zero: continue
      case .nonnegative: for i in 0..<(end - first) { least = min(least, v[i]) }
      case .box:
        for i in first..<end { least = min(least, side(i, primal, dual)) }
      case .secondOrder:
        least = min(least, v[0] - SecondOrderProjection.length(v + 1, end - first - 1))
      case .rotatedSecondOrder:
        let (a, b) = (0.5.squareRoot() * (v[0] + v[1]), 0.5.squareRoot() * (v[0] - v[1]))
        let tail = SecondOrderProjection.length(v + 2, end - first - 2)
        least = min(least, a - (b * b + tail * tail).squareRoot())
      case .psd(let side): least = min(least, try leastEigenvalue(v, side))
      case .exponential, .power, .generalizedPower: return .nan
      }
    }
    return max(0, least)
  }

  /// The nearer side of a box: its distance from it, plus the multiplier's part.
  private func side(_ i: Int, _ primal: Double, _ dual: Double) -> Double {
    guard let lower = problem.lower, let upper = problem.upper else { return 1 }
    let (l, u) = (lower.pointer[i], upper.pointer[i])
    if l == u { return 1 }
    let away = max(0, min(s.pointer[i] - l, u - s.pointer[i]))
    return away * primal + abs(z.pointer[i]) * dual
  }

  private func leastEigenvalue(
    _ v: UnsafePointer<Double>, _ side: Int
  ) throws(KantorError) -> Double {
    if side == 0 { return 1 }
    let spectrum = try SymmetricSpectrum(order: side)
    let matrix = try Buffer<Double>(count: try checkedProduct(side, side, of: "psd cone"))
    var k = 0
    for j in 0..<side {
      for i in 0...j {
        let x = i == j ? v[k] : v[k] * 0.5.squareRoot()
        matrix.pointer[i * side + j] = x
        matrix.pointer[j * side + i] = x
        k += 1
      }
    }
    return spectrum.decompose(matrix.pointer) ? spectrum.values.pointer[0] : .nan
  }
}
