import KantorBlocks
import KantorCore
import KantorNumerics

/// Solves min over the free entries of e |J D^-1 e + r|^2 + mu |e|^2 for one J and many mu; what is
/// wanted is d = D^-1 e. Entries of d that are not free are given.
protocol DampedSystem: AnyObject {
  /// J, D or r have changed.
  func prepare(_ step: DampedStep) throws(KantorError)
  /// False when there is no answer: the host asked to stop, or something is not finite.
  func solve(_ step: DampedStep, mu: Double) throws(KantorError) -> Bool
}

/// What a damped step is made of, and its room.
final class DampedStep {
  let model: ResidualModel
  /// r, D, J'r, the step, and J times the step.
  let residuals: Buffer<Double>
  let scale: Buffer<Double>
  let gradient: Buffer<Double>
  let step: Buffer<Double>
  let image: Buffer<Double>
  let isFree: Buffer<Bool>
  let interruption: Interruption
  var n: Int { model.problem.n }
  var m: Int { model.problem.m }

  init(_ model: ResidualModel, _ interruption: Interruption) throws(KantorError) {
    self.model = model
    self.interruption = interruption
    let problem = model.problem
    residuals = try Buffer(count: problem.m)
    scale = try Buffer(count: problem.n, repeating: 0)
    gradient = try Buffer(count: problem.n)
    step = try Buffer(count: problem.n)
    image = try Buffer(count: problem.m)
    isFree = try Buffer(count: problem.n)
  }
}

/// The damped problem with a dense J: Cholesky's factor of the normal equations, or Householder
/// reflections of J and sqrt(mu) D where those have lost too many digits.
final class DenseDampedSystem: DampedSystem {
  enum Algebra { case automatic, normal, orthogonal }

  private let algebra: Algebra
  private let gram: Buffer<Double>
  private let factor: DenseLDL
  private let product: MatrixProduct
  private let e: Buffer<Double>
  private let signs: Buffer<Int8>
  private var reflections: HouseholderQR?

  /// Smallest pivot of the scaled normal equations that is trusted: half the digits are left.
  private static let leastPivot = 1e-10
  /// Columns up to which plain loops are quicker than packed products.
  private static let few = 24

  init(_ problem: LeastSquaresProblem, _ algebra: Algebra, threads: Int) throws(KantorError) {
    self.algebra = algebra
    let n = problem.n
    gram = try Buffer(count: algebra == .orthogonal ? 0 : try checkedProduct(n, n, of: "J'J"))
    factor = try DenseLDL(order: algebra == .orthogonal ? 0 : n, threads: threads)
    product = try MatrixProduct(threads: threads)
    e = try Buffer(count: n)
    signs = try Buffer(count: n, repeating: 1)
  }

  func prepare(_ step: DampedStep) throws(KantorError) {
    guard algebra != .orthogonal, let j = step.model.dense else { return }
    let (m, n, g) = (step.m, step.n, gram.pointer)
    if n > Self.few {
      let view = MatrixView(j.pointer, rows: m, columns: n)
      try product.multiply(
        view.transposed, view, into: g, beat: { !step.interruption.beat() })
      return
    }
    for k in 0..<(n * n) { g[k] = 0 }
    for i in 0..<m {
      let row = j.pointer + i * n
      for a in 0..<n {
        let (t, line) = (row[a], g + a * n)
        if t == 0 { continue }
        for b in 0..<n { line[b] += t * row[b] }
      }
    }
  }

  func solve(_ step: DampedStep, mu: Double) throws(KantorError) -> Bool {
    if algebra != .orthogonal, normal(step, mu) { return true }
    if step.interruption.beat() { return false }
    if algebra == .normal { return false }
    return try orthogonal(step, mu)
  }

  private func normal(_ step: DampedStep, _ mu: Double) -> Bool {
    let (n, d, free) = (step.n, step.scale.pointer, step.isFree.pointer)
    let (g, x) = (gram.pointer, step.step.pointer)
    for j in 0..<n {
      let column = factor.entries + j * factor.leading
      let line = g + j * n
      e.pointer[j] = 0
      if !free[j] {
        for i in j..<n { column[i] = 0 }
        column[j] = 1
        continue
      }
      let inverse = 1 / d[j]
      for i in j..<n { column[i] = free[i] ? line[i] * inverse / d[i] : 0 }
      column[j] += mu
      var right = -step.gradient.pointer[j]
      for i in 0..<n where !free[i] { right -= line[i] * x[i] }
      e.pointer[j] = right * inverse
    }
    let rule = PivotRule(shift: 0, threshold: 1e-300, replacement: 1)
    let outcome = factor.factor(
      signs: signs.pointer, rule: rule, interruption: step.interruption)
    guard outcome.isUsable, outcome.replaced == 0 else { return false }
    var least = Double.infinity
    for j in 0..<n where free[j] { least = min(least, factor.pivots[j]) }
    guard algebra == .normal || least > Self.leastPivot * (1 + mu) else { return false }
    factor.solve(e.pointer)
    for j in 0..<n where free[j] {
      guard e.pointer[j].isFinite else { return false }
      x[j] = e.pointer[j] / d[j]
    }
    return true
  }

  private func orthogonal(_ step: DampedStep, _ mu: Double) throws(KantorError) -> Bool {
    guard let j = step.model.dense else { return false }
    let (m, n, d, free) = (step.m, step.n, step.scale.pointer, step.isFree.pointer)
    let rows = try checkedSum(m, n, of: "rows")
    let qr: HouseholderQR
    if let reflections { qr = reflections } else {
      qr = try HouseholderQR(rows: rows, columns: n)
      reflections = qr
    }
    let x = step.step.pointer
    let root = mu.squareRoot()
    for i in 0..<m {
      let row = j.pointer + i * n
      var right = -step.residuals.pointer[i]
      for k in 0..<n {
        if !free[k] { right -= row[k] * x[k] }
        qr.entries[k * rows + i] = free[k] ? row[k] / d[k] : 0
      }
      qr.right[i] = right
    }
    for k in 0..<n {
      let column = qr.entries + (k * rows + m)
      for i in 0..<n { column[i] = 0 }
      column[k] = free[k] ? root : 1
      qr.right[m + k] = 0
    }
    guard qr.solve(into: e.pointer, interruption: step.interruption) else { return false }
    for k in 0..<n where free[k] {
      guard e.pointer[k].isFinite else { return false }
      x[k] = e.pointer[k] / d[k]
    }
    return true
  }
}
