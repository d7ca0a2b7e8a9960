import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

/// Barycentre problems in the tests' own form.
struct BarycentreData {
  var histograms: [[Double]]
  var shape: [Int]?
  var cost: [[Double]]?
  var weights: [Double]?
  var spacing: [Double]?

  func problem() throws -> Problem {
    let problem = Problem(kind: BarycentreKind.kind)
    let flat = histograms.flatMap { $0 }
    let own = shape ?? [histograms[0].count]
    try problem.set(
      "histograms", .array(Tensor(try Buffer(flat), shape: [histograms.count] + own)))
    if let cost {
      try problem.set(
        "cost",
        .array(Tensor(try Buffer(cost.flatMap { $0 }), shape: [cost.count, cost[0].count])))
    }
    if let weights { try problem.set("weights", .array(Tensor(try Buffer(weights)))) }
    if let spacing { try problem.set("grid_spacing", .array(Tensor(try Buffer(spacing)))) }
    return problem
  }

  func solve(
    _ entry: MethodEntry, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try entry.solve(try problem().seal(), try settings.run(for: entry.spec))
  }

  func solve(options: [String: OptionValue] = [:]) throws -> Result {
    try solve(EntropicBarycentre.entry, options)
  }

  static func bump(_ n: Int, centre: Double, width: Double) -> [Double] {
    let raw = (0..<n).map { i -> Double in
      let t = (Double(i) / Double(n - 1) - centre) / width
      return exp(-t * t / 2)
    }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  static func squares(_ n: Int, _ m: Int) -> [[Double]] {
    (0..<n).map { i in
      (0..<m).map { j in
        let distance = Double(i) / Double(n - 1) - Double(j) / Double(m - 1)
        return distance * distance
      }
    }
  }
}

func largest(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

@Suite struct EntropicBarycentreTests {
  private typealias Data = BarycentreData

  private var three: Data {
    Data(
      histograms: [
        Data.bump(30, centre: 0.2, width: 0.05), Data.bump(30, centre: 0.5, width: 0.1),
        Data.bump(30, centre: 0.8, width: 0.08),
      ], cost: Data.squares(30, 30), weights: [0.5, 0.3, 0.2])
  }

  /// The plain iteration, written from its formulas.
  private func reference(_ data: Data, _ cost: [[Double]], epsilon: Double) -> [Double] {
    let (n, m) = (cost.count, cost[0].count)
    let kernel = cost.map { $0.map { exp(-$0 / epsilon) } }
    let count = data.histograms.count
    let lambda = data.weights ?? [Double](repeating: 1 / Double(count), count: count)
    var v = [[Double]](repeating: [Double](repeating: 1, count: m), count: count)
    var q = [Double](repeating: 0, count: m)
    for _ in 0..<5000 {
      var back: [[Double]] = []
      for k in 0..<count {
        let u = (0..<n).map { i in
          data.histograms[k][i] / (0..<m).reduce(0) { $0 + kernel[i][$1] * v[k][$1] }
        }
        back.append((0..<m).map { j in (0..<n).reduce(0) { $0 + kernel[$1][j] * u[$1] } })
      }
      q = (0..<m).map { j in exp((0..<count).reduce(0) { $0 + lambda[$1] * log(back[$1][j]) }) }
      for k in 0..<count { v[k] = (0..<m).map { q[$0] / back[k][$0] } }
    }
    return q
  }

  @Test func equalsThePlainIteration() throws {
    for (m, epsilon) in [(30, 0.01), (45, 0.005)] {
      var data = three
      data.cost = Data.squares(30, m)
      let result = try data.solve(options: ["epsilon": .real(epsilon)])
      #expect(result.status == .solved)
      let q = try result.array("barycentre").list()
      #expect(largest(q, reference(data, data.cost ?? [], epsilon: epsilon)) < 1e-9)
    }
  }

  @Test func boundsBracketTheValueAndClose() throws {
    let loose = try three.solve(options: ["epsilon": .real(0.01), "tolerance": .real(1e-2)])
    let tight = try three.solve(options: ["epsilon": .real(0.01)])
    let best = try tight.real("objective")
    #expect(try loose.real("lower_bound") <= best + 1e-12)
    #expect(try loose.real("upper_bound") >= best - 1e-12)
    #expect(try loose.real("gap") > (try tight.real("gap")))
    let gap = try tight.real("gap")
    #expect(gap >= 0 && gap < 1e-7)
    #expect(abs(try tight.real("lower_bound") - best) < 1e-7)
  }

  /// Small epsilon: the stored kernel underflows and log-sum-exp takes over.
  @Test func survivesSmallEpsilon() throws {
    var data = three
    data.cost = nil
    let options: [String: OptionValue] = ["epsilon": .real(3e-4), "tolerance": .real(1e-7)]
    let pairs = try three.solve(options: options)
    let grid = try data.solve(options: options)
    #expect(pairs.status == .solved && grid.status == .solved)
    let (p, q) = (try pairs.array("barycentre").list(), try grid.array("barycentre").list())
    #expect(largest(p, q) < 1e-5)
  }

  /// So small that convergence may not be reached; the bracket holds all the same.
  @Test func staysHonestAtTinyEpsilon() throws {
    var data = three
    data.cost = nil
    let options: [String: OptionValue] = ["epsilon": .real(1e-6), "max_iterations": .int(300)]
    let pairs = try three.solve(options: options)
    let grid = try data.solve(options: options)
    for result in [pairs, grid] {
      let q = try result.array("barycentre").list()
      #expect(abs(q.reduce(0, +) - 1) < 1e-12 && q.allSatisfy { $0 >= 0 })
      #expect(try result.real("gap") >= 0)
    }
    #expect(try pairs.real("lower_bound") <= (try grid.real("upper_bound")))
    #expect(try grid.real("lower_bound") <= (try pairs.real("upper_bound")))
  }

  @Test func gridsEqualTheirCosts() throws {
    let shape = [4, 3, 5]
    let spacing = [0.3, 0.2, 0.25]
    let n = 60
    func place(_ i: Int) -> [Double] {
      [Double(i / 15) * spacing[0], Double(i / 5 % 3) * spacing[1], Double(i % 5) * spacing[2]]
    }
    let cost = (0..<n).map { i in
      (0..<n).map { j in
        zip(place(i), place(j)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
    }
    let histograms = [
      Data.bump(n, centre: 0.3, width: 0.1), Data.bump(n, centre: 0.6, width: 0.2),
    ]
    for entry in [EntropicBarycentre.entry, DebiasedBarycentre.entry] {
      let options: [String: OptionValue] = ["epsilon": .real(0.05), "tolerance": .real(1e-9)]
      let grid = try Data(histograms: histograms, shape: shape, spacing: spacing)
        .solve(entry, options)
      let pairs = try Data(histograms: histograms, cost: cost).solve(entry, options)
      #expect(grid.status == .solved && pairs.status == .solved)
      #expect(abs(try grid.real("objective") - (try pairs.real("objective"))) < 1e-9)
      let (p, q) = (try grid.array("barycentre").list(), try pairs.array("barycentre").list())
      #expect(largest(p, q) < 1e-7)
    }
  }

  @Test func debiasedOneMeasureIsItself() throws {
    let p = Data.bump(40, centre: 0.4, width: 0.1)
    let result = try Data(histograms: [p]).solve(
      DebiasedBarycentre.entry, ["epsilon": .real(0.002), "tolerance": .real(1e-7)])
    #expect(result.status == .solved)
    #expect(largest(try result.array("barycentre").list(), p) < 1e-3)
    let blurred = try Data(histograms: [p]).solve(options: ["epsilon": .real(0.002)])
    #expect(largest(try blurred.array("barycentre").list(), p) > 3e-3)
  }

  /// Normal laws: the debiased barycentre has the mean deviation, the plain one is wider.
  @Test func normalLawsKeepTheirWidth() throws {
    let n = 200
    let data = Data(histograms: [
      Data.bump(n, centre: 0.3, width: 0.05), Data.bump(n, centre: 0.7, width: 0.09),
    ])
    func deviation(_ q: [Double]) -> Double {
      let mean = q.enumerated().reduce(0) { $0 + $1.element * Double($1.offset) / Double(n - 1) }
      return q.enumerated().reduce(0) {
        let t = Double($1.offset) / Double(n - 1) - mean
        return $0 + $1.element * t * t
      }.squareRoot()
    }
    let sharp = try data.solve(DebiasedBarycentre.entry, ["epsilon": .real(0.005)])
    let plain = try data.solve(options: ["epsilon": .real(0.005)])
    #expect(abs(deviation(try sharp.array("barycentre").list()) - 0.07) < 1e-3)
    #expect(deviation(try plain.array("barycentre").list()) > 0.08)
  }

  @Test func threadsGiveTheSame() throws {
    for data in [three, Data(histograms: three.histograms, shape: [5, 6])] {
      let one = try data.solve(options: ["epsilon": .real(0.01)])
      let two = try data.solve(options: ["epsilon": .real(0.01), "threads": .int(3)])
      let (p, q) = (try one.array("barycentre").list(), try two.array("barycentre").list())
      #expect(largest(p, q) < 1e-12)
    }
  }

  @Test func derivativeAgreesWithDifferences() throws {
    let data = three
    let options: [String: OptionValue] = ["epsilon": .real(0.02), "tolerance": .real(1e-12)]
    let result = try data.solve(options: options)
    let one = Tensor(try Buffer([1.0]), shape: [])
    let answer = try result.vjp(cotangents: ["objective": one], wanted: ["histograms"])
    let gradient = try #require(answer["histograms"]).list()
    // Move mass from point 12 to point 17 of histogram 1.
    let step = 1e-6
    func value(_ t: Double) throws -> Double {
      var moved = data
      moved.histograms[1][12] -= t
      moved.histograms[1][17] += t
      return try moved.solve(options: options).real("objective")
    }
    let slope = (try value(step) - (try value(-step))) / (2 * step)
    #expect(abs(slope - (gradient[30 + 17] - gradient[30 + 12])) < 1e-6)
  }

  private func code(_ data: Data) -> KantorError.Code? {
    do {
      _ = try data.solve()
      return nil
    } catch {
      return (error as? KantorError)?.code
    }
  }

  @Test func refusesBadData() {
    var data = three
    data.weights = [1, -1, 1]
    #expect(code(data) == .range)
    data.weights = [0, 0, 0]
    #expect(code(data) == .range)
    data.weights = [1, 1]
    #expect(code(data) == .shape)
    data = three
    data.histograms[1] = data.histograms[1].map { $0 * 1.5 }
    #expect(code(data) == .range)
    data = three
    data.cost?[3][4] = .infinity
    #expect(code(data) == .notFinite)
    data.cost = Data.squares(29, 30)
    #expect(code(data) == .shape)
    data.cost = nil
    data.spacing = [-1]
    #expect(code(data) == .range)
  }

  @Test func debiasingNeedsOneSymmetricSupport() throws {
    var data = three
    data.cost = Data.squares(30, 20)
    do {
      _ = try data.solve(DebiasedBarycentre.entry)
      Issue.record("two supports were accepted")
    } catch let error as KantorError {
      #expect(error.code == .unsupported)
    }
  }
}
