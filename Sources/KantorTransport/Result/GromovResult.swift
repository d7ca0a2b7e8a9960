import KantorCore
import KantorNumerics

/// Turns a proposal for two structures into a result: asks the checker, derives the status from
/// the certificate and names what the caller can read.
enum GromovResult {
  static func make(
    _ spec: MethodSpec, _ problem: GromovProblem, _ proposal: GromovProposal, _ run: Run
  ) throws(KantorError) -> Result {
    let check = try GromovCheck(
      problem, model: proposal.model, plan: proposal.plan, threads: run.threads)
    let certificate = try check.certify(g: proposal.g)
    let status = Status.judge(
      residual: certificate.marginalResidual, tolerance: proposal.marginalTolerance,
      gap: certificate.relativeGap, gapTolerance: proposal.gapTolerance, stop: run.monitor.stop)
    var fields = ResultFields()
    fields.add("objective", certificate.objective)
    fields.add("linear_cost", certificate.linearCost)
    fields.add("quadratic_cost", certificate.quadraticCost)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.certify("row_residual", certificate.rowResidual)
    fields.certify("column_residual", certificate.columnResidual)
    fields.append(proposal.figures)
    fields.add("mass", problem.mass)
    fields.add(
      "message",
      "\(status.name): marginal residual \(shortText(certificate.marginalResidual)), relative "
        + "Frank-Wolfe gap \(shortText(certificate.relativeGap)), tolerance "
        + "\(shortText(proposal.gapTolerance)), \(run.monitor.iterations) iterations")
    let (n, m) = (problem.n, problem.m)
    fields.add("plan", Tensor(proposal.plan, shape: [n, m]))
    addEntries(&fields, proposal.plan, m)
    fields.add("potential_source", Tensor(certificate.f))
    fields.add("potential_target", Tensor(certificate.g))
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: GromovDerivative(
        problem, proposal.model, plan: proposal.plan, certificate
      ).products)
  }

  static func addEntries(
    _ fields: inout ResultFields, _ plan: Buffer<Double>, _ m: Int
  ) {
    @Sendable func entries(
      _ value: (Int) -> Double
    ) throws(KantorError) -> Buffer<Double> {
      var count = 0
      for k in 0..<plan.count where plan.pointer[k] != 0 { count += 1 }
      let out = try Buffer<Double>(count: count)
      var e = 0
      for k in 0..<plan.count where plan.pointer[k] != 0 {
        out.pointer[e] = value(k)
        e += 1
      }
      return out
    }
    @Sendable func indices(_ index: (Int) -> Int) throws(KantorError) -> Tensor {
      let numbers = try entries { Double(index($0)) }
      let out = try Buffer<Int64>(count: numbers.count)
      for e in 0..<out.count { out.pointer[e] = Int64(clamping: Int(numbers.pointer[e])) }
      return Tensor(out, count: out.count)
    }
    fields.addLazily("plan_row") { () throws(KantorError) in try indices { $0 / m } }
    fields.addLazily("plan_column") { () throws(KantorError) in try indices { $0 % m } }
    fields.addLazily("plan_value") { () throws(KantorError) in
      Tensor(try entries { plan.pointer[$0] })
    }
  }
}

/// The outputs that every method for structures has.
public enum GromovOutputs {
  static let certificate: [FieldSpec] = [
    FieldSpec(
      "objective", .real, .output,
      "(1 - alpha) linear_cost + alpha quadratic_cost at the plan; entropic methods add "
        + "epsilon KL(P | a b^T)."),
    FieldSpec("linear_cost", .real, .output, "<M, P>; 0 without a cost."),
    FieldSpec("quadratic_cost", .real, .output, "sum L(C_ik, D_jl) P_ij P_kl."),
    FieldSpec(
      "gap", .real, .certificate,
      "Upper bound of the Frank-Wolfe gap: what the objective linearised at the plan could still "
        + "be lowered by; 0 at stationary plans only."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of its terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate, "Sum of row_residual and column_residual."),
    FieldSpec("row_residual", .real, .certificate, "|P 1 - a|_1 / mass."),
    FieldSpec(
      "column_residual", .real, .certificate, "|P' 1 - b|_1 / mass; 0 where b is left free."),
  ]

  static let common: [FieldSpec] = [
    FieldSpec("mass", .real, .output, "Total mass of the sources."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec("plan", .array, .output, shape: "(n, m)", "The plan."),
    FieldSpec("plan_row", .array, .output, shape: "(k,)", "Sources of its entries (i64)."),
    FieldSpec("plan_column", .array, .output, shape: "(k,)", "Targets of the entries (i64)."),
    FieldSpec("plan_value", .array, .output, shape: "(k,)", "Masses of the entries."),
    FieldSpec(
      "potential_source", .array, .output, shape: "(n,)",
      "f of the linearised problem: the derivative of the objective in weights_source."),
    FieldSpec("potential_target", .array, .output, shape: "(m,)", "g of the same."),
  ]

  /// With the figures of a method between certificate and arrays.
  static func with(_ figures: [FieldSpec] = []) -> [FieldSpec] { certificate + figures + common }
}
