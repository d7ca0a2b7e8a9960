import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min 1/2 x'Px + q'x subject to Ax + s = b, s in K, K made of zero, nonnegative and box
/// cones, with at most 500 variables; as a dense program.
///
/// **Method** The dual active-set method (`DualActiveSet`); for P that is not positive definite
/// inside the proximal point method (`ProximalActiveSet`). The C function kantor_qp_dense is the
/// same code without problem and result objects.
///
/// **Symbols** W the working set, rows that hold with equality; rho strength of the proximal term.
///
/// **Iteration** The row that is violated most enters W; rows whose multipliers would change sign
/// leave it. Between proximal steps W stays, and the centre moves to the point found.
///
/// **Stops when** no row is violated by more than rounding, and the centre rests; a row contradicts
/// those of W; or moves of the centre are a ray along which the objective falls.
///
/// **Guarantee** No W comes twice, so that the method ends; linear programs take finitely many
/// proximal steps. The checker computes residuals and gap, or what a ray proves, on the caller's
/// data.
///
/// **Cost** n^3/2 for each rho, n^2 + m n for each change of W; memory for 3 n^2 + m n numbers.
///
/// **Reference** goldfarb1983numerically; ferris1991finite.
///
/// Deviation: rows have two sides; rows and columns are scaled by powers of two; a working set can
/// be given, of which what has a multiplier of the wrong sign is taken out again.
public enum ActiveSet: ConeMethod {
  public static let spec = MethodSpec(
    name: "active_set", kind: ConeKind.kind.name,
    summary: "Dual active-set method for small dense linear and quadratic programs.",
    source: "D. Goldfarb and A. Idnani, A numerically stable dual method for solving strictly "
      + "convex quadratic programs (1983)",
    guarantee: "Residuals, cone violations and duality gap within the tolerance, relative to the "
      + "size of their terms.",
    options: options, outputs: ConeOutputs.certificate + ConeOutputs.common,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] = [
    OptionSpec(
      "tolerance", .real(1e-8, min: 1e-13, max: 1),
      "Largest relative residual, cone violation and gap of a solved result."),
    OptionSpec(
      "max_iterations", .int(100_000, min: 1, max: .max),
      "Changes of the working set after which the solve stops."),
  ]

  /// Between two looks at the clock lies at most a factorisation of this size.
  static let mostVariables = 500

  /// What the method itself aims at: a start of another method is brought to its last digits.
  public static func startTolerance(_ run: Run) -> Double {
    min(DenseAnswer.tolerance, run.options.real("tolerance"))
  }

  public static func propose(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let start = try ConeStart(problem, run)
    guard problem.isLinear else {
      throw KantorError(.unsupported, "'active_set' takes zero, nonnegative and box cones")
    }
    guard problem.n <= mostVariables else {
      throw KantorError(
        .unsupported,
        "'active_set' takes at most \(mostVariables) variables, these are \(problem.n); "
          + "'interior_point' takes more")
    }
    return try ActiveSetSolve(problem, run).propose(start)
  }
}

/// The working set, for the next solve.
struct ActiveSetReuse: Sendable { let active: [Int32] }

/// One solve: the dense program, and the way back.
private struct ActiveSetSolve {
  let problem: ConeProblem
  let run: Run
  let p: Buffer<Double>?
  let a: Buffer<Double>
  let low: Buffer<Double>
  let high: Buffer<Double>

  init(_ problem: ConeProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    let (n, m) = (problem.n, problem.m)
    if problem.p.values.count > 0 {
      let square = try Buffer<Double>(count: try checkedProduct(n, n, of: "P"))
      for j in 0..<n {
        for k in problem.p.starts.pointer[j]..<problem.p.starts.pointer[j + 1] {
          let i = Int(problem.p.indices.pointer[k])
          square.pointer[i * n + j] = problem.p.values.pointer[k]
          square.pointer[j * n + i] = problem.p.values.pointer[k]
        }
      }
      p = square
    } else {
      p = nil
    }
    a = try Buffer(count: try checkedProduct(m, n, of: "A"))
    for j in 0..<n {
      for k in problem.a.starts.pointer[j]..<problem.a.starts.pointer[j + 1] {
        a.pointer[Int(problem.a.indices.pointer[k]) * n + j] = problem.a.values.pointer[k]
      }
    }
    low = try Buffer(count: m, repeating: -.infinity)
    high = try problem.b.copy()
    for (index, cone) in problem.cones.enumerated() {
      for i in problem.rowStarts[index]..<problem.rowStarts[index + 1] {
        switch cone {
        case .zero: low.pointer[i] = problem.b.pointer[i]
        case .box:
          low.pointer[i] = problem.b.pointer[i] - (problem.upper?.pointer[i] ?? .infinity)
          high.pointer[i] = problem.b.pointer[i] - (problem.lower?.pointer[i] ?? -.infinity)
        default: break
        }
      }
    }
  }

  func propose(_ start: ConeStart) throws(KantorError) -> ConeProposal {
    let (n, m) = (problem.n, problem.m)
    let tolerance = run.options.real("tolerance")
    let x = try Buffer<Double>(count: n)
    let y = try Buffer<Double>(count: n + m)
    let active = try workingSet(start)
    let dense = DenseQP(
      n: n, m: m, p: p?.pointer, q: problem.q.pointer, a: m > 0 ? a.pointer : nil,
      rowLower: low.pointer, rowUpper: high.pointer, lower: nil, upper: nil)
    let memory = try Buffer<Double>(count: try DenseAnswer.room(n, m))
    let found: DenseAnswer
    do {
      found = try DenseAnswer.solve(
        dense, memory: memory.pointer, start: active.pointer, x: x.pointer, y: y.pointer,
        active: active.pointer, tolerance: min(DenseAnswer.tolerance, 0.5 * tolerance),
        monitor: run.monitor)
    } catch {
      // The general check names the curvature.
      try Convexity.check(problem.p, Interruption(run.monitor))
      throw error
    }
    withExtendedLifetime((memory, p, a, low, high)) {}
    let claim: ConeProposal.Claim
    switch found.status {
    case .infeasible: claim = .infeasible
    case .unbounded: claim = .unbounded
    default: claim = .point
    }
    let z = try Buffer(copying: y.pointer, count: m)
    var proposal = ConeProposal(
      claim: claim, x: x, s: try LinearSlack.make(problem, x), z: z, tolerance: tolerance)
    proposal.reusable = ActiveSetReuse(active: (0..<(m + n)).map { active.pointer[$0] })
    return proposal
  }

  /// What is left of an earlier solve, or what its multipliers tell.
  private func workingSet(_ start: ConeStart) throws(KantorError) -> Buffer<Int32> {
    let (n, m) = (problem.n, problem.m)
    let active = try Buffer<Int32>(count: n + m)
    if let earlier = run.start.reusable as? ActiveSetReuse, earlier.active.count == n + m {
      for c in 0..<(n + m) { active.pointer[c] = earlier.active[c] }
      return active
    }
    guard let z = start.z else { return active }
    var size = 0.0
    for i in 0..<m { size = max(size, abs(z.pointer[i])) }
    for i in 0..<m where abs(z.pointer[i]) > 1e-7 * size {
      active.pointer[i] = z.pointer[i] > 0 ? 1 : -1
    }
    return active
  }
}
