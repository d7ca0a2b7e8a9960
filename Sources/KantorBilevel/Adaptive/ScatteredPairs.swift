import KantorCore

/// Pairs (x, y) at scattered x, where y is the best of several lower minima: where descents start,
/// and where they start again under a cut, which such pairs satisfy.
final class ScatteredPairs {
  struct Pair {
    /// (x, y, multipliers).
    let z: Buffer<Double>
    /// F there.
    let value: Double
  }

  private let mpcc: MpccSolve
  private let oracle: BilevelOracle
  private let lower: LowerSolver
  private let (answer, best): (LowerAnswer, LowerAnswer)
  private var stream: RandomStarts
  private let (point, other): (Buffer<Double>, Buffer<Double>)
  private(set) var pairs: [Pair] = []
  private var tried = 0
  /// Lower solves for an x.
  private static let lowerStarts = 4

  init(_ mpcc: MpccSolve, _ oracle: BilevelOracle, seed: UInt64) throws(KantorError) {
    self.mpcc = mpcc
    self.oracle = oracle
    let problem = oracle.problem
    lower = try LowerSolver(oracle)
    (answer, best) = (try LowerAnswer(problem), try LowerAnswer(problem))
    (point, other) = (try Buffer(count: problem.nx), try Buffer(count: problem.ny))
    stream = RandomStarts(seed: seed)
  }

  /// A pair at a random x: of all the room within bounds and near the given x in turn. nil where
  /// the lower level has no answer.
  func next(_ x: Buffer<Double>, _ y: Buffer<Double>) throws(KantorError) -> Pair? {
    let problem = oracle.problem
    stream.scatter(
      x, problem.xLower, problem.xUpper, isWhole: tried % 2 == 0, into: point)
    problem.projectX(point.pointer)
    tried += 1
    best.end = .undefined
    for k in 0..<Self.lowerStarts {
      if k > 0 {
        stream.scatter(y, problem.yLower, problem.yUpper, isWhole: k % 2 == 1, into: other)
      }
      try lower.solve(
        x: point.pointer, y: k == 0 ? y.pointer : other.pointer, tolerance: 1e-8, into: answer)
      if oracle.stopped { return nil }
      guard answer.isUsable, answer.value.isFinite else { continue }
      let least = 1e-6 * (1 + abs(answer.value))
      if !best.isUsable || best.value - answer.value > least { best.copy(from: answer) }
    }
    guard best.isUsable else { return nil }
    let value = try oracle.value(.upper, best.w.pointer)
    guard value.isFinite else { return nil }
    let pair = Pair(z: try mpcc.lift(best), value: value)
    pairs.append(pair)
    return pair
  }

  /// The pairs with the lowest F.
  func lowest(_ count: Int) -> [Pair] {
    Array(pairs.sorted { $0.value < $1.value }.prefix(count))
  }
}
