import KantorCore

/// A plan with few entries: values[k] moves from source rows[k] to target columns[k], k < count.
///
/// The buffers may be longer than `count`; what lies beyond is meaningless. Basic plans have at
/// most n + m - 1 entries, all positive, and no pair twice.
public struct SparsePlan: Sendable {
  public var rows: Buffer<Int64>
  public var columns: Buffer<Int64>
  public var values: Buffer<Double>
  public var count: Int

  public init(
    rows: Buffer<Int64>, columns: Buffer<Int64>, values: Buffer<Double>, count: Int
  ) {
    self.rows = rows
    self.columns = columns
    self.values = values
    self.count = count
  }

  /// Room for `capacity` entries, none of them used.
  public init(capacity: Int) throws(KantorError) {
    rows = try Buffer(count: capacity)
    columns = try Buffer(count: capacity)
    values = try Buffer(count: capacity)
    count = 0
  }

  /// Adds an entry; the caller sees to the capacity.
  @inline(__always)
  mutating func append(_ row: Int, _ column: Int, _ value: Double) {
    rows.pointer[count] = Int64(row)
    columns.pointer[count] = Int64(column)
    values.pointer[count] = value
    count &+= 1
  }
}
