import KantorCore
import KantorNumerics

/// One solve of a program with linear cones by the primal-dual iteration.
struct PrimalDualSolve {
  let problem: ConeProblem
  let run: Run
  let start: ConeStart

  func propose() throws(KantorError) -> ConeProposal {
    switch try LinearForm.make(problem) {
    case .infeasible(let ray): return try claim(.infeasible, z: ray)
    case .form(let form): return try solve(form)
    }
  }

  private func solve(_ form: LinearForm) throws(KantorError) -> ConeProposal {
    let tolerance = run.options.real("tolerance")
    let scaled = try PrimalDualForm(form, threads: run.threads)
    let loop = try PrimalDual(scaled, run.monitor, tolerance: 0.9 * tolerance)
    if start.x != nil || start.z != nil { try place(loop, form) }
    let outcome = loop.run()
    let state = loop.state
    var proposal: ConeProposal
    switch outcome {
    case .infeasible: proposal = try claim(.infeasible, z: try state.multipliers(problem))
    case .unbounded: proposal = try claim(.unbounded, x: try state.answer(problem).x)
    case .ended:
      let (x, s, z) = try state.answer(problem)
      proposal = ConeProposal(claim: .point, x: x, s: s, z: z, tolerance: tolerance)
    }
    proposal.figures = SplittingFigures(
      splitting: "primal_dual", factorEntries: 0, factorisations: 0, scale: loop.weight,
      extrapolations: 0, restarts: loop.restarts
    ).fields
    return proposal
  }

  private func place(_ loop: PrimalDual, _ form: LinearForm) throws(KantorError) {
    let x = try Buffer<Double>(count: form.n)
    let y = try Buffer<Double>(count: form.rows)
    if let given = start.x {
      for j in 0..<form.n { x.pointer[j] = given.pointer[j] / form.scale.columns.pointer[j] }
    }
    if let given = start.z {
      for k in 0..<form.rows {
        let z = given.pointer[Int(form.origin.pointer[k])]
        y.pointer[k] = z * form.scale.objective / form.scale.rows.pointer[k]
      }
    }
    loop.place(x: x.pointer, y: y.pointer)
  }

  private func claim(
    _ claim: ConeProposal.Claim, x: Buffer<Double>? = nil, z: Buffer<Double>? = nil
  ) throws(KantorError) -> ConeProposal {
    let noX = try Buffer<Double>(count: problem.n)
    let noS = try Buffer<Double>(count: problem.m)
    return ConeProposal(
      claim: claim, x: x ?? noX, s: noS, z: z ?? noS, tolerance: run.options.real("tolerance"))
  }
}

/// What both splittings tell of their work.
struct SplittingFigures {
  var splitting: String
  var factorEntries: Int
  var factorisations: Int
  var scale: Double
  var extrapolations: Int
  var restarts: Int

  var fields: ResultFields {
    var fields = ResultFields()
    fields.add("splitting", splitting)
    fields.add("factor_entries", factorEntries)
    fields.add("factorisations", factorisations)
    fields.add("scale", scale)
    fields.add("extrapolations", extrapolations)
    fields.add("restarts", restarts)
    return fields
  }
}
