import KantorBlocks
import KantorCore
import KantorNumerics

/// A step of Newton's method for an augmented Lagrangian over bounds: d minimises
///
///     s'd + d'W d/2 + rho/2 dist(t + J d, C)^2   over   l <= x + d <= u,   t = c + y/rho,
///
/// with a diagonal added to W as far as it takes. The rows are linearised, their sides are kept: a
/// step that knew only of the rows that count at x would run through the others, and the search
/// along it would meet them one by one, at the price of evaluations. Here none are needed.
final class PiecewiseStep {
  typealias Numbers = UnsafeMutablePointer<Double>

  let model: AugmentedModel
  /// W, whole.
  let matrix: Buffer<Double>
  /// What the model promises after `solve`; negative but for rounding.
  private(set) var decrease = 0.0
  private let n: Int
  private let m: Int
  /// The diagonal that was needed last, and the present one.
  private var shift = 0.0
  private var delta = 0.0
  /// The largest entry of W, each times the sizes of its variables.
  private var bend = 0.0
  private let factor: Buffer<Double>
  private let isFree: Buffer<Bool>
  private let isClamped: Buffer<Bool>
  /// In order: the diagonal of the factor, sizes of the variables, the model's gradient, the move
  /// of one round, W times it, and W d.
  private let root: Numbers
  private let size: Numbers
  private let q: Numbers
  private let p: Numbers
  private let image: Numbers
  private let bent: Numbers
  /// c + J d, J p, and the rows' weights, not scaled.
  private let place: Numbers
  private let speed: Numbers
  private let weight: Numbers
  private let numbers: Buffer<Double>
  /// The Jacobian by rows, where it is sparse.
  private let rows: (matrix: SparseMatrix, places: Buffer<Int32>)?

  init(_ model: AugmentedModel) throws(KantorError) {
    self.model = model
    (n, m) = (model.n, model.m)
    let square = try checkedProduct(n, n, of: "matrix")
    matrix = try Buffer(count: square)
    factor = try Buffer(count: square)
    isFree = try Buffer(count: n)
    isClamped = try Buffer(count: n)
    numbers = try Buffer(count: try checkedSum(6 * n, 3 * m, of: "variables and rows"))
    var next = numbers.pointer
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    (root, size, q, p, image, bent) = (take(n), take(n), take(n), take(n), take(n), take(n))
    (place, speed, weight) = (take(m), take(m), take(m))
    rows = try model.oracle.jacobianMatrix.sparse?.transposed()
  }

  /// Into d, and what it promises into `decrease`. False when the host wants an end.
  func solve(_ x: Numbers, into d: Numbers, _ monitor: Monitor) throws(KantorError) -> Bool {
    for i in 0..<m { place[i] = model.c[i] }
    guard try minimise(x, d, monitor) else { return false }
    decrease = fall(d)
    return true
  }

  /// The rows at x + d after `solve`, as linearised.
  var expected: Numbers { place }

  /// Once more after `solve`, into `d`, with the rows bent to be `found` at the last x + d.
  func solveBent(
    _ x: Numbers, into d: Numbers, found: Numbers, _ monitor: Monitor
  ) throws(KantorError) -> Bool {
    for i in 0..<m { place[i] = model.c[i] + (found[i] - place[i]) }
    return try minimise(x, d, monitor)
  }

  /// False when the host wants an end.
  private func minimise(
    _ x: Numbers, _ d: Numbers, _ monitor: Monitor
  ) throws(KantorError) -> Bool {
    begin(x, d)
    var (least, isSettled) = (0.0, false)
    for round in 0..<(50 + 2 * n) {
      let (top, hasReleased) = gradient(x, d)
      if round == 0 { least = 1e-9 * top }
      if top <= least || (isSettled && !hasReleased) { break }
      if monitor.heartbeat() != nil { return false }
      guard factorise(), move(x, d), let settled = advance(d) else { break }
      isSettled = settled
    }
    return true
  }

  private func begin(_ x: Numbers, _ d: Numbers) {
    (delta, bend) = (0, 0)
    for j in 0..<n {
      (d[j], bent[j], isFree.pointer[j]) = (0, 0, true)
      size[j] = max(1, abs(x[j]))
      let row = matrix.pointer + j * n
      for k in 0...j { bend = max(bend, abs(row[k]) * size[j] * size[k]) }
    }
    guard let (byRows, places) = rows, let given = model.oracle.jacobianMatrix.sparse
    else { return }
    for k in 0..<byRows.count {
      byRows.values.pointer[Int(places.pointer[k])] = given.values.pointer[k]
    }
  }

  /// The model's gradient at d and which variables bounds hold there. Returns the largest entry of
  /// the others, and whether one of those was not free before.
  private func gradient(_ x: Numbers, _ d: Numbers) -> (top: Double, hasReleased: Bool) {
    for i in 0..<m { weight[i] = model.rowFactor[i] * model.force(i, place[i]) }
    for j in 0..<n { q[j] = model.slope[j] + bent[j] + delta * d[j] / (size[j] * size[j]) }
    model.oracle.jacobianMatrix.multiplyTransposed(weight, into: q)
    var (top, hasReleased) = (0.0, false)
    for j in 0..<n {
      let (low, high) = room(j, x, d)
      let rounding = 8 * Double.ulpOfOne * size[j]
      let isHeld = (q[j] > 0 && low <= rounding) || (q[j] < 0 && high <= rounding)
      if !isHeld {
        top = max(top, abs(q[j]))
        if !isFree.pointer[j] { hasReleased = true }
      }
      isFree.pointer[j] = !isHeld
      isClamped.pointer[j] = false
    }
    return (top, hasReleased)
  }

  /// How far variable j may go down and up from x + d.
  @inline(__always)
  private func room(_ j: Int, _ x: Numbers, _ d: Numbers) -> (Double, Double) {
    let at = x[j] + d[j]
    return (at - model.problem.lower.pointer[j], model.problem.upper.pointer[j] - at)
  }

  /// The second derivative in the free variables, with a larger diagonal until it is positive
  /// definite.
  private func factorise() -> Bool {
    let f = factor.pointer
    f.update(from: matrix.pointer, count: n &* n)
    addRows(f)
    var scale = 0.0
    for j in 0..<n { scale = max(scale, abs(f[j * n + j]) * size[j] * size[j]) }
    if scale == 0 { scale = 1 }
    while !FreeCholesky.factor(f, n, isFree.pointer, root, size, delta, 1e-13 * scale) {
      if delta == 0 {
        delta = max(shift == 0 ? 1e-5 * bend : max(shift / 3, 1e-10 * bend), 1e-12 * scale)
      } else {
        delta *= 8
      }
      guard delta <= 1e10 * scale else { return false }
    }
    if delta > 0 { shift = delta }
    return true
  }

  /// Adds J'SJ for the rows that count at d, S their second derivatives, to the upper triangle.
  private func addRows(_ f: Numbers) {
    for i in 0..<m {
      guard weight[i] != 0 || model.problem.isEquality(i) else { continue }
      let s = model.rho * model.rowFactor[i] * model.rowFactor[i]
      if let dense = model.oracle.jacobianMatrix.dense?.pointer {
        let row = dense + i * n
        for a in 0..<n where row[a] != 0 {
          let t = s * row[a]
          let out = f + a * n
          for b in a..<n { out[b] += t * row[b] }
        }
      } else if let matrix = rows?.matrix {
        let (indices, values) = (matrix.indices.pointer, matrix.values.pointer)
        let range = matrix.starts.pointer[i]..<matrix.starts.pointer[i + 1]
        for a in range {
          let out = f + Int(indices[a]) * n
          let t = s * values[a]
          for b in a..<range.upperBound { out[Int(indices[b])] += t * values[b] }
        }
      }
    }
  }

  /// Newton's move from d into p. Variables that it takes over a bound end there, and the others
  /// take that into account; if that does not descend, the plain move up to the first bound.
  private func move(_ x: Numbers, _ d: Numbers) -> Bool {
    for _ in 0..<8 {
      direct()
      if !clamp(x, d) { break }
    }
    var slope = 0.0
    for j in 0..<n { slope += q[j] * p[j] }
    if slope < 0 { return slope.isFinite }
    for j in 0..<n where isClamped.pointer[j] {
      (isClamped.pointer[j], isFree.pointer[j]) = (false, true)
    }
    // The factor was that of fewer variables.
    guard factorise() else { return false }
    direct()
    var length = 1.0
    for j in 0..<n where p[j] != 0 {
      let (low, high) = room(j, x, d)
      length = min(length, p[j] < 0 ? max(low, 0) / -p[j] : max(high, 0) / p[j])
    }
    slope = 0
    for j in 0..<n {
      p[j] *= length
      slope += q[j] * p[j]
    }
    return slope < 0
  }

  private func direct() {
    let f = factor.pointer
    for j in 0..<n {
      if isClamped.pointer[j] { continue }
      p[j] = isFree.pointer[j] ? -q[j] : 0
      guard isFree.pointer[j] else { continue }
      for k in 0..<n where isClamped.pointer[k] {
        p[j] -= (k < j ? f[k * n + j] : f[j * n + k]) * p[k]
      }
    }
    FreeCholesky.solve(f, n, isFree.pointer, root, p)
  }

  private func clamp(_ x: Numbers, _ d: Numbers) -> Bool {
    var found = false
    for j in 0..<n where isFree.pointer[j] {
      let (low, high) = room(j, x, d)
      let to = min(max(p[j], -low), high)
      if to == p[j] { continue }
      p[j] = to
      (isFree.pointer[j], isClamped.pointer[j]) = (false, true)
      found = true
    }
    return found && factorise()
  }

  /// d += a p with the best a in (0, 1]. Returns whether all of p was taken and the same rows count
  /// as before: then d is at rest in the free variables. Nil when there is no such a.
  private func advance(_ d: Numbers) -> Bool? {
    for j in 0..<n { image[j] = 0 }
    for i in 0..<m { speed[i] = 0 }
    for j in 0..<n where p[j] != 0 {
      let row = matrix.pointer + j * n
      for k in 0..<n { image[k] += row[k] * p[j] }
    }
    model.oracle.jacobianMatrix.multiply(p, into: speed)
    var (first, second) = (0.0, 0.0)
    for j in 0..<n {
      let ridge = delta / (size[j] * size[j])
      first += (model.slope[j] + bent[j] + ridge * d[j]) * p[j]
      second += (image[j] + ridge * p[j]) * p[j]
    }
    let a = length(first, second)
    guard a > 0 else { return nil }
    var isSame = a == 1
    for j in 0..<n {
      d[j] += a * p[j]
      bent[j] += a * image[j]
    }
    for i in 0..<m {
      let counted = weight[i] != 0
      place[i] += a * speed[i]
      if counted != (model.force(i, place[i]) != 0), !model.problem.isEquality(i) {
        isSame = false
      }
    }
    return isSame
  }

  /// The weights of the rows at d, in the caller's units for the rows.
  func multipliers(into out: Numbers) {
    for i in 0..<m { out[i] = model.rowFactor[i] * model.force(i, place[i]) }
  }

  /// A penalty so large that the rows dominate W by seven digits; not too many to compute with.
  func stiffPenalty(_ x: Numbers) -> Double {
    var (bend, steep) = (1e-8, 1e-8)
    for j in 0..<n {
      let s = max(1, abs(x[j]))
      bend = max(bend, abs(matrix.pointer[j * n + j]) * s * s)
    }
    model.sizeRows(x, into: speed)
    for i in 0..<m { steep = max(steep, speed[i] * model.rowFactor[i]) }
    return 1e7 * bend / (steep * steep)
  }

  /// The root of the derivative along p, a piecewise linear function: Newton's iteration between
  /// bisections; 1 if it lies beyond.
  private func length(_ first: Double, _ second: Double) -> Double {
    func derivative(_ a: Double) -> (Double, Double) {
      var (slope, bend) = (first + a * second, second)
      for i in 0..<m where speed[i] != 0 {
        let w = model.force(i, place[i] + a * speed[i])
        if w == 0 { continue }
        let v = model.rowFactor[i] * speed[i]
        slope += v * w
        bend += model.rho * v * v
      }
      return (slope, bend)
    }
    let start = derivative(0).0
    var (low, high, a) = (0.0, 1.0, 1.0)
    for _ in 0..<60 {
      let (slope, bend) = derivative(a)
      if a == 1, slope <= 1e-12 * abs(start) { return 1 }
      if abs(slope) <= 1e-12 * abs(start) { return a }
      if slope > 0 { high = a } else { low = a }
      let next = bend > 0 ? a - slope / bend : low
      a = next > low && next < high ? next : 0.5 * (low + high)
      if high - low <= 1e-14 * high { break }
    }
    return a
  }

  /// The model at d less that at 0.
  private func fall(_ d: Numbers) -> Double {
    var sum = 0.0
    for j in 0..<n { sum += d[j] * (model.slope[j] + 0.5 * bent[j]) }
    for i in 0..<m {
      let (old, new) = (model.force(i, model.c[i]), model.force(i, place[i]))
      sum += 0.5 * (new - old) * (new + old) / model.rho
    }
    return sum
  }
}
