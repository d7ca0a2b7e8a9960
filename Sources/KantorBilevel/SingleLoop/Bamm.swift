import KantorBlocks
import KantorCore

/// **Solves** min F(x, y) over x in X, y in S(x), the solutions of a convex lower level, which may
/// be more than one: the one best for F is taken. mu F + (1 - mu) f has to be strongly convex in y.
///
/// **Method** The lower level is averaged with the upper one,
///
///     psi_mu = mu F + (1 - mu) f,
///
/// whose minimiser is unique and tends to the optimistic one as mu falls; the multiplier v of its
/// stationarity solves psi_yy v = F_y.
///
/// **Symbols** mu the weight of F; v the multiplier; r = psi_yy v - F_y; b, a, eta steps of y, x,
/// v.
///
/// **Iteration** `adaptive`, for mu = 0.5, 0.1, 0.02, ... (a fifth each): minimise F along the
/// minimiser of psi_mu by quasi-Newton steps, with the derivative F_x - psi_xy v; certify; where
/// that fails from the third mu on, solve on the active set that multipliers tell.
///
/// `published`, with mu_k = mu (k + 1)^(-1/p), a_k = alpha mu_k^3 (k + 1)^(-3 tau / 2):
/// y <- y - b psi_y; v <- v - eta r with eta = |r|^2 / (r.psi_yy r); x <- P_X(x - a_k (F_x - psi_xy
/// v)) with the v from before.
///
/// **Stops when** the certificate holds, mu has come to `mu_min`, or at a limit; `published` when
/// the steps of x and y over their lengths are at most `tolerance`.
///
/// **Guarantee** The conditions of first order of the averaged problem; its F is O(mu) off.
///
/// **Cost** `published`: gradients of F and f and two or three Hessian products of each.
/// `adaptive`: as `implicit`, for each mu.
///
/// **Reference** liu2023averaged.
///
/// Deviation: (`adaptive`) a few mu, each minimised, instead of one step for each.
public enum Bamm: BilevelMethod {
  public static let spec = MethodSpec(
    name: "bamm", kind: BilevelKind.kind.name,
    summary: "Averaged lower level: convex lower levels with many solutions, the best one for F.",
    source: "R. Liu, Y. Liu, W. Yao, S. Zeng, J. Zhang, Averaged method of multipliers for "
      + "bi-level optimization without lower-level strong convexity (2023)",
    guarantee: "Lower-level gap, feasibility and projected hypergradient within the tolerance; "
      + "local in x.",
    options: options, outputs: BilevelOutputs.specs + outputs, usesWarmStart: true,
    hasDerivatives: false)

  static let options: [OptionSpec] =
    BilevelOptions.specs(iterations: 10_000) + [
      OptionSpec(
        "variant", .text("adaptive", choices: ["adaptive", "published"]),
        "Minimisations for falling mu, or the single loop of the paper."),
      OptionSpec(
        "mu", .real(0, min: 0, max: 1), "First weight of F; 0 takes 0.5 (published: 0.9)."),
      OptionSpec("mu_min", .real(1e-7, min: 1e-15, max: 1), "Smallest weight, adaptive."),
      BilevelOptions.polish,
      OptionSpec("alpha", .real(0.1, min: 0, max: 1e6), "Published: factor of the steps of x."),
      OptionSpec("beta", .real(0.1, min: 0, max: 1e6), "Published: step of y."),
      OptionSpec("p", .real(10, min: 1, max: 1e6), "Published: exponent of mu."),
      OptionSpec("tau", .real(0.025, min: 0, max: 1), "Published: exponent of the steps of x."),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("mu", .real, .output, "Last weight of F."),
    FieldSpec("polished", .int, .output, "Whether the polish gave the point: 1 or 0."),
  ]

  public static func propose(
    _ problem: BilevelProblem, _ run: Run
  ) throws(KantorError) -> BilevelProposal {
    try UpperDescent.refuseRows(problem, spec.name)
    return try fromStart(problem, run, outputs) { (oracle, start) throws(KantorError) in
      guard run.options.text("variant") == "published" else {
        return try BammSearch(oracle, run, start).propose()
      }
      guard problem.lowerIsFree else {
        throw KantorError(
          .unsupported,
          "'bamm' takes rows and bounds of the lower level only with variant 'adaptive'")
      }
      return try BammLoop(oracle, run, start).propose()
    }
  }
}

/// The adaptive variant of `Bamm`.
final class BammSearch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let x: Buffer<Double>
  private let y: Buffer<Double>
  private let blend: LowerBlend
  private let hyper: HyperOracle
  private let choice: PolishedChoice

  init(
    _ oracle: BilevelOracle, _ run: Run, _ start: (x: Buffer<Double>, y: Buffer<Double>)
  ) throws(KantorError) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    (x, y) = start
    blend = try LowerBlend(oracle)
    hyper = try HyperOracle(blend.oracle)
    choice = PolishedChoice(oracle, run)
  }

  func propose() throws(KantorError) -> BilevelProposal {
    let descent = try UpperDescent(problem, run.monitor)
    let tolerance = run.options.real("tolerance")
    let given = run.options.real("mu")
    var mu = given > 0 ? given : 0.5
    var (rounds, last) = (0, LowerAnswer.End.undefined)
    while mu >= run.options.real("mu_min"), !oracle.stopped {
      blend.upperWeight = mu
      blend.lowerWeight = 1 - mu
      _ = try descent.minimise(
        x: x.pointer, tolerance: max(0.1 * tolerance, 1e-3 * mu),
        evaluate: { [self] (x, g) throws(KantorError) -> Double in try value(x, g) })
      last = hyper.answer.end
      if oracle.stopped { break }
      rounds += 1
      if hyper.answer.isUsable {
        let w = try Buffer<Double>(count: problem.n)
        w.pointer.update(from: x.pointer, count: problem.nx)
        (w.pointer + problem.nx).update(from: y.pointer, count: problem.ny)
        if try choice.consider(w.pointer) { break }
        if rounds > 2, run.options.flag("polish"), try choice.polish(w.pointer) { break }
      }
      mu *= 0.2
    }
    var proposal = choice.proposal() ?? BilevelProposal(x: x, y: y)
    if !oracle.stopped, choice.best == nil {
      if last == .infeasible { proposal.claim = .lowerInfeasible }
      if last == .unbounded { proposal.remark = "mu F + (1 - mu) f has no minimum in y" }
    }
    if hyper.wasSingular {
      proposal.remark = "the second derivative of mu F + (1 - mu) f in y was singular"
    }
    proposal.selection = .optimistic
    proposal.counts = oracle.counts
    proposal.figures.add("mu", mu)
    proposal.figures.add("polished", choice.best?.isPolished == true ? 1 : 0)
    return proposal
  }

  private func value(
    _ x: UnsafePointer<Double>, _ g: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    let outcome = try hyper.evaluate(
      x: x, y: y.pointer, lowerTolerance: 1e-10, adjointTolerance: 1e-10, gradient: g)
    try blend.rethrow()
    guard case .fine = outcome else { return .infinity }
    y.pointer.update(from: hyper.answer.y, count: problem.ny)
    return hyper.value
  }
}
