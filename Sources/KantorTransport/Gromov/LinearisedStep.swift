import KantorCore
import KantorNumerics

/// The linear problem of a conditional gradient step: exact transport whose costs are the gradient.
///
/// Measured (Euclidean distances, n = 100 to 1200): after a full step the potentials of the step
/// before are no better than none, up to 1.8 times worse; they serve after short steps only.
final class LinearisedStep {
  /// The gradient; whoever owns the step writes it before each solve.
  let gradient: Buffer<Double>
  /// Potentials of the targets in the last solve.
  private(set) var g: Buffer<Double>
  private let transport: TransportProblem
  private let inner: InnerRun
  private var isNear: Bool

  init(_ problem: GromovProblem, _ run: Run, g start: Buffer<Double>?) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    gradient = try Buffer(count: n * m)
    transport = try TransportProblem(
      geometry: .dense(Tensor(gradient, shape: [n, m])), a: problem.a, b: problem.b)
    inner = InnerRun(run: run)
    if let start { g = start } else { g = try Buffer(count: m) }
    isNear = start != nil
  }

  /// Whether the next costs are near those of the last solve, so that its potentials help.
  func expect(near: Bool) { isNear = near }

  /// A vertex that minimises <gradient, X>; nil when the solve is to stop.
  func solve() throws(KantorError) -> SparsePlan? {
    let isMatching = Assignment.applies(to: transport)
    let spec = isMatching ? Assignment.spec : NetworkSimplex.spec
    let run = inner.run(spec, g: isNear ? g : nil)
    let proposal = isMatching
      ? try Assignment.propose(transport, run) : try NetworkSimplex.propose(transport, run)
    guard run.monitor.stop == nil, case .sparse(let plan) = proposal.plan else { return nil }
    g = proposal.g
    return plan
  }
}
