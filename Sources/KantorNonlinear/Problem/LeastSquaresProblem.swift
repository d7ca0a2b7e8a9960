import KantorBlocks
import KantorCore
import KantorNumerics

/// min 1/2 sum_i s^2 rho((r_i(x) / s)^2) subject to lower <= x <= upper: validated.
public final class LeastSquaresProblem: SealedProblem {
  /// Where derivatives come from.
  public enum JacobianSource: Sendable {
    case entries, products, differences
  }

  public let n: Int
  public let m: Int
  public let functions: Functions
  /// Inside the bounds.
  public let start: Buffer<Double>
  /// Entries of x0 that lay outside their bounds.
  public let moved: Int
  public let box: BoundBox
  public let loss: RobustLoss
  /// nil: the Jacobian is dense.
  public let pattern: JacobianPattern?
  public let source: JacobianSource

  init(
    functions: Functions, residuals: Int, start: Buffer<Double>, box: BoundBox, loss: RobustLoss,
    pattern: JacobianPattern?
  ) {
    n = start.count
    m = residuals
    self.functions = functions
    moved = box.project(start.pointer)
    self.start = start
    self.box = box
    self.loss = loss
    self.pattern = pattern
    if functions.jacobian != nil {
      source = .entries
    } else if functions.jacobianProduct != nil {
      source = .products
    } else {
      source = .differences
    }
  }
}

/// Entries that the Jacobian may have; all others are 0 everywhere.
public struct JacobianPattern: Sendable {
  /// Its values mean nothing.
  public let matrix: SparseMatrix
  /// From the caller's order of entries to the matrix.
  public let places: SparsePlaces
  public var count: Int { places.given }

  /// The field of that name: a sparse matrix, or a dense one, read row by row, whose entries other
  /// than 0 count.
  init?(
    _ fields: ProblemFields, _ name: String, rows: Int, columns: Int
  ) throws(KantorError) {
    let row: Buffer<Int>
    let column: Buffer<Int>
    if let given = fields.sparse(name) {
      try Self.check(name, given.rows, given.columns, rows, columns)
      let first = try Buffer<Int>(integers: given.indices, name: "\(name) indices")
      let second = try Buffer<Int>(integers: given.offsets, name: "\(name) offsets")
      let ones = try Buffer<Double>(count: given.values.count, repeating: 1)
      let input = SparseInput(rows: rows, columns: columns, name: name)
      switch given.format {
      case .csc:
        (matrix, places) = try input.compressedColumns(starts: second, indices: first, values: ones)
      case .csr:
        (matrix, places) = try input.compressedRows(starts: second, indices: first, values: ones)
      case .coo:
        (matrix, places) = try input.triplets(
          rowIndices: first, columnIndices: second, values: ones)
      }
      return
    }
    guard let tensor = fields.tensor(name) else { return nil }
    try Self.check(name, tensor.shape[0], tensor.shape[1], rows, columns)
    let values = try tensor.doubles()
    var count = 0
    for k in 0..<values.count where values.pointer[k] != 0 { count += 1 }
    row = try Buffer(count: count)
    column = try Buffer(count: count)
    var k = 0
    for place in 0..<values.count where values.pointer[place] != 0 {
      row.pointer[k] = place / columns
      column.pointer[k] = place % columns
      k += 1
    }
    (matrix, places) = try SparseInput(rows: rows, columns: columns, name: name).triplets(
      rowIndices: row, columnIndices: column,
      values: try Buffer<Double>(count: count, repeating: 1))
  }

  private static func check(
    _ name: String, _ rows: Int, _ columns: Int, _ m: Int, _ n: Int
  ) throws(KantorError) {
    guard rows == m, columns == n else {
      throw KantorError(
        .shape,
        "\(name) has the shape (\(rows), \(columns)); needed is (\(m), \(n)): residuals and "
          + "elements of x0")
    }
  }
}
