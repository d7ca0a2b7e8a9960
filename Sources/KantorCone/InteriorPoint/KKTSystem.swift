import KantorCore
import KantorNumerics

/// The system of the proximal loop, [P + X  A'; A  -Y] with X and Y diagonal.
protocol ProximalSystem: AnyObject {
  /// Strength of the shifts that keep pivots apart from zero.
  var shift: Double { get set }
  var outcome: FactorOutcome { get }
  var factorEntries: Int { get }
  /// X and then -Y; what is on the diagonal of P stays.
  func addDiagonal(_ d: UnsafePointer<Double>)
  /// False when the factor is of no use: the host asked to stop, or the numbers broke down.
  func factor(_ interruption: Interruption) -> Bool
  func solve(_ b: UnsafePointer<Double>, into x: UnsafeMutablePointer<Double>) -> Bool
}

/// The symmetric quasidefinite system
///     [P + ..  A'; A  -D]
/// and further rows and columns that cones add; its factor and refined solves.
final class KKTSystem: ProximalSystem {
  let order: Int
  /// Upper triangle of the true matrix, which refinement works with.
  let matrix: SparseMatrix
  let shared: PatternAnalysis
  private let places: Buffer<Int32>
  private let diagonal: Buffer<Int32>
  private let objective: Buffer<Double>
  private let factorisation: LDLFactor
  private var refinement: Refinement
  private(set) var outcome: FactorOutcome
  var factorEntries: Int { shared.analysis.factorEntries }
  /// Strength of the shifts that keep pivots apart from zero.
  var shift = 1e-8

  /// What is added to the blocks P and A.
  struct Extra {
    var rows = 0
    /// Signs of the further rows.
    var signs: [Int8] = []
    /// Adds its entries; slots are what `place` is asked for.
    var entries: (inout SymmetricAssembly) throws(KantorError) -> Void = { _ in }
  }

  /// Nil when the host asked to stop. `rounds` and `leastGain` are those of the refinement.
  init?(
    p: SparseMatrix, a: SparseMatrix, extra: Extra = Extra(), reuse: PatternAnalysis? = nil,
    rounds: Int = 5, leastGain: Double = 5, threads: Int, interruption: Interruption
  ) throws(KantorError) {
    let (n, m) = (a.columns, a.rows)
    order = n + m + extra.rows
    var assembly = try SymmetricAssembly(
      order: order, capacity: p.count + a.count + order)
    // Extra slots come first, so that they are numbered from 0.
    try extra.entries(&assembly)
    _ = try assembly.append(p, rowOffset: 0, columnOffset: 0)
    _ = try assembly.append(a, rowOffset: n, columnOffset: 0)
    let built = try assembly.finish()
    matrix = built.matrix
    places = built.places
    diagonal = try Buffer(count: order)
    for j in 0..<order {
      // The diagonal entry is the last one of an upper triangle's column.
      diagonal.pointer[j] = Int32(truncatingIfNeeded: matrix.starts.pointer[j + 1] - 1)
    }
    objective = try Buffer(count: n)
    for j in 0..<n { objective.pointer[j] = matrix.values.pointer[Int(diagonal.pointer[j])] }
    if let reuse, reuse.fits(matrix) {
      shared = reuse
    } else {
      guard let found = try LDLAnalysis(matrix, interruption: interruption) else { return nil }
      shared = PatternAnalysis(pattern: matrix, analysis: found)
    }
    factorisation = try LDLFactor(shared.analysis, threads: threads)
    outcome = factorisation.outcome
    refinement = try Refinement(order: order, rounds: rounds, leastGain: leastGain)
    let signs = try Buffer<Int8>(count: order, repeating: 1)
    for i in 0..<m { signs.pointer[n + i] = -1 }
    for (i, sign) in extra.signs.enumerated() { signs.pointer[n + m + i] = sign }
    factorisation.expect(signs: signs.pointer)
  }

  /// The value of slot `slot` of the extra entries.
  func set(_ slot: Int, _ x: Double) {
    matrix.values.pointer[Int(places.pointer[slot])] = x
  }

  func setDiagonal(_ j: Int, _ x: Double) { matrix.values.pointer[Int(diagonal.pointer[j])] = x }

  /// The diagonal of P and zeros, with d added.
  func addDiagonal(_ d: UnsafePointer<Double>) {
    let (n, place, value) = (objective.count, diagonal.pointer, matrix.values.pointer)
    for j in 0..<n { value[Int(place[j])] = objective.pointer[j] + d[j] }
    for j in n..<order { value[Int(place[j])] = d[j] }
  }

  /// False when the factor is of no use: the host asked to stop, or the numbers broke down.
  func factor(_ interruption: Interruption) -> Bool {
    var largest = 0.0
    for j in 0..<order {
      largest = max(largest, abs(matrix.values.pointer[Int(diagonal.pointer[j])]))
    }
    let rule = PivotRule(shift: shift > 0 ? shift + 4.9e-32 * largest : 0)
    outcome = factorisation.factor(
      values: matrix.values.pointer, rule: rule, interruption: interruption)
    return outcome.isUsable
  }

  func solve(_ b: UnsafePointer<Double>, into x: UnsafeMutablePointer<Double>) -> Bool {
    refinement.solve(matrix, b, x, by: { factorisation.solve($0) }).isFinite
  }
}
