import CKantorKernels
import KantorCore

/// LDL' of a dense symmetric matrix in place, with 1 by 1 pivots in the given order and the pivot
/// rule of the sparse factorisation; with positive signs expected it is Cholesky's factorisation
/// without roots. The matrix may be given as C - G D G': the columns of G stand before those of C,
/// and their products are taken as those of the factor's own earlier columns are.
///
/// Same guarantees as `LDLFactor`: bits that do not depend on the number of threads, no allocation
/// after the start, an answer to the host within some milliseconds. Not for two threads at once.
public final class DenseLDL {
  public let order: Int
  /// Elements from a column to the next.
  public let leading: Int
  /// The matrix by columns; its lower triangle is read by `factor`, which leaves L there.
  public let entries: UnsafeMutablePointer<Double>
  /// G by columns, `leading` apart, and D; they outlast factorisations.
  public let given: Int
  public let givenColumns: UnsafeMutablePointer<Double>
  public let givenWeights: UnsafeMutablePointer<Double>
  public private(set) var outcome = FactorOutcome()
  private let storage: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let inverse: Buffer<Double>
  private let scratch: [Buffer<Double>]
  private let parallel: Parallel

  private static let panel = Int(KN_PANEL_COLUMNS)
  /// Rows of a panel below which threads cost more than they bring.
  private static let leastRows = 256

  public init(order n: Int, given: Int = 0, threads: Int = 1) throws(KantorError) {
    guard n >= 0, n <= SparseMatrix.largest, given >= 0, given <= SparseMatrix.largest else {
      throw KantorError(.tooLarge, "a dense system of \(n) unknowns")
    }
    order = n
    self.given = given
    // Columns 4096 bytes apart would fall on each other in the cache.
    let padded = n < 32 ? n : (n + 7) & ~7
    leading = padded & 511 == 0 ? padded + 8 : padded
    let size = try checkedProduct(leading, given + n, of: "dense factor")
    storage = try Buffer(count: size + Int(KN_FACTOR_SLACK))
    givenColumns = storage.pointer
    entries = storage.pointer + given * leading
    diagonal = try Buffer(count: given + n)
    givenWeights = diagonal.pointer
    inverse = try Buffer(count: given + n)
    parallel = Parallel(threads: n >= 2 * Self.leastRows ? threads : 1)
    var scratch: [Buffer<Double>] = []
    for _ in 0..<parallel.threads {
      scratch.append(try Buffer(count: Int(kn_panel_scratch(0))))
    }
    self.scratch = scratch
  }

  /// Copies the lower triangle of a row-major matrix, or the upper one, which is the same.
  public func load(_ source: UnsafePointer<Double>, leading stride: Int? = nil, upper: Bool = false)
  {
    let step = stride ?? order
    for j in 0..<order {
      let column = entries + j * leading
      if upper {
        for i in j..<order { column[i] = source[j * step + i] }
      } else {
        for i in j..<order { column[i] = source[i * step + j] }
      }
    }
  }

  /// `signs` as in `LDLFactor.expect`; they are read during the call only.
  @discardableResult
  public func factor(
    signs: UnsafePointer<Int8>? = nil, rule: PivotRule = PivotRule(),
    interruption: Interruption = .never
  ) -> FactorOutcome {
    var count = kn_pivot_count()
    var kernelRule = rule.inKernelForm(sign: signs.map { $0 - given })
    let square = scratch[0].pointer
    var stopped = false
    for first in stride(from: given, to: end, by: Self.panel) {
      let width = min(Self.panel, end - first)
      guard update(first, width, interruption) else {
        stopped = true
        break
      }
      kn_dense_diagonal(
        origin, Int64(leading), diagonal.pointer, inverse.pointer, Int64(first), Int64(width),
        &kernelRule, &count, square)
      forRows(first + width) { [self] _, begin, end in
        kn_dense_below(
          origin, Int64(leading), inverse.pointer, Int64(first), Int64(width), Int64(begin),
          Int64(end), scratch[0].pointer)
      }
    }
    outcome = FactorOutcome([count], isInterrupted: stopped)
    return outcome
  }

  /// Rows and columns are counted from the first column of G, whose own rows do not exist.
  private var end: Int { given + order }
  private var origin: UnsafeMutablePointer<Double> { storage.pointer - given }

  /// What all columns before a panel do to it. False when interrupted.
  private func update(_ first: Int, _ width: Int, _ interruption: Interruption) -> Bool {
    var source = 0
    while source < first {
      let columns = max(
        Self.panel,
        Int(LDLFactor.budget) * parallel.threads / (width * (self.end - first)) / Self.panel
          * Self.panel)
      let end = min(first, source + columns)
      let begin = source
      forRows(first) { [self] part, from, to in
        kn_dense_update(
          origin, Int64(leading), diagonal.pointer, Int64(first), Int64(width), Int64(begin),
          Int64(end), Int64(from), Int64(to), scratch[part].pointer)
      }
      source = end
      if interruption.beat() { return false }
    }
    return true
  }

  private func forRows(_ first: Int, _ body: @escaping (_ part: Int, Int, Int) -> Void) {
    let rows = end - first
    guard rows > 0 else { return }
    guard parallel.threads > 1, rows >= Self.leastRows else {
      body(0, first, end)
      return
    }
    let tile = 24
    parallel.forEach((rows + tile - 1) / tile) { [end] part, from, to in
      guard from < to else { return }
      body(part, first + from * tile, min(end, first + to * tile))
    }
  }

  /// b <- K^-1 b for `count` right-hand sides, one after the other.
  public func solve(_ b: UnsafeMutablePointer<Double>, count: Int = 1) {
    for r in 0..<count {
      kn_dense_solve(
        entries, Int64(leading), inverse.pointer + given, Int64(order), b + r * order)
    }
  }

  /// D.
  public var pivots: UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(start: diagonal.pointer + given, count: order)
  }
}
