import CKantorKernels
import KantorCore
import KantorNumerics

/// Certifies potentials (f, g) of
///     V = min_{P in U(a,b)} <P, C> + eps KL(P | a b^T),
///     P_ij = a_i b_j exp((f_i + g_j - C_ij)/eps).
///
/// First pass: the marginals of P, its cost, the dual value <a,f> + <b,g> - eps (|P| - |a||b|), and
/// a bound of the unregularised cost from f_i = min_j C_ij - g_j. Two more passes round P to a
/// feasible plan P' (`Rounding`), whose value is an upper bound of V. Interrupted solves are
/// certified by the first pass only: their upper bounds stay infinite.
///
/// The exponentials are the library's vector exp, which is tested against a wider type; rows of
/// costs, exponents and all sums are the checker's own, in f64.
package struct EntropicCheck {
  package let cost: CheckedCost
  package let a: UnsafePointer<Double>
  package let b: UnsafePointer<Double>
  package let mass: Double
  package let epsilon: Double
  package let f: UnsafePointer<Double>
  package let g: UnsafePointer<Double>
  package let parallel: Parallel
  /// f/eps + log a and g/eps + log b; -infinity without mass.
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>
  /// What the pointers above point into.
  private let owners: [AnyObject]

  package init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    parallel: Parallel
  ) throws(KantorError) {
    cost = try CheckedCost(problem.geometry)
    a = UnsafePointer(problem.a.pointer)
    b = UnsafePointer(problem.b.pointer)
    mass = problem.mass
    self.epsilon = epsilon
    self.f = UnsafePointer(f.pointer)
    self.g = UnsafePointer(g.pointer)
    self.parallel = parallel
    phi = try Self.exponents(problem.a, f, epsilon)
    gamma = try Self.exponents(problem.b, g, epsilon)
    owners = [problem, f, g]
  }

  package static func exponents(
    _ weights: Buffer<Double>, _ potential: Buffer<Double>, _ epsilon: Double
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: weights.count)
    kn_log_f64(weights.pointer, out.pointer, Int64(weights.count))
    for i in 0..<weights.count where weights.pointer[i] > 0 {
      out.pointer[i] += potential.pointer[i] / epsilon
    }
    return out
  }

  package struct Answer {
    package var certificate: TransportCertificate
    package var rounding: Rounding? = nil
  }

  package func certify(isInterrupted: Bool) throws(KantorError) -> Answer {
    let first = try measure(isInterrupted: isInterrupted)
    var certificate = TransportCertificate()
    let (n, m) = (cost.n, cost.m)
    var (rowError, columnError, total) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    var (linear, bound, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      rowError.add(abs(first.rows.pointer[i] - a[i]))
      total.add(first.rows.pointer[i])
      guard a[i] > 0 else { continue }
      linear.add(a[i] * f[i])
      size.add(abs(a[i] * f[i]))
      bound.add(a[i] * first.minima.pointer[i])
    }
    for j in 0..<m {
      columnError.add(abs(first.columns.pointer[j] - b[j]))
      guard b[j] > 0 else { continue }
      linear.add(b[j] * g[j])
      size.add(abs(b[j] * g[j]))
      bound.add(b[j] * g[j])
    }
    certificate.rowResidual = rowError.value / mass
    certificate.columnResidual = columnError.value / mass
    certificate.dualObjective = linear.value - epsilon * (total.value - mass * mass)
    certificate.lowerBound = bound.value
    certificate.transportCost = first.cost
    certificate.scale = max(size.value, abs(first.cost))
    certificate.objective = try primal(
      rows: first.rows, columns: first.columns, cost: first.cost, total: total.value, nil)
    certificate.gap = .infinity
    guard !isInterrupted, certificate.marginalResidual.isFinite else {
      return Answer(certificate: certificate, rounding: nil)
    }
    let rounding = try round(first)
    let value = try primal(
      rows: rounding.rowsBefore, columns: rounding.columnsBefore, cost: rounding.cost,
      total: rounding.total, rounding)
    // The rest is a product measure and may put mass on forbidden pairs: then it bounds nothing.
    guard !first.hasForbiddenPairs || rounding.rest == 0 else {
      return Answer(certificate: certificate, rounding: nil)
    }
    certificate.upperBound = rounding.cost + rounding.rest * first.largest
    certificate.gap = value + rounding.rest * first.largest - certificate.dualObjective
    return Answer(certificate: certificate, rounding: rounding)
  }

  /// <Q,C> + eps KL(Q | a b^T) for Q_ij = x_i P_ij y_j with known marginals; with a rounding also
  /// the entropy of its rank-one rest R, bounded by convexity:
  /// KL(Q + R | .) <= (1-t) KL(Q/(1-t) | .) + t KL(R/t | .),  t = |R| / mass.
  private func primal(
    rows: Buffer<Double>, columns: Buffer<Double>, cost value: Double, total: Double,
    _ rounding: Rounding?
  ) throws(KantorError) -> Double {
    // sum Q log(Q / ab): the logarithm is a sum of a row, a column and a cost term.
    var entropy = CompensatedSum()
    for i in 0..<cost.n where rows.pointer[i] > 0 {
      let x = rounding?.logX.pointer[i] ?? 0
      entropy.add(rows.pointer[i] * (x + f[i] / epsilon))
    }
    for j in 0..<cost.m where columns.pointer[j] > 0 {
      let y = rounding?.logY.pointer[j] ?? 0
      entropy.add(columns.pointer[j] * (y + g[j] / epsilon))
    }
    entropy.add(-value / epsilon)
    guard let rounding, rounding.rest > 0, total > 0 else {
      return value + epsilon * (entropy.value - total + mass * mass)
    }
    let share = rounding.rest / (total + rounding.rest)
    var rest = CompensatedSum()
    let logs = try rounding.logRest(a: a, b: b)
    rest.add(logs)
    let kept = entropy.value - total * logOf(1 - share)
    let added = rest.value - rounding.rest * logOf(share)
    return value + epsilon * (kept + added - (total + rounding.rest) + mass * mass)
  }

  private func logOf(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_log_f64(&input, &output, 1)
    return output
  }

  // MARK: Passes over the costs

  package struct Measure {
    package let rows: Buffer<Double>
    package let columns: Buffer<Double>
    /// min_j C_ij - g_j.
    package let minima: Buffer<Double>
    package let cost: Double
    /// Largest finite cost between points with mass.
    package let largest: Double
    package let hasForbiddenPairs: Bool
  }

  private func measure(isInterrupted: Bool) throws(KantorError) -> Measure {
    let (n, m, threads) = (cost.n, cost.m, parallel.threads)
    let rows = try Buffer<Double>(count: n)
    let minima = try Buffer<Double>(count: n)
    let columns = try Buffer<Double>(count: threads * m)
    let costs = try Buffer<Double>(count: n)
    let largest = try Buffer<Double>(count: threads, repeating: -.infinity)
    let forbidden = try Buffer<UInt8>(count: threads)
    let scratch = try Scratch(self)
    parallel.forEach(n) { part, first, end in
      let column = columns.pointer + part * m
      for i in first..<end where a[i] > 0 {
        let c = cost.row(i, scratch.costs(part))
        let p = scratch.plan(part)
        planRow(i, c, p)
        let sums = addRow(p, c, column)
        rows.pointer[i] = sums.mass
        costs.pointer[i] = sums.cost
        minima.pointer[i] = smallestDifference(c, scratch.massiveG, m)
        guard !isInterrupted else { continue }
        let high = largestCost(c)
        largest.pointer[part] = max(largest.pointer[part], high.finite)
        if high.hasInfinite { forbidden.pointer[part] = 1 }
      }
    }
    addParts(columns, m)
    var total = CompensatedSum()
    for i in 0..<n { total.add(costs.pointer[i]) }
    return Measure(
      rows: rows, columns: columns, minima: minima, cost: total.value,
      largest: largest.span.max() ?? 0, hasForbiddenPairs: forbidden.span.contains(1))
  }

  /// The rounding of Altschuler, Weed and Rigollet: rows above their weight are scaled down, then
  /// columns, and what is missing is added as a rank-one plan.
  private func round(_ first: Measure) throws(KantorError) -> Rounding {
    let (n, m, threads) = (cost.n, cost.m, parallel.threads)
    let x = try Buffer<Double>(count: n, repeating: 1)
    let y = try Buffer<Double>(count: m, repeating: 1)
    for i in 0..<n where first.rows.pointer[i] > a[i] {
      x.pointer[i] = a[i] / first.rows.pointer[i]
    }
    let scratch = try Scratch(self)
    let columns = try Buffer<Double>(count: threads * m)
    parallel.forEach(n) { part, begin, end in
      let column = columns.pointer + part * m
      for i in begin..<end where a[i] > 0 {
        let c = cost.row(i, scratch.costs(part))
        let p = scratch.plan(part)
        planRow(i, c, p)
        let scale = x.pointer[i]
        for j in 0..<m { column[j] += scale * p[j] }
      }
    }
    addParts(columns, m)
    for j in 0..<m where columns.pointer[j] > b[j] { y.pointer[j] = b[j] / columns.pointer[j] }
    for j in 0..<m { columns.pointer[j] *= y.pointer[j] }

    let rows = try Buffer<Double>(count: n)
    let costs = try Buffer<Double>(count: n)
    parallel.forEach(n) { part, begin, end in
      for i in begin..<end where a[i] > 0 {
        let c = cost.row(i, scratch.costs(part))
        let p = scratch.plan(part)
        planRow(i, c, p)
        for j in 0..<m { p[j] *= y.pointer[j] }
        let sums = rowSums(p, c, cost.m)
        rows.pointer[i] = x.pointer[i] * sums.mass
        costs.pointer[i] = x.pointer[i] * sums.cost
      }
    }
    return try Rounding(
      x: x, y: y, rowsBefore: rows, columnsBefore: columns, costs: costs, a: a, b: b, n: n, m: m)
  }

  /// Adds the column sums of the threads into the first m places, in order of the threads.
  private func addParts(_ columns: Buffer<Double>, _ m: Int) {
    for part in 1..<max(parallel.threads, 1) where parallel.threads > 1 {
      for j in 0..<m { columns.pointer[j] += columns.pointer[part * m + j] }
    }
  }

  /// p_j = a_i b_j exp((f_i + g_j - C_ij) / eps)
  @inline(__always)
  func planRow(
    _ i: Int, _ c: UnsafePointer<Double>, _ p: UnsafeMutablePointer<Double>
  ) {
    let (row, column, inverse) = (phi.pointer[i], gamma.pointer, 1 / epsilon)
    for j in 0..<cost.m { p[j] = row + column[j] - c[j] * inverse }
    kn_exp_f64(p, p, Int64(cost.m))
  }

  @inline(__always)
  private func addRow(
    _ p: UnsafePointer<Double>, _ c: UnsafePointer<Double>, _ column: UnsafeMutablePointer<Double>
  ) -> (mass: Double, cost: Double) {
    for j in 0..<cost.m { column[j] += p[j] }
    return rowSums(p, c, cost.m)
  }

  /// The largest finite cost of a row, and whether a pair of masses is forbidden. Where none is,
  /// targets without mass may raise the figure, which bounds a cost from above and stays valid.
  private func largestCost(
    _ c: UnsafePointer<Double>
  ) -> (finite: Double, hasInfinite: Bool) {
    typealias Lanes = SIMD8<Double>
    var (high0, high1) = (Lanes(repeating: -.infinity), Lanes(repeating: -.infinity))
    var j = 0
    while j &+ 16 <= cost.m {
      let d0 = UnsafeRawPointer(c + j).loadUnaligned(as: Lanes.self)
      let d1 = UnsafeRawPointer(c + (j &+ 8)).loadUnaligned(as: Lanes.self)
      high0.replace(with: d0, where: d0 .> high0)
      high1.replace(with: d1, where: d1 .> high1)
      j &+= 16
    }
    var high = max(high0.max(), high1.max())
    while j < cost.m {
      high = max(high, c[j])
      j &+= 1
    }
    guard high == .infinity else { return (high, false) }
    high = -.infinity
    var hasInfinite = false
    for j in 0..<cost.m where b[j] > 0 {
      if c[j] == .infinity { hasInfinite = true } else { high = max(high, c[j]) }
    }
    return (high, hasInfinite)
  }

  /// Rows of costs and of the plan, for each thread.
  struct Scratch: @unchecked Sendable {
    private let room: Buffer<Double>
    private let step: Int
    private let costRoom: Int
    /// g, but -infinity where there is no mass, so that such columns bound nothing.
    let massiveG: UnsafePointer<Double>
    private let gRoom: Buffer<Double>

    init(_ check: EntropicCheck) throws(KantorError) {
      let m = check.cost.m
      costRoom = check.cost.scratchCount
      step = costRoom + m
      room = try Buffer(count: step * check.parallel.threads)
      gRoom = try Buffer(count: m)
      for j in 0..<m { gRoom.pointer[j] = check.b[j] > 0 ? check.g[j] : -.infinity }
      massiveG = UnsafePointer(gRoom.pointer)
    }

    func costs(_ part: Int) -> UnsafeMutablePointer<Double> { room.pointer + part * step }
    func plan(_ part: Int) -> UnsafeMutablePointer<Double> {
      room.pointer + part * step + costRoom
    }
  }
}

/// sum_j p_j and sum_j p_j c_j, where 0 times a forbidden cost is 0.
@inline(__always)
func rowSums(
  _ p: UnsafePointer<Double>, _ c: UnsafePointer<Double>, _ count: Int
) -> (mass: Double, cost: Double) {
  typealias Lanes = SIMD8<Double>
  var (mass, value) = (Lanes.zero, Lanes.zero)
  var j = 0
  while j &+ 8 <= count {
    let q = UnsafeRawPointer(p + j).loadUnaligned(as: Lanes.self)
    var d = UnsafeRawPointer(c + j).loadUnaligned(as: Lanes.self)
    d.replace(with: 0, where: q .== 0)
    mass += q
    value += q * d
    j &+= 8
  }
  var (massSum, valueSum) = (mass.sum(), value.sum())
  while j < count {
    massSum += p[j]
    if p[j] != 0 { valueSum += p[j] * c[j] }
    j &+= 1
  }
  return (massSum, valueSum)
}

extension SIMD where Scalar == Double {
  @inline(__always)
  fileprivate mutating func replace(with scalar: Double, where mask: SIMDMask<MaskStorage>) {
    replace(with: Self(repeating: scalar), where: mask)
  }
}
