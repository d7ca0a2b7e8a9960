import KantorCore
import KantorNumerics

/// What the checker found out about a factored plan, in f64 on the caller's data.
package struct LowRankCertificate: Sendable {
  package var cost = Double.nan
  /// L1 distances of the plan's marginals from the weights, relative to the mass.
  package var rowResidual = Double.nan
  package var columnResidual = Double.nan
  /// The same of the factors: |Q 1 - a|, |R 1 - b|, |Q' 1 - g|, |R' 1 - g| together.
  package var factorResidual = Double.nan
  /// Upper bound of what the problem linearised at the factors could still be lowered by.
  package var gap = Double.nan
  package var scale = Double.nan
  /// Duals of the rows in the linearised problem.
  package var f: Buffer<Double>
  package var k: Buffer<Double>

  package var marginalResidual: Double { rowResidual + columnResidual }
  package var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies Q diag(1/g) R' as a coupling, its cost, and how far it is from stationary among plans
/// of its rank. Duals h, l of the columns are taken from the method and made feasible:
/// h + l >= -G_g by one shift, f_i = min_s (G_Q)_is - h_s, k_j likewise; any h, l give a bound.
package struct LowRankCheck {
  private let problem: TransportProblem
  private let cost: CheckedCost
  private let rank: Int
  private let q: UnsafePointer<Double>
  private let r: UnsafePointer<Double>
  private let g: [Double]
  private let owners: [Buffer<Double>]

  package init(
    _ problem: TransportProblem, q: Buffer<Double>, r: Buffer<Double>, g: Buffer<Double>
  ) throws(KantorError) {
    self.problem = problem
    rank = g.count
    self.q = UnsafePointer(q.pointer)
    self.r = UnsafePointer(r.pointer)
    self.g = (0..<g.count).map { g.pointer[$0] }
    owners = [q, r]
    cost = try CheckedCost(problem.geometry)
  }


  package func certify(h: [Double], l: [Double]) throws(KantorError) -> LowRankCertificate {
    var certificate = LowRankCertificate(
      f: try Buffer(count: problem.n), k: try Buffer(count: problem.m))
    measure(&certificate)
    let first = try Buffer<Double>(count: problem.n * rank)
    let second = try Buffer<Double>(count: problem.m * rank)
    if case .points(let x, let y, let d, .sqeuclidean, _) = problem.geometry.source {
      expand(x.pointer, problem.n, y.pointer, problem.m, d, r, first)
      expand(y.pointer, problem.m, x.pointer, problem.n, d, q, second)
    } else {
      try stream(first, second)
    }
    bound(first, second, h, l, &certificate)
    return certificate
  }

  private func columns(_ factor: UnsafePointer<Double>, _ count: Int) -> [Double] {
    var sums = [CompensatedSum](repeating: CompensatedSum(), count: rank)
    for i in 0..<count { for s in 0..<rank { sums[s].add(factor[i * rank + s]) } }
    return sums.map(\.value)
  }

  private func measure(_ certificate: inout LowRankCertificate) {
    let (sumQ, sumR) = (columns(q, problem.n), columns(r, problem.m))
    var (row, column, factors) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    var negative = CompensatedSum()
    for (count, factor, weights, far, isRow) in [
      (problem.n, q, problem.a, sumR, true), (problem.m, r, problem.b, sumQ, false),
    ] {
      for i in 0..<count {
        var (own, plan) = (0.0, 0.0)
        for s in 0..<rank {
          let x = factor[i * rank + s]
          own += x
          plan += x * (far[s] / g[s])
          if x < 0 { negative.add(-x) }
        }
        factors.add(abs(own - weights.pointer[i]))
        if isRow { row.add(abs(plan - weights.pointer[i])) }
        if !isRow { column.add(abs(plan - weights.pointer[i])) }
      }
    }
    for s in 0..<rank {
      factors.add(abs(sumQ[s] - g[s]) + abs(sumR[s] - g[s]))
      if g[s] < 0 { negative.add(-g[s]) }
    }
    certificate.rowResidual = (row.value + negative.value) / problem.mass
    certificate.columnResidual = (column.value + negative.value) / problem.mass
    certificate.factorResidual = (factors.value + negative.value) / problem.mass
  }

  /// out = C F for squared distances, from sums of F over the far points about their mean.
  private func expand(
    _ near: UnsafePointer<Double>, _ count: Int, _ far: UnsafePointer<Double>, _ farCount: Int,
    _ d: Int, _ factor: UnsafePointer<Double>, _ out: Buffer<Double>
  ) {
    var mean = [Double](repeating: 0, count: d)
    for j in 0..<farCount { for c in 0..<d { mean[c] += far[j * d + c] / Double(farCount) } }
    let sums = columns(factor, farCount)
    var squares = [Double](repeating: 0, count: rank)
    var moments = [Double](repeating: 0, count: d * rank)
    for j in 0..<farCount {
      var square = 0.0
      for c in 0..<d {
        let y = far[j * d + c] - mean[c]
        square += y * y
        for s in 0..<rank { moments[c * rank + s] += y * factor[j * rank + s] }
      }
      for s in 0..<rank { squares[s] += square * factor[j * rank + s] }
    }
    for i in 0..<count {
      let row = out.pointer + i * rank
      var square = 0.0
      for s in 0..<rank { row[s] = squares[s] }
      for c in 0..<d {
        let x = near[i * d + c] - mean[c]
        square += x * x
        for s in 0..<rank { row[s] -= 2 * x * moments[c * rank + s] }
      }
      for s in 0..<rank { row[s] += square * sums[s] }
    }
  }

  /// first = C R and second = C' Q, row by row.
  private func stream(_ first: Buffer<Double>, _ second: Buffer<Double>) throws(KantorError) {
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    for i in 0..<problem.n {
      let row = cost.row(i, scratch.pointer)
      let (own, out) = (q + i * rank, first.pointer + i * rank)
      for j in 0..<problem.m {
        let c = row[j]
        let (far, to) = (r + j * rank, second.pointer + j * rank)
        for s in 0..<rank {
          out[s] += c * far[s]
          to[s] += c * own[s]
        }
      }
    }
  }

  private func bound(
    _ first: Buffer<Double>, _ second: Buffer<Double>, _ h: [Double], _ l: [Double],
    _ certificate: inout LowRankCertificate
  ) {
    var parts = [CompensatedSum](repeating: CompensatedSum(), count: rank)
    var (size, slope) = (CompensatedSum(), CompensatedSum())
    for i in 0..<problem.n {
      for s in 0..<rank {
        let term = q[i * rank + s] * first.pointer[i * rank + s] / g[s]
        parts[s].add(term)
        size.add(abs(term))
      }
    }
    let values = parts.map(\.value)
    certificate.cost = values.reduce(0, +)
    certificate.scale = size.value
    // <G_Q, Q> + <G_R, R> + <G_g, g>: the cost, up to rounding once from each factor.
    slope.add(certificate.cost)
    let slack = (0..<rank).map { values[$0] / g[$0] - h[$0] - l[$0] }.max() ?? 0
    for i in 0..<problem.n {
      var low = Double.infinity
      for s in 0..<rank { low = min(low, first.pointer[i * rank + s] / g[s] - h[s] - slack) }
      certificate.f.pointer[i] = low
      slope.add(-problem.a.pointer[i] * low)
    }
    for j in 0..<problem.m {
      var low = Double.infinity
      for s in 0..<rank { low = min(low, second.pointer[j * rank + s] / g[s] - l[s]) }
      certificate.k.pointer[j] = low
      slope.add(-problem.b.pointer[j] * low)
    }
    certificate.gap = slope.value
    centre(&certificate)
  }

  /// (f + t, k - t) is the same bound; <a, f> = <b, k> is given.
  private func centre(_ certificate: inout LowRankCertificate) {
    var difference = CompensatedSum()
    let (f, k) = (certificate.f.pointer, certificate.k.pointer)
    for i in 0..<problem.n { difference.add(problem.a.pointer[i] * f[i]) }
    for j in 0..<problem.m { difference.add(-problem.b.pointer[j] * k[j]) }
    let t = 0.5 * difference.value / problem.mass
    for i in 0..<problem.n { f[i] -= t }
    for j in 0..<problem.m { k[j] += t }
  }
}
