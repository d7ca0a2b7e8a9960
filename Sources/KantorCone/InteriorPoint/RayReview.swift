import KantorCore
import KantorNumerics

/// A second look at the rays that methods claim, before the checker sees them.
struct RayReview {
  let problem: ConeProblem
  let run: Run
  /// What made the claim.
  let method: (ConeProblem, Run) throws(KantorError) -> ConeProposal

  /// A ray that falls short of a proof is cleaned, or computed anew. A direction in which the
  /// objective falls says nothing when no point is feasible: the program without its objective
  /// tells, by a ray of its dual or by a point. With neither, nothing is claimed.
  func judge(_ given: ConeProposal) throws(KantorError) -> ConeProposal {
    var proposal = given
    let check = ConeCheck(problem)
    if proposal.claim == .infeasible {
      let proves = { (z: UnsafePointer<Double>) throws(KantorError) in
        try check.infeasible(z).holds
      }
      if let z = try better(proposal.z, proves) {
        proposal.z = z
      } else if problem.isLinear, let z = try rays.separating() {
        proposal.z = z
      }
      return proposal
    }
    let proves = { (x: UnsafePointer<Double>) throws(KantorError) in
      try check.unbounded(x).holds
    }
    if let x = try better(proposal.x, proves) {
      proposal.x = x
    } else if problem.isLinear, let x = try rays.falling() {
      proposal.x = try better(x, proves) ?? x
    }
    return try feasible(proposal)
  }

  private var rays: ProjectedRays { ProjectedRays(problem: problem, run: run) }

  /// The ray as it is, or without what may be rounding of 0: where columns are empty, nothing else
  /// is left of a ray's products. Nil when none of them proves anything.
  private func better(
    _ ray: Buffer<Double>, _ holds: (UnsafePointer<Double>) throws(KantorError) -> Bool
  ) throws(KantorError) -> Buffer<Double>? {
    let size = ConeCheck.largest(ray.pointer, ray.count)
    for share in [0, 1e-9, 1e-6, 1e-4] {
      let clean = try ray.copy()
      for i in 0..<clean.count where abs(clean.pointer[i]) <= share * size { clean.pointer[i] = 0 }
      if try holds(clean.pointer) { return clean }
    }
    return nil
  }

  private func feasible(_ proposal: ConeProposal) throws(KantorError) -> ConeProposal {
    let n = problem.n
    let bare = ConeProblem(
      p: try SparseMatrix.zero(rows: n, columns: n), q: try Buffer(count: n), a: problem.a,
      b: problem.b, cones: problem.cones, lower: problem.lower, upper: problem.upper)
    let units = DataUnits.natural(bare)
    let measured = try bare.measured(in: units)
    let inner = Run(options: run.options, monitor: run.monitor)
    var found = try method(measured, inner)
    let isSettled = try settles(found, measured)
    if !isSettled && problem.isLinear {
      found = try LinearSolve(measured, inner, ConeStart(), innerTolerance: 1e-9).propose()
    }
    var judged = proposal
    if found.claim == .infeasible {
      guard try ConeCheck(problem).infeasible(found.z.pointer).holds else { return judged }
      judged.claim = .infeasible
      judged.z = found.z
      return judged
    }
    if run.monitor.stop != nil { return judged }
    if try settles(found, measured) { return judged }
    judged.claim = .point
    for j in 0..<n { judged.x.pointer[j] = found.x.pointer[j] * units.primal }
    for i in 0..<problem.m { judged.s.pointer[i] = found.s.pointer[i] * units.primal }
    return judged
  }

  /// Whether it is known now if there is a feasible point.
  private func settles(
    _ found: ConeProposal, _ bare: ConeProblem
  ) throws(KantorError) -> Bool {
    let check = ConeCheck(bare)
    switch found.claim {
    case .infeasible: return try check.infeasible(found.z.pointer).holds
    case .unbounded: return false
    case .point: return try check.certify(found).worst <= ConeCheck.inaccurate
    }
  }
}
