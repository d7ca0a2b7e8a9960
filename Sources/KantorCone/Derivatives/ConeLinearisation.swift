import KantorBlocks
import KantorCore
import KantorNumerics

/// The optimality conditions of a cone program, linearised at x, s and z.
///
/// With w = s - z and P_K the projection on K they read s = P_K(w), z = P_K(w) - w,
/// Px + A'z + q = 0, Ax + s = b. Let D = Q diag(d) Q' be the derivative of P_K at w. In the
/// coordinates of Q the slack and the multiplier of one direction move as ds = d dw and
/// dz = (d - 1) dw, so that changes r_1, r_2 of the right-hand sides and e of the slack (the moving
/// bounds of boxes) lead to
///
///     [ P     A'Q ] [dx]   [ r_1         ]
///     [ Q'A   -H  ] [dz] = [ Q'(r_2 - e) ],   H = diag(d/(1 - d)),
///
/// without the directions in which d = 1: there dz = 0. The matrix is symmetric, so that products
/// with the Jacobian and with its transpose solve the same system. It is quasidefinite and factored
/// as LDL'. Where it is singular (the solution or its multipliers are not unique) the answer is one
/// of least squares, by LSQR with that factor as preconditioner.
///
/// Source: A. Agrawal, S. Barratt, S. Boyd, E. Busseti, W. M. Moursi, "Differentiating through a
/// cone program", J. Appl. Numer. Optim. 1 (2019); C. C. Paige, M. A. Saunders, "LSQR", ACM Trans.
/// Math. Softw. 8 (1982).
final class ConeLinearisation {
  let problem: ConeProblem
  let projection: ProjectionDerivative
  /// Place of each rotated row among the unknowns dz; -1 where d = 1.
  private let place: Buffer<Int32>
  private let order: Int
  private let matrix: SparseMatrix
  private let scale: Buffer<Double>
  private let factor: LDLFactor

  /// Shift of pivots, relative to a matrix whose rows have largest entries of 1.
  private static let shift = 1e-9
  /// Residual, relative to the right-hand side, above which least squares take over.
  private static let regular = 1e-11

  init(
    _ problem: ConeProblem, s: UnsafePointer<Double>, z: UnsafePointer<Double>
  ) throws(KantorError) {
    self.problem = problem
    let (n, m) = (problem.n, problem.m)
    let w = try Buffer<Double>(count: m)
    for i in 0..<m { w.pointer[i] = s[i] - z[i] }
    guard
      let projection = try ProjectionDerivative(
        problem.cones, lower: problem.lower, upper: problem.upper, at: w.pointer)
    else {
      throw KantorError(.unsupported, "the point has no derivatives: its entries are not finite")
    }
    self.projection = projection
    place = try Buffer(count: m, repeating: -1)
    var kept = 0
    for i in 0..<m where projection.eigenvalues.pointer[i] < 1 {
      place.pointer[i] = Int32(truncatingIfNeeded: kept)
      kept += 1
    }
    order = n + kept
    var assembly = try SymmetricAssembly(
      order: order, capacity: problem.p.count + problem.a.count + order)
    _ = try assembly.append(problem.p, rowOffset: 0, columnOffset: 0)
    try Self.appendRows(&assembly, problem, projection, place.pointer)
    for i in 0..<m where place.pointer[i] >= 0 {
      let d = projection.eigenvalues.pointer[i]
      let k = n + Int(place.pointer[i])
      try assembly.append(k, k, -d / (1 - d))
    }
    matrix = try assembly.finish().matrix
    scale = try Self.equilibrate(matrix)
    guard let analysis = try LDLAnalysis(matrix) else {
      throw KantorError(.internal, "the analysis of the derivative's system was interrupted")
    }
    factor = try LDLFactor(analysis)
    let signs = try Buffer<Int8>(count: order, repeating: -1)
    for j in 0..<n { signs.pointer[j] = 1 }
    factor.expect(signs: signs.pointer)
    let outcome = factor.factor(
      values: matrix.values.pointer, rule: PivotRule(shift: Self.shift))
    guard outcome.isUsable else {
      throw KantorError(
        .unsupported, "the linear system behind the derivatives could not be factored")
    }
  }

  /// Q'A without the rows where d = 1, below P.
  private static func appendRows(
    _ assembly: inout SymmetricAssembly, _ problem: ConeProblem,
    _ projection: ProjectionDerivative, _ place: UnsafePointer<Int32>
  ) throws(KantorError) {
    let (n, a, starts) = (problem.n, problem.a, problem.rowStarts)
    let (first, row, value) = (a.starts.pointer, a.indices.pointer, a.values.pointer)
    var most = 0
    for cone in problem.cones { most = max(most, cone.rows) }
    let work = try Buffer<Double>(count: most)
    for j in 0..<n {
      var (k, block) = (first[j], 0)
      while k < first[j + 1] {
        let i = Int(row[k])
        if starts[block + 1] <= i { block = Self.block(of: i, starts, from: block) }
        guard projection.mixes(block: block) else {
          if place[i] >= 0 { try assembly.append(n + Int(place[i]), j, value[k]) }
          k += 1
          continue
        }
        let (low, high) = (starts[block], starts[block + 1])
        for t in 0..<(high - low) { work.pointer[t] = 0 }
        while k < first[j + 1] && Int(row[k]) < high {
          work.pointer[Int(row[k]) - low] = value[k]
          k += 1
        }
        projection.rotate(work.pointer, block: block)
        for t in 0..<(high - low) where place[low + t] >= 0 && work.pointer[t] != 0 {
          try assembly.append(n + Int(place[low + t]), j, work.pointer[t])
        }
      }
    }
  }

  /// The block of row i, by doubling and halving.
  private static func block(of i: Int, _ starts: [Int], from block: Int) -> Int {
    var (low, step) = (block, 1)
    while low + step < starts.count - 1 && starts[low + step] <= i {
      low += step
      step *= 2
    }
    var high = min(low + step, starts.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= i { low = middle } else { high = middle }
    }
    return low
  }

  /// S M S with largest entries of about 1 in every row; gives S.
  private static func equilibrate(_ matrix: SparseMatrix) throws(KantorError) -> Buffer<Double> {
    let n = matrix.columns
    let total = try Buffer<Double>(count: n, repeating: 1)
    let norm = try Buffer<Double>(count: n)
    for _ in 0..<4 {
      matrix.symmetricNorms(.largest, into: norm.pointer)
      for i in 0..<n {
        let x = norm.pointer[i]
        norm.pointer[i] = x > 1e-200 && x < 1e200 ? 1 / x.squareRoot() : 1
        total.pointer[i] *= norm.pointer[i]
      }
      matrix.scale(rows: norm.pointer, columns: norm.pointer, into: matrix)
    }
    return total
  }

  /// (top, bottom) <- (dx, dz) for the right-hand sides r_1 and r_2 - e, n and m numbers.
  func solve(
    _ top: UnsafeMutablePointer<Double>, _ bottom: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    let right = try Buffer<Double>(count: order)
    let answer = try Buffer<Double>(count: order)
    projection.rotate(bottom)
    for j in 0..<n { right.pointer[j] = top[j] }
    for i in 0..<m where place.pointer[i] >= 0 {
      right.pointer[n + Int(place.pointer[i])] = bottom[i]
    }
    var size = 0.0
    for i in 0..<order {
      right.pointer[i] *= scale.pointer[i]
      size = max(size, abs(right.pointer[i]))
    }
    if size > 0 {
      var refinement = try Refinement(
        order: order, rounds: 60, absolute: 0, relative: 1e-15, leastGain: 1.5)
      refinement.rounds = 60
      let outcome = refinement.solve(
        matrix, right.pointer, answer.pointer, by: { factor.solve($0) })
      if !(outcome.residual <= Self.regular * size) { try leastSquares(right, answer) }
    }
    for i in 0..<order { answer.pointer[i] *= scale.pointer[i] }
    for j in 0..<n { top[j] = answer.pointer[j] }
    for i in 0..<m {
      bottom[i] = place.pointer[i] >= 0 ? answer.pointer[n + Int(place.pointer[i])] : 0
    }
    projection.rotateBack(bottom)
    for i in 0..<n where !top[i].isFinite { throw Self.broken }
    for i in 0..<m where !bottom[i].isFinite { throw Self.broken }
  }

  private static let broken = KantorError(
    .unsupported, "the linear system behind the derivatives is too ill-conditioned")

  /// x <- argmin |M x - b| by LSQR on M F^-1, F the shifted factor: its singular values are near 1
  /// except in the directions that M has lost.
  private func leastSquares(_ b: Buffer<Double>, _ x: Buffer<Double>) throws(KantorError) {
    let count = order
    let u = try b.copy()
    let v = try Buffer<Double>(count: count)
    let w = try Buffer<Double>(count: count)
    let t = try Buffer<Double>(count: count)
    let y = try Buffer<Double>(count: count)
    func normalise(_ p: Buffer<Double>) -> Double {
      let length = SecondOrderProjection.length(p.pointer, count)
      if length > 0 { for i in 0..<count { p.pointer[i] /= length } }
      return length
    }
    var beta = normalise(u)
    // v = F^-1 M u
    matrix.multiplySymmetric(u.pointer, into: v.pointer)
    factor.solve(v.pointer)
    var alpha = normalise(v)
    for i in 0..<count { w.pointer[i] = v.pointer[i] }
    var (phi, rho) = (beta, alpha)
    let size = beta
    for _ in 0..<300 where alpha > 0 && beta > 0 {
      for i in 0..<count {
        t.pointer[i] = v.pointer[i]
        u.pointer[i] *= -alpha
      }
      factor.solve(t.pointer)
      matrix.multiplySymmetric(t.pointer, into: u.pointer)
      beta = normalise(u)
      for i in 0..<count { t.pointer[i] = 0 }
      matrix.multiplySymmetric(u.pointer, into: t.pointer)
      factor.solve(t.pointer)
      for i in 0..<count { v.pointer[i] = t.pointer[i] - beta * v.pointer[i] }
      alpha = normalise(v)
      let length = (rho * rho + beta * beta).squareRoot()
      let (c, s) = (rho / length, beta / length)
      let theta = s * alpha
      let step = c * phi / length
      phi *= s
      rho = -c * alpha
      for i in 0..<count {
        y.pointer[i] += step * w.pointer[i]
        w.pointer[i] = v.pointer[i] - theta / length * w.pointer[i]
      }
      // The residual, and its part in the range of the matrix.
      if phi <= 1e-14 * size || phi * alpha * abs(c) <= 1e-14 * size { break }
      if !phi.isFinite { break }
    }
    factor.solve(y.pointer)
    for i in 0..<count { x.pointer[i] = y.pointer[i] }
  }
}
