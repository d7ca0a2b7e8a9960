import KantorCore
import KantorNumerics

/// Proximal point steps in the Kullback-Leibler divergence, towards unregularised transport:
///     P_k = argmin <P, C> + eps_k KL(P | P_{k-1}),   P_0 = a b^T.
///
/// P_k is the entropic plan at the strength 1 / (1/eps_1 + ... + 1/eps_k), so only potentials are
/// kept. Potentials are nearly linear in the strength, which gives the start of the next step. The
/// potentials of the last step alone, (f_k/s_k - f_{k-1}/s_{k-1}) eps_k with the strengths s_k,
/// have no entropic bias as P_k converges: they give the lower bound of the unregularised cost.
///
/// Source: wu2025pins; xie2020proximal (constant eps_k).
struct ProximalSteps {
  private let solver: SinkhornSolver
  private let most: Int
  private let growth: Double
  private let boundTolerance: Double
  private(set) var count = 0
  /// Target potentials of the last step alone.
  private(set) var lastG: Buffer<Double>?

  init(_ solver: SinkhornSolver, most: Int, growth: Double, boundTolerance: Double) {
    self.solver = solver
    self.most = most
    self.growth = growth
    self.boundTolerance = boundTolerance
  }

  mutating func run() throws(KantorError) {
    var strength = solver.target
    while count < most, try !isClose() {
      let target = solver.target
      let (f, g) = try solver.state.potentials()
      strength /= growth
      let next = 1 / (1 / target + 1 / strength)
      guard next > 1e-300, next < target else { return }
      guard try solver.step(to: next) else {
        solver.goBack(to: target, f, g)
        return
      }
      count += 1
      for j in 0..<g.count {
        g.pointer[j] = (solver.state.g(j) / next - g.pointer[j] / target) * strength
        if !g.pointer[j].isFinite { g.pointer[j] = 0 }
      }
      lastG = g
    }
  }

  private func isClose() throws(KantorError) -> Bool {
    guard boundTolerance > 0 else { return false }
    return try solver.certificate(boundG: lastG).relativeBoundGap <= boundTolerance
  }
}

extension SinkhornSolver {
  /// Solves at a smaller epsilon from the present potentials.
  fileprivate func step(to epsilon: Double) throws(KantorError) -> Bool {
    target = epsilon
    state.move(to: epsilon)
    try prepareStored()
    return try reach(settings.tolerance)
  }

  /// Takes up an earlier solution, which is the best there is when a later step failed.
  fileprivate func goBack(to epsilon: Double, _ f: Buffer<Double>, _ g: Buffer<Double>) {
    target = epsilon
    stored = nil
    state.restart(at: epsilon)
    state.set(f: f.pointer, g: g.pointer)
  }

  /// What the checker says to the present state. `boundG`: target potentials for a better lower
  /// bound of the unregularised cost.
  func certificate(boundG: Buffer<Double>? = nil) throws(KantorError) -> TransportCertificate {
    let potentials = try EntropicPotentials(state, problem)
    let check = try EntropicCheck(
      problem, epsilon: target, f: potentials.f, g: potentials.g,
      parallel: Parallel(threads: settings.threads))
    var certificate = try check.certify(isInterrupted: false).certificate
    if let boundG { try check.improveBound(of: &certificate, with: boundG) }
    return certificate
  }
}
