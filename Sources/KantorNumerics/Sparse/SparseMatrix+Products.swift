import KantorCore

extension SparseMatrix {
  /// y += alpha A x.
  public func multiply(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scale alpha: Double = 1
  ) {
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      let t = alpha * x[j]
      if t == 0 { continue }
      let (begin, end) = (first[j], first[j &+ 1])
      if let low = unbroken(begin, end) {
        Self.add(t, value + begin, to: y + low, count: end &- begin)
      } else {
        for k in begin..<end { y[Int(row[k])] += value[k] * t }
      }
    }
  }

  /// y += alpha A' x.
  public func multiplyTransposed(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scale alpha: Double = 1
  ) {
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      var (even, odd) = (0.0, 0.0)
      var k = first[j]
      let end = first[j &+ 1]
      if let low = unbroken(k, end) {
        y[j] += alpha * dotProduct(value + k, x + low, end &- k)
        continue
      }
      while k &+ 2 <= end {
        even += value[k] * x[Int(row[k])]
        odd += value[k &+ 1] * x[Int(row[k &+ 1])]
        k &+= 2
      }
      if k < end { even += value[k] * x[Int(row[k])] }
      y[j] += alpha * (even + odd)
    }
  }

  /// y += alpha S x, where the upper triangle of the symmetric S is stored here. Entries below the
  /// diagonal must not be.
  public func multiplySymmetric(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scale alpha: Double = 1
  ) {
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      let t = alpha * x[j]
      var sum = 0.0
      let (begin, end) = (first[j], first[j &+ 1])
      if let low = unbroken(begin, end) {
        // The diagonal entry is the last one, if there is one.
        let hasDiagonal = Int(row[end &- 1]) == j
        let others = end &- begin &- (hasDiagonal ? 1 : 0)
        Self.add(t, value + begin, to: y + low, count: others)
        sum = dotProduct(value + begin, x + low, others)
        y[j] += alpha * sum + (hasDiagonal ? value[end &- 1] * t : 0)
        continue
      }
      for k in begin..<end {
        let i = Int(row[k])
        if i == j {
          y[j] += value[k] * t
        } else {
          y[i] += value[k] * t
          sum += value[k] * x[i]
        }
      }
      y[j] += alpha * sum
    }
  }

  /// The first row of entries [begin, end) of a column when they are many and in rows that follow
  /// each other; they are gone through as vectors, without their indices.
  @inline(__always)
  private func unbroken(_ begin: Int, _ end: Int) -> Int? {
    let length = end &- begin
    guard length >= 16 else { return nil }
    let (low, high) = (Int(indices.pointer[begin]), Int(indices.pointer[end &- 1]))
    return high &- low == length &- 1 ? low : nil
  }

  /// y += t v.
  @inline(__always)
  private static func add(
    _ t: Double, _ v: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count: Int
  ) {
    for k in 0..<count { y[k] += v[k] * t }
  }

  /// x' S x for the symmetric S whose upper triangle is stored here.
  public func quadraticForm(_ x: UnsafePointer<Double>) -> Double {
    var total = CompensatedSum()
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      var sum = 0.0
      for k in first[j]..<first[j &+ 1] {
        let i = Int(row[k])
        sum += i == j ? value[k] * x[i] : 2 * value[k] * x[i]
      }
      total.add(sum * x[j])
    }
    return total.value
  }

  public enum Norm: Sendable { case one, two, largest }

  /// out[j] = norm of column j.
  public func columnNorms(_ norm: Norm, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<columns { out[j] = 0 }
    if norm == .largest { return addLargest(columns: out, rows: nil) }
    addNorms(norm, into: out, byColumn: true, byRow: false)
  }

  /// out[i] = norm of row i.
  public func rowNorms(_ norm: Norm, into out: UnsafeMutablePointer<Double>) {
    for i in 0..<rows { out[i] = 0 }
    if norm == .largest { return addLargest(columns: nil, rows: out) }
    addNorms(norm, into: out, byColumn: false, byRow: true)
  }

  /// out[j] = norm of column j of the symmetric matrix whose upper triangle is stored here.
  public func symmetricNorms(_ norm: Norm, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<columns { out[j] = 0 }
    if norm == .largest { return addLargest(columns: out, rows: out) }
    addNorms(norm, into: out, byColumn: true, byRow: true)
  }

  /// Largest entries of all columns and of all rows, in one pass.
  public func largestEntries(
    columns top: UnsafeMutablePointer<Double>, rows side: UnsafeMutablePointer<Double>
  ) {
    for j in 0..<columns { top[j] = 0 }
    for i in 0..<rows { side[i] = 0 }
    addLargest(columns: top, rows: side)
  }

  /// Raises what stands there; both may be the same vector.
  private func addLargest(
    columns top: UnsafeMutablePointer<Double>?, rows side: UnsafeMutablePointer<Double>?
  ) {
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      let (begin, end) = (first[j], first[j &+ 1])
      if let side {
        if let low = unbroken(begin, end) {
          let (from, to) = (value + begin, side + low)
          for k in 0..<(end &- begin) {
            let a = abs(from[k])
            to[k] = to[k] < a ? a : to[k]
          }
        } else {
          for k in begin..<end {
            let (i, a) = (Int(row[k]), abs(value[k]))
            if side[i] < a { side[i] = a }
          }
        }
      }
      if let top { top[j] = max(top[j], Self.largest(value + begin, end &- begin)) }
    }
  }

  @inline(__always)
  private static func largest(_ v: UnsafePointer<Double>, _ count: Int) -> Double {
    var (a, b, c, d) = (0.0, 0.0, 0.0, 0.0)
    var k = 0
    while k &+ 4 <= count {
      a = max(a, abs(v[k]))
      b = max(b, abs(v[k &+ 1]))
      c = max(c, abs(v[k &+ 2]))
      d = max(d, abs(v[k &+ 3]))
      k &+= 4
    }
    while k < count {
      a = max(a, abs(v[k]))
      k &+= 1
    }
    return max(max(a, b), max(c, d))
  }

  private func addNorms(
    _ norm: Norm, into out: UnsafeMutablePointer<Double>, byColumn: Bool, byRow: Bool
  ) {
    let (first, row, value) = (starts.pointer, indices.pointer, values.pointer)
    for j in 0..<columns {
      for k in first[j]..<first[j &+ 1] {
        let (i, a) = (Int(row[k]), abs(value[k]))
        switch norm {
        case .one:
          if byColumn { out[j] += a }
          if byRow && !(byColumn && i == j) { out[i] += a }
        case .two:
          // hypot keeps what squares would lose to overflow; norms are no hot loop.
          if byColumn { out[j] = Self.length(out[j], a) }
          if byRow && !(byColumn && i == j) { out[i] = Self.length(out[i], a) }
        case .largest: break  // see addLargest
        }
      }
    }
  }

  @inline(__always)
  private static func length(_ x: Double, _ y: Double) -> Double {
    let (small, large) = (min(x, y), max(x, y))
    if large == 0 || !large.isFinite { return large }
    let ratio = small / large
    return large * (1 + ratio * ratio).squareRoot()
  }

  /// diag(rowScale) A diag(columnScale), into the values of a matrix of the same pattern, which
  /// may be this one. Nil stands for ones.
  public func scale(
    rows rowScale: UnsafePointer<Double>?, columns columnScale: UnsafePointer<Double>?,
    by factor: Double = 1, into target: SparseMatrix
  ) {
    precondition(target.values.count == values.count)
    let (first, row, value, out) = (
      starts.pointer, indices.pointer, values.pointer, target.values.pointer)
    for j in 0..<columns {
      let c = factor * (columnScale.map { $0[j] } ?? 1)
      let (begin, end) = (first[j], first[j &+ 1])
      if let rowScale, let low = unbroken(begin, end) {
        let side = rowScale + low
        for k in 0..<(end &- begin) { out[begin &+ k] = value[begin &+ k] * (c * side[k]) }
      } else if let rowScale {
        for k in begin..<end { out[k] = value[k] * (c * rowScale[Int(row[k])]) }
      } else {
        for k in first[j]..<first[j &+ 1] { out[k] = value[k] * c }
      }
    }
  }

  /// A copy with the same pattern: factor * diag(rowScale) A diag(columnScale).
  public func scaled(
    rows rowScale: Buffer<Double>? = nil, columns columnScale: Buffer<Double>? = nil,
    by factor: Double = 1
  ) throws(KantorError) -> SparseMatrix {
    precondition(rowScale.map { $0.count == rows } ?? true)
    precondition(columnScale.map { $0.count == columns } ?? true)
    let out = with(values: try Buffer(count: values.count))
    scale(rows: rowScale?.pointer, columns: columnScale?.pointer, by: factor, into: out)
    return out
  }
}
