import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import Testing

@Suite struct SparsePlanCheckTests {
  /// C = [[0, 1], [1, 0]] with uniform weights: the identity plan costs nothing.
  private func problem() throws -> TransportProblem {
    try TransportProblem(geometry: matrix([[0, 1], [1, 0]]), a: nil, b: nil)
  }

  private func certify(
    _ problem: TransportProblem, _ entries: [(Int, Int, Double)], g: [Double], threads: Int = 1
  ) throws -> TransportCertificate {
    let f = try Buffer<Double>(count: problem.n)
    let g = try Buffer(g)
    return try SparsePlanCheck(problem).certify(
      plan(entries), f: f.pointer, g: g.pointer, parallel: Parallel(threads: threads))
  }

  @Test func acceptsTheOptimum() throws {
    let certificate = try certify(problem(), [(0, 0, 0.5), (1, 1, 0.5)], g: [0, 0])
    #expect(certificate.objective == 0)
    #expect(certificate.marginalResidual == 0)
    #expect(certificate.gap == 0)
  }

  @Test func seesWrongMarginals() throws {
    let certificate = try certify(problem(), [(0, 0, 0.5), (1, 1, 0.4)], g: [0, 0])
    #expect(abs(certificate.rowResidual - 0.1) < 1e-15)
    #expect(abs(certificate.columnResidual - 0.1) < 1e-15)
  }

  @Test func seesACostlierPlan() throws {
    let certificate = try certify(problem(), [(0, 1, 0.5), (1, 0, 0.5)], g: [0, 0])
    #expect(certificate.objective == 1)
    #expect(certificate.gap == 1)
  }

  @Test func countsNegativeEntriesAsError() throws {
    let entries = [(0, 0, 0.6), (0, 1, -0.1), (1, 0, -0.1), (1, 1, 0.6)]
    let certificate = try certify(problem(), entries, g: [0, 0])
    #expect(certificate.marginalResidual >= 0.1)
  }

  @Test func wrongPotentialsLowerTheBoundOnly() throws {
    // Any g gives a valid bound; a bad one gives a bad bound, never an invalid one.
    let certificate = try certify(problem(), [(0, 0, 0.5), (1, 1, 0.5)], g: [3, -2])
    #expect(certificate.dualObjective <= 0)
    #expect(certificate.gap > 1)
  }

  @Test func refusesEntriesOutsideTheMatrix() throws {
    #expect(throws: KantorError.self) {
      try certify(problem(), [(0, 2, 0.5)], g: [0, 0])
    }
  }

  @Test(arguments: Metric.allCases) func rowsAndEntriesAgree(metric: Metric) throws {
    var random = RandomStream(seed: 7)
    let (n, m, d) = (5, 19, 3)
    let x = try Buffer((0..<(n * d)).map { _ in random.uniform() - 0.5 })
    let y = try Buffer((0..<(m * d)).map { _ in random.uniform() + 1 })
    let geometry = try Geometry.points(
      x: x, n: n, y: y, m: m, dimension: d, metric: metric, power: 1.7)
    let cost = try CheckedCost(geometry)
    let scratch = try Buffer<Double>(count: cost.scratchCount)
    for i in 0..<n {
      let row = cost.row(i, scratch.pointer)
      for j in 0..<m {
        let difference = (0..<d).map { x[i * d + $0] - y[j * d + $0] }
        let square = difference.reduce(0) { $0 + $1 * $1 }
        let expected: Double
        switch metric {
        case .sqeuclidean: expected = square
        case .euclidean: expected = square.squareRoot()
        case .l1: expected = difference.reduce(0) { $0 + abs($1) }
        case .power: expected = pow(square, 0.85)
        case .cosine:
          var (dot, xx, yy) = (0.0, 0.0, 0.0)
          for k in 0..<d {
            dot += x[i * d + k] * y[j * d + k]
            xx += x[i * d + k] * x[i * d + k]
            yy += y[j * d + k] * y[j * d + k]
          }
          expected = 1 - dot / (xx * yy).squareRoot()
        }
        #expect(abs(row[j] - expected) < 1e-13)
        #expect(abs(cost.entry(i, j) - row[j]) < 1e-14)
      }
    }
  }

  @Test(arguments: [0, 1, 7, 8, 15, 16, 17, 33, 100]) func smallestDifferenceFindsTheMinimum(
    count: Int
  ) throws {
    var random = RandomStream(seed: UInt64(count))
    let c = try Buffer((0..<count).map { _ in random.uniform() })
    let g = try Buffer((0..<count).map { _ in random.uniform() })
    let expected = (0..<count).map { c[$0] - g[$0] }.min() ?? .infinity
    #expect(smallestDifference(c.pointer, g.pointer, count) == expected)
  }

  @Test func threadsGiveTheSameBound() throws {
    var random = RandomStream(seed: 3)
    let rows = (0..<37).map { _ in (0..<23).map { _ in random.uniform() } }
    let problem = try TransportProblem(geometry: matrix(rows), a: nil, b: nil)
    let g = (0..<23).map { _ in random.uniform() }
    let one = try certify(problem, [], g: g)
    let many = try certify(problem, [], g: g, threads: 5)
    #expect(one.dualObjective == many.dualObjective)
  }
}

@Suite struct InfeasibilityCheckTests {
  @Test func acceptsAProofAndRefusesANonProof() throws {
    // Source 0 (mass 0.7) may reach only target 0 (mass 0.5).
    let problem = try TransportProblem(
      geometry: matrix([[1, .infinity], [1, 1]]), a: Buffer([0.7, 0.3]), b: Buffer([0.5, 0.5]))
    let f = try Buffer([1.0, 0])
    let g = try Buffer([-1.0, 0])
    #expect(try InfeasibilityCheck.holds(problem, f: f.pointer, g: g.pointer))
    let notRay = try Buffer([1.0, 1])
    #expect(try !InfeasibilityCheck.holds(problem, f: notRay.pointer, g: g.pointer))
    let zero = try Buffer([0.0, 0])
    #expect(try !InfeasibilityCheck.holds(problem, f: zero.pointer, g: zero.pointer))
  }
}

@Suite struct JudgeTests {
  @Test func statusFollowsTheCertificate() {
    func judge(_ residual: Double, gap: Double = 0, stop: Status? = nil) -> Status {
      .judge(residual: residual, tolerance: 1e-9, gap: gap, gapTolerance: 1e-9, stop: stop)
    }
    #expect(judge(1e-10) == .solved)
    #expect(judge(1e-10, gap: 1e-3) == .stalled)
    #expect(judge(1e-8) == .solvedInaccurate)
    #expect(judge(1e-2) == .stalled)
    #expect(judge(1e-2, stop: .iterationLimit) == .iterationLimit)
    #expect(judge(1e-10, stop: .timeLimit) == .solved)
    #expect(judge(.nan) == .numericalError)
  }
}

func matrix(_ rows: [[Double]]) throws -> Geometry {
  .dense(Tensor(try Buffer(rows.flatMap { $0 }), shape: [rows.count, rows[0].count]))
}

func plan(_ entries: [(Int, Int, Double)]) throws -> SparsePlan {
  SparsePlan(
    rows: try Buffer(entries.map { Int64($0.0) }), columns: try Buffer(entries.map { Int64($0.1) }),
    values: try Buffer(entries.map { $0.2 }), count: entries.count)
}
