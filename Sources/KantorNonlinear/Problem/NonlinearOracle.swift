import KantorBlocks
import KantorCore
import KantorNumerics

/// Values and derivatives of one problem during one solve: what the host offers is asked for, what
/// it does not is made by complex steps or by differences that stay inside the bounds.
///
/// Everything that returns an `Evaluation` says whether the numbers are there; matrices are kept
/// here (`jacobianMatrix`, `hessianMatrix`) until the next evaluation of the same kind.
public final class NonlinearOracle {
  public let problem: NonlinearProblem
  public let evaluator: Evaluator
  /// How missing derivatives are made; methods begin with `forward` and go on with `central`.
  public var scheme: Differences.Scheme

  /// c'(x) of the last `jacobian`.
  public let jacobianMatrix: OracleMatrix
  /// Made at the first need.
  var hessianStore: OracleMatrix?
  var gradientDifferences: Differences?
  var jacobianDifferences: Differences?
  var hessianDifferences: Differences?
  var raw: Buffer<Double>?
  var rawHessian: Buffer<Double>?
  /// A second Jacobian and vectors, for differences of gradients.
  var otherJacobian: OracleMatrix?
  let work: Buffer<Double>
  let rowWork: Buffer<Double>

  /// - Parameters:
  ///   - limit: calls of value and value_gradient together.
  ///   - matrixFree: no Jacobian matrix will be asked for.
  ///   - known: what the host answered before, to be looked up.
  public init(
    _ problem: NonlinearProblem, monitor: Monitor, limit: Int = .max,
    scheme: Differences.Scheme = .central, matrixFree: Bool = false, known: KnownAnswers? = nil
  ) throws(KantorError) {
    self.problem = problem
    self.scheme = scheme
    evaluator = try Evaluator(
      problem.functions, variables: problem.n, rows: problem.m, monitor: monitor, limit: limit,
      known: known)
    jacobianMatrix = try OracleMatrix(
      rows: matrixFree ? 0 : problem.m, columns: problem.n,
      pattern: matrixFree ? nil : problem.jacobianPattern)
    work = try Buffer(count: problem.n)
    rowWork = try Buffer(count: problem.m)
  }

  /// For a method: stops are those of the run, and the limit on evaluations is what it leaves when
  /// the checker has had its own.
  convenience init(
    _ problem: NonlinearProblem, _ run: Run, scheme: Differences.Scheme = .central,
    matrixFree: Bool = false
  ) throws(KantorError) {
    let most = run.options.int("max_evaluations")
    let reserve = Self.evaluations(of: problem)
    try self.init(
      problem, monitor: run.monitor, limit: most > reserve ? most - reserve : most, scheme: scheme,
      matrixFree: matrixFree)
  }

  /// Calls of value and value_gradient that f and f' at one point may take, with central
  /// differences.
  static func evaluations(of problem: NonlinearProblem) -> Int {
    let f = problem.functions
    let isGiven = f.gradient != nil || f.valueGradient != nil || f.valueComplex != nil
    return isGiven ? 1 : 1 + 2 * problem.n
  }

  // MARK: What there is

  public var offersGradient: Bool {
    problem.functions.gradient != nil || problem.functions.valueGradient != nil
  }
  public var offersJacobian: Bool { problem.m == 0 || problem.functions.jacobian != nil }
  public var offersHessian: Bool { problem.functions.hessian != nil }
  public var offersHessianProduct: Bool { problem.functions.hessianProduct != nil }
  /// Whether the gradient of the Lagrangian comes from the host, so that it may be differenced.
  public var offersLagrangianGradient: Bool {
    offersGradient
      && (offersJacobian || problem.functions.jacobianTransposeProduct != nil)
  }
  /// Whether any first derivative is made by differences.
  public var usesDifferences: Bool {
    (!offersGradient && problem.functions.valueComplex == nil)
      || (!offersJacobian && problem.functions.mapComplex == nil)
  }

  // MARK: First order

  public func value(at x: Functions.Point) throws(KantorError) -> (Evaluation, Double) {
    try evaluator.value(at: x)
  }

  /// c(x); nothing is called when there are no rows.
  public func constraints(
    at x: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    guard problem.m > 0 else { return .fine }
    return try evaluator.call(.map, problem.functions.map, at: x, into: out, count: problem.m)
  }

  /// f'(x). `value` is f(x) where it is known, so that differences need not ask again.
  public func gradient(
    at x: Functions.Point, value: Double? = nil, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    if offersGradient { return try evaluator.gradient(at: x, into: out) }
    if problem.functions.valueComplex != nil { return try complexGradient(x, out) }
    var base = value ?? .nan
    if value == nil {
      let (outcome, f) = try evaluator.value(at: x)
      guard case .fine = outcome else { return outcome }
      base = f
    }
    let differences = try orMake(gradientDifferences) { () throws(KantorError) in
      try makeDifferences(rows: 1, nil)
    }
    gradientDifferences = differences
    let evaluator = self.evaluator
    return try differences.jacobian(
      at: x, base: &base, scheme: scheme,
      of: { (point, out) throws(KantorError) in
        let (outcome, f) = try evaluator.value(at: point)
        out[0] = f
        return outcome
      }, into: out)
  }

  /// f(x) and f'(x).
  public func valueAndGradient(
    at x: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> (Evaluation, Double) {
    if offersGradient { return try evaluator.valueAndGradient(at: x, into: out) }
    let (outcome, f) = try evaluator.value(at: x)
    guard case .fine = outcome else { return (outcome, f) }
    return (try gradient(at: x, value: f, into: out), f)
  }

  /// c'(x) into `jacobianMatrix`. `constraints` is c(x) where it is known.
  public func jacobian(
    at x: Functions.Point, constraints: Functions.Point? = nil
  ) throws(KantorError) -> Evaluation {
    try jacobian(at: x, constraints: constraints, into: jacobianMatrix)
  }

  func jacobian(
    at x: Functions.Point, constraints: Functions.Point?, into matrix: OracleMatrix
  ) throws(KantorError) -> Evaluation {
    guard problem.m > 0 else { return .fine }
    let functions = problem.functions
    if functions.jacobian == nil { return try differencedJacobian(x, constraints, matrix) }
    guard let pattern = problem.jacobianPattern else {
      return try evaluator.call(
        .jacobian, functions.jacobian, at: x, into: matrix.values.pointer,
        count: matrix.values.count)
    }
    let given = try orMake(raw) { () throws(KantorError) in
      try Buffer<Double>(count: pattern.given)
    }
    raw = given
    let outcome = try evaluator.call(
      .jacobian, functions.jacobian, at: x, into: given.pointer, count: pattern.given)
    if case .fine = outcome { pattern.scatter(given.pointer, into: matrix.values.pointer) }
    return outcome
  }

  private func differencedJacobian(
    _ x: Functions.Point, _ constraints: Functions.Point?, _ matrix: OracleMatrix
  ) throws(KantorError) -> Evaluation {
    let differences = try orMake(jacobianDifferences) { () throws(KantorError) in
      try makeDifferences(rows: problem.m, problem.jacobianPattern?.matrix)
    }
    jacobianDifferences = differences
    if problem.functions.mapComplex != nil {
      return try complexJacobian(x, differences.groups, matrix)
    }
    let base = rowWork
    if let constraints {
      base.pointer.update(from: constraints, count: problem.m)
    } else {
      let outcome = try self.constraints(at: x, into: base.pointer)
      guard case .fine = outcome else { return outcome }
    }
    return try differences.jacobian(
      at: x, base: base.pointer, scheme: scheme,
      of: { (point, out) throws(KantorError) in try self.constraints(at: point, into: out) },
      into: matrix.values.pointer)
  }

  func makeDifferences(
    rows: Int, _ pattern: SparseMatrix?
  ) throws(KantorError) -> Differences {
    try Differences(
      variables: problem.n, rows: rows, pattern: pattern, lower: problem.lower,
      upper: problem.upper)
  }

  /// out = c'(x) v: the host's product, else the Jacobian of the last evaluation, which has to be
  /// that at x.
  public func jacobianProduct(
    at x: Functions.Point, times v: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    guard problem.m > 0 else { return .fine }
    if let product = problem.functions.jacobianProduct {
      return try evaluator.call(
        .jacobianProduct, product, at: x, times: v, vectorCount: problem.n, into: out,
        count: problem.m)
    }
    for i in 0..<problem.m { out[i] = 0 }
    jacobianMatrix.multiply(v, into: out)
    return .fine
  }

  /// out = c'(x)'w, in the same way.
  public func jacobianTransposeProduct(
    at x: Functions.Point, times w: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    if problem.m > 0, let product = problem.functions.jacobianTransposeProduct {
      return try evaluator.call(
        .jacobianTransposeProduct, product, at: x, times: w, vectorCount: problem.m, into: out,
        count: problem.n)
    }
    for j in 0..<problem.n { out[j] = 0 }
    jacobianMatrix.multiplyTransposed(w, into: out)
    return .fine
  }

  // MARK: Complex steps

  private static let tiny = 1e-30

  private func complexGradient(
    _ x: Functions.Point, _ out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    let imaginary = work
    imaginary.fill(0)
    var (re, im) = (0.0, 0.0)
    for j in 0..<problem.n {
      imaginary.pointer[j] = Self.tiny
      let outcome = try evaluator.call(
        .valueComplex, problem.functions.valueComplex, at: x, im: imaginary.pointer, into: &re, &im,
        count: 1)
      imaginary.pointer[j] = 0
      guard case .fine = outcome else { return outcome }
      out[j] = im / Self.tiny
    }
    return .fine
  }

  private func complexJacobian(
    _ x: Functions.Point, _ groups: ColumnGroups, _ matrix: OracleMatrix
  ) throws(KantorError) -> Evaluation {
    let (m, n) = (problem.m, problem.n)
    let imaginary = work
    imaginary.fill(0)
    let re = try Buffer<Double>(count: m)
    let im = try Buffer<Double>(count: m)
    for g in 0..<groups.count {
      let columns = groups.members(g)
      for j in columns { imaginary.pointer[Int(j)] = Self.tiny }
      let outcome = try evaluator.call(
        .mapComplex, problem.functions.mapComplex, at: x, im: imaginary.pointer, into: re.pointer,
        im.pointer, count: m)
      for j in columns { imaginary.pointer[Int(j)] = 0 }
      guard case .fine = outcome else { return outcome }
      for j in columns {
        if let sparse = matrix.sparse {
          for k in sparse.starts.pointer[Int(j)]..<sparse.starts.pointer[Int(j) + 1] {
            sparse.values.pointer[k] = im.pointer[Int(sparse.indices.pointer[k])] / Self.tiny
          }
        } else {
          for i in 0..<m { matrix.values.pointer[i * n + Int(j)] = im.pointer[i] / Self.tiny }
        }
      }
    }
    return .fine
  }
}
