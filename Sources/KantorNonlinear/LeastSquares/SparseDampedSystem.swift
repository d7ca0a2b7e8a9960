import KantorBlocks
import KantorCore
import KantorNumerics

/// The damped problem with a sparse J, as the quasidefinite system of the residual s and e,
///     s + J D^-1 e = -r,   D^-1 J' s - mu e = 0,
/// whose condition is that of J and not its square.
final class SparseDampedSystem: DampedSystem {
  private let matrix: SparseMatrix
  private let places: Buffer<Int32>
  private let jacobian: Range<Int>
  private let damping: Range<Int>
  private let factor: LDLFactor
  private let refinement: Refinement
  private let right: Buffer<Double>
  private let answer: Buffer<Double>

  /// nil when interrupted.
  init?(
    _ pattern: SparseMatrix, threads: Int, _ interruption: Interruption
  ) throws(KantorError) {
    let (m, n) = (pattern.rows, pattern.columns)
    let order = try checkedSum(m, n, of: "system")
    var assembly = try SymmetricAssembly(order: order, capacity: pattern.count + order)
    _ = try assembly.appendDiagonal(at: 0, count: m, value: 1)
    jacobian = try assembly.append(pattern, rowOffset: 0, columnOffset: m)
    damping = try assembly.appendDiagonal(at: m, count: n, value: -1)
    (matrix, places) = try assembly.finish()
    guard let analysis = try LDLAnalysis(matrix, interruption: interruption) else { return nil }
    factor = try LDLFactor(analysis, threads: threads)
    let signs = try Buffer<Int8>(count: order, repeating: 1)
    for j in 0..<n { signs.pointer[m + j] = -1 }
    factor.expect(signs: signs.pointer)
    refinement = try Refinement(order: order, rounds: 3, absolute: 0, relative: 1e-14)
    right = try Buffer(count: order)
    answer = try Buffer(count: order)
  }

  func prepare(_ step: DampedStep) throws(KantorError) {}

  func solve(_ step: DampedStep, mu: Double) throws(KantorError) -> Bool {
    guard let a = step.model.sparse else { return false }
    let (m, n, free) = (step.m, step.n, step.isFree.pointer)
    let (d, x, b) = (step.scale.pointer, step.step.pointer, right.pointer)
    let (values, place) = (matrix.values.pointer, places.pointer)
    for i in 0..<m { b[i] = -step.residuals.pointer[i] }
    for j in 0..<n {
      b[m + j] = 0
      values[Int(place[damping.lowerBound + j])] = free[j] ? -mu : -1
      let inverse = free[j] ? 1 / d[j] : 0
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        values[Int(place[jacobian.lowerBound + k])] = a.values.pointer[k] * inverse
        if !free[j] { b[Int(a.indices.pointer[k])] -= a.values.pointer[k] * x[j] }
      }
    }
    let rule = PivotRule(shift: 0, threshold: 1e-18, replacement: 1e-12)
    let outcome = factor.factor(values: values, rule: rule, interruption: step.interruption)
    guard outcome.isUsable else { return false }
    let refined = refinement.solve(matrix, b, answer.pointer) { factor.solve($0) }
    guard refined.isFinite else { return false }
    for j in 0..<n where free[j] {
      let t = answer.pointer[m + j]
      guard t.isFinite else { return false }
      x[j] = t / d[j]
    }
    return true
  }
}

/// The damped problem with products only: conjugate gradients on its normal equations, without
/// forming them.
///
/// Source: A. Bjorck, T. Elfving, Z. Strakos, "Stability of conjugate gradient and Lanczos methods
/// for linear least squares problems", SIAM J. Matrix Anal. Appl. 19 (1998).
final class ProductDampedSystem: DampedSystem {
  private let e: Buffer<Double>
  private let s: Buffer<Double>
  private let p: Buffer<Double>
  private let q: Buffer<Double>
  private let slope: Buffer<Double>
  private let work: Buffer<Double>
  private var firstGradient = 0.0

  init(_ problem: LeastSquaresProblem) throws(KantorError) {
    e = try Buffer(count: problem.n)
    p = try Buffer(count: problem.n)
    slope = try Buffer(count: problem.n)
    work = try Buffer(count: problem.n)
    s = try Buffer(count: problem.m)
    q = try Buffer(count: problem.m)
  }

  func prepare(_ step: DampedStep) throws(KantorError) {}

  func solve(_ step: DampedStep, mu: Double) throws(KantorError) -> Bool {
    let (m, n, free) = (step.m, step.n, step.isFree.pointer)
    let (d, x) = (step.scale.pointer, step.step.pointer)
    let (e, s, p, q) = (e.pointer, s.pointer, p.pointer, q.pointer)
    let (slope, work) = (slope.pointer, work.pointer)
    for j in 0..<n { work[j] = free[j] ? 0 : x[j] }
    try step.model.multiply(work, into: s)
    for i in 0..<m { s[i] = -step.residuals.pointer[i] - s[i] }
    for j in 0..<n { e[j] = 0 }
    try gradient(step, mu)
    var size = dotProduct(slope, slope, n)
    let first = size
    if firstGradient == 0 { firstGradient = first.squareRoot() }
    for j in 0..<n { p[j] = slope[j] }
    // Superlinear: the closer to the solution, the more exact.
    let forcing = max(1e-10, min(0.1, first.squareRoot() / max(firstGradient, 1e-300)))
    let goal = forcing * forcing * first
    var rounds = 0
    while size > goal, rounds < 2 * (m + n), step.interruption.beat() == false {
      for j in 0..<n { work[j] = free[j] ? p[j] / d[j] : 0 }
      try step.model.multiply(work, into: q)
      let curvature = dotProduct(q, q, m) + mu * dotProduct(p, p, n)
      guard curvature > 0, curvature.isFinite else { break }
      let alpha = size / curvature
      for j in 0..<n { e[j] += alpha * p[j] }
      for i in 0..<m { s[i] -= alpha * q[i] }
      try gradient(step, mu)
      let next = dotProduct(slope, slope, n)
      let beta = next / size
      size = next
      for j in 0..<n { p[j] = slope[j] + beta * p[j] }
      rounds += 1
    }
    guard case .fine = step.model.outcome, size.isFinite else { return false }
    for j in 0..<n where free[j] { x[j] = e[j] / d[j] }
    return true
  }

  /// slope = D^-1 J' s - mu e in the free entries.
  private func gradient(_ step: DampedStep, _ mu: Double) throws(KantorError) {
    let (n, free, d) = (step.n, step.isFree.pointer, step.scale.pointer)
    try step.model.multiplyTransposed(s.pointer, into: work.pointer)
    for j in 0..<n {
      slope.pointer[j] = free[j] ? work.pointer[j] / d[j] - mu * e.pointer[j] : 0
    }
  }
}
