import KantorBlocks
import KantorCore
import KantorNumerics

/// What is proven about a point (x, y) of a bilinear saddle-point problem.
package struct BilinearCertificate {
  /// x'Px/2 + c'x + g(x) and an upper bound of the maximum over y of the rest.
  package var upper = Double.nan
  /// A lower bound of the minimum over x, for this y.
  package var lower = Double.nan
  package var gap = Double.nan
  package var relativeGap = Double.nan
  /// How far x and y are outside of the domains of g and h.
  package var violation = Double.nan
  package var relativeViolation = Double.nan
  /// How far the slopes are outside of the domains of g* and h*: where these are not 0, the bounds
  /// hold only for slopes nearby.
  package var dualViolation = Double.nan
  package var relativeDualViolation = Double.nan

  package var worst: Double {
    let all = [relativeGap, relativeViolation, relativeDualViolation]
    return all.contains { $0.isNaN } ? .nan : all.reduce(0) { max($0, $1) }
  }
}

extension Status {
  static func judge(
    worst: Double, tolerance: Double, stop: Status?, inaccurate: Double
  ) -> Status {
    // The slack is for the rounding of two different summations, not for the method.
    if worst <= tolerance * (1 + 1e-6) { return .solved }
    if let stop { return stop }
    if worst.isNaN { return .numericalError }
    return worst <= max(1e3 * tolerance, inaccurate) ? .solvedInaccurate : .stalled
  }
}

/// Certifies points of bilinear problems, with compensated sums and from the functions' own
/// definitions.
///
/// For every u, -mu|u|^2/2 <= mu|y|^2/2 - mu y'u and x'Px/2 + (u - x)'Px <= u'Pu/2, so that with
/// the conjugates g* and h*
///     max over y <= c'x + x'Px/2 + g(x) + h*(K'x - b - mu y) + mu |y|^2/2,
///     min over x >= -b'y - h(y) - mu |y|^2/2 - x'Px/2 - g*(-(c + Px + Ky)).
package struct BilinearCheck {
  let problem: BilinearProblem

  package init(_ problem: BilinearProblem) { self.problem = problem }

  /// What `solved_inaccurate` promises at the least.
  package static let inaccurate = 1e-4

  package func certify(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> BilinearCertificate {
    let (n, m) = (problem.n, problem.m)
    let (g, h) = (try problem.primal.make(), try problem.dual.make())
    let forces = try products(x, y)
    let slopeX = try Buffer<Double>(count: n)
    let slopeY = try Buffer<Double>(count: m)
    var (linear, quadratic, square, offset) = (
      CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()
    )
    var (scaleX, scaleY) = (1.0, 1.0)
    for i in 0..<n {
      linear.add(problem.c[i] * x[i])
      quadratic.add(0.5 * x[i] * forces.quadratic[i])
      slopeX.pointer[i] = -(problem.c[i] + forces.quadratic[i] + forces.x[i])
      scaleX = max(scaleX, abs(problem.c[i]), abs(forces.x[i]), abs(forces.quadratic[i]))
    }
    for j in 0..<m {
      offset.add(problem.b[j] * y[j])
      square.add(0.5 * problem.mu * y[j] * y[j])
      slopeY.pointer[j] = forces.y[j] - problem.b[j] - problem.mu * y[j]
      scaleY = max(scaleY, abs(problem.b[j]), abs(forces.y[j]), problem.mu * abs(y[j]))
    }
    let (gx, hy) = (g.value(x.pointer), h.value(y.pointer))
    let (conjugateX, conjugateY) = (g.conjugate(slopeX.pointer), h.conjugate(slopeY.pointer))
    var found = BilinearCertificate()
    found.upper = Self.sum([
      linear.value, quadratic.value, gx.value, conjugateY.value, square.value,
    ])
    found.lower = -Self.sum([
      offset.value, hy.value, square.value, quadratic.value, conjugateX.value,
    ])
    found.gap = found.upper - found.lower
    found.relativeGap = abs(found.gap) / (1 + min(abs(found.upper), abs(found.lower)))
    found.violation = Self.worst(gx.violation, hy.violation)
    found.relativeViolation = Self.worst(
      gx.violation / (1 + Self.size(x)), hy.violation / (1 + Self.size(y)))
    found.dualViolation = Self.worst(conjugateX.violation, conjugateY.violation)
    found.relativeDualViolation = Self.worst(
      conjugateX.violation / scaleX, conjugateY.violation / scaleY)
    return found
  }

  private static func sum(_ terms: [Double]) -> Double {
    var sum = CompensatedSum()
    for term in terms { sum.add(term) }
    return sum.value
  }

  private static func worst(_ a: Double, _ b: Double) -> Double {
    a.isNaN || b.isNaN ? .nan : max(a, b)
  }

  private static func size(_ x: Buffer<Double>) -> Double {
    var top = 0.0
    for i in 0..<x.count { top = max(top, abs(x[i])) }
    return top
  }

  /// Ky, Px and K'x.
  private func products(
    _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> (x: Buffer<Double>, quadratic: Buffer<Double>, y: Buffer<Double>) {
    let k = problem.coupling
    var rows = [CompensatedSum](repeating: CompensatedSum(), count: problem.n)
    let onY = try Buffer<Double>(count: problem.m)
    for j in 0..<problem.m {
      var column = CompensatedSum()
      for e in k.starts.pointer[j]..<k.starts.pointer[j + 1] {
        let (i, value) = (Int(k.indices.pointer[e]), k.values.pointer[e])
        rows[i].add(value * y[j])
        column.add(value * x[i])
      }
      onY.pointer[j] = column.value
    }
    let onX = try Buffer<Double>(count: problem.n)
    for i in 0..<problem.n { onX.pointer[i] = rows[i].value }
    let quadratic = try Buffer<Double>(count: problem.n)
    problem.quadratic?.multiplySymmetric(x.pointer, into: quadratic.pointer)
    return (onX, quadratic, onY)
  }
}
