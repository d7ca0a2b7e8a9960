import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

@Suite struct SlicedTests {
  /// Clouds given row by row.
  struct Clouds {
    var x: [[Double]]
    var y: [[Double]]
    var a: [Double]?
    var b: [Double]?
    var power: Double?
    var projections: [[Double]]?

    func problem() throws -> Problem {
      let problem = Problem(kind: SlicedKind.kind)
      func set(_ name: String, _ rows: [[Double]]) throws {
        try problem.set(
          name, .array(Tensor(try Buffer(rows.flatMap { $0 }), shape: [rows.count, rows[0].count])))
      }
      try set("points_source", x)
      try set("points_target", y)
      if let projections { try set("projections", projections) }
      if let a { try problem.set("weights_source", .array(Tensor(try Buffer(a)))) }
      if let b { try problem.set("weights_target", .array(Tensor(try Buffer(b)))) }
      if let power { try problem.set("power", .real(power)) }
      return problem
    }

    func solve(
      _ entry: MethodEntry, _ options: [String: OptionValue] = [:]
    ) throws -> Result {
      let settings = Settings(method: entry.spec)
      for (name, value) in options { try settings.set(name, value) }
      return try entry.solve(try problem().seal(), try settings.run(for: entry.spec))
    }
  }

  static func cloud(_ n: Int, _ d: Int, _ seed: UInt64) -> [[Double]] {
    let all = TransportSpecimens.numbers(n * d, seed)
    return (0..<n).map { Array(all[$0 * d..<($0 + 1) * d]) }
  }

  static func weights(_ n: Int, _ seed: UInt64) -> [Double] {
    let raw = TransportSpecimens.numbers(n, seed).map { $0 + 0.1 }
    return raw.map { $0 / raw.reduce(0, +) }
  }

  private let sliced = SlicedTransport.entry
  private let largest = MaxSliced.entry

  /// Transport on the line with potentials and their check, by the other way there is.
  private func lineCost(
    _ clouds: Clouds, along theta: [Double], _ p: Double
  ) throws -> Double {
    func shadow(_ rows: [[Double]]) throws -> Buffer<Double> {
      try Buffer(rows.map { row in zip(row, theta).reduce(0) { $0 + $1.0 * $1.1 } })
    }
    let (n, m) = (clouds.x.count, clouds.y.count)
    let problem = try TransportProblem(
      geometry: .points(
        x: try shadow(clouds.x), n: n, y: try shadow(clouds.y), m: m, dimension: 1, metric: .power,
        power: p),
      a: clouds.a.map { (w) in try Buffer(w) }, b: clouds.b.map { (w) in try Buffer(w) })
    let entry = OneDimensional.entry
    let result = try entry.solve(problem, Settings.defaultRun(for: entry.spec))
    #expect(result.status == .solved)
    return try result.real("dual_objective")
  }

  @Test(arguments: [1.0, 2, 1.5, 3]) func slicesAreExact(p: Double) throws {
    for weighted in [false, true] {
      for d in [1, 2, 3, 6] {
        let clouds = Clouds(
          x: Self.cloud(23, d, 1), y: Self.cloud(31, d, 2),
          a: weighted ? Self.weights(23, 3) : nil, b: weighted ? Self.weights(31, 4) : nil,
          power: p, projections: Self.cloud(5, d, 5).map { $0.map { $0 - 0.4 } })
        let result = try clouds.solve(sliced)
        #expect(result.status == .solved)
        let costs = try result.array("slice_costs").list()
        for (k, theta) in try #require(clouds.projections).enumerated() {
          let dual = try lineCost(clouds, along: theta, p)
          #expect(abs(costs[k] - dual) <= 1e-12 * max(dual, 1))
        }
        let mean = costs.reduce(0, +) / 5
        #expect(abs(try result.real("objective") - mean) < 1e-14)
        #expect(try result.real("lower_bound") <= (try result.real("objective")))
        #expect(abs(try result.real("distance") - pow(mean, 1 / p)) < 1e-13)
      }
    }
  }

  @Test func aLineNeedsOneDirection() throws {
    let clouds = Clouds(x: [[3], [1], [2]], y: [[10], [30], [20]])
    let result = try clouds.solve(sliced)
    #expect(try result.array("slice_costs").list() == [(81 + 324 + 729) / 3.0])
    #expect(try result.real("standard_error") == 0)
    let best = try clouds.solve(largest)
    #expect(best.status == .solved)
    #expect(try best.real("objective") == (81 + 324 + 729) / 3.0)
    #expect(abs(try best.real("upper_bound") - 378) < 1e-9)
  }

  /// Along theta, a cloud moved by t costs (theta't)^2: |t|^2 / d in the mean, |t|^2 at most.
  @Test func translations() throws {
    let (base, t) = (Self.cloud(40, 4, 7), [1.0, -2, 0.5, 3])
    let clouds = Clouds(x: base, y: base.map { zip($0, t).map { $0 + $1 } })
    let square = t.reduce(0) { $0 + $1 * $1 }
    // Blocks of orthogonal directions have no error here.
    let blocks = try clouds.solve(
      sliced, ["slices": .int(12), "directions": .text("orthogonal")])
    #expect(abs(try blocks.real("objective") - square / 4) < 1e-12)
    #expect(try blocks.real("standard_error") < 1e-12)
    let random = try clouds.solve(sliced, ["slices": .int(4000), "seed": .int(3)])
    let error = try random.real("standard_error")
    // The variance of (theta't)^2 on the sphere of four dimensions is |t|^4 / 16.
    #expect(abs(error - square / 4 / 4000.0.squareRoot()) < 0.1 * error)
    #expect(abs(try random.real("objective") - square / 4) < 4 * error)
    let best = try clouds.solve(largest)
    #expect(best.status == .solved)
    #expect(abs(try best.real("objective") - square) < 1e-9 * square)
    #expect(try best.real("bound_gap") < 1e-8)
  }

  /// Turning both clouds changes nothing but the directions.
  @Test func isotropy() throws {
    let clouds = Clouds(
      x: Self.cloud(30, 3, 8), y: Self.cloud(20, 3, 9).map { $0.map { 1.5 * $0 } },
      projections: Self.cloud(6, 3, 10).map { $0.map { $0 - 0.5 } })
    func turned(_ rows: [[Double]]) -> [[Double]] {
      let (c, s) = (cos(0.7), sin(0.7))
      return rows.map { [c * $0[0] - s * $0[2], $0[1], s * $0[0] + c * $0[2]] }
    }
    var other = clouds
    (other.x, other.y) = (turned(clouds.x), turned(clouds.y))
    other.projections = clouds.projections.map(turned)
    let (one, two) = (try clouds.solve(sliced), try other.solve(sliced))
    let pairs = zip(
      try one.array("slice_costs").list(), try two.array("slice_costs").list())
    for (p, q) in pairs { #expect(abs(p - q) < 1e-13) }
    let (high, low) = (try clouds.solve(largest), try other.solve(largest))
    #expect(abs(try high.real("objective") - (try low.real("objective"))) < 1e-6)
  }

  @Test func threadsDoNotMatterToTheValue() throws {
    let clouds = Clouds(x: Self.cloud(200, 5, 11), y: Self.cloud(150, 5, 12))
    let one = try clouds.solve(sliced).array("slice_costs").list()
    for threads in [2, 3, 8] {
      let many = try clouds.solve(sliced, ["threads": .int(Int64(threads))])
      #expect(try many.array("slice_costs").list() == one)
    }
    #expect(try clouds.solve(sliced, ["seed": .int(1)]).array("slice_costs").list() != one)
  }

  @Test func massScales() throws {
    var clouds = Clouds(
      x: Self.cloud(9, 2, 13), y: Self.cloud(8, 2, 14), a: Self.weights(9, 15),
      b: Self.weights(8, 16))
    let one = try clouds.solve(sliced)
    clouds.a = clouds.a?.map { 7 * $0 }
    clouds.b = clouds.b?.map { 7 * $0 }
    let seven = try clouds.solve(sliced)
    #expect(abs(try seven.real("objective") - 7 * (try one.real("objective"))) < 1e-13)
    #expect(abs(try seven.real("distance") - (try one.real("distance"))) < 1e-13)
  }

  /// No other direction of a fine fan is better.
  @Test(arguments: [1.0, 2]) func theBestDirectionOfThePlane(p: Double) throws {
    var fan = Clouds(
      x: Self.cloud(25, 2, 17), y: Self.cloud(35, 2, 18).map { [2 * $0[0] - 0.2, $0[1] + 0.4] },
      power: p)
    let best = try fan.solve(largest, ["tolerance": .real(1e-7)])
    #expect(best.status == .solved)
    fan.projections = (0..<2000).map {
      let angle = Double.pi * Double($0) / 2000
      return [cos(angle), sin(angle)]
    }
    let all = try fan.solve(sliced)
    let (found, top) = (try best.real("objective"), try all.real("largest"))
    #expect(found >= top * (1 - 1e-9))
    #expect(found <= top * (1 + 1e-4))
    #expect(try best.real("upper_bound") >= found)
  }

  /// The upper bound holds for every direction, here those of a large sample.
  @Test(arguments: [1.0, 1.5, 2, 3]) func upperBoundHolds(p: Double) throws {
    let clouds = Clouds(
      x: Self.cloud(12, 3, 19), y: Self.cloud(17, 3, 20).map { $0.map { 1.3 * $0 - 0.3 } },
      a: Self.weights(12, 21), b: Self.weights(17, 22), power: p)
    let best = try clouds.solve(largest)
    let all = try clouds.solve(sliced, ["slices": .int(3000), "seed": .int(5)])
    #expect(try all.real("largest") <= (try best.real("upper_bound")))
    #expect(try all.real("largest") <= (try best.real("objective")) * (1 + 1e-6))
  }

  private let gradients = ["points_source", "points_target", "weights_source", "weights_target"]
  private func one() throws -> [String: Tensor] {
    ["objective": Tensor(try Buffer([1.0]), shape: [])]
  }

  @Test(arguments: [1.0, 2, 3]) func derivativesAreThoseOfDifferences(p: Double) throws {
    let clouds = Clouds(
      x: Self.cloud(9, 3, 23), y: Self.cloud(7, 3, 24), a: Self.weights(9, 25),
      b: Self.weights(7, 26), power: p,
      projections: Self.cloud(4, 3, 27).map { $0.map { $0 - 0.5 } })
    let found = try clouds.solve(sliced).vjp(cotangents: try one(), wanted: gradients)
    func check(_ name: String, _ at: Int, _ move: (inout Clouds, Double) -> Void) throws {
      func value(_ h: Double) throws -> Double {
        var moved = clouds
        move(&moved, h)
        return try moved.solve(sliced).real("objective")
      }
      let slope = (try value(1e-6) - (try value(-1e-6))) / 2e-6
      let gradient = try #require(found[name]).list()
      let expected = name.hasPrefix("weights") ? gradient[at] - gradient[at + 1] : gradient[at]
      #expect(abs(slope - expected) < 1e-7, "\(name)")
    }
    try check("points_source", 2 * 3 + 1) { $0.x[2][1] += $1 }
    try check("points_target", 4 * 3 + 2) { $0.y[4][2] += $1 }
    try check("weights_source", 3) { $0.a?[3] += $1; $0.a?[4] -= $1 }
    try check("weights_target", 5) { $0.b?[5] += $1; $0.b?[6] -= $1 }
  }

  /// The best direction of few points lies where projections meet, so differences do not tell;
  /// the derivative is that of the slice.
  @Test func derivativesAtTheBestDirection() throws {
    var clouds = Clouds(
      x: Self.cloud(9, 3, 23), y: Self.cloud(7, 3, 24), a: Self.weights(9, 25),
      b: Self.weights(7, 26))
    let best = try clouds.solve(largest)
    let found = try best.vjp(cotangents: try one(), wanted: gradients)
    clouds.projections = [try best.array("best_direction").list()]
    let slice = try clouds.solve(sliced).vjp(cotangents: try one(), wanted: gradients)
    for name in gradients {
      let pairs = zip(try #require(found[name]).list(), try #require(slice[name]).list())
      for (p, q) in pairs { #expect(p == q) }
    }
    // All of both clouds moved together changes nothing.
    let all = try ["points_source", "points_target"].flatMap { name in
      try #require(found[name]).list()
    }
    for c in 0..<3 {
      let sum = stride(from: c, to: all.count, by: 3).reduce(0) { $0 + all[$1] }
      #expect(abs(sum) < 1e-13)
    }
  }

  @Test func wrongOrdersAreNotCertified() throws {
    let sealed = try Clouds(x: [[0], [1], [2]], y: [[0], [3], [5]]).problem().seal()
    let problem = try #require(sealed as? SlicedProblem)
    let check = SliceCheck(problem)
    let room = try SliceCheck.Room(problem)
    func certify(_ rows: [Int32], _ columns: [Int32] = [0, 1, 2]) -> SliceCertificate {
      check.certify([1.0], rows: rows, columns: columns, room)
    }
    let right = certify([0, 1, 2])
    #expect(right.cost == (0 + 4 + 9) / 3.0 && right.lower == right.cost && right.residual == 0)
    // A descent by 1 may hide a cost that is lower by as much.
    let wrong = certify([1, 0, 2])
    #expect(wrong.lower < right.cost && wrong.upper - wrong.lower > 1)
    #expect(certify([0, 0, 2]).residual == .infinity)
    #expect(certify([0, 1, 3]).residual == .infinity)
    #expect(certify([0, 1, 2], [-1, 1, 2]).residual == .infinity)
  }

  @Test func refusesBadData() throws {
    let good = Clouds(x: Self.cloud(4, 2, 30), y: Self.cloud(5, 2, 31))
    func code(_ change: (inout Clouds) -> Void) -> KantorError.Code? {
      var clouds = good
      change(&clouds)
      do {
        _ = try clouds.solve(sliced)
        return nil
      } catch {
        return (error as? KantorError)?.code
      }
    }
    #expect(code { _ in } == nil)
    #expect(code { $0.y = Self.cloud(5, 3, 32) } == .shape)
    #expect(code { $0.power = 0.5 } == .range)
    #expect(code { $0.power = 101 } == .range)
    #expect(code { $0.projections = [[1, 0, 0]] } == .shape)
    #expect(code { $0.projections = [[1, 0], [0, 0]] } == .range)
    #expect(code { $0.projections = [[1, .infinity]] } == .notFinite)
    #expect(code { $0.a = [1, 1, 1, -1] } == .range)
    #expect(code { $0.a = [1, 1, 1] } == .shape)
    #expect(code { ($0.a, $0.b) = ([1, 1, 1, 1], [1, 1, 1, 1, 1]) } == .range)
    #expect(code { $0.x[0][0] = .nan } == .notFinite)
  }
}
