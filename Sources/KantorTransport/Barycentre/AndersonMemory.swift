import KantorCore

/// Anderson's acceleration of a fixed-point iteration x <- T(x) on a few rows of potentials.
///
/// From the last steps it takes the affine combination whose residual T(x) - x is least, in the
/// norm sum_k lambda_k <q, f_k^2> in which potentials of a barycentre matter where it has mass. The
/// combination of fixed points of sum lambda g = 0 stays there. A residual that grows clears the
/// memory, and the plain step, which never goes wrong, is taken.
///
/// Source: H. F. Walker, P. Ni, "Anderson acceleration for fixed-point iterations" (2011).
final class AndersonMemory {
  private let rows: Int
  private let columns: Int
  private let x: Buffer<Double>
  private let last: Buffer<Double>
  private let residual: Buffer<Double>
  private let lastResidual: Buffer<Double>
  /// Differences of successive x + f and of successive residuals f, `depth` of each, in a ring.
  private var steps: [Buffer<Double>] = []
  private var changes: [Buffer<Double>] = []
  private var stored = 0
  private var next = 0
  private var hasLast = false
  private var best = Double.infinity
  private var used = 0

  static let depth = 6
  private static let growth = 4.0
  private static let ridge = 1e-10

  init(rows: Int, columns: Int) throws(KantorError) {
    self.rows = rows
    self.columns = columns
    let count = try checkedProduct(rows, columns, of: "potentials")
    x = try Buffer(count: count)
    last = try Buffer(count: count)
    residual = try Buffer(count: count)
    lastResidual = try Buffer(count: count)
    for _ in 0..<Self.depth {
      steps.append(try Buffer(count: count))
      changes.append(try Buffer(count: count))
    }
  }

  /// The point from which a plain step is about to be taken.
  func begin(_ first: UnsafePointer<Double>, _ firstRows: Int, _ other: UnsafePointer<Double>) {
    used = rows * columns
    x.pointer.update(from: first, count: firstRows * columns)
    if rows > firstRows { (x.pointer + firstRows * columns).update(from: other, count: columns) }
  }

  /// Replaces the plain step T(x) by the mixed one.
  func mix(
    _ first: UnsafeMutablePointer<Double>, _ firstRows: Int, _ other: UnsafeMutablePointer<Double>,
    lambda: UnsafePointer<Double>, mass: UnsafePointer<Double>
  ) {
    let (f, r, size) = (x.pointer, residual.pointer, columns)
    // From here on `x` holds T(x) and `residual` T(x) - x.
    for k in 0..<rows {
      let plain = k < firstRows ? first + k * size : other
      for j in 0..<size {
        r[k * size + j] = plain[j] - f[k * size + j]
        f[k * size + j] = plain[j]
      }
    }
    let metric = Metric(rows: rows, firstRows: firstRows, columns: size, lambda: lambda, mass: mass)
    let norm = metric.product(r, r)
    if !(norm <= Self.growth * best) {
      (stored, next, hasLast) = (0, 0, false)
    }
    best = hasLast ? min(best, norm) : norm
    if hasLast {
      let (step, change) = (steps[next].pointer, changes[next].pointer)
      for i in 0..<used {
        step[i] = f[i] - last.pointer[i]
        change[i] = r[i] - lastResidual.pointer[i]
      }
      next = (next + 1) % Self.depth
      stored = min(stored + 1, Self.depth)
    }
    last.pointer.update(from: f, count: used)
    lastResidual.pointer.update(from: r, count: used)
    hasLast = true
    guard stored > 0, let weights = weights(metric, norm) else { return }
    for k in 0..<rows {
      let out = k < firstRows ? first + k * size : other
      for s in 0..<stored {
        let (weight, step) = (weights[s], steps[s].pointer + k * size)
        for j in 0..<size { out[j] -= weight * step[j] }
      }
    }
  }

  private struct Metric {
    let rows: Int
    let firstRows: Int
    let columns: Int
    let lambda: UnsafePointer<Double>
    let mass: UnsafePointer<Double>

    func product(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
      var total = 0.0
      for k in 0..<rows {
        let (p, q) = (a + k * columns, b + k * columns)
        var sum = SIMD4<Double>.zero
        var j = 0
        while j &+ 4 <= columns {
          sum += SIMD4(mass[j], mass[j &+ 1], mass[j &+ 2], mass[j &+ 3])
            * SIMD4(p[j], p[j &+ 1], p[j &+ 2], p[j &+ 3])
            * SIMD4(q[j], q[j &+ 1], q[j &+ 2], q[j &+ 3])
          j &+= 4
        }
        var rest = sum.sum()
        while j < columns {
          rest += mass[j] * p[j] * q[j]
          j &+= 1
        }
        total += (k < firstRows ? lambda[k] : 1) * rest
      }
      return total
    }
  }

  /// The least-squares weights by the normal equations, with a little ridge; nil when they fail.
  private func weights(_ metric: Metric, _ norm: Double) -> [Double]? {
    let s = stored
    var matrix = [Double](repeating: 0, count: s * s)
    var right = [Double](repeating: 0, count: s)
    for i in 0..<s {
      right[i] = metric.product(changes[i].pointer, residual.pointer)
      for j in 0...i {
        let value = metric.product(changes[i].pointer, changes[j].pointer)
        (matrix[i * s + j], matrix[j * s + i]) = (value, value)
      }
    }
    var trace = 0.0
    for i in 0..<s { trace += matrix[i * s + i] }
    guard trace > 0, trace.isFinite else { return nil }
    for i in 0..<s { matrix[i * s + i] += Self.ridge * trace / Double(s) }
    // Cholesky in place, then both substitutions.
    for j in 0..<s {
      for i in j..<s {
        var value = matrix[i * s + j]
        for k in 0..<j { value -= matrix[i * s + k] * matrix[j * s + k] }
        if i == j {
          guard value > 0 else { return nil }
          matrix[j * s + j] = value.squareRoot()
        } else {
          matrix[i * s + j] = value / matrix[j * s + j]
        }
      }
    }
    for i in 0..<s {
      for k in 0..<i { right[i] -= matrix[i * s + k] * right[k] }
      right[i] /= matrix[i * s + i]
    }
    for i in stride(from: s - 1, through: 0, by: -1) {
      for k in (i + 1)..<max(s, i + 1) { right[i] -= matrix[k * s + i] * right[k] }
      right[i] /= matrix[i * s + i]
    }
    return right.allSatisfy { $0.isFinite && abs($0) < 1e6 } ? right : nil
  }
}
