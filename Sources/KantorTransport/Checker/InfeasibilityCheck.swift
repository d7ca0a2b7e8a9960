import KantorCore
import KantorNumerics

/// Certifies that no plan exists, by a ray of the dual (Farkas): f_i + g_j <= 0 wherever the pair
/// is not forbidden, and <a, f> + <b, g> > 0. Such a ray says that some sources hold more mass
/// than all targets that they may reach.
package struct InfeasibilityCheck {
  package static func holds(
    _ problem: TransportProblem, f: UnsafePointer<Double>, g: UnsafePointer<Double>
  ) throws(KantorError) -> Bool {
    let cost = try CheckedCost(problem.geometry)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    var value = CompensatedSum()
    var size = CompensatedSum()
    for j in 0..<cost.m where problem.b.pointer[j] > 0 {
      value.add(problem.b.pointer[j] * g[j])
      size.add(abs(problem.b.pointer[j] * g[j]))
    }
    for i in 0..<cost.n where problem.a.pointer[i] > 0 {
      value.add(problem.a.pointer[i] * f[i])
      size.add(abs(problem.a.pointer[i] * f[i]))
      let row = cost.row(i, scratch.pointer)
      for j in 0..<cost.m where problem.b.pointer[j] > 0 && row[j].isFinite {
        if f[i] + g[j] > 0 { return false }
      }
    }
    return value.value > 1e-12 * size.value
  }
}
