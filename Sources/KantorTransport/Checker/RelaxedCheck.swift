import KantorCore
import KantorNumerics

/// What the checker found out about a relaxed problem.
package struct RelaxedCertificate: Sendable {
  package var objective = Double.nan
  package var transportCost = Double.nan
  package var dualObjective = -Double.infinity
  package var planMass = Double.nan
  /// What fixed or capped marginals, and a prescribed total, are missed by, relative to the mass.
  package var rowResidual = Double.nan
  package var columnResidual = Double.nan
  package var massResidual = 0.0
  package var scale = Double.nan
  package var penaltySource = Double.nan
  package var penaltyTarget = Double.nan
  /// Marginals of the plan.
  package var rows: Buffer<Double>
  package var columns: Buffer<Double>
  /// Entropic plans: marginals over weights, also where the weight is 0.
  package var rowRatio: Buffer<Double>?
  package var columnRatio: Buffer<Double>?
  /// Potentials in which the dual value was found.
  package var f: Buffer<Double>
  package var g: Buffer<Double>
  package var multiplier = 0.0

  package var residual: Double { rowResidual + columnResidual + massResidual }
  package var gap: Double { objective - dualObjective }
  package var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies proposals for
///
///     min_P >= 0  <P, C> + eps KL(P | Q) + D1(P 1 | a) + D2(P' 1 | b),   |P| = s if prescribed.
///
/// The value of potentials (f, g) and of a multiplier l of the total,
///
///     sum_i -D1*(-f_i) + sum_j -D2*(-g_j) + l s - eps sum_ij (P_ij - Q_ij),
///     P_ij = Q_ij exp((f_i + g_j + l - C_ij)/eps),
///
/// is a lower bound of the optimum; for eps = 0 the last sum is the constraint f_i + g_j + l <=
/// C_ij. The caller's own costs, row by row, in f64.
package struct RelaxedCheck {
  package let problem: RelaxedProblem
  package var terms: RelaxedTerms { problem.terms }
  let cost: CheckedCost
  let a: UnsafePointer<Double>
  let b: UnsafePointer<Double>
  let parallel: Parallel

  /// The part of the value of moving nothing below which objectives count as 0.
  private static let zeroFraction = 1e-6

  package init(_ problem: RelaxedProblem, threads: Int) throws(KantorError) {
    self.problem = problem
    cost = try CheckedCost(problem.geometry)
    a = UnsafePointer(problem.a.pointer)
    b = UnsafePointer(problem.b.pointer)
    parallel = Parallel(threads: threads)
  }

  /// A marginal of weight 0 has to stay 0 except where leaving it costs a finite amount.
  func mayHold(_ penalty: MarginalPenalty, _ weight: Double) -> Bool {
    weight > 0 || penalty.form == .l2 || penalty.form == .tv
  }

  /// Values and residuals of marginals; adds to the scale.
  func measure(_ certificate: inout RelaxedCertificate) {
    var (value, residual, nothing) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<cost.n {
      value.add(terms.source.value(certificate.rows.pointer[i], a[i]))
      residual.add(terms.source.residual(certificate.rows.pointer[i], a[i]))
      nothing.add(terms.source.value(0, a[i]))
    }
    certificate.penaltySource = value.value
    certificate.rowResidual = residual.value / problem.mass
    (value, residual) = (CompensatedSum(), CompensatedSum())
    for j in 0..<cost.m {
      value.add(terms.target.value(certificate.columns.pointer[j], b[j]))
      residual.add(terms.target.residual(certificate.columns.pointer[j], b[j]))
      nothing.add(terms.target.value(0, b[j]))
    }
    certificate.penaltyTarget = value.value
    certificate.columnResidual = residual.value / problem.mass
    if let total = terms.total {
      certificate.massResidual = abs(certificate.planMass - total) / problem.mass
    }
    certificate.scale += certificate.penaltySource + certificate.penaltyTarget
    certificate.scale = max(certificate.scale, Self.zeroFraction * nothing.value)
  }

  /// What potentials and multiplier are worth where their constraints hold. With entropy, points
  /// without mass hold nothing, and their potentials are free.
  func dual(
    _ f: Buffer<Double>, _ g: Buffer<Double>, _ multiplier: Double, isEntropic: Bool
  ) -> Double {
    var value = CompensatedSum()
    for i in 0..<cost.n where a[i] > 0 || (!isEntropic && mayHold(terms.source, a[i])) {
      value.add(terms.source.dual(f.pointer[i], a[i]))
    }
    for j in 0..<cost.m where b[j] > 0 || (!isEntropic && mayHold(terms.target, b[j])) {
      value.add(terms.target.dual(g.pointer[j], b[j]))
    }
    if let total = terms.total { value.add(multiplier * total) }
    return value.value
  }

  /// Whether (f, g, l) with f_i + g_j + l <= 0 on all allowed pairs is a direction in which the
  /// dual grows without end, which proves that no plan satisfies the constraints.
  package func isRay(
    _ f: Buffer<Double>, _ g: Buffer<Double>, _ multiplier: Double
  ) throws(KantorError) -> Bool {
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    var (value, size) = (CompensatedSum(), CompensatedSum())
    func add(_ x: Double) {
      value.add(x)
      size.add(abs(x))
    }
    if let total = terms.total { add(multiplier * total) }
    for j in 0..<cost.m where mayHold(terms.target, b[j]) {
      add(terms.target.recession(g.pointer[j], b[j]))
    }
    for i in 0..<cost.n where mayHold(terms.source, a[i]) {
      let x = f.pointer[i]
      add(terms.source.recession(x, a[i]))
      let row = cost.row(i, scratch.pointer)
      for j in 0..<cost.m where row[j].isFinite && mayHold(terms.target, b[j]) {
        if x + g.pointer[j] + multiplier > 0 { return false }
      }
    }
    return value.value > 1e-12 * size.value
  }
}
