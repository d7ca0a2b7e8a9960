import Glibc
import KantorCore
import KantorNumerics

/// What the checker found out about a plan of spaces whose weights may be missed.
package struct RelaxedGromovCertificate: Sendable {
  package var objective = Double.nan
  package var linearCost = Double.nan
  package var quadraticCost = Double.nan
  package var penaltySource = 0.0
  package var penaltyTarget = 0.0
  /// Upper bound of what another plan could lower the objective by where its other factor is held.
  package var gap = Double.nan
  package var scale = Double.nan
  /// Marginals, mass, residual and dual point of the problem with a factor held.
  package var held: RelaxedCertificate

  package var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies plans P of min F(P) = E(P, P),
///
///     E(P, Q) = (1 - alpha) <M, P + Q> / 2 + alpha sum L(C_ik, D_jl) P_ij Q_kl + penalties,
///
/// the penalties being rho KL(P 1 x Q 1 | a x a) and the like of the targets, or eps KL(P | R) for
/// partial problems and eps KL(P x Q | R x R) for unbalanced ones, R the reference.
///
/// With P held, partial problems are linearised (grad F(P) is the cost); E(P, .) of unbalanced ones
/// is an unbalanced problem with strengths m(P) rho and m(P) eps. Both are convex, and a dual point
/// bounds them from below (`RelaxedCheck`). A gap of 0 says that P is stationary.
package struct RelaxedGromovCheck {
  let problem: RelaxedGromovProblem
  let threads: Int

  package init(_ problem: RelaxedGromovProblem, threads: Int) {
    self.problem = problem
    self.threads = threads
  }

  package func certify(
    plan: Buffer<Double>, f: Buffer<Double>, g: Buffer<Double>, multiplier: Double,
    entropy: RelaxedEntropy?
  ) throws(KantorError) -> RelaxedGromovCertificate {
    let own = try GromovCheck(problem.spaces, model: .balanced, plan: plan, threads: threads)
    var values = GromovCertificate(f: f, g: g)
    let cost = try own.linearise(&values)
    return problem.isPartial
      ? try partial(own, values, cost, f, g, multiplier, entropy)
      : try unbalanced(own, values, cost, f, g, entropy?.epsilon ?? 0)
  }

  private func partial(
    _ own: GromovCheck, _ values: GromovCertificate, _ cost: Buffer<Double>, _ f: Buffer<Double>,
    _ g: Buffer<Double>, _ multiplier: Double, _ entropy: RelaxedEntropy?
  ) throws(KantorError) -> RelaxedGromovCertificate {
    let check = try heldCheck(cost, problem.terms)
    var held = try check.certify(dense: own.kept, f: f, g: g)
    var primal = held.objective
    var (extra, size) = (0.0, values.scale)
    if let entropy {
      let term = entropyTerm(own, entropy)
      let dual = try check.certify(
        entropy, f: try f.copy(), g: try g.copy(), multiplier: multiplier)
      held.dualObjective = dual.dualObjective
      (held.f, held.g, held.multiplier) = (dual.f, dual.g, multiplier)
      extra = entropy.epsilon * (term - held.planMass + referenceMass(entropy))
      primal += extra
      size += entropy.epsilon * (abs(term) + held.planMass)
    }
    return RelaxedGromovCertificate(
      objective: values.objective + extra, linearCost: values.linearCost,
      quadraticCost: values.quadraticCost, gap: primal - held.dualObjective, scale: size,
      held: held)
  }

  private func unbalanced(
    _ own: GromovCheck, _ values: GromovCertificate, _ gradient: Buffer<Double>,
    _ f: Buffer<Double>, _ g: Buffer<Double>, _ epsilon: Double
  ) throws(KantorError) -> RelaxedGromovCertificate {
    let entropy = RelaxedEntropy(epsilon: epsilon, isUniform: false)
    let (mA, mB) = (problem.sourceMass, problem.targetMass)
    var mass = CompensatedSum()
    for i in 0..<problem.n { mass.add(own.p.pointer[i]) }
    let m = mass.value
    let rows = relativeEntropy(own.p, problem.a)
    let columns = relativeEntropy(own.q, problem.b)
    let cells = epsilon > 0 ? entropyTerm(own, entropy) : 0
    let (first, second) = (problem.terms.source.strength, problem.terms.target.strength)
    // KL(p x q | a x a) = m(q) KL(p | a) + m(p) KL(q | a) + (m(p) - m(a)) (m(q) - m(a)): what is
    // linear in q goes into the cost.
    let shift = first * rows + second * columns + epsilon * cells
    halve(gradient, plus: shift)
    let check = try heldCheck(
      gradient,
      RelaxedTerms(
        source: MarginalPenalty(.kl, strength: first * m),
        target: MarginalPenalty(.kl, strength: second * m)))
    var held = try check.certify(dense: own.kept, f: f, g: g)
    var primal = held.objective
    var size = values.scale + abs(shift) * m + abs(held.penaltySource) + abs(held.penaltyTarget)
    if epsilon > 0 {
      let strength = RelaxedEntropy(epsilon: epsilon * m, isUniform: false)
      let dual = try check.certify(strength, f: try f.copy(), g: try g.copy(), multiplier: 0)
      held.dualObjective = dual.dualObjective
      (held.f, held.g) = (dual.f, dual.g)
      primal += strength.epsilon * (cells - m + mA * mB)
      size += strength.epsilon * (abs(cells) + m)
    }
    /// rho KL(x x x | w x w) of a measure x of mass m whose entropy relative to w is known.
    func penalty(_ rho: Double, _ entropy: Double, _ whole: Double) -> Double {
      rho * (2 * m * (entropy - m + whole) + (m - whole) * (m - whole))
    }
    let sides = (penalty(first, rows, mA), penalty(second, columns, mB))
    return RelaxedGromovCertificate(
      objective: values.objective + sides.0 + sides.1
        + (epsilon > 0 ? penalty(epsilon, cells, mA * mB) : 0),
      linearCost: values.linearCost, quadraticCost: values.quadraticCost, penaltySource: sides.0,
      penaltyTarget: sides.1, gap: primal - held.dualObjective, scale: size, held: held)
  }

  private func heldCheck(
    _ cost: Buffer<Double>, _ terms: RelaxedTerms
  ) throws(KantorError) -> RelaxedCheck {
    let base = try TransportProblem(
      keepingMasses: .dense(Tensor(cost, shape: [problem.n, problem.m])), a: problem.a,
      b: problem.b, isFlat: (source: false, target: false))
    return try RelaxedCheck(RelaxedProblem(base, terms), threads: threads)
  }

  /// grad F = (1 - alpha) M + alpha (2 L P): with a factor held both parts count half.
  private func halve(_ gradient: Buffer<Double>, plus shift: Double) {
    for k in 0..<gradient.count { gradient.pointer[k] = 0.5 * gradient.pointer[k] + shift }
  }

  /// sum x log(x / w)
  private func relativeEntropy(_ x: Buffer<Double>, _ w: Buffer<Double>) -> Double {
    var sum = CompensatedSum()
    for i in 0..<x.count where x.pointer[i] != 0 {
      sum.add(x.pointer[i] * log(x.pointer[i] / w.pointer[i]))
    }
    return sum.value
  }

  /// sum P log(P / R)
  private func entropyTerm(_ own: GromovCheck, _ entropy: RelaxedEntropy) -> Double {
    let m = problem.m
    var sum = CompensatedSum()
    for i in 0..<problem.n {
      let a = entropy.isUniform ? 1 : problem.a.pointer[i]
      for j in 0..<m {
        let x = own.plan[i * m + j]
        guard x != 0 else { continue }
        sum.add(x * log(x / (a * (entropy.isUniform ? 1 : problem.b.pointer[j]))))
      }
    }
    return sum.value
  }

  /// Total of R over the pairs that may hold mass.
  private func referenceMass(_ entropy: RelaxedEntropy) -> Double {
    guard entropy.isUniform else { return problem.sourceMass * problem.targetMass }
    var (rows, columns) = (0.0, 0.0)
    for i in 0..<problem.n where problem.a.pointer[i] > 0 { rows += 1 }
    for j in 0..<problem.m where problem.b.pointer[j] > 0 { columns += 1 }
    return rows * columns
  }
}
