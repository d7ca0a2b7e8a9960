import KantorBlocks
import KantorCore
import KantorNumerics

/// Compares what the host's functions say about derivatives with central differences, column by
/// column and without using the declared patterns, so that these are checked too.
///
/// Points stay inside the bounds; beside one the formula is one-sided, of the same order.
final class DerivativeCheck {
  private let problem: NonlinearProblem
  private let evaluator: Evaluator
  private let monitor: Monitor
  private var stream: RandomStream
  private var report = DerivativeReport()
  private let n: Int
  private let m: Int
  private let y: Buffer<Double>
  private let point: Buffer<Double>
  /// c' and the Hessian as they are given, sparse or dense; those at the second point.
  private var jacobian: OracleMatrix?
  private var hessian: OracleMatrix?

  init(_ problem: NonlinearProblem, monitor: Monitor, seed: UInt64) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    (n, m) = (problem.n, problem.m)
    stream = RandomStream(seed: seed, stream: 0x6368_6563_6b)
    evaluator = try Evaluator(problem.functions, variables: n, rows: m, monitor: monitor)
    y = try Buffer(count: m)
    point = try Buffer(count: n)
  }

  func run(at given: Tensor?) throws(KantorError) -> DerivativeReport {
    let x = try place(given)
    for i in 0..<m { y.pointer[i] = 2 * stream.uniform() - 1 }
    for j in 0..<n where problem.lower.pointer[j] == problem.upper.pointer[j] {
      report.fixed += 1
    }
    let f = problem.functions
    if f.gradient != nil || f.valueGradient != nil { try checkGradient(x) }
    if f.jacobian != nil { try checkJacobian(x) }
    if f.hessian != nil { try checkHessian(x) }
    try checkProducts(x)
    return report
  }

  private func place(_ given: Tensor?) throws(KantorError) -> Buffer<Double> {
    guard let given else {
      let x = try problem.start.copy()
      for j in 0..<n {
        let moved = x.pointer[j] + (stream.uniform() - 0.5) * 0.02 * max(1, abs(x.pointer[j]))
        x.pointer[j] = min(max(moved, problem.lower.pointer[j]), problem.upper.pointer[j])
      }
      return x
    }
    guard given.shape == [n] else {
      throw KantorError(.shape, "x has the shape \(given.shapeText); needed is (\(n),)")
    }
    let x = try given.doubles()
    for j in 0..<n {
      let v = x.pointer[j]
      guard v.isFinite else { throw KantorError(.notFinite, "x is \(v) at \(j)") }
      guard v >= problem.lower.pointer[j], v <= problem.upper.pointer[j] else {
        throw KantorError(.range, "x is \(v) at \(j), outside its bounds")
      }
    }
    return x
  }

  // MARK: Differences

  private typealias Map = (Functions.Point, Functions.Out) throws(KantorError) -> Evaluation

  /// The derivative of `map` along `direction` (nil: the unit vector j) into `out`, and the size of
  /// its rounding errors; false when it cannot be had.
  private func differentiate(
    _ map: Map, _ count: Int, _ x: Buffer<Double>, _ j: Int, along direction: Buffer<Double>? = nil,
    into out: Buffer<Double>, noise: inout Double
  ) throws(KantorError) -> Bool {
    var (size, ahead, behind) = (1.0, Double.infinity, Double.infinity)
    for k in direction == nil ? j..<j + 1 : 0..<n {
      let d = direction?.pointer[k] ?? 1
      guard d != 0 else { continue }
      size = max(size, abs(x.pointer[k]))
      let below = (x.pointer[k] - problem.lower.pointer[k]) / abs(d)
      let above = (problem.upper.pointer[k] - x.pointer[k]) / abs(d)
      ahead = min(ahead, d > 0 ? above : below)
      behind = min(behind, d > 0 ? below : above)
    }
    var h = 6e-6 * size
    guard max(ahead, behind) > 0 else { return false }
    let isCentral = min(ahead, behind) >= h
    let side = ahead >= behind ? 1.0 : -1.0
    if !isCentral { h = min(h, 0.499 * max(ahead, behind)) }
    let offsets = isCentral ? [h, -h] : [0, side * h, 2 * side * h]
    let weights = isCentral
      ? [0.5 / h, -0.5 / h] : [-1.5 * side / h, 2 * side / h, -0.5 * side / h]
    out.fill(0)
    let values = try Buffer<Double>(count: count)
    var top = 0.0
    for (offset, weight) in zip(offsets, weights) {
      for k in 0..<n {
        let d = direction?.pointer[k] ?? (k == j ? 1 : 0)
        point.pointer[k] = x.pointer[k] + offset * d
      }
      guard case .fine = try map(point.pointer, values.pointer) else { return fail() }
      for i in 0..<count {
        out.pointer[i] += weight * values.pointer[i]
        top = max(top, abs(values.pointer[i]))
      }
    }
    noise = 8 * 2.2e-16 * top / h
    return true
  }

  private func fail() -> Bool {
    if report.complaint == nil { report.complaint = evaluator.complaint }
    return false
  }

  private func take(
    _ function: DerivativeReport.Function, _ row: Int, _ column: Int, _ given: Double,
    _ estimated: Double, _ noise: Double, isDeclared: Bool = true
  ) {
    let apart = max(0, abs(given - estimated) - noise)
    report.take(
      DerivativeReport.Entry(
        function: function, row: row, column: column, given: given, estimated: estimated,
        error: apart / max(1, abs(given), abs(estimated)), isDeclared: isDeclared))
  }

  // MARK: Functions

  private func checkGradient(_ x: Buffer<Double>) throws(KantorError) {
    let g = try Buffer<Double>(count: n)
    guard case .fine = try evaluator.gradient(at: x.pointer, into: g.pointer) else {
      _ = fail()
      return
    }
    let d = try Buffer<Double>(count: 1)
    var noise = 0.0
    let value: Map = { [self] (p, out) throws(KantorError) in
      let (outcome, f) = try evaluator.value(at: p)
      out[0] = f
      return outcome
    }
    for j in 0..<n where monitor.stop == nil {
      guard try differentiate(value, 1, x, j, into: d, noise: &noise) else { continue }
      take(.gradient, j, -1, g.pointer[j], d.pointer[0], noise)
    }
  }

  private var map: Map {
    { [self] (p, out) throws(KantorError) in
      try evaluator.call(.map, problem.functions.map, at: p, into: out, count: m)
    }
  }

  private func matrix(
    _ name: DerivativeReport.Function, _ pattern: FunctionPattern?, _ x: Buffer<Double>
  ) throws(KantorError) -> OracleMatrix? {
    let isHessian = name == .hessian
    let made = try OracleMatrix(
      rows: isHessian ? n : m, columns: n, pattern: pattern, isSymmetric: isHessian)
    let count = pattern?.given ?? made.values.count
    let raw = try Buffer<Double>(count: count)
    let f = problem.functions
    let outcome =
      isHessian
      ? try evaluator.call(
        .hessian, f.hessian, at: x.pointer, sigma: 1, y: y.pointer, into: raw.pointer, count: count)
      : try evaluator.call(.jacobian, f.jacobian, at: x.pointer, into: raw.pointer, count: count)
    guard case .fine = outcome else {
      _ = fail()
      return nil
    }
    if let pattern {
      pattern.scatter(raw.pointer, into: made.values.pointer)
    } else {
      made.values.pointer.update(from: raw.pointer, count: count)
    }
    return made
  }

  private func checkJacobian(_ x: Buffer<Double>) throws(KantorError) {
    guard let given = try matrix(.jacobian, problem.jacobianPattern, x) else { return }
    jacobian = given
    try compare(.jacobian, given, x, map, m)
    try countZeros(.jacobian, problem.jacobianPattern, given, x)
  }

  private func checkHessian(_ x: Buffer<Double>) throws(KantorError) {
    let f = problem.functions
    guard f.gradient != nil || f.valueGradient != nil,
      m == 0 || f.jacobian != nil || f.jacobianTransposeProduct != nil
    else { return }
    guard let given = try matrix(.hessian, problem.hessianPattern, x) else { return }
    hessian = given
    let oracle = try NonlinearOracle(problem, monitor: monitor)
    let gradient: Map = { [self] (p, out) throws(KantorError) in
      try oracle.lagrangianGradient(at: p, sigma: 1, y: y.pointer, into: out)
    }
    try compare(.hessian, given, x, gradient, n)
    if let complaint = oracle.evaluator.complaint, report.complaint == nil, report.compared == 0 {
      report.complaint = complaint
    }
    try countZeros(.hessian, problem.hessianPattern, given, x)
  }

  /// Every entry of every column, declared or not.
  private func compare(
    _ name: DerivativeReport.Function, _ given: OracleMatrix, _ x: Buffer<Double>, _ map: Map,
    _ rows: Int
  ) throws(KantorError) {
    let unit = try Buffer<Double>(count: n)
    let column = try Buffer<Double>(count: rows)
    let estimated = try Buffer<Double>(count: rows)
    var noise = 0.0
    for j in 0..<n where monitor.stop == nil {
      guard try differentiate(map, rows, x, j, into: estimated, noise: &noise) else { continue }
      unit.pointer[j] = 1
      column.fill(0)
      given.multiply(unit.pointer, into: column.pointer)
      unit.pointer[j] = 0
      for i in 0..<rows {
        // Dense Hessians are compared whole, sparse ones in the triangle that was given.
        if name == .hessian, given.sparse != nil, i < j { continue }
        let (a, b) = (column.pointer[i], estimated.pointer[i])
        let isDeclared = given.sparse.map {
          $0.position(row: min(i, name == .hessian ? j : i), column: name == .hessian ? i : j)
            != nil
        }
        if isDeclared == false, b == 0 { continue }
        take(name, i, j, a, b, noise, isDeclared: isDeclared ?? true)
      }
    }
  }

  /// Declared entries that are 0 here and at another point.
  private func countZeros(
    _ name: DerivativeReport.Function, _ pattern: FunctionPattern?, _ first: OracleMatrix,
    _ x: Buffer<Double>
  ) throws(KantorError) {
    guard let pattern else { return }
    let other = try x.copy()
    for j in 0..<n {
      let moved = x.pointer[j] + (stream.uniform() - 0.5) * 0.2 * max(1, abs(x.pointer[j]))
      other.pointer[j] = min(max(moved, problem.lower.pointer[j]), problem.upper.pointer[j])
    }
    let before = report.complaint
    guard let second = try matrix(name, pattern, other) else {
      report.complaint = before
      return
    }
    for k in 0..<pattern.matrix.count
    where first.values.pointer[k] == 0 && second.values.pointer[k] == 0 { report.alwaysZero += 1 }
  }

  /// Products with a random vector, against the matrices if they are there, else differences.
  private func checkProducts(_ x: Buffer<Double>) throws(KantorError) {
    let f = problem.functions
    let v = try Buffer<Double>(count: n)
    for j in 0..<n where problem.lower.pointer[j] < problem.upper.pointer[j] {
      v.pointer[j] = 2 * stream.uniform() - 1
    }
    let onRows = try Buffer<Double>(count: m)
    let other = try Buffer<Double>(count: max(n, m))
    var noise = 0.0
    if let product = f.jacobianProduct {
      let outcome = try evaluator.call(
        .jacobianProduct, product, at: x.pointer, times: v.pointer, vectorCount: n,
        into: onRows.pointer, count: m)
      guard case .fine = outcome else {
        _ = fail()
        return
      }
      let rows = try Buffer<Double>(count: m)
      if try differentiate(map, m, x, 0, along: v, into: rows, noise: &noise) {
        for i in 0..<m {
          take(.jacobianProduct, i, -1, onRows.pointer[i], rows.pointer[i], noise)
        }
      }
    }
    if let product = f.jacobianTransposeProduct { try checkTransposed(product, x, other) }
    guard let product = f.hessianProduct, let hessian else { return }
    _ = product
    let outcome = try evaluator.hessianProduct(
      at: x.pointer, sigma: 1, y: y.pointer, times: v.pointer, into: other.pointer)
    guard case .fine = outcome else {
      _ = fail()
      return
    }
    let expected = try Buffer<Double>(count: n)
    hessian.multiply(v.pointer, into: expected.pointer)
    for j in 0..<n {
      take(.hessianProduct, j, -1, other.pointer[j], expected.pointer[j], 1e-12)
    }
  }

  private func checkTransposed(
    _ product: @escaping Functions.Product, _ x: Buffer<Double>, _ out: Buffer<Double>
  ) throws(KantorError) {
    let outcome = try evaluator.call(
      .jacobianTransposeProduct, product, at: x.pointer, times: y.pointer, vectorCount: m,
      into: out.pointer, count: n)
    guard case .fine = outcome else {
      _ = fail()
      return
    }
    let d = try Buffer<Double>(count: m)
    var noise = 0.0
    for j in 0..<n where monitor.stop == nil {
      guard try differentiate(map, m, x, j, into: d, noise: &noise) else { continue }
      var sum = 0.0
      for i in 0..<m { sum += d.pointer[i] * y.pointer[i] }
      take(.jacobianTransposeProduct, j, -1, out.pointer[j], sum, noise * Double(m))
    }
  }
}
