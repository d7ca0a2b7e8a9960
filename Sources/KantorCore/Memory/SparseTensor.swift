/// A sparse matrix as its caller stores it, entries in any order and duplicates allowed. What the
/// indices say is checked when the problem is sealed.
public struct SparseTensor: Sendable {
  /// Raw values are those of `kantor/array.h`.
  public enum Format: Int32, Sendable, CaseIterable {
    /// Compressed columns: `indices` are rows, `offsets` has columns + 1 elements.
    case csc = 1
    /// Compressed rows: `indices` are columns, `offsets` has rows + 1 elements.
    case csr = 2
    /// Coordinates: `indices` are rows, `offsets` the columns of the same entries.
    case coo = 3
  }

  public let format: Format
  public let rows: Int
  public let columns: Int
  /// Vectors: values f64 or f32, indices and offsets i64 or i32.
  public let values: Tensor
  public let indices: Tensor
  public let offsets: Tensor

  public init(
    format: Format, rows: Int, columns: Int, values: Tensor, indices: Tensor, offsets: Tensor
  ) throws(KantorError) {
    guard rows >= 0, columns >= 0 else {
      throw KantorError(.shape, "a sparse matrix of \(rows) x \(columns); 0 or more is needed")
    }
    let lengths: (indices: Int, offsets: Int)
    switch format {
    case .csc: lengths = (values.count, try checkedSum(columns, 1, of: "columns"))
    case .csr: lengths = (values.count, try checkedSum(rows, 1, of: "rows"))
    case .coo: lengths = (values.count, values.count)
    }
    for (name, vector, length) in [
      ("indices", indices, lengths.indices), ("offsets", offsets, lengths.offsets),
    ] {
      guard vector.type == .i64 || vector.type == .i32 else {
        throw KantorError(
          .layout,
          "\(name) of a sparse matrix have elements of type \(vector.type.name); i64 or i32 is "
            + "needed")
      }
      guard vector.shape == [length] else {
        throw KantorError(
          .shape,
          "\(name) of a sparse matrix have the shape \(vector.shapeText); needed is (\(length),)")
      }
    }
    guard values.rank == 1, values.type == .f64 || values.type == .f32 else {
      throw KantorError(
        .layout,
        "values of a sparse matrix have the shape \(values.shapeText) and elements of type "
          + "\(values.type.name); a vector of f64 or f32 is needed")
    }
    self.format = format
    self.rows = rows
    self.columns = columns
    self.values = values
    self.indices = indices
    self.offsets = offsets
  }

  /// "4 x 3 with 7 entries"
  public var shapeText: String { "\(rows) x \(columns) with \(values.count) entries" }
}
