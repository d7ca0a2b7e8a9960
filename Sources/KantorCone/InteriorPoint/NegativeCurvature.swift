import KantorCore
import KantorNumerics

/// The lowest curvature of a symmetric S, where factors of S + shift I show that some is negative:
/// the shift that makes all pivots positive is bracketed, and inverse iteration with it finds the
/// direction. The answer is the Rayleigh quotient of that, which needs no trust in pivots.
///
/// Source: B. N. Parlett, "The Symmetric Eigenvalue Problem" (1998), sections 3.3 and 4.2.
final class NegativeCurvature {
  private let s: SparseMatrix
  private let interruption: Interruption
  private let factorisation: Factorisation
  let direction: Buffer<Double>
  private let product: Buffer<Double>

  private enum Factorisation {
    case dense(DenseLDL)
    /// With S, all diagonal entries stored, and the diagonal of S itself.
    case sparse(LDLFactor, SparseMatrix, Buffer<Double>)
  }

  /// Nil when the host asked to stop. The upper triangle of S is read.
  init?(_ s: SparseMatrix, _ interruption: Interruption) throws(KantorError) {
    let n = s.columns
    self.s = s
    self.interruption = interruption
    direction = try Buffer(count: n)
    product = try Buffer(count: n)
    // Half full, a matrix takes longer to be analysed than to be factored whole.
    if s.count >= n * n / 4 {
      factorisation = .dense(try DenseLDL(order: n))
      return
    }
    var assembly = try SymmetricAssembly(order: n, capacity: s.count + n)
    _ = try assembly.append(s, rowOffset: 0, columnOffset: 0)
    _ = try assembly.appendDiagonal(at: 0, count: n, value: 0)
    let matrix = try assembly.finish().matrix
    guard let analysis = try LDLAnalysis(matrix, interruption: interruption) else { return nil }
    let diagonal = try Buffer<Double>(count: n)
    for j in 0..<n { diagonal.pointer[j] = matrix.values.pointer[Self.last(matrix, j)] }
    factorisation = .sparse(try LDLFactor(analysis), matrix, diagonal)
  }

  /// The largest eigenvalue, nearly: steps of power iteration give a little less.
  func largest() -> Double {
    var value = 0.0
    start()
    for _ in 0..<40 {
      value = rayleigh()
      direction.pointer.update(from: product.pointer, count: s.columns)
      guard normalise() else { break }
    }
    return value
  }

  /// Whether S + shift I has a negative pivot; nil when it was interrupted or broke down.
  func isNegative(shift: Double) -> Bool? {
    let outcome = factor(shift)
    return outcome.isUsable ? outcome.negative > 0 : nil
  }

  /// The curvature x'Sx of the direction x of length 1 that is found from a shift at which there
  /// are negative pivots; `most` bounds all eigenvalues. Nil as above.
  func lowest(from least: Double, most: Double) -> Double? {
    var (low, high) = (least, least)
    repeat {
      low = high
      high *= 8
      guard let isNegative = isNegative(shift: high) else { return nil }
      if !isNegative { break }
    } while high < 2 * most
    while high > 1.2 * low {
      let middle = (low * high).squareRoot()
      guard let isNegative = isNegative(shift: middle) else { return nil }
      if isNegative { low = middle } else { high = middle }
    }
    guard factor(high).isUsable else { return nil }
    start()
    var value = Double.infinity
    for _ in 0..<Self.mostSteps {
      switch factorisation {
      case .dense(let factor): factor.solve(direction.pointer)
      case .sparse(let factor, _, _): factor.solve(direction.pointer)
      }
      guard normalise() else { return nil }
      let last = value
      value = rayleigh()
      if value < 0, last - value < 1e-3 * -value { break }
    }
    return value
  }

  private static let mostSteps = 100

  private func factor(_ shift: Double) -> FactorOutcome {
    let rule = PivotRule(shift: 0, threshold: 1e-15, replacement: 1e-9)
    let n = s.columns
    switch factorisation {
    case .dense(let factor):
      for j in 0..<n {
        let column = factor.entries + j * factor.leading
        for i in j..<n { column[i] = 0 }
        column[j] = shift
      }
      for j in 0..<n {
        for k in s.starts.pointer[j]..<s.starts.pointer[j + 1] {
          factor.entries[Int(s.indices.pointer[k]) * factor.leading + j] += s.values.pointer[k]
        }
      }
      return factor.factor(rule: rule, interruption: interruption)
    case .sparse(let factor, let matrix, let diagonal):
      for j in 0..<n {
        matrix.values.pointer[Self.last(matrix, j)] = diagonal.pointer[j] + shift
      }
      return factor.factor(
        values: matrix.values.pointer, rule: rule, interruption: interruption)
    }
  }

  /// The diagonal entry is the last one of an upper triangle's column.
  private static func last(_ matrix: SparseMatrix, _ j: Int) -> Int {
    matrix.starts.pointer[j + 1] - 1
  }

  /// A direction that no symmetry of S makes special.
  private func start() {
    for j in 0..<s.columns {
      let part = 0.618 * Double((j &* 7919) % 97) / 97
      direction.pointer[j] = j % 2 == 0 ? 1 + part : 1 - 2 * part
    }
    _ = normalise()
  }

  /// False when there is no length.
  private func normalise() -> Bool {
    var square = 0.0
    for j in 0..<s.columns { square += direction.pointer[j] * direction.pointer[j] }
    guard square > 0, square.isFinite else { return false }
    let unit = 1 / square.squareRoot()
    for j in 0..<s.columns { direction.pointer[j] *= unit }
    return true
  }

  /// x'Sx, with Sx in `product`.
  private func rayleigh() -> Double {
    product.fill(0)
    s.multiplySymmetric(direction.pointer, into: product.pointer)
    var sum = 0.0
    for j in 0..<s.columns { sum += direction.pointer[j] * product.pointer[j] }
    return sum
  }
}
