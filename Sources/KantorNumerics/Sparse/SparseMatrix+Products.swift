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
      for k in first[j]..<first[j &+ 1] { y[Int(row[k])] += value[k] * t }
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
      for k in first[j]..<first[j &+ 1] {
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
    addNorms(norm, into: out, byColumn: true, byRow: false)
  }

  /// out[i] = norm of row i.
  public func rowNorms(_ norm: Norm, into out: UnsafeMutablePointer<Double>) {
    for i in 0..<rows { out[i] = 0 }
    addNorms(norm, into: out, byColumn: false, byRow: true)
  }

  /// out[j] = norm of column j of the symmetric matrix whose upper triangle is stored here.
  public func symmetricNorms(_ norm: Norm, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<columns { out[j] = 0 }
    addNorms(norm, into: out, byColumn: true, byRow: true)
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
        case .largest:
          if byColumn { out[j] = max(out[j], a) }
          if byRow { out[i] = max(out[i], a) }
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
      if let rowScale {
        for k in first[j]..<first[j &+ 1] { out[k] = value[k] * (c * rowScale[Int(row[k])]) }
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
