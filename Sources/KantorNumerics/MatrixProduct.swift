import CKantorKernels
import KantorCore

/// A real matrix somewhere in memory, by rows, by columns, or with any two strides.
public struct MatrixView: @unchecked Sendable {
  public let pointer: UnsafePointer<Double>
  public let rows: Int
  public let columns: Int
  /// Elements from a row to the next, and from a column to the next.
  public let rowStride: Int
  public let columnStride: Int

  public init(
    _ pointer: UnsafePointer<Double>, rows: Int, columns: Int, rowStride: Int, columnStride: Int
  ) {
    self.pointer = pointer
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// Row-major, rows `leading` elements apart (the number of columns if not given).
  public init(_ pointer: UnsafePointer<Double>, rows: Int, columns: Int, leading: Int? = nil) {
    self.init(
      pointer, rows: rows, columns: columns, rowStride: leading ?? columns, columnStride: 1)
  }

  /// The same memory read as the transpose.
  public var transposed: MatrixView {
    MatrixView(
      pointer, rows: columns, columns: rows, rowStride: columnStride, columnStride: rowStride)
  }

  func block(row: Int, column: Int, rows: Int, columns: Int) -> MatrixView {
    MatrixView(
      pointer + (row * rowStride + column * columnStride), rows: rows, columns: columns,
      rowStride: rowStride, columnStride: columnStride)
  }
}

/// C = keep C + factor A B in f64, blocked for the caches, over threads. Owns the packing memory,
/// so that a loop of products of similar sizes allocates once.
///
/// Entries do not depend on the number of threads. Not for two threads at once.
public final class MatrixProduct {
  private let parallel: Parallel
  private var packed: Buffer<Double>
  private let scratch: Buffer<Double>

  /// Products below which another thread costs more than it brings.
  private static let productsPerThread = 1 << 18
  /// Multiplications between two questions to the host: some milliseconds even without SIMD.
  private static let productsPerBeat = 1 << 25

  public init(threads: Int = 1) throws(KantorError) {
    parallel = Parallel(threads: threads)
    packed = try Buffer(count: 0)
    scratch = try Buffer(
      count: parallel.threads * Int(KN_PRODUCT_ROWS) * Int(KN_PRODUCT_DEPTH))
  }

  /// Writes to row-major `c` of a.rows x b.columns, rows `leading` elements apart (b.columns if not
  /// given), which must not overlap the factors; keep = 0 overwrites whatever was there.
  /// `beat` is asked every few milliseconds; when it answers false, the product is left unfinished
  /// and the answer is false.
  @discardableResult
  public func multiply(
    _ a: MatrixView, _ b: MatrixView, into c: UnsafeMutablePointer<Double>, leading: Int? = nil,
    factor: Double = 1, keep: Double = 0, beat: () -> Bool = { true }
  ) throws(KantorError) -> Bool {
    precondition(a.columns == b.rows)
    let leading = leading ?? b.columns
    if a.columns == 0 {
      for i in 0..<a.rows {
        for j in 0..<b.columns {
          c[i * leading + j] = keep == 0 ? 0 : keep * c[i * leading + j]
        }
      }
      return true
    }
    try reserve(depth: a.columns, columns: b.columns)
    let (height, width) = (Int(KN_PRODUCT_DEPTH), Int(KN_PRODUCT_COLUMNS))
    for j in stride(from: 0, to: b.columns, by: width) {
      let columns = min(width, b.columns - j)
      for k in stride(from: 0, to: a.columns, by: height) {
        let depth = min(height, a.columns - k)
        pack(b.block(row: k, column: j, rows: depth, columns: columns))
        let left = a.block(row: 0, column: k, rows: a.rows, columns: depth)
        guard
          multiplyRows(
            left, columns: columns, into: c + j, leading, factor, k == 0 ? keep : 1, beat)
        else { return false }
      }
    }
    return true
  }

  private func reserve(depth: Int, columns: Int) throws(KantorError) {
    let panel = Int(KN_PRODUCT_PANEL)
    let width = (min(columns, Int(KN_PRODUCT_COLUMNS)) + panel - 1) / panel * panel
    let needed = min(depth, Int(KN_PRODUCT_DEPTH)) * width
    if packed.count < needed { packed = try Buffer(count: needed) }
  }

  private func pack(_ b: MatrixView) {
    let panel = Int(KN_PRODUCT_PANEL)
    let panels = (b.columns + panel - 1) / panel
    let room = packed.pointer
    split(b.rows * b.columns * 16).forEach(panels) { _, first, end in
      guard first < end else { return }
      kn_product_pack_f64(
        b.pointer, Int64(b.rowStride), Int64(b.columnStride), Int64(b.rows), Int64(first * panel),
        Int64(min(end * panel, b.columns)), room)
    }
  }

  /// Rows in chunks, between which the host is asked; each chunk in one part per thread.
  private func multiplyRows(
    _ a: MatrixView, columns: Int, into c: UnsafeMutablePointer<Double>, _ leading: Int,
    _ factor: Double, _ keep: Double, _ beat: () -> Bool
  ) -> Bool {
    let perRow = max(1, a.columns * columns)
    let chunk = max(Int(KN_PRODUCT_ROWS) * parallel.threads, Self.productsPerBeat / perRow)
    let room = Int(KN_PRODUCT_ROWS) * Int(KN_PRODUCT_DEPTH)
    let (right, scratch) = (packed.pointer, scratch.pointer)
    for start in stride(from: 0, to: a.rows, by: chunk) {
      let rows = min(chunk, a.rows - start)
      split(rows * perRow).forEach(rows) { part, first, end in
        guard first < end else { return }
        kn_product_rows_f64(
          a.pointer + (start + first) * a.rowStride, Int64(a.rowStride), Int64(a.columnStride),
          Int64(end - first), Int64(a.columns), right, Int64(columns), factor, keep,
          c + (start + first) * leading, Int64(leading), scratch + part * room)
      }
      if !beat() { return false }
    }
    return true
  }

  private func split(_ work: Int) -> Parallel {
    Parallel(threads: min(parallel.threads, max(1, work / Self.productsPerThread)))
  }
}
