import CKantorKernels
import KantorCore

/// LDL' of a dense symmetric matrix in place, with 1 by 1 pivots in the given order and the pivot
/// rule of the sparse factorisation; with positive signs expected it is Cholesky's factorisation
/// without roots.
///
/// Same guarantees as `LDLFactor`: bits that do not depend on the number of threads, no allocation
/// after the start, an answer to the host within some milliseconds. Not for two threads at once.
public final class DenseLDL {
  public let order: Int
  /// Elements from a column to the next.
  public let leading: Int
  /// The matrix by columns; its lower triangle is read by `factor`, which leaves L there.
  public let entries: UnsafeMutablePointer<Double>
  public private(set) var outcome = FactorOutcome()
  private let storage: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let inverse: Buffer<Double>
  private let scratch: [Buffer<Double>]
  private let parallel: Parallel

  private static let panel = Int(KN_PANEL_COLUMNS)
  /// Rows of a panel below which threads cost more than they bring.
  private static let leastRows = 256

  public init(order n: Int, threads: Int = 1) throws(KantorError) {
    guard n >= 0, n <= SparseMatrix.largest else {
      throw KantorError(.tooLarge, "a dense system of \(n) unknowns")
    }
    order = n
    // Columns 4096 bytes apart would fall on each other in the cache.
    let padded = n < 32 ? n : (n + 7) & ~7
    leading = padded & 511 == 0 ? padded + 8 : padded
    let size = try checkedProduct(leading, n, of: "dense factor")
    storage = try Buffer(count: size + Int(KN_FACTOR_SLACK))
    entries = storage.pointer
    diagonal = try Buffer(count: n)
    inverse = try Buffer(count: n)
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
    var kernelRule = rule.inKernelForm(sign: signs)
    let square = scratch[0].pointer
    var stopped = false
    for first in stride(from: 0, to: order, by: Self.panel) {
      let width = min(Self.panel, order - first)
      guard update(first, width, interruption) else {
        stopped = true
        break
      }
      kn_dense_diagonal(
        entries, Int64(leading), diagonal.pointer, inverse.pointer, Int64(first), Int64(width),
        &kernelRule, &count, square)
      forRows(first + width) { [self] _, begin, end in
        kn_dense_below(
          entries, Int64(leading), inverse.pointer, Int64(first), Int64(width), Int64(begin),
          Int64(end), scratch[0].pointer)
      }
    }
    outcome = FactorOutcome([count], isInterrupted: stopped)
    return outcome
  }

  /// What all columns before a panel do to it. False when interrupted.
  private func update(_ first: Int, _ width: Int, _ interruption: Interruption) -> Bool {
    var source = 0
    while source < first {
      let columns = max(
        Self.panel,
        Int(LDLFactor.budget) * parallel.threads / (width * (order - first)) / Self.panel
          * Self.panel)
      let end = min(first, source + columns)
      let begin = source
      forRows(first) { [self] part, from, to in
        kn_dense_update(
          entries, Int64(leading), diagonal.pointer, Int64(first), Int64(width), Int64(begin),
          Int64(end), Int64(from), Int64(to), scratch[part].pointer)
      }
      source = end
      if interruption.beat() { return false }
    }
    return true
  }

  private func forRows(_ first: Int, _ body: @escaping (_ part: Int, Int, Int) -> Void) {
    let rows = order - first
    guard rows > 0 else { return }
    guard parallel.threads > 1, rows >= Self.leastRows else {
      body(0, first, order)
      return
    }
    let tile = 24
    parallel.forEach((rows + tile - 1) / tile) { [order] part, from, to in
      guard from < to else { return }
      body(part, first + from * tile, min(order, first + to * tile))
    }
  }

  /// b <- K^-1 b for `count` right-hand sides, one after the other.
  public func solve(_ b: UnsafeMutablePointer<Double>, count: Int = 1) {
    for r in 0..<count {
      kn_dense_solve(entries, Int64(leading), inverse.pointer, Int64(order), b + r * order)
    }
  }

  /// D.
  public var pivots: UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(start: diagonal.pointer, count: order)
  }
}
