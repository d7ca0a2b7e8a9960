import KantorCore
import KantorNumerics

/// The step between a cone program and the methods that ask for it: they see what `RowReduction`
/// leaves, and what they find is carried back to the program as the caller gave it.
enum ConePresolve {
  static let option = OptionSpec(
    "presolve", .flag(true),
    "Takes out rows and variables that need no method, such as fixed variables and rows that are "
      + "multiples of others.", advanced: true)

  static let outputs: [FieldSpec] = [
    FieldSpec("removed_rows", .int, .output, "Rows fewer that the method saw."),
    FieldSpec("removed_variables", .int, .output, "Variables fewer that the method saw."),
  ]

  /// `method` on what is left, or on the whole where nothing is gained. A point or a ray that does
  /// not hold for the whole program, as one may where rounding adds up, is given up for what the
  /// method makes of the whole.
  static func propose(
    _ problem: ConeProblem, _ run: Run,
    _ method: (ConeProblem, Run) throws(KantorError) -> ConeProposal
  ) throws(KantorError) -> ConeProposal {
    if run.options.flag("presolve"), let found = try reduced(problem, run, method) { return found }
    var proposal = try method(problem, run)
    count(&proposal, 0, 0)
    return proposal
  }

  private static func reduced(
    _ problem: ConeProblem, _ run: Run,
    _ method: (ConeProblem, Run) throws(KantorError) -> ConeProposal
  ) throws(KantorError) -> ConeProposal? {
    let tolerance = run.options.real("tolerance")
    let reduction = try RowReduction(problem, tolerance: tolerance)
    if let found = try reduction.run() {
      var proposal = ConeProposal(
        claim: .infeasible, x: try Buffer(count: problem.n), s: try Buffer(count: problem.m),
        z: try Buffer(count: problem.m), tolerance: tolerance)
      for (row, weight) in found.terms { proposal.z.pointer[row] += weight }
      try reduction.balance(proposal.z, at: nil)
      count(&proposal, problem.m, problem.n)
      return try holds(proposal, problem) ? proposal : nil
    }
    guard let reduced = try PresolvedProgram(reduction) else { return nil }
    // What is left may be convex though P is not.
    if reduced.removedVariables > 0 { try Convexity.check(problem.p, Interruption(run.monitor)) }
    var proposal: ConeProposal
    if let nothing = try reduced.nothingLeft(tolerance: tolerance) {
      proposal = try reduced.lift(nothing)
    } else {
      let start = try reduced.start(run.start)
      proposal = try reduced.lift(
        method(reduced.problem, Run(options: run.options, monitor: run.monitor, start: start)))
    }
    count(&proposal, reduced.removedRows, reduced.removedVariables)
    if run.monitor.stop != nil { return proposal }
    return try holds(proposal, problem) ? proposal : nil
  }

  private static func count(_ proposal: inout ConeProposal, _ rows: Int, _ variables: Int) {
    count(&proposal.figures, rows, variables)
  }

  static func count(_ figures: inout ResultFields, _ rows: Int, _ variables: Int) {
    figures.add("removed_rows", rows)
    figures.add("removed_variables", variables)
  }

  private static func holds(
    _ proposal: ConeProposal, _ problem: ConeProblem
  ) throws(KantorError) -> Bool {
    let check = ConeCheck(problem)
    switch proposal.claim {
    case .point: return try check.certify(proposal).worst <= proposal.tolerance
    case .infeasible: return try check.infeasible(proposal.z.pointer).holds
    case .unbounded: return try check.unbounded(proposal.x.pointer).holds
    }
  }
}
