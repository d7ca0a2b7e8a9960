import KantorBlocks
import KantorCore
import KantorNumerics

/// The host's functions as the bilevel methods ask for them: values, joined gradients, constraints
/// and second derivatives of both levels, offered or differenced; counted and limited.
///
/// What is undefined at a point, or not to be had because the solve has ended, shows as +infinity
/// or false; `stopped` tells the two apart. Points are joined vectors w = (x, y).
public final class BilevelOracle {
  public typealias Point = UnsafePointer<Double>
  public typealias Out = UnsafeMutablePointer<Double>

  public let problem: BilevelProblem
  public let monitor: Monitor
  public private(set) var counts = BilevelCounts()
  /// What went wrong the last time a function was not defined; nil while all went well.
  public private(set) var complaint: String?
  private let limit: Int
  private let upper: Evaluator
  private let lower: Evaluator
  private let inner: Evaluator?
  // Room of differences: two gradients, a moved point, and multipliers of 0.
  private let gradientA: Buffer<Double>
  private let gradientB: Buffer<Double>
  private let moved: Buffer<Double>
  private let product: Buffer<Double>
  private let zeros: Buffer<Double>
  private var dense: Buffer<Double>?
  private let rowsA: Buffer<Double>
  private let rowsB: Buffer<Double>
  private var matrix: Buffer<Double>?
  private var every: [BilevelLevel: Buffer<Int64>] = [:]

  public init(
    _ problem: BilevelProblem, monitor: Monitor, limit: Int = .max
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    self.limit = limit
    let n = problem.n
    upper = try Evaluator(
      problem.upper.functions, variables: n, rows: problem.upper.rows, monitor: monitor)
    lower = try Evaluator(
      problem.lower.functions, variables: n, rows: problem.lower.rows, monitor: monitor)
    if let functions = problem.lowerProduct {
      inner = try Evaluator(functions, variables: n, rows: problem.lower.rows, monitor: monitor)
    } else {
      inner = nil
    }
    let rows = max(problem.upper.rows, problem.lower.rows)
    gradientA = try Buffer(count: n)
    gradientB = try Buffer(count: n)
    moved = try Buffer(count: n)
    product = try Buffer(count: n)
    zeros = try Buffer(count: rows)
    rowsA = try Buffer(count: rows)
    rowsB = try Buffer(count: rows)
  }

  /// For a method: stops and the limit on evaluations are those of the run, of which `counts` were
  /// made before.
  convenience init(
    _ problem: BilevelProblem, _ run: Run, after counts: BilevelCounts = BilevelCounts()
  ) throws(KantorError) {
    try self.init(
      problem, monitor: run.monitor, limit: run.options.int("max_evaluations"))
    self.counts = counts
  }

  /// True once a limit, the host or a request ended the solve.
  public var stopped: Bool { monitor.stop != nil }

  func evaluator(_ level: BilevelLevel) -> Evaluator { level == .upper ? upper : lower }

  /// Takes one call out of the budget.
  func permit() -> Bool {
    if monitor.stop != nil { return false }
    guard counts.calls < limit else {
      monitor.end(.evaluationLimit)
      return false
    }
    counts.calls += 1
    return true
  }

  func fine(_ outcome: Evaluation, _ level: BilevelLevel) -> Bool {
    if case .fine = outcome { return true }
    complaint = "\(level.rawValue) " + (evaluator(level).complaint ?? "function is undefined")
    return false
  }

  private func note(_ level: BilevelLevel, values: Int = 0, gradients: Int = 0) {
    switch level {
    case .upper:
      counts.upperValues += values
      counts.upperGradients += gradients
    case .lower:
      counts.lowerValues += values
      counts.lowerGradients += gradients
    }
  }

  func noteDifferences() { counts.differenced = true }

  func noteSamples(_ k: Int, _ level: BilevelLevel, values: Int, gradients: Int, products: Int) {
    counts.samples += k
    counts.products += products
    note(level, values: values, gradients: gradients)
  }

  // MARK: Values and gradients

  /// F or f; +infinity where it is not defined.
  public func value(_ level: BilevelLevel, _ w: Point) throws(KantorError) -> Double {
    let functions = problem.level(level).functions
    guard functions.value != nil || functions.valueGradient != nil else {
      return try batchValue(level, w, try all(level))
    }
    guard permit() else { return .infinity }
    note(level, values: 1)
    let (outcome, value) = try evaluator(level).value(at: w)
    return fine(outcome, level) ? value : .infinity
  }

  /// The joined gradient; false where it is not defined.
  public func gradient(_ level: BilevelLevel, _ w: Point, _ out: Out) throws(KantorError) -> Bool {
    let functions = problem.level(level).functions
    guard functions.gradient != nil || functions.valueGradient != nil else {
      return try batchGradient(level, w, try all(level), out)
    }
    guard permit() else { return false }
    note(level, gradients: 1)
    return fine(try evaluator(level).gradient(at: w, into: out), level)
  }

  /// Both; +infinity where one of them is not defined.
  public func valueAndGradient(
    _ level: BilevelLevel, _ w: Point, _ out: Out
  ) throws(KantorError) -> Double {
    guard problem.level(level).functions.valueGradient != nil else {
      let value = try value(level, w)
      guard value < .infinity, try gradient(level, w, out) else { return .infinity }
      return value
    }
    guard permit() else { return .infinity }
    note(level, values: 1, gradients: 1)
    let (outcome, value) = try evaluator(level).valueAndGradient(at: w, into: out)
    return fine(outcome, level) ? value : .infinity
  }

  /// All components of a finite sum.
  public func all(_ level: BilevelLevel) throws(KantorError) -> Buffer<Int64> {
    if let indices = every[level] { return indices }
    let indices = try Buffer<Int64>(count: problem.level(level).components)
    for i in 0..<indices.count { indices.pointer[i] = Int64(i) }
    every[level] = indices
    return indices
  }

  // MARK: Constraints

  /// The rows of G, H or g, h; false where they are not defined.
  public func constraints(
    _ level: BilevelLevel, _ w: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let (functions, rows) = (problem.level(level).functions, problem.level(level).rows)
    guard rows > 0 else { return true }
    guard permit() else { return false }
    counts.maps += 1
    return fine(
      try evaluator(level).call(.map, functions.map, at: w, into: out, count: rows), level)
  }

  /// Their Jacobian, rows x (nx + ny), row-major; by products or differences if it is not offered.
  public func jacobian(_ level: BilevelLevel, _ w: Point, _ out: Out) throws(KantorError) -> Bool {
    let (functions, rows) = (problem.level(level).functions, problem.level(level).rows)
    let n = problem.n
    guard rows > 0 else { return true }
    if functions.jacobian != nil {
      guard permit() else { return false }
      counts.jacobians += 1
      return fine(
        try evaluator(level).call(
          .jacobian, functions.jacobian, at: w, into: out, count: rows * n), level)
    }
    if functions.jacobianTransposeProduct != nil {
      for i in 0..<rows {
        zeros.pointer[i] = 1
        defer { zeros.pointer[i] = 0 }
        guard try transposeProduct(level, w, zeros.pointer, out + i * n) else { return false }
      }
      return true
    }
    for j in 0..<n {
      guard try jacobianColumn(level, w, j) else { return false }
      for i in 0..<rows { out[i * n + j] = rowsA.pointer[i] }
    }
    return true
  }

  private func transposeProduct(
    _ level: BilevelLevel, _ w: Point, _ y: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let (functions, rows) = (problem.level(level).functions, problem.level(level).rows)
    guard permit() else { return false }
    counts.jacobians += 1
    return fine(
      try evaluator(level).call(
        .jacobianTransposeProduct, functions.jacobianTransposeProduct, at: w, times: y,
        vectorCount: rows, into: out, count: problem.n), level)
  }

  /// Column j of the Jacobian into `rowsA`.
  private func jacobianColumn(
    _ level: BilevelLevel, _ w: Point, _ j: Int
  ) throws(KantorError) -> Bool {
    let (functions, rows) = (problem.level(level).functions, problem.level(level).rows)
    if functions.jacobianProduct != nil {
      guard permit() else { return false }
      counts.jacobians += 1
      product.fill(0)
      product.pointer[j] = 1
      return fine(
        try evaluator(level).call(
          .jacobianProduct, functions.jacobianProduct, at: w, times: product.pointer,
          vectorCount: problem.n, into: rowsA.pointer, count: rows), level)
    }
    counts.differenced = true
    moved.pointer.update(from: w, count: problem.n)
    let t = BilevelOracle.step * (1 + abs(w[j]))
    moved.pointer[j] = w[j] + t
    guard try constraints(level, moved.pointer, rowsA.pointer) else { return false }
    moved.pointer[j] = w[j] - t
    guard try constraints(level, moved.pointer, rowsB.pointer) else { return false }
    for i in 0..<rows { rowsA.pointer[i] = (rowsA.pointer[i] - rowsB.pointer[i]) / (2 * t) }
    return true
  }

  /// out <- sigma grad f + J' multipliers.
  public func lagrangianGradient(
    _ level: BilevelLevel, _ w: Point, sigma: Double, _ multipliers: Point?, _ out: Out
  ) throws(KantorError) -> Bool {
    let (n, rows) = (problem.n, problem.level(level).rows)
    if sigma != 0 {
      guard try gradient(level, w, out) else { return false }
      if sigma != 1 { for i in 0..<n { out[i] *= sigma } }
    } else {
      for i in 0..<n { out[i] = 0 }
    }
    guard rows > 0, let multipliers, hasEntries(multipliers, rows) else { return true }
    if problem.level(level).functions.jacobian == nil,
      problem.level(level).functions.jacobianTransposeProduct != nil
    {
      guard try transposeProduct(level, w, multipliers, product.pointer) else { return false }
      for i in 0..<n { out[i] += product.pointer[i] }
      return true
    }
    let room: Buffer<Double>
    if let matrix, matrix.count == rows * n {
      room = matrix
    } else {
      room = try Buffer(count: try checkedProduct(rows, n, of: "Jacobian"))
      matrix = room
    }
    guard try jacobian(level, w, room.pointer) else { return false }
    for i in 0..<rows where multipliers[i] != 0 {
      let row = room.pointer + i * n
      for j in 0..<n { out[j] += multipliers[i] * row[j] }
    }
    return true
  }

  private func hasEntries(_ y: Point, _ count: Int) -> Bool {
    for i in 0..<count where y[i] != 0 { return true }
    return false
  }

  // MARK: Second derivatives

  /// Relative step of central differences, the cube root of the precision.
  static let step = 6.055454452393343e-06

  public func offersSecondDerivative(_ level: BilevelLevel) -> Bool {
    let functions = problem.level(level).functions
    if level == .lower, problem.lowerProduct != nil { return true }
    return functions.hessianProduct != nil || functions.hessian != nil
      || (problem.level(level).components > 0 && functions.batchHessianProduct != nil)
  }

  /// out <- (sigma f'' + sum of multipliers times second derivatives of the rows) v, joined; by
  /// central differences of gradients if it is not offered. `multipliers` nil means 0.
  public func hessianProduct(
    _ level: BilevelLevel, _ w: Point, sigma: Double = 1, _ multipliers: Point? = nil,
    times v: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let functions = problem.level(level).functions
    let (n, y) = (problem.n, multipliers ?? UnsafePointer(zeros.pointer))
    if functions.hessianProduct != nil {
      guard permit() else { return false }
      counts.products += 1
      return fine(
        try evaluator(level).hessianProduct(at: w, sigma: sigma, y: y, times: v, into: out), level)
    }
    if functions.hessian != nil {
      let room: Buffer<Double>
      if let dense {
        room = dense
      } else {
        room = try Buffer(count: try checkedProduct(n, n, of: "Hessian"))
        dense = room
      }
      guard permit() else { return false }
      counts.products += 1
      guard
        fine(
          try evaluator(level).call(
            .hessian, functions.hessian, at: w, sigma: sigma, y: y, into: room.pointer,
            count: n * n), level)
      else { return false }
      for i in 0..<n {
        var sum = 0.0
        for j in 0..<n { sum += room.pointer[i * n + j] * v[j] }
        out[i] = sum
      }
      return true
    }
    let noRows = problem.level(level).rows == 0 || !hasEntries(y, problem.level(level).rows)
    if problem.level(level).components > 0, functions.batchHessianProduct != nil, noRows {
      guard try batchHessianProduct(level, w, try all(level), times: v, out) else { return false }
      if sigma != 1 { for i in 0..<n { out[i] *= sigma } }
      return true
    }
    return try differencedProduct(level, w, sigma, y, v, out)
  }

  /// The same of the lower level for v in y, where only the part of y of `out` is read.
  func innerProduct(
    _ w: Point, _ multipliers: Point? = nil, times v: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    guard let inner else {
      return try hessianProduct(.lower, w, multipliers, times: v, out)
    }
    guard permit() else { return false }
    counts.products += 1
    let y = multipliers ?? UnsafePointer(zeros.pointer)
    let outcome = try inner.hessianProduct(at: w, sigma: 1, y: y, times: v, into: out)
    if case .fine = outcome { return true }
    complaint = "lower_product " + (inner.complaint ?? "function is undefined")
    return false
  }

  private func differencedProduct(
    _ level: BilevelLevel, _ w: Point, _ sigma: Double, _ y: Point, _ v: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let n = problem.n
    counts.differenced = true
    var (largest, size) = (0.0, 0.0)
    for i in 0..<n {
      largest = max(largest, abs(v[i]))
      size = max(size, v[i] == 0 ? 0 : abs(w[i]))
    }
    guard largest > 0 else {
      for i in 0..<n { out[i] = 0 }
      return true
    }
    let t = Self.step * (1 + size) / largest
    let point = try Buffer<Double>(count: n)
    for i in 0..<n { point.pointer[i] = w[i] + t * v[i] }
    guard try lagrangianGradient(level, point.pointer, sigma: sigma, y, gradientA.pointer) else {
      return false
    }
    for i in 0..<n { point.pointer[i] = w[i] - t * v[i] }
    guard try lagrangianGradient(level, point.pointer, sigma: sigma, y, gradientB.pointer) else {
      return false
    }
    for i in 0..<n { out[i] = (gradientA.pointer[i] - gradientB.pointer[i]) / (2 * t) }
    return true
  }
}
