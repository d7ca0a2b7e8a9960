import KantorCore
import KantorNumerics

/// How the adjoint system of the lower level is solved.
public enum AdjointSolver: String, Sendable, CaseIterable {
  /// Dense for constrained or small lower levels, else conjugate gradients.
  case automatic
  case conjugateGradient = "cg"
  case minimumResidual = "minres"
  case dense, neumann, identity
}

/// What a solve of the adjoint system came to.
public struct AdjointOutcome: Sendable {
  /// Largest entry of the residual over that of the right-hand side.
  public var residual = 0.0
  public var iterations = 0
  /// The system is singular: the least-squares solution of smallest norm.
  public var isSingular = false
  /// A direction along which f is concave was met: y is no minimiser.
  public var isConcave = false

  public init() {}
}

/// The derivative of the lower level's answer: for the active rows A and the free variables of y
///
///     [ L_yy  J_A' ] [v]   [r]
///     [ J_A   0    ] [u] = [0]
///
/// and the product of (v, u) with the cross derivatives (L_xy, J_A,x'). Inactive rows are left out;
/// rows and bounds that hold without a multiplier are reported as a kink.
///
/// Source: the implicit function theorem on the lower Karush-Kuhn-Tucker conditions; for the
/// iterations J. Lorraine, P. Vicol, D. Duvenaud, "Optimizing millions of hyperparameters by
/// implicit differentiation" (2020).
public final class AdjointSystem {
  let oracle: BilevelOracle
  let problem: BilevelProblem
  let solver: AdjointSolver
  /// The adjoint of y, as a joined vector (0, v), and of the rows.
  public let v: Buffer<Double>
  public let u: Buffer<Double>
  public private(set) var isKink = false
  public private(set) var activeRows: [Int] = []
  /// Variables of y that are not held at a bound.
  public private(set) var free: [Int] = []
  let neumannTerms: Int
  private(set) var multipliers: UnsafePointer<Double>?
  private(set) var point: UnsafePointer<Double>
  private let jacobian: Buffer<Double>
  private let product: Buffer<Double>
  /// Of the systems before, those of lower solves too: they precondition conjugate gradients.
  let pairs: CurvaturePairs
  /// Whether `automatic` found a small system regular, so that the next ones need no factors.
  private var wasRegular = false
  private var dense: DenseAdjoint?
  private var iterative: IterativeAdjoint?

  /// Systems up to this order are made dense by `automatic`.
  static let smallOrder = 100
  /// Dense systems above this order are refused.
  static let largestOrder = 4000

  init(
    _ oracle: BilevelOracle, _ pairs: CurvaturePairs, solver: AdjointSolver = .automatic,
    neumannTerms: Int = 20
  ) throws(KantorError) {
    self.oracle = oracle
    self.pairs = pairs
    self.solver = solver
    self.neumannTerms = neumannTerms
    problem = oracle.problem
    v = try Buffer(count: problem.n)
    u = try Buffer(count: problem.lower.rows)
    jacobian = try Buffer(count: try checkedProduct(problem.lower.rows, problem.n, of: "Jacobian"))
    product = try Buffer(count: problem.n)
    point = UnsafePointer(v.pointer)
  }

  private(set) var isDense = false

  /// Small systems are factored where that pays for several right-hand sides, and until one is
  /// known to be regular, by its factors or by the lower solve: after that the pairs make conjugate
  /// gradients end in a few steps.
  private var wantsDense: Bool {
    switch solver {
    case .dense: return true
    case .automatic:
      if problem.lower.rows > 0 { return true }
      return problem.ny <= Self.smallOrder && problem.blocks == 1
        && (!wasRegular || problem.upper.rows > 0)
    default: return false
    }
  }

  /// Takes up an answer of the lower level, which has to live as long as it is worked with. False
  /// where derivatives are not defined there.
  public func prepare(_ answer: LowerAnswer) throws(KantorError) -> Bool {
    point = UnsafePointer(answer.w.pointer)
    multipliers = problem.lower.rows > 0 ? UnsafePointer(answer.rows.pointer) : nil
    try sort(answer)
    if problem.lower.rows > 0 {
      guard solver == .automatic || solver == .dense || solver == .minimumResidual else {
        throw KantorError(
          .unsupported,
          "option 'adjoint': '\(solver.rawValue)' takes lower levels without rows; automatic, "
            + "dense and minres take rows too")
      }
      guard try oracle.jacobian(.lower, point, jacobian.pointer) else { return false }
    }
    if solver == .automatic, !wasRegular, problem.lower.rows == 0, free.count == problem.ny {
      wasRegular = try pairs.areComplete()
    }
    isDense = wantsDense
    if isDense { return try factor() }
    if iterative == nil { iterative = try IterativeAdjoint(self) }
    return true
  }

  private func factor() throws(KantorError) -> Bool {
    let order = free.count + activeRows.count
    guard order <= Self.largestOrder else {
      throw KantorError(
        .tooLarge, "a dense adjoint system of order \(order); use the adjoint solver 'cg' or "
          + "'minres'")
    }
    let system = try DenseAdjoint(self, order: order)
    dense = system
    guard try system.factor() else { return false }
    wasRegular = !system.isSingular && !system.isConcave
    if wasRegular, problem.lower.rows == 0 { try system.give(to: pairs) }
    return true
  }

  /// Active rows and free variables.
  private func sort(_ answer: LowerAnswer) throws(KantorError) {
    isKink = false
    var size = 1.0
    for i in 0..<answer.rows.count { size = max(size, abs(answer.rows.pointer[i])) }
    for j in 0..<problem.ny { size = max(size, abs(answer.bounds.pointer[j])) }
    let least = 1e-7 * size
    activeRows = []
    if problem.lower.rows > 0 {
      let values = try Buffer<Double>(count: problem.lower.rows)
      guard try oracle.constraints(.lower, point, values.pointer) else { return }
      for i in 0..<problem.lower.rows {
        let isEquation = i >= problem.lower.inequalities
        if isEquation || answer.rows.pointer[i] > least {
          activeRows.append(i)
        } else if values.pointer[i] > -1e-7 {
          isKink = true
        }
      }
    }
    free = []
    for j in 0..<problem.ny {
      let (low, high) = (problem.yLower.pointer[j], problem.yUpper.pointer[j])
      let y = answer.y[j]
      let isHeld = abs(answer.bounds.pointer[j]) > least || low == high
      if !isHeld {
        free.append(j)
        if y - low <= 1e-8 || high - y <= 1e-8 { isKink = true }
      }
    }
  }

  /// Row i of the active rows, over all of (x, y).
  func row(_ i: Int) -> UnsafeMutablePointer<Double> { jacobian.pointer + i * problem.n }

  /// Solves for `v` and `u`, whose values on entry are the start of iterative solvers. The
  /// right-hand side is a vector over y.
  public func solve(
    _ rhs: UnsafePointer<Double>, tolerance: Double
  ) throws(KantorError) -> AdjointOutcome? {
    for i in 0..<problem.nx { v.pointer[i] = 0 }
    if let dense, isDense { return dense.solve(rhs) }
    guard let outcome = try iterative?.solve(rhs, tolerance: tolerance) else { return nil }
    guard solver == .automatic, problem.ny <= Self.smallOrder,
      outcome.isSingular || outcome.isConcave || outcome.residual > tolerance
    else { return outcome }
    // Not so regular any more: the factors tell.
    isDense = true
    guard try factor() else { return nil }
    return dense?.solve(rhs)
  }

  /// out (over x) <- (L_xy) v + J_A,x' u.
  public func pull(_ out: UnsafeMutablePointer<Double>) throws(KantorError) -> Bool {
    if let dense, isDense {
      dense.pull(out)
    } else {
      guard
        try oracle.hessianProduct(.lower, point, multipliers, times: v.pointer, product.pointer)
      else { return false }
      for i in 0..<problem.nx { out[i] = product.pointer[i] }
    }
    for r in activeRows where u.pointer[r] != 0 {
      let row = row(r)
      for i in 0..<problem.nx { out[i] += u.pointer[r] * row[i] }
    }
    return true
  }
}

/// The system as a matrix, decomposed by its eigenvalues: singular ones are answered by the
/// solution of smallest norm.
final class DenseAdjoint {
  private unowned let system: AdjointSystem
  private let order: Int
  private let columns: Buffer<Double>
  private let matrix: Buffer<Double>
  private let spectrum: SymmetricSpectrum
  private let rhs: Buffer<Double>
  private let image: Buffer<Double>
  private(set) var isSingular = false
  private(set) var isConcave = false
  /// Eigenvalues below this share of the largest count as 0.
  static let rank = 1e-12

  init(_ system: AdjointSystem, order: Int) throws(KantorError) {
    self.system = system
    self.order = order
    let n = system.problem.n
    columns = try Buffer(count: try checkedProduct(system.problem.ny, n, of: "Hessian"))
    matrix = try Buffer(count: try checkedProduct(order, order, of: "adjoint system"))
    spectrum = try SymmetricSpectrum(order: order)
    rhs = try Buffer(count: order)
    image = try Buffer(count: order)
  }

  /// Column j of the lower Hessian, joined.
  func column(_ j: Int) -> UnsafeMutablePointer<Double> {
    columns.pointer + j * system.problem.n
  }

  func factor() throws(KantorError) -> Bool {
    let (problem, oracle) = (system.problem, system.oracle)
    let (nx, n) = (problem.nx, problem.n)
    let unit = try Buffer<Double>(count: n)
    for j in system.free {
      unit.pointer[nx + j] = 1
      defer { unit.pointer[nx + j] = 0 }
      guard
        try oracle.hessianProduct(
          .lower, system.point, system.multipliers, times: unit.pointer, column(j))
      else { return false }
    }
    let k = system.free.count
    matrix.fill(0)
    for (a, i) in system.free.enumerated() {
      for (b, j) in system.free.enumerated() {
        matrix.pointer[a * order + b] = 0.5 * (column(i)[nx + j] + column(j)[nx + i])
      }
    }
    for (b, r) in system.activeRows.enumerated() {
      let row = system.row(r)
      for (a, i) in system.free.enumerated() {
        matrix.pointer[a * order + k + b] = row[nx + i]
        matrix.pointer[(k + b) * order + a] = row[nx + i]
      }
    }
    guard order > 0 else { return true }
    guard spectrum.decompose(matrix.pointer) else { return false }
    var size = 0.0
    for e in 0..<order { size = max(size, abs(spectrum.values.pointer[e])) }
    var negative = 0
    for e in 0..<order {
      if abs(spectrum.values.pointer[e]) <= Self.rank * size {
        isSingular = true
      } else if spectrum.values.pointer[e] < 0 {
        negative += 1
      }
    }
    // As many negative eigenvalues as active rows is what a minimiser has.
    isConcave = negative > system.activeRows.count
    return true
  }

  /// The matrix, or the eigenvectors as pairs, which make the exact inverse.
  func give(to pairs: CurvaturePairs) throws(KantorError) {
    let isTaken = try pairs.adopt(
      UnsafePointer(matrix.pointer), leading: order, free: system.free)
    if isTaken { return }
    let (s, q) = (
      try Buffer<Double>(count: system.problem.ny), try Buffer<Double>(count: system.problem.ny)
    )
    for e in 0..<order {
      let (value, vector) = (spectrum.values.pointer[e], spectrum.vectors.pointer + e * order)
      for (a, j) in system.free.enumerated() {
        s.pointer[j] = vector[a]
        q.pointer[j] = value * vector[a]
      }
      try pairs.note(s.pointer, q.pointer)
    }
    pairs.commit()
  }

  func solve(_ r: UnsafePointer<Double>) -> AdjointOutcome {
    let problem = system.problem
    let (v, u) = (system.v.pointer + problem.nx, system.u.pointer)
    for j in 0..<problem.ny { v[j] = 0 }
    for i in 0..<system.u.count { u[i] = 0 }
    var outcome = AdjointOutcome()
    outcome.isSingular = isSingular
    outcome.isConcave = isConcave
    guard order > 0 else { return outcome }
    rhs.fill(0)
    for (a, i) in system.free.enumerated() { rhs.pointer[a] = r[i] }
    image.fill(0)
    add(rhs.pointer)
    // One step of refinement.
    var (worst, largest) = (residual(), 1e-300)
    for a in 0..<order { largest = max(largest, abs(r0(a, r))) }
    if worst > 0, !isSingular {
      add(rhs.pointer)
      for (a, i) in system.free.enumerated() { rhs.pointer[a] = r[i] }
      for a in system.free.count..<order { rhs.pointer[a] = 0 }
      worst = residual()
    }
    outcome.residual = worst / largest
    outcome.iterations = 1
    for (a, i) in system.free.enumerated() { v[i] = image.pointer[a] }
    for (b, i) in system.activeRows.enumerated() {
      u[i] = image.pointer[system.free.count + b]
    }
    return outcome
  }

  private func r0(_ a: Int, _ r: UnsafePointer<Double>) -> Double {
    a < system.free.count ? r[system.free[a]] : 0
  }

  /// image += pseudo-inverse times b.
  private func add(_ b: UnsafePointer<Double>) {
    var size = 0.0
    for e in 0..<order { size = max(size, abs(spectrum.values.pointer[e])) }
    for e in 0..<order where abs(spectrum.values.pointer[e]) > Self.rank * size {
      let q = spectrum.vectors.pointer + e * order
      var sum = 0.0
      for a in 0..<order { sum += q[a] * b[a] }
      sum /= spectrum.values.pointer[e]
      for a in 0..<order { image.pointer[a] += sum * q[a] }
    }
  }

  /// rhs <- rhs - matrix image; its largest entry.
  private func residual() -> Double {
    var worst = 0.0
    for a in 0..<order {
      var sum = rhs.pointer[a]
      for b in 0..<order { sum -= matrix.pointer[a * order + b] * image.pointer[b] }
      rhs.pointer[a] = sum
      worst = max(worst, abs(sum))
    }
    return worst
  }

  /// out (over x) <- L_xy v.
  func pull(_ out: UnsafeMutablePointer<Double>) {
    let nx = system.problem.nx
    for i in 0..<nx { out[i] = 0 }
    for j in system.free {
      let weight = system.v.pointer[nx + j]
      guard weight != 0 else { continue }
      let column = column(j)
      for i in 0..<nx { out[i] += weight * column[i] }
    }
  }
}
