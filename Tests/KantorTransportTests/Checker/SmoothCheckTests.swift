import KantorCore
import KantorNumerics
import KantorTransport
import Testing

/// The checker against wrong proposals.
@Suite struct SmoothCheckTests {
  private func certify(
    _ problem: TransportProblem, _ term: SmoothTerm, _ entries: [(Int, Int, Double)],
    _ f: [Double], _ g: [Double]
  ) throws -> SmoothCheck.Answer {
    let plan = SparsePlan(
      rows: try Buffer(entries.map { Int64($0.0) }),
      columns: try Buffer(entries.map { Int64($0.1) }),
      values: try Buffer(entries.map(\.2)), count: entries.count)
    let (bufferF, bufferG) = (try Buffer(f), try Buffer(g))
    return try SmoothCheck(problem, term).certify(
      plan, f: bufferF.pointer, g: bufferG.pointer, parallel: Parallel(threads: 2))
  }

  private func problem() throws -> TransportProblem {
    try ExactProblems.Data(
      cost: [[0, 1], [1, 0]], a: [0.5, 0.5], b: [0.5, 0.5]).problem()
  }

  /// p = 3/8 on the diagonal is optimal for gamma 4, with f = g = 3/4.
  @Test func rightProposal() throws {
    let answer = try certify(
      problem(), SmoothTerm(gamma: 4, limit: 2, side: .columns),
      [(0, 0, 0.375), (0, 1, 0.125), (1, 0, 0.125), (1, 1, 0.375)], [0.75, 0.75], [0.75, 0.75])
    #expect(answer.certificate.gap.magnitude < 1e-15)
    #expect(answer.certificate.marginalResidual < 1e-15)
    #expect(answer.mostEntries == 2 && answer.exceedingLines == 0)
    #expect(answer.certificate.lowerBound <= 0)
  }

  @Test(arguments: [0.0, 0.5, 1.0, 3.0]) func wrongPotentialsShowAGap(level: Double) throws {
    let answer = try certify(
      problem(), SmoothTerm(gamma: 4, limit: 2, side: .rows),
      [(0, 0, 0.375), (0, 1, 0.125), (1, 0, 0.125), (1, 1, 0.375)], [level, 0.75], [0.75, 0.75])
    #expect(answer.certificate.gap > 1e-3)
  }

  @Test func missingMassShows() throws {
    let answer = try certify(
      problem(), SmoothTerm(gamma: 4, limit: 2, side: .rows), [(0, 0, 0.5), (1, 1, 0.4)],
      [0, 0], [0, 0])
    #expect(abs(answer.certificate.marginalResidual - 0.2) < 1e-15)
  }

  /// y = (3, 1, 1) with k = 2: the last two share one place, |y|^2 = 9 + 4.
  @Test func normOfTheHull() throws {
    let problem = try ExactProblems.Data(
      cost: [[0], [0], [0]], a: [0.6, 0.2, 0.2], b: [1]).problem()
    let entries = [(0, 0, 0.6), (1, 0, 0.2), (2, 0, 0.2)]
    let two = try certify(
      problem, SmoothTerm(gamma: 2, limit: 2, side: .columns), entries, [0, 0, 0], [0])
    #expect(abs(two.certificate.objective - (0.36 + 0.16)) < 1e-15)
    #expect(two.mostEntries == 3 && two.exceedingLines == 1)
    let one = try certify(
      problem, SmoothTerm(gamma: 2, limit: 1, side: .columns), entries, [0, 0, 0], [0])
    #expect(abs(one.certificate.objective - 1) < 1e-15)
  }

  @Test func capacityNeedsARealWitness() throws {
    let problem = try ExactProblems.Data(
      cost: [[0, 0], [0, .infinity], [0, .infinity]], a: [0.4, 0.3, 0.3], b: [0.6, 0.4]).problem()
    func holds(_ chosen: [Double], _ limit: Int) throws -> Bool {
      let marks = try Buffer(chosen)
      return try CapacityCheck.holds(
        problem, limit: limit, side: .columns, chosen: marks.pointer)
    }
    #expect(try holds([0, 1, 1], 1))
    #expect(try holds([1, 1, 1], 1))
    #expect(try !holds([1, 1, 0], 1))
    #expect(try !holds([0, 1, 1], 2))
  }
}
