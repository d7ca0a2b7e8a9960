import KantorBlocks
import KantorCore
import KantorNumerics

/// The problem as the interior-point method sees it: variables that are not fixed, objective and
/// rows multiplied by scales, derivatives at one point at a time.
final class ScaledModel {
  let problem: NonlinearProblem
  let oracle: NonlinearOracle
  /// Variables that are not fixed, and their places among all.
  let count: Int
  let free: Buffer<Int32>
  var rows: Int { problem.m }
  var objectiveScale = 1.0
  let rowScale: Buffer<Double>
  /// Whether functions have values a little outside the bounds of x: those at the nearest point
  /// inside, and from there on what the last derivatives say. Differences have no use for that.
  let reachesOut: Bool
  /// Whether the linear algebra is sparse.
  let isSparse: Bool

  /// Scaled derivatives at the point of the last `derivatives`: f', and c' as rows x count,
  /// row-major, or sparse.
  let gradient: Buffer<Double>
  let jacobianDense: Buffer<Double>?
  let jacobianSparse: SparseMatrix?
  /// Hessian of the scaled Lagrangian: count x count, or the upper triangle.
  let hessianDense: Buffer<Double>?
  let hessianSparse: SparseMatrix?

  private let jacobianSource: Buffer<Int32>?
  private let hessianSource: Buffer<Int32>?
  private let full: Buffer<Double>
  private let fullGradient: Buffer<Double>
  private let heldGradient: Buffer<Double>
  private let heldPoint: Buffer<Double>
  private var holdsGradient = false
  private let multipliers: Buffer<Double>
  private let rawRows: Buffer<Double>

  /// Order of the system below which it is kept dense whatever patterns there are.
  private static let dense = 48
  /// The same where the approximation of the Hessian is dense with it.
  private static let denseWithoutHessian = 150

  init(
    _ problem: NonlinearProblem, _ oracle: NonlinearOracle, hessian: HessianSource
  ) throws(KantorError) {
    self.problem = problem
    self.oracle = oracle
    let (n, m) = (problem.n, problem.m)
    reachesOut = oracle.offersLagrangianGradient
    let place = try Buffer<Int32>(count: n, repeating: -1)
    var k = 0
    for j in 0..<n where problem.lower.pointer[j] < problem.upper.pointer[j] {
      place.pointer[j] = Int32(truncatingIfNeeded: k)
      k += 1
    }
    count = k
    free = try Buffer(count: k)
    for j in 0..<n where place.pointer[j] >= 0 {
      free.pointer[Int(place.pointer[j])] = Int32(truncatingIfNeeded: j)
    }
    let hasPatterns =
      (m == 0 || problem.jacobianPattern != nil)
      && (hessian == .quasiNewton || problem.hessianPattern != nil)
    isSparse =
      hasPatterns && n + m > (hessian == .quasiNewton ? Self.denseWithoutHessian : Self.dense)
    gradient = try Buffer(count: k)
    rowScale = try Buffer(count: m, repeating: 1)
    if isSparse, let pattern = problem.jacobianPattern?.matrix {
      let part = try Self.restricted(pattern, columns: place, count: k, rows: nil)
      (jacobianSparse, jacobianSource) = (part.matrix, part.source)
      jacobianDense = nil
    } else {
      (jacobianSparse, jacobianSource) = (
        isSparse ? try SparseMatrix.zero(rows: m, columns: k) : nil,
        isSparse ? try Buffer(count: 0) : nil
      )
      jacobianDense = isSparse ? nil : try Buffer(count: try checkedProduct(m, k, of: "Jacobian"))
    }
    if isSparse, hessian != .quasiNewton, let pattern = problem.hessianPattern?.matrix {
      let part = try Self.restricted(pattern, columns: place, count: k, rows: place)
      (hessianSparse, hessianSource) = (part.matrix, part.source)
      hessianDense = nil
    } else if isSparse {
      let zeros = try Buffer<Double>(count: k)
      (hessianSparse, hessianSource) = (try SparseMatrix.diagonal(zeros), nil)
      hessianDense = nil
    } else {
      (hessianSparse, hessianSource) = (nil, nil)
      hessianDense = try Buffer(count: try checkedProduct(k, k, of: "Hessian"))
    }
    full = try problem.start.copy()
    for j in 0..<n where place.pointer[j] < 0 { full.pointer[j] = problem.lower.pointer[j] }
    fullGradient = try Buffer(count: n)
    heldGradient = try Buffer(count: n)
    heldPoint = try Buffer(count: n)
    multipliers = try Buffer(count: m)
    rawRows = try Buffer(count: m)
  }

  /// The columns that are free, and the rows too where `rows` tells their places; each entry knows
  /// where its value comes from.
  private static func restricted(
    _ pattern: SparseMatrix, columns: Buffer<Int32>, count: Int, rows: Buffer<Int32>?
  ) throws(KantorError) -> (matrix: SparseMatrix, source: Buffer<Int32>) {
    var kept = 0
    func row(_ k: Int) -> Int32 {
      let i = pattern.indices.pointer[k]
      return rows.map { $0.pointer[Int(i)] } ?? i
    }
    for j in 0..<pattern.columns where columns.pointer[j] >= 0 {
      for k in pattern.starts.pointer[j]..<pattern.starts.pointer[j + 1] where row(k) >= 0 {
        kept += 1
      }
    }
    let starts = try Buffer<Int>(count: count + 1)
    let indices = try Buffer<Int32>(count: kept)
    let source = try Buffer<Int32>(count: kept)
    var next = 0
    for j in 0..<pattern.columns where columns.pointer[j] >= 0 {
      for k in pattern.starts.pointer[j]..<pattern.starts.pointer[j + 1] where row(k) >= 0 {
        indices.pointer[next] = row(k)
        source.pointer[next] = Int32(truncatingIfNeeded: k)
        next += 1
      }
      starts.pointer[Int(columns.pointer[j]) + 1] = next
    }
    let matrix = SparseMatrix(
      rows: rows == nil ? pattern.rows : count, columns: count, starts: starts, indices: indices,
      values: try Buffer(count: kept))
    return (matrix, source)
  }

  // MARK: Values

  /// Whether the host gives f and f' by themselves.
  var hasValueAlone: Bool { problem.functions.value != nil && problem.functions.gradient != nil }

  /// All variables, from the free ones, none of them outside its bounds.
  func expand(_ x: UnsafePointer<Double>) -> UnsafePointer<Double> {
    let (target, place) = (full.pointer, free.pointer)
    let (low, high) = (problem.lower.pointer, problem.upper.pointer)
    for k in 0..<count {
      let j = Int(place[k])
      target[j] = min(max(x[k], low[j]), high[j])
    }
    return UnsafePointer(target)
  }

  /// s f(x).
  func value(_ x: UnsafePointer<Double>) throws(KantorError) -> (Evaluation, Double) {
    let point = expand(x)
    if problem.functions.value == nil {
      // The gradient that comes along is kept until it is asked for.
      let (outcome, f) = try oracle.valueAndGradient(at: point, into: heldGradient.pointer)
      holdsGradient = outcome == .fine
      heldPoint.pointer.update(from: point, count: problem.n)
      return (outcome, objectiveScale * f + valueOutside(x))
    }
    let (outcome, f) = try oracle.value(at: point)
    return (outcome, objectiveScale * f + valueOutside(x))
  }

  /// How far x_k lies outside its bounds.
  @inline(__always)
  private func outside(_ x: UnsafePointer<Double>, _ k: Int) -> Double {
    x[k] - full.pointer[Int(free.pointer[k])]
  }

  /// What the part of x outside the bounds adds to s f; after `expand`.
  private func valueOutside(_ x: UnsafePointer<Double>) -> Double {
    guard reachesOut else { return 0 }
    var sum = 0.0
    for k in 0..<count {
      let d = outside(x, k)
      if d != 0 { sum += gradient.pointer[k] * d }
    }
    return sum
  }

  /// The same for the rows.
  private func addRowsOutside(
    _ x: UnsafePointer<Double>, to out: UnsafeMutablePointer<Double>
  ) {
    guard reachesOut else { return }
    for k in 0..<count {
      let d = outside(x, k)
      guard d != 0 else { continue }
      if let sparse = jacobianSparse {
        for l in sparse.starts.pointer[k]..<sparse.starts.pointer[k + 1] {
          out[Int(sparse.indices.pointer[l])] += sparse.values.pointer[l] * d
        }
      } else if let a = jacobianDense?.pointer {
        for i in 0..<rows { out[i] += a[i &* count &+ k] * d }
      }
    }
  }

  /// D c(x) into `out`.
  func rows(
    _ x: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    let outcome = try oracle.constraints(at: expand(x), into: out)
    for i in 0..<rows { out[i] *= rowScale.pointer[i] }
    addRowsOutside(x, to: out)
    return outcome
  }

  // MARK: Derivatives

  /// f' and c' at x; `value` and `constraints`, scaled, are known there. A value that is not a
  /// number says that f' is not wanted.
  func derivatives(
    _ x: UnsafePointer<Double>, value: Double, constraints: UnsafePointer<Double>
  ) throws(KantorError) -> Evaluation {
    let point = expand(x)
    if value.isNaN {
      // The old gradient stays.
    } else if holdsGradient, isHeld(point) {
      fullGradient.pointer.update(from: heldGradient.pointer, count: problem.n)
    } else {
      let outcome = try oracle.gradient(
        at: point, value: value / objectiveScale, into: fullGradient.pointer)
      guard case .fine = outcome else { return outcome }
    }
    for i in 0..<rows { rawRows.pointer[i] = constraints[i] / rowScale.pointer[i] }
    let outcome = try oracle.jacobian(at: point, constraints: rawRows.pointer)
    guard case .fine = outcome else { return outcome }
    copyScaled()
    return .fine
  }

  private func isHeld(_ x: UnsafePointer<Double>) -> Bool {
    for j in 0..<problem.n where x[j] != heldPoint.pointer[j] { return false }
    return true
  }

  /// From the oracle's matrices into the scaled ones of the free variables.
  private func copyScaled() {
    let (g, place, d) = (gradient.pointer, free.pointer, rowScale.pointer)
    for k in 0..<count { g[k] = objectiveScale * fullGradient.pointer[Int(place[k])] }
    if let target = jacobianDense?.pointer {
      copyDense(oracle.jacobianMatrix, target, place, d)
    } else if let sparse = jacobianSparse, let source = jacobianSource?.pointer {
      let (from, to) = (oracle.jacobianMatrix.values.pointer, sparse.values.pointer)
      for k in 0..<sparse.count { to[k] = from[Int(source[k])] * d[Int(sparse.indices.pointer[k])] }
    }
  }

  private func copyDense(
    _ matrix: OracleMatrix, _ target: UnsafeMutablePointer<Double>,
    _ place: UnsafeMutablePointer<Int32>, _ d: UnsafeMutablePointer<Double>
  ) {
    let n = problem.n
    if let source = matrix.dense?.pointer {
      for i in 0..<rows {
        let (from, to, s) = (source + i &* n, target + i &* count, d[i])
        for k in 0..<count { to[k] = s * from[Int(place[k])] }
      }
    } else if let sparse = matrix.sparse {
      for k in 0..<rows &* count { target[k] = 0 }
      for k in 0..<count {
        let j = Int(place[k])
        for l in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          let i = Int(sparse.indices.pointer[l])
          target[i &* count &+ k] = d[i] * sparse.values.pointer[l]
        }
      }
    }
  }

  /// Hessian of sigma s f + (D y)'c at x.
  func hessian(
    _ x: UnsafePointer<Double>, sigma: Double, y: UnsafePointer<Double>
  ) throws(KantorError) -> Evaluation {
    for i in 0..<rows { multipliers.pointer[i] = rowScale.pointer[i] * y[i] }
    let outcome = try oracle.hessian(
      at: expand(x), sigma: sigma * objectiveScale, y: multipliers.pointer)
    guard case .fine = outcome else { return outcome }
    let matrix = try oracle.hessianMatrix()
    if let sparse = hessianSparse, let source = hessianSource?.pointer {
      for k in 0..<sparse.count {
        sparse.values.pointer[k] = matrix.values.pointer[Int(source[k])]
      }
    } else if let target = hessianDense?.pointer {
      copyHessian(matrix, target)
    }
    return .fine
  }

  private func copyHessian(_ matrix: OracleMatrix, _ target: UnsafeMutablePointer<Double>) {
    let (n, place) = (problem.n, free.pointer)
    if let source = matrix.dense?.pointer {
      for a in 0..<count {
        let (from, to) = (source + Int(place[a]) &* n, target + a &* count)
        for b in 0..<count { to[b] = from[Int(place[b])] }
      }
    } else if let sparse = matrix.sparse {
      for k in 0..<count &* count { target[k] = 0 }
      for b in 0..<count {
        for a in 0...b {
          guard let k = sparse.position(row: Int(place[a]), column: Int(place[b])) else { continue }
          target[a &* count &+ b] = sparse.values.pointer[k]
          target[b &* count &+ a] = sparse.values.pointer[k]
        }
      }
    }
  }

  /// Scales from the derivatives of the last point, which become scaled: no entry above `largest`.
  func rescale(largest: Double = 100, floor: Double = 1e-8) {
    func scale(_ size: Double) -> Double { size > largest ? max(floor, largest / size) : 1 }
    var size = 0.0
    for k in 0..<count { size = max(size, abs(fullGradient.pointer[Int(free.pointer[k])])) }
    objectiveScale = scale(size)
    oracle.jacobianMatrix.rowSizes(into: rowScale.pointer)
    for i in 0..<rows { rowScale.pointer[i] = scale(rowScale.pointer[i]) }
    copyScaled()
  }

  // MARK: Products with the scaled Jacobian of the free variables

  /// out += J'y.
  func addTransposed(_ y: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    if let sparse = jacobianSparse {
      sparse.multiplyTransposed(y, into: out)
    } else if let a = jacobianDense?.pointer {
      for i in 0..<rows {
        let (row, t) = (a + i &* count, y[i])
        if t == 0 { continue }
        for k in 0..<count { out[k] += row[k] * t }
      }
    }
  }

  /// f'(x) + c'(x)'y in the caller's units and for all variables, for multipliers of fixed ones.
  func fullReducedGradient(_ y: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    for j in 0..<problem.n { out[j] = fullGradient.pointer[j] }
    oracle.jacobianMatrix.multiplyTransposed(y, into: out)
  }

  /// Largest entries of the rows of c' in the caller's units.
  func rowSizes(into out: UnsafeMutablePointer<Double>) {
    oracle.jacobianMatrix.rowSizes(into: out)
  }
  /// Largest entry of f' in the caller's units.
  var gradientSize: Double {
    var size = 0.0
    for j in 0..<problem.n { size = max(size, abs(fullGradient.pointer[j])) }
    return size
  }
}

/// Where second derivatives come from.
enum HessianSource: Sendable {
  case exact
  /// Differences of the gradient of the Lagrangian.
  case differences
  case quasiNewton
}
