import KantorCore
import KantorNumerics

/// { A x = b }. Rows of A are made orthonormal once, twice over, O(m^2 n); a projection then takes
/// 4 m n multiplications. Rows that depend on earlier ones are left out, or refused when b says
/// otherwise.
final class AffineMap: ProximalMap {
  let count: Int
  private let matrix: Buffer<Double>
  private let rightSide: Entries
  private let rows: Int
  /// Q x = c with orthonormal rows: the same set.
  private let basis: Buffer<Double>
  private let offsets: Buffer<Double>
  private let rank: Int
  private let rest: Buffer<Double>

  /// A row is taken to depend on others when less than this part of it is left.
  private static let dependence = 1e-11

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    (matrix, rows) = try arguments.matrix("matrix")
    rightSide = try arguments.entries("rhs", or: 0, length: rows)
    basis = try Buffer(count: try checkedProduct(rows, count, of: arguments.map))
    offsets = try Buffer(count: rows)
    rest = try Buffer(count: count)
    var rank = 0
    for i in 0..<rows {
      let isNew = try Self.add(
        matrix.pointer + i * count, rightSide[i], row: i, of: arguments.map, basis.pointer,
        offsets.pointer, rank, count)
      if isNew { rank += 1 }
    }
    self.rank = rank
  }

  private static func add(
    _ a: UnsafePointer<Double>, _ b: Double, row: Int, of map: String,
    _ basis: UnsafeMutablePointer<Double>, _ offsets: UnsafeMutablePointer<Double>, _ rank: Int,
    _ n: Int
  ) throws(KantorError) -> Bool {
    let q = basis + rank * n
    let length = SecondOrderProjection.length(a, n)
    guard length.isFinite else {
      throw KantorError(.range, "\(map): the length of row \(row) of 'matrix' overflows")
    }
    if length == 0 {
      guard b == 0 else {
        throw KantorError(.range, "\(map): row \(row) of 'matrix' is 0, and rhs[\(row)] is \(b)")
      }
      return false
    }
    guard rank < n else {
      return try check(a, b, length, row, map, basis, offsets, rank, n)
    }
    for i in 0..<n { q[i] = a[i] / length }
    var rest = b / length
    for _ in 0..<2 {
      for k in 0..<rank {
        let other = basis + k * n
        var share = 0.0
        for i in 0..<n { share += other[i] * q[i] }
        for i in 0..<n { q[i] -= share * other[i] }
        rest -= share * offsets[k]
      }
    }
    let left = SecondOrderProjection.length(q, n)
    guard left > dependence else {
      return try check(a, b, length, row, map, basis, offsets, rank, n)
    }
    for i in 0..<n { q[i] /= left }
    offsets[rank] = rest / left
    return true
  }

  /// A row that follows from others: does its right side as well?
  private static func check(
    _ a: UnsafePointer<Double>, _ b: Double, _ length: Double, _ row: Int, _ map: String,
    _ basis: UnsafePointer<Double>, _ offsets: UnsafePointer<Double>, _ rank: Int, _ n: Int
  ) throws(KantorError) -> Bool {
    var (found, size) = (0.0, abs(b / length))
    for k in 0..<rank {
      var share = 0.0
      for i in 0..<n { share += basis[k * n + i] * (a[i] / length) }
      found += share * offsets[k]
      size += abs(share * offsets[k])
    }
    guard abs(found - b / length) <= 1e-9 * max(size, 1e-300) else {
      throw KantorError(
        .range,
        "\(map): the set is empty: by the rows before it, row \(row) of 'matrix' gives "
          + "\(found * length), and rhs[\(row)] is \(b)")
    }
    return false
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    if out != UnsafeMutablePointer(mutating: x) { out.update(from: x, count: count) }
    // The second time takes away the rounding of the first, which large x leave.
    for _ in 0..<2 { remove(out, offsets.pointer) }
    return isFinite(out)
  }

  private func remove(_ x: UnsafeMutablePointer<Double>, _ offsets: UnsafePointer<Double>?) {
    for k in 0..<rank {
      let q = basis.pointer + k * count
      var excess = -(offsets?[k] ?? 0)
      for i in 0..<count { excess += q[i] * x[i] }
      for i in 0..<count { x[i] -= excess * q[i] }
    }
  }

  private func isFinite(_ x: UnsafePointer<Double>) -> Bool {
    var sum = 0.0
    for i in 0..<count { sum += 0 * x[i] }
    return sum == 0
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var worst = 0.0
    for i in 0..<rows {
      var sum = CompensatedSum()
      for j in 0..<count { sum.add(matrix.pointer[i * count + j] * x[j]) }
      worst = max(worst, abs(sum.value - rightSide[i]))
    }
    return ConvexValue(violation: worst)
  }

  /// c'Qy where y lies in the space of the rows.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var value = CompensatedSum()
    for k in 0..<rank {
      var share = 0.0
      for i in 0..<count { share += basis.pointer[k * count + i] * y[i] }
      value.add(share * offsets.pointer[k])
    }
    // y less its part in the row space.
    rest.pointer.update(from: y, count: count)
    for _ in 0..<2 { remove(rest.pointer, nil) }
    var worst = 0.0
    for i in 0..<count { worst = max(worst, abs(rest.pointer[i])) }
    return ConvexValue(value.value, violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    if out != UnsafeMutablePointer(mutating: v) { out.update(from: v, count: count) }
    for _ in 0..<2 { remove(out, nil) }
    return isFinite(out)
  }
}

/// { a'x <= b }.
final class HalfspaceMap: ProximalMap {
  let count: Int
  private let normal: Entries
  private let bound: Double
  private let square: Double

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    normal = try arguments.entries("normal", or: 1)
    bound = try arguments.real("bound")
    var sum = 0.0
    for i in 0..<count { sum += normal[i] * normal[i] }
    guard sum > 0, sum.isFinite else {
      throw KantorError(
        .range,
        "\(arguments.map): the squared length of 'normal' is \(sum); a number > 0 is needed")
    }
    square = sum
  }

  private func excess(_ x: UnsafePointer<Double>) -> Double {
    var sum = CompensatedSum()
    for i in 0..<count { sum.add(normal[i] * x[i]) }
    return sum.value - bound
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let over = excess(x)
    let factor = over > 0 ? over / square : 0
    var sum = 0 * over
    for i in 0..<count {
      out[i] = x[i] - factor * normal[i]
      sum += 0 * out[i]
    }
    return sum == 0
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    ConvexValue(violation: max(0, excess(x)))
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var along = 0.0
    for i in 0..<count { along += normal[i] * y[i] }
    let t = max(0, along / square)
    var worst = 0.0
    for i in 0..<count { worst = max(worst, abs(y[i] - t * normal[i])) }
    return ConvexValue(t * bound, violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    var along = 0.0
    if excess(x) > 0 {
      for i in 0..<count { along += normal[i] * v[i] }
    }
    for i in 0..<count { out[i] = v[i] - along / square * normal[i] }
    return along.isFinite
  }
}
