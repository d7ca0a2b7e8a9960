import KantorCore
import KantorNumerics

/// Where a function of the host has entries: a sparse matrix by columns, and how the values that
/// the host writes, in the order in which the pattern was given, are put into it.
public struct FunctionPattern: Sendable {
  /// Its values mean nothing.
  public let matrix: SparseMatrix
  public let places: SparsePlaces
  /// Values that the host writes.
  public var given: Int { places.given }

  /// - Parameter transposed: rows and columns change places, as for a lower triangle that is wanted
  ///   as an upper one.
  init(_ fields: ProblemFields, _ name: String, transposed: Bool = false) throws(KantorError) {
    let (rows, columns, i, j) = try Self.triplets(fields, name)
    let ones = try Buffer<Double>(count: i.count, repeating: 1)
    let input = SparseInput(
      rows: transposed ? columns : rows, columns: transposed ? rows : columns, name: name)
    let built = try input.triplets(
      rowIndices: transposed ? j : i, columnIndices: transposed ? i : j, values: ones)
    matrix = built.matrix
    places = built.places
  }

  /// A matrix of the pattern with values of its own.
  public func makeMatrix() throws(KantorError) -> SparseMatrix {
    matrix.with(values: try Buffer(count: matrix.count))
  }

  /// Repeated entries are added up.
  public func scatter(_ source: UnsafePointer<Double>, into values: UnsafeMutablePointer<Double>) {
    guard let place = places.place?.pointer else {
      values.update(from: source, count: given)
      return
    }
    for k in 0..<matrix.count { values[k] = 0 }
    for k in 0..<given { values[Int(place[k])] += source[k] }
  }

  private typealias Triplets = (
    rows: Int, columns: Int, row: Buffer<Int>, column: Buffer<Int>
  )

  private static func triplets(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> Triplets {
    if let tensor = fields.tensor(name) { return try nonzeros(tensor) }
    guard let given = fields.sparse(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let first = try Buffer<Int>(integers: given.indices, name: "\(name) indices")
    let second = try Buffer<Int>(integers: given.offsets, name: "\(name) offsets")
    switch given.format {
    case .coo: return (given.rows, given.columns, first, second)
    case .csc:
      let column = try spread(second, first.count, given.columns, "\(name) starts of columns")
      return (given.rows, given.columns, first, column)
    case .csr:
      let row = try spread(second, first.count, given.rows, "\(name) starts of rows")
      return (given.rows, given.columns, row, first)
    }
  }

  /// The entries of a dense matrix that are not zero, row after row.
  private static func nonzeros(_ tensor: Tensor) throws(KantorError) -> Triplets {
    let values = try tensor.doubles()
    var count = 0
    for k in 0..<values.count where values.pointer[k] != 0 { count += 1 }
    let row = try Buffer<Int>(count: count)
    let column = try Buffer<Int>(count: count)
    let width = max(tensor.shape[1], 1)
    var next = 0
    for k in 0..<values.count where values.pointer[k] != 0 {
      row.pointer[next] = k / width
      column.pointer[next] = k % width
      next += 1
    }
    return (tensor.shape[0], tensor.shape[1], row, column)
  }

  private static func spread(
    _ starts: Buffer<Int>, _ count: Int, _ lines: Int, _ what: String
  ) throws(KantorError) -> Buffer<Int> {
    guard starts.pointer[0] == 0, starts.pointer[lines] == count else {
      throw KantorError(
        .range,
        "\(what) go from \(starts.pointer[0]) to \(starts.pointer[lines]); needed is 0 to \(count)")
    }
    let line = try Buffer<Int>(count: count)
    for i in 0..<lines {
      let (a, b) = (starts.pointer[i], starts.pointer[i + 1])
      guard a <= b, a >= 0, b <= count else {
        throw KantorError(.range, "\(what): entry \(i + 1) is \(b), after \(a)")
      }
      for k in a..<b { line.pointer[k] = i }
    }
    return line
  }
}
