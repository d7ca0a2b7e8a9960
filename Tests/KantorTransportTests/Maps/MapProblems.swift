import Glibc
import KantorCore
import KantorTransport
import TestSupport

/// Maps in the tests' own form.
struct MapData {
  var arrays: [String: (shape: [Int], numbers: [Double])] = [:]
  var words: [String: String] = [:]
  var reals: [String: Double] = [:]
  var kind = MapKind.kind

  init(kind: ProblemKind = MapKind.kind) { self.kind = kind }

  /// Points x and where they go.
  init(_ x: [[Double]], _ y: [[Double]], metric: String = "sqeuclidean", weights: [Double]? = nil) {
    set("points", x)
    set("images", y)
    words["metric"] = metric
    if let weights { arrays["weights"] = ([weights.count], weights) }
  }

  mutating func set(_ name: String, _ rows: [[Double]]) {
    arrays[name] = ([rows.count, rows[0].count], rows.flatMap { $0 })
  }

  func problem() throws -> Problem {
    let problem = Problem(kind: kind)
    for (name, array) in arrays.sorted(by: { $0.key < $1.key }) {
      try problem.set(name, .array(Tensor(try Buffer(array.numbers), shape: array.shape)))
    }
    for (name, word) in words { try problem.set(name, .text(word)) }
    for (name, value) in reals { try problem.set(name, .real(value)) }
    return problem
  }

  func solve(
    _ entry: MethodEntry = MongeGap.entry, _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try entry.solve(try problem().seal(), try settings.run(for: entry.spec))
  }

  /// <gradient of the output, direction> by the result, and by central differences.
  func slopes(
    _ field: String, _ output: String = "objective", seed: UInt64, step: Double = 1e-5,
    _ entry: MethodEntry = MongeGap.entry, _ options: [String: OptionValue] = [:]
  ) throws -> (product: Double, difference: Double) {
    guard let array = arrays[field] else { return (.nan, .nan) }
    let direction = TransportSpecimens.numbers(array.numbers.count, seed).map { $0 - 0.5 }
    let one = Tensor(try Buffer([1.0]), shape: [])
    let gradient = try solve(entry, options).vjp(cotangents: [output: one], wanted: [field])
    let values = try gradient[field]?.list() ?? []
    let product = zip(values, direction).map { $0 * $1 }.reduce(0, +)
    func value(_ t: Double) throws -> Double {
      var moved = self
      moved.arrays[field]?.numbers = zip(array.numbers, direction).map { $0 + t * $1 }
      return try moved.solve(entry, options).real(output)
    }
    return (product, (try value(step) - value(-step)) / (2 * step))
  }

  static func cloud(_ n: Int, _ d: Int, _ seed: UInt64) -> [[Double]] {
    let all = TransportSpecimens.numbers(n * d, seed)
    return (0..<n).map { i in (0..<d).map { 2 * all[i * d + $0] - 1 } }
  }

  static func weights(_ n: Int, _ seed: UInt64, mass: Double = 1) -> [Double] {
    let raw = TransportSpecimens.numbers(n, seed).map { $0 + 0.1 }
    let sum = raw.reduce(0, +)
    return raw.map { mass * $0 / sum }
  }
}
