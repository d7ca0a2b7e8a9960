import KantorBlocks
import KantorCore
import KantorNonlinear
import KantorNumerics
import TestSupport
import Testing

/// Certificates of points that are right, nearly right and wrong.
@Suite struct NonlinearCheckTests {
  private let solution = [1.0, 4.742999637, 3.821149979, 1.379408293]

  private func certify(
    _ x: [Double], _ y: [Double], _ zLower: [Double]? = nil, second: Bool = false
  ) throws -> NonlinearCertificate {
    let problem = try Sample.hs71.problem()
    let oracle = try NonlinearOracle(problem, monitor: Monitor())
    var proposal = NonlinearProposal(
      x: try Buffer(x), y: try Buffer(y), tolerance: 1e-8, oracle: oracle)
    if let zLower {
      proposal.zLower = try Buffer(zLower)
      proposal.zUpper = try Buffer(count: 4)
    }
    proposal.secondOrder = second
    return try NonlinearCheck(problem).certify(proposal).certificate
  }

  @Test func publishedMultipliersOfHS71() throws {
    let c = try certify(solution, [-0.5522937, 0.1614686], [1.0878712, 0, 0, 0], second: true)
    #expect(abs(c.objective - 17.0140173) < 1e-7)
    #expect(c.worst < 1e-6 && c.wrongSign == 0)
    // Three of four directions are taken by active constraints, and the last curves upwards.
    #expect(c.curvature > 0.1 && c.curvature < 10)
  }

  @Test func signsAreJudged() throws {
    let c = try certify(solution, [0.5522937, 0.1614686], [1.0878712, 0, 0, 0])
    // A positive multiplier for a row with a lower bound only.
    #expect(abs(c.wrongSign - 0.5522937) < 1e-12)
    #expect(c.worst > 0.1)
  }

  @Test func violationsHaveAPlace() throws {
    let c = try certify([1, 4, 3, 1], [0, 0])
    // Row 0: 12 instead of at least 25; row 1: 27 instead of 40.
    #expect(abs(c.violation - 13.0 / 25) < 1e-12 && c.worstPlace == 4)
    #expect(Status.judge(c, tolerance: 1e-8, stop: nil, failedAtStart: false) == .stalled)
    let stopped = Status.judge(c, tolerance: 1e-8, stop: .timeLimit, failedAtStart: false)
    #expect(stopped == .timeLimit)
  }

  @Test func contradictionOfRows() throws {
    // x^2 + y^2 + 1 <= 0.
    var sample = Sample(start: [1, 1], value: { $0[0] })
    sample.rowLower = [-.infinity]
    sample.rowUpper = [0]
    sample.rows = { [$0[0] * $0[0] + $0[1] * $0[1] + 1] }
    let problem = try sample.problem()
    let (zero, other) = (try Buffer<Double>([0, 0]), try Buffer<Double>([1, 1]))
    let one = try Buffer<Double>([1])
    let check = try NonlinearCheck(problem)
    let there = try check.infeasible(x: zero.pointer, weights: one.pointer)
    #expect(there.isLocal && !there.isGlobal && abs(there.violation - 1) < 1e-9)
    #expect(try !check.infeasible(x: other.pointer, weights: one.pointer).isLocal)
  }

  @Test func contradictionOfAffineRows() throws {
    // x >= 1 and x <= 0 as rows, declared affine.
    var sample = Sample(start: [3], value: { $0[0] })
    sample.rowLower = [1, -.infinity]
    sample.rowUpper = [.infinity, 0]
    sample.rows = { [$0[0], $0[0]] }
    sample.jacobian = { _ in [1, 1] }
    sample.linearRows = [1, 1]
    let check = try NonlinearCheck(try sample.problem())
    let x = try Buffer<Double>([0.4])
    let w = try Buffer<Double>([-1, 1])
    let proof = try check.infeasible(x: x.pointer, weights: w.pointer)
    #expect(proof.isGlobal && abs(proof.contradiction - 1) < 1e-12)
    sample.linearRows = nil
    let loose = try NonlinearCheck(try sample.problem())
      .infeasible(x: x.pointer, weights: w.pointer)
    #expect(!loose.isGlobal && loose.isLocal)
  }
}
