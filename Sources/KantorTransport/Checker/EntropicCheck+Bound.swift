import KantorCore
import KantorNumerics

extension EntropicCheck {
  /// Raises the lower bound of the unregularised cost to that of other target potentials, if it is
  /// higher: f_i = min_j C_ij - g_j makes any g feasible. One pass.
  package func improveBound(
    of certificate: inout TransportCertificate, with g: Buffer<Double>
  ) throws(KantorError) {
    let (n, m) = (cost.n, cost.m)
    let minima = try Buffer<Double>(count: n)
    let massive = try Buffer<Double>(count: m)
    for j in 0..<m { massive.pointer[j] = b[j] > 0 ? g.pointer[j] : -.infinity }
    let rows = try Buffer<Double>(count: cost.scratchCount * parallel.threads)
    parallel.forEach(n) { part, first, end in
      for i in first..<end where a[i] > 0 {
        let c = cost.row(i, rows.pointer + part * cost.scratchCount)
        minima.pointer[i] = smallestDifference(c, UnsafePointer(massive.pointer), m)
      }
    }
    var bound = CompensatedSum()
    for i in 0..<n where a[i] > 0 { bound.add(a[i] * minima.pointer[i]) }
    for j in 0..<m where b[j] > 0 { bound.add(b[j] * g.pointer[j]) }
    if bound.value.isFinite, bound.value > certificate.lowerBound {
      certificate.lowerBound = bound.value
    }
  }
}
