import KantorCore

/// The best of the points that a method came to, by their certificates, with a polish on the active
/// set that each suggests.
final class PolishedChoice {
  struct Candidate {
    let x: Buffer<Double>
    let y: Buffer<Double>
    let certificate: BilevelCertificate
    let isPolished: Bool
    let others: [Buffer<Double>]
  }

  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let run: Run
  private let tolerance: Double
  private(set) var best: Candidate?

  init(_ oracle: BilevelOracle, _ run: Run) {
    self.oracle = oracle
    self.run = run
    problem = oracle.problem
    tolerance = run.options.real("tolerance")
  }

  /// Certifies w = (x, y); true when the certificate holds. `others` are y' that may have a lower
  /// f.
  @discardableResult
  func consider(
    _ w: UnsafePointer<Double>, others: [Buffer<Double>] = [], isPolished: Bool = false
  ) throws(KantorError) -> Bool {
    let x = try Buffer<Double>(copying: w, count: problem.nx)
    let y = try Buffer<Double>(copying: w + problem.nx, count: problem.ny)
    problem.projectX(x.pointer)
    problem.clampY(y.pointer)
    let certificate = try BilevelCheck(problem).certify(
      x: x, y: y, others: others, effort: BilevelResult.effort(run))
    if best.map({ certificate.worst < $0.certificate.worst }) ?? true {
      best = Candidate(
        x: x, y: y, certificate: certificate, isPolished: isPolished, others: others)
    }
    return certificate.worst <= tolerance
  }

  /// Solves the single-level program on the active sets that w suggests; true when a certificate
  /// holds.
  func polish(
    _ w: UnsafePointer<Double>, others: [Buffer<Double>] = []
  ) throws(KantorError) -> Bool {
    guard problem.n + problem.lower.rows <= ActiveSetPolish.most else { return false }
    var tried: [LowerActivity] = []
    for near in [1e-2, 1e-1, 1e-3] {
      guard let guess = try LowerActivity.guess(oracle, w: w, near: near),
        !tried.contains(where: { $0.hasSameSets(as: guess) })
      else { continue }
      tried.append(guess)
      let x = try Buffer<Double>(copying: w, count: problem.nx)
      let y = try Buffer<Double>(copying: w + problem.nx, count: problem.ny)
      let program = try ActiveSetPolish(oracle, guess, x: x, y: y)
      guard let found = try program.solve(tolerance: 1e-10) else {
        if oracle.stopped { return false }
        continue
      }
      let point = try Buffer<Double>(count: problem.n)
      point.pointer.update(from: found.x.pointer, count: problem.nx)
      (point.pointer + problem.nx).update(from: found.y.pointer, count: problem.ny)
      if try consider(point.pointer, others: others, isPolished: true) { return true }
    }
    return false
  }

  /// Whether a point was considered that the lower level admits.
  var hasFeasible: Bool { (best?.certificate.relativeLowerFeasibility ?? .infinity) <= 1e-4 }

  /// The best point as a proposal, or nil where none was considered.
  func proposal() -> BilevelProposal? {
    guard let best else { return nil }
    var proposal = BilevelProposal(x: best.x, y: best.y)
    proposal.certificate = best.certificate
    proposal.others = best.others
    return proposal
  }
}
