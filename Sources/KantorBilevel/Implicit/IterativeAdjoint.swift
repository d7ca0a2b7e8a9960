import KantorCore

/// The adjoint system by products alone.
final class IterativeAdjoint {
  private unowned let system: AdjointSystem
  private let problem: BilevelProblem
  private let joined: Buffer<Double>
  private let image: Buffer<Double>
  private let size: Int
  private let vectors: [Buffer<Double>]
  private let isFree: Buffer<Bool>

  /// Vectors are over (y, rows); held variables and inactive rows stay 0.
  init(_ system: AdjointSystem) throws(KantorError) {
    self.system = system
    problem = system.problem
    joined = try Buffer(count: problem.n)
    image = try Buffer(count: problem.n)
    size = problem.ny + problem.lower.rows
    var vectors: [Buffer<Double>] = []
    for _ in 0..<8 { vectors.append(try Buffer(count: size)) }
    self.vectors = vectors
    isFree = try Buffer(count: size)
  }

  /// out <- K p.
  private func multiply(
    _ p: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let (nx, ny) = (problem.nx, problem.ny)
    for j in 0..<ny { joined.pointer[nx + j] = p[j] }
    guard
      try system.oracle.innerProduct(
        system.point, system.multipliers, times: joined.pointer, image.pointer)
    else { return false }
    for j in 0..<ny { out[j] = isFree.pointer[j] ? image.pointer[nx + j] : 0 }
    for i in 0..<problem.lower.rows { out[ny + i] = 0 }
    for r in system.activeRows {
      let row = system.row(r)
      var sum = 0.0
      for j in system.free {
        sum += row[nx + j] * p[j]
        out[j] += row[nx + j] * p[ny + r]
      }
      out[ny + r] = sum
    }
    return true
  }

  private func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for i in 0..<size { sum += a[i] * b[i] }
    return sum
  }

  func solve(
    _ rhs: UnsafePointer<Double>, tolerance: Double
  ) throws(KantorError) -> AdjointOutcome? {
    let (nx, ny) = (problem.nx, problem.ny)
    isFree.fill(false)
    for j in system.free { isFree.pointer[j] = true }
    let (b, x) = (vectors[0].pointer, vectors[1].pointer)
    var largest = 0.0
    for j in 0..<ny {
      b[j] = isFree.pointer[j] ? rhs[j] : 0
      x[j] = isFree.pointer[j] ? system.v.pointer[nx + j] : 0
      largest = max(largest, abs(b[j]))
    }
    for i in 0..<problem.lower.rows {
      b[ny + i] = 0
      x[ny + i] = 0
    }
    for r in system.activeRows { x[ny + r] = system.u.pointer[r] }
    var outcome: AdjointOutcome?
    switch system.solver {
    case .identity:
      for i in 0..<size { x[i] = b[i] }
      outcome = AdjointOutcome()
    case .neumann: outcome = try neumann(b, x)
    case .minimumResidual: outcome = try minres(b, x, tolerance)
    default: outcome = try conjugateGradient(b, x, tolerance)
    }
    guard var outcome else { return nil }
    if system.solver == .identity || system.solver == .neumann {
      guard try multiply(x, vectors[2].pointer) else { return nil }
      var worst = 0.0
      for i in 0..<size { worst = max(worst, abs(b[i] - vectors[2].pointer[i])) }
      outcome.residual = largest > 0 ? worst / largest : 0
    }
    for j in 0..<ny { system.v.pointer[nx + j] = x[j] }
    for i in 0..<problem.lower.rows { system.u.pointer[i] = x[ny + i] }
    return outcome
  }

  private var most: Int { max(20, min(5 * ny, 2000)) }
  private var ny: Int { problem.ny }

  /// r = b - K x, and the tolerance on its length.
  private func start(
    _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>, _ r: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    if dot(x, x) == 0 {
      for i in 0..<size { r[i] = b[i] }
      return true
    }
    guard try multiply(x, r) else { return false }
    for i in 0..<size { r[i] = b[i] - r[i] }
    return true
  }

  private func conjugateGradient(
    _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>, _ tolerance: Double
  ) throws(KantorError) -> AdjointOutcome? {
    let (r, p, q, z) = (
      vectors[2].pointer, vectors[3].pointer, vectors[4].pointer, vectors[5].pointer
    )
    let pairs = system.pairs
    if pairs.areSharp { for i in 0..<size { x[i] = 0 } }
    guard try start(b, x, r) else { return nil }
    var outcome = AdjointOutcome()
    let length = dot(b, b).squareRoot()
    let goal = tolerance * length
    try pairs.prepare(isFree.pointer, at: system.point)
    defer { pairs.commit() }
    pairs.apply(r, p)
    var (rho, rr) = (dot(r, p), dot(r, r))
    while rr.squareRoot() > goal, outcome.iterations < most {
      guard try multiply(p, q) else { return nil }
      outcome.iterations += 1
      let (curvature, square) = (dot(p, q), dot(p, p))
      if !(curvature > 1e-14 * square * max(1e-300, (dot(q, q) / square).squareRoot())) {
        outcome.isConcave = curvature < -1e-10 * (square * dot(q, q)).squareRoot()
        outcome.isSingular = !outcome.isConcave
        break
      }
      try pairs.note(p, q)
      let alpha = rho / curvature
      for i in 0..<size {
        x[i] += alpha * p[i]
        r[i] -= alpha * q[i]
      }
      rr = dot(r, r)
      pairs.apply(r, z)
      let next = dot(r, z)
      let beta = next / rho
      rho = next
      for i in 0..<size { p[i] = z[i] + beta * p[i] }
    }
    outcome.residual = length > 0 ? rr.squareRoot() / length : 0
    return outcome
  }

  /// Conjugate residuals: the smallest residual of the Krylov space, also of indefinite systems.
  private func minres(
    _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>, _ tolerance: Double
  ) throws(KantorError) -> AdjointOutcome? {
    let r = vectors[2].pointer
    guard try start(b, x, r) else { return nil }
    var (v, old, next) = (vectors[3].pointer, vectors[4].pointer, vectors[5].pointer)
    var (w, oldW) = (vectors[6].pointer, vectors[7].pointer)
    var outcome = AdjointOutcome()
    let length = dot(b, b).squareRoot()
    var beta = dot(r, r).squareRoot()
    let goal = tolerance * length
    for i in 0..<size {
      v[i] = beta > 0 ? r[i] / beta : 0
      old[i] = 0
      w[i] = 0
      oldW[i] = 0
    }
    // Lanczos vectors and the rotations that triangularise their matrix.
    var (eta, c, oldC, s, oldS) = (beta, 1.0, 1.0, 0.0, 0.0)
    var residual = beta
    while residual > goal, outcome.iterations < most {
      guard try multiply(v, next) else { return nil }
      outcome.iterations += 1
      let alpha = dot(v, next)
      for i in 0..<size { next[i] -= alpha * v[i] + beta * old[i] }
      if outcome.iterations == 1 {
        for i in 0..<size { next[i] += beta * old[i] }
      }
      let nextBeta = dot(next, next).squareRoot()
      let lower = outcome.iterations == 1 ? 0 : beta
      let delta = c * alpha - oldC * s * lower
      let rho1 = (delta * delta + nextBeta * nextBeta).squareRoot()
      let rho2 = s * alpha + oldC * c * lower
      let rho3 = oldS * lower
      guard rho1 > 1e-14 * max(abs(alpha), nextBeta, 1e-300) else {
        outcome.isSingular = true
        break
      }
      (oldC, oldS) = (c, s)
      (c, s) = (delta / rho1, nextBeta / rho1)
      for i in 0..<size {
        let direction = (v[i] - rho3 * oldW[i] - rho2 * w[i]) / rho1
        oldW[i] = direction
        x[i] += c * eta * direction
      }
      (w, oldW) = (oldW, w)
      residual *= abs(s)
      eta *= -s
      guard nextBeta > 1e-300 else { break }
      for i in 0..<size { next[i] /= nextBeta }
      (old, v, next) = (v, next, old)
      beta = nextBeta
    }
    outcome.residual = length > 0 ? residual / length : 0
    if outcome.residual > max(1e-6, 10 * tolerance) { outcome.isSingular = true }
    return outcome
  }

  /// a sum of (I - a K)^j b, with a the inverse of the largest eigenvalue.
  private func neumann(
    _ b: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> AdjointOutcome? {
    let (p, q, s) = (vectors[2].pointer, vectors[3].pointer, vectors[4].pointer)
    var largest = 0.0
    for i in 0..<size { p[i] = isFree.pointer[i] ? 1 + 0.1 * Double(i % 7) : 0 }
    var outcome = AdjointOutcome()
    for _ in 0..<10 {
      let length = dot(p, p).squareRoot()
      guard length > 0 else { break }
      for i in 0..<size { p[i] /= length }
      guard try multiply(p, q) else { return nil }
      outcome.iterations += 1
      largest = max(largest, dot(q, q).squareRoot())
      for i in 0..<size { p[i] = q[i] }
    }
    // Powers approach the largest eigenvalue from below.
    let a = largest > 0 ? 1 / (1.05 * largest) : 1
    for i in 0..<size {
      p[i] = b[i]
      s[i] = b[i]
    }
    for _ in 0..<system.neumannTerms {
      guard try multiply(p, q) else { return nil }
      outcome.iterations += 1
      for i in 0..<size {
        p[i] -= a * q[i]
        s[i] += p[i]
      }
    }
    for i in 0..<size { x[i] = a * s[i] }
    return outcome
  }
}
