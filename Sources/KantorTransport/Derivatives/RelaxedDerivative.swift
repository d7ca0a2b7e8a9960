import Glibc
import KantorCore

/// Derivative products of the objective of a relaxed problem, by the envelope theorem: with respect
/// to weights, costs or points, strengths, and the mass to move. Without entropy, or where
/// penalties have kinks, the derivatives are those of one optimal pair of plan and potentials.
struct RelaxedDerivative: Sendable {
  private let problem: RelaxedProblem
  private let plan: RelaxedProposal.Plan
  private let certificate: RelaxedCertificate

  init(
    _ problem: RelaxedProblem, _ plan: RelaxedProposal.Plan, _ certificate: RelaxedCertificate
  ) {
    self.problem = problem
    self.plan = plan
    self.certificate = certificate
  }

  private var scalars: [String: Double] {
    let terms = problem.terms
    if terms.total != nil { return ["mass": certificate.multiplier] }
    return [
      "strength_source":
        terms.source.form == .fixed ? 0 : certificate.penaltySource / terms.source.strength,
      "strength_target":
        terms.target.form == .fixed ? 0 : certificate.penaltyTarget / terms.target.strength,
    ]
  }

  func products(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let scalars = scalars
    let request = try DerivativeRequest(
      problem.base, cotangents, wanted,
      fields: DerivativeRequest.fields(problem.base) + scalars.keys.sorted(),
      outputs: ["objective"])
    let scale = request.scalar("objective")
    let answer = try DerivativeAnswer(problem.base, request)
    answer.addWeights(
      try slopes(problem.terms.source, problem.a, certificate.f, certificate.rowRatio,
        problem.targetMass),
      try slopes(problem.terms.target, problem.b, certificate.g, certificate.columnRatio,
        problem.sourceMass),
      scale)
    if answer.wantsCosts { try addPlan(to: answer, scale) }
    var out = answer.tensors
    for (name, value) in scalars where request.wants(name) {
      out[name] = Tensor(try Buffer([scale * value]), shape: [])
    }
    return out
  }

  /// Of the penalty, and of eps KL(P | a b'): eps (|b| - r_i / a_i).
  private func slopes(
    _ penalty: MarginalPenalty, _ weights: Buffer<Double>, _ potential: Buffer<Double>,
    _ ratio: Buffer<Double>?, _ otherMass: Double
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: weights.count)
    for i in 0..<weights.count {
      out.pointer[i] = penalty.weightDerivative(potential.pointer[i], weights.pointer[i])
    }
    guard case .entropic(let entropy) = plan, let ratio else { return out }
    for i in 0..<weights.count {
      out.pointer[i] += entropy.epsilon * (otherMass - ratio.pointer[i])
    }
    return out
  }

  private func addPlan(to answer: DerivativeAnswer, _ scale: Double) throws(KantorError) {
    let m = problem.m
    switch plan {
    case .sparse(let plan):
      for k in 0..<plan.count {
        let (i, j) = (Int(plan.rows.pointer[k]), Int(plan.columns.pointer[k]))
        let p = scale * plan.values.pointer[k]
        answer.addCost(i, j, p)
        answer.addPair(i, j, p)
      }
    case .dense(let plan):
      let row = try Buffer<Double>(count: m)
      for i in 0..<problem.n {
        for j in 0..<m { row.pointer[j] = scale * plan.pointer[i * m + j] }
        answer.addRow(i, row.pointer)
      }
    case .entropic(let entropy):
      let proposal = RelaxedProposal(
        plan: plan, f: certificate.f, g: certificate.g, multiplier: certificate.multiplier,
        tolerance: 0, gapTolerance: 0)
      let entries = try EntropicPlan(problem, entropy, proposal)
      try entries.forEachRow { (i, row) throws(KantorError) in
        for j in 0..<m { row[j] *= scale }
        answer.addRow(i, row)
      }
    case .infeasible: break
    }
  }
}
