import CKantorKernels
import KantorCore
import KantorNumerics

/// What is proved about the potentials of a multimarginal problem.
struct MultimarginalCertificate {
  var objective = Double.nan
  var transportCost = Double.nan
  var dualObjective = Double.nan
  var gap = Double.infinity
  var scale = Double.nan
  /// |marginal - a_k|_1 / mass of each measure.
  var residuals: [Double] = []

  var marginalResidual: Double { residuals.reduce(0, +) }
  var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies potentials f_k of
///     V = min <P, C> + eps KL(P | a_1 x ... x a_K) over P with the marginals a_k,
///     P = (a_1 x ... x a_K) exp((sum f_k - C) / eps).
///
/// The dual value is sum <a_k, f_k> - eps (|P| - |a_1| ... |a_K|). For an upper bound P is scaled
/// down by x_k = min(1, a_k / marginal_k) in all measures at once, which leaves no marginal too
/// large, and what is missing is added as a product of the deficits.
struct MultimarginalCheck {
  let problem: MultimarginalProblem
  let epsilon: Double
  let f: Buffer<Double>

  func certify(isInterrupted: Bool) throws(KantorError) -> MultimarginalCertificate {
    let model = MultimarginalModel(problem: problem, epsilon: epsilon)
    let h = try problem.exponents(f, epsilon)
    let found = try model.measure(h)
    let a = problem.weights
    var out = MultimarginalCertificate()
    var (dual, primal, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for k in 0..<problem.count {
      var error = CompensatedSum()
      for i in problem.first[k]..<problem.first[k + 1] {
        error.add(abs(found.marginals.pointer[i] - a.pointer[i]))
        guard a.pointer[i] > 0 else { continue }
        dual.add(a.pointer[i] * f.pointer[i])
        size.add(abs(a.pointer[i] * f.pointer[i]))
        primal.add(found.marginals.pointer[i] * f.pointer[i])
      }
      out.residuals.append(error.value / problem.mass)
    }
    let excess = epsilon * (found.total - problem.referenceMass)
    out.dualObjective = dual.value - excess
    out.objective = primal.value - excess
    out.transportCost = found.cost
    out.scale = max(size.value, abs(found.cost))
    guard !isInterrupted, out.marginalResidual.isFinite else { return out }
    out.gap = try upperBound(model, h, found) - out.dualObjective
    return out
  }

  private func upperBound(
    _ model: MultimarginalModel, _ h: Buffer<Double>, _ found: MultimarginalModel.Measure
  ) throws(KantorError) -> Double {
    let a = problem.weights
    let ratio = try Buffer<Double>(count: problem.points, repeating: 1)
    for i in 0..<ratio.count where found.marginals.pointer[i] > a.pointer[i] {
      ratio.pointer[i] = a.pointer[i] / found.marginals.pointer[i]
    }
    kn_log_f64(ratio.pointer, ratio.pointer, Int64(ratio.count))
    let lowered = try h.copy()
    for i in 0..<lowered.count where a.pointer[i] > 0 { lowered.pointer[i] += ratio.pointer[i] }
    let kept = try model.measure(lowered)
    let rest = max(0, problem.mass - kept.total)
    var entropy = CompensatedSum()
    entropy.add(-kept.cost / epsilon)
    var added = CompensatedSum()
    for i in 0..<ratio.count where a.pointer[i] > 0 {
      let marginal = kept.marginals.pointer[i]
      entropy.add(marginal * (f.pointer[i] / epsilon + ratio.pointer[i]))
      let missing = max(0, a.pointer[i] - marginal)
      if rest > 0, missing > 0 { added.add(missing * logOf(missing / a.pointer[i])) }
    }
    var value = entropy.value
    if rest > 0, kept.total > 0 {
      // KL is convex: (Q + R) between Q / (1 - t) and R / t, t = |R| / mass.
      let share = rest / (kept.total + rest)
      value -= kept.total * logOf(1 - share)
      value += added.value - Double(problem.count - 1) * rest * logOf(rest) - rest * logOf(share)
    }
    let excess = kept.total + rest - problem.referenceMass
    return kept.cost + rest * kept.largest + epsilon * (value - excess)
  }

  private func logOf(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_log_f64(&input, &output, 1)
    return output
  }
}
