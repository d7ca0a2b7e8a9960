import KantorBlocks
import KantorCore

/// F(x, z(x)) and its derivative: fields of the lower problem for x, a lower solve by the lower
/// kind's own method, the host's F, and the derivative products of the lower result.
///
/// Where the lower problem has no answer, or a function is not defined, an evaluation is
/// `undefined`; `complaint` and `lowerEnd` say why. Before any lower solve has given an answer, bad
/// data of the lower problem are errors; later they are a domain that x has left.
final class NestedOracle {
  typealias Point = UnsafePointer<Double>

  enum Outcome: Sendable {
    case fine
    case undefined
    /// A limit, the host or a request ended the solve.
    case stopped
  }

  let problem: NestedProblem
  let monitor: Monitor
  /// (x, z) of the last evaluation.
  let w: Buffer<Double>
  private(set) var value = Double.infinity
  /// The lower result of the last evaluation that found one.
  private(set) var result: Result?
  /// Numbers of the lower fields of the last evaluation.
  let fields: Buffer<Double>
  /// F' in (x, z), of the last differentiated evaluation.
  let joined: Buffer<Double>
  private(set) var counts = NestedCounts()
  private(set) var complaint: String?
  /// How the last lower solve ended that gave no answer.
  private(set) var lowerEnd: Status?
  private let limits: NestedLimits
  private let presets: [String: OptionValue]
  private let upper: Evaluator
  private let map: Evaluator?
  private let pulled: Buffer<Double>
  private var jacobian: Buffer<Double>?
  private var shapes: [[Int]] = []
  /// Whether there was an answer, with its derivative.
  private var isProven = false

  init(
    _ problem: NestedProblem, monitor: Monitor, limits: NestedLimits = NestedLimits(),
    presets: [String: OptionValue]
  ) throws(KantorError) {
    self.problem = problem
    self.monitor = monitor
    self.limits = limits
    self.presets = presets
    w = try Buffer(count: problem.n)
    joined = try Buffer(count: problem.n)
    fields = try Buffer(count: problem.partCount)
    pulled = try Buffer(count: problem.partCount)
    upper = try Evaluator(
      problem.upper, variables: problem.n, rows: problem.rows, monitor: monitor)
    if case .functions(let functions) = problem.dependence {
      map = try Evaluator(
        functions, variables: problem.nx, rows: problem.partCount, monitor: monitor)
    } else {
      map = nil
    }
  }

  /// F(x, z(x)), with lower answers to `tolerance`, the lower solve starting at `start`.
  func evaluate(
    _ x: Point, tolerance: Double, start: Result?
  ) throws(KantorError) -> Outcome {
    let outcome = try solve(x, tolerance: tolerance, start: start)
    guard case .fine = outcome else { return outcome }
    guard permit() else { return .stopped }
    counts.upperValues += 1
    let (called, found) = try upper.value(at: w.pointer)
    guard case .fine = called, found.isFinite else { return undefined(upper, "upper") }
    value = found
    return .fine
  }

  /// The same with the derivative over x.
  func differentiate(
    _ x: Point, tolerance: Double, start: Result?, into gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    let outcome = try solve(x, tolerance: tolerance, start: start)
    guard case .fine = outcome else { return outcome }
    guard try upperGradient() else { return ended }
    let pulled = try pull(x, joined, into: gradient)
    if case .fine = pulled { isProven = true }
    return pulled
  }

  // MARK: Upper rows

  /// G and H at the point that was evaluated last; false where they are not defined.
  func rows(into out: UnsafeMutablePointer<Double>) throws(KantorError) -> Bool {
    guard problem.rows > 0 else { return true }
    guard permit() else { return false }
    counts.rows += 1
    let called = try upper.call(
      .map, problem.upper.map, at: w.pointer, into: out, count: problem.rows)
    if case .fine = called { return true }
    return fails(upper, "upper")
  }

  /// Their derivatives over x, by rows; one product with the lower derivative for each.
  func rowDerivatives(
    _ x: Point, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    guard problem.rows > 0 else { return true }
    let (nx, n) = (problem.nx, problem.n)
    let slopes = try Buffer<Double>(count: try checkedProduct(problem.rows, n, of: "Jacobian"))
    guard try rowSlopes(slopes) else { return false }
    for r in 0..<problem.rows {
      let row = try Buffer(copying: UnsafePointer(slopes.pointer + r * n), count: n)
      guard case .fine = try pull(x, row, into: out + r * nx) else { return false }
    }
    return true
  }

  /// The Jacobian in (x, z).
  private func rowSlopes(_ out: Buffer<Double>) throws(KantorError) -> Bool {
    if let jacobian = problem.upper.jacobian {
      guard permit() else { return false }
      counts.rowDerivatives += 1
      let called = try upper.call(
        .jacobian, jacobian, at: w.pointer, into: out.pointer, count: out.count)
      if case .fine = called { return true }
      return fails(upper, "upper")
    }
    let unit = try Buffer<Double>(count: problem.rows)
    for r in 0..<problem.rows {
      guard permit() else { return false }
      counts.rowDerivatives += 1
      unit.pointer[r] = 1
      let called = try upper.call(
        .jacobianTransposeProduct, problem.upper.jacobianTransposeProduct, at: w.pointer,
        times: unit.pointer, vectorCount: problem.rows, into: out.pointer + r * problem.n,
        count: problem.n)
      guard case .fine = called else { return fails(upper, "upper") }
      unit.pointer[r] = 0
    }
    return true
  }

  private func upperGradient() throws(KantorError) -> Bool {
    let isJoint = problem.upper.valueGradient != nil
    guard permit() else { return false }
    counts.upperValues += 1
    if isJoint { counts.upperGradients += 1 }
    let (called, found) =
      try isJoint
      ? upper.valueAndGradient(at: w.pointer, into: joined.pointer) : upper.value(at: w.pointer)
    guard case .fine = called else { return fails(upper, "upper") }
    if !isJoint {
      guard permit() else { return false }
      counts.upperGradients += 1
      guard case .fine = try upper.gradient(at: w.pointer, into: joined.pointer) else {
        return fails(upper, "upper")
      }
    }
    value = found
    return true
  }

  // MARK: The lower problem

  private func solve(
    _ x: Point, tolerance: Double, start: Result?
  ) throws(KantorError) -> Outcome {
    value = .infinity
    w.pointer.update(from: x, count: problem.nx)
    guard try place(x) else { return ended }
    guard counts.lowerSolves < limits.lowerSolves else {
      monitor.end(.evaluationLimit)
      return .stopped
    }
    if monitor.heartbeat() != nil { return .stopped }
    counts.lowerSolves += 1
    guard let (found, inner) = try attempt({ () throws(KantorError) in
      try self.lowerResult(tolerance, start)
    }) else { return ended }
    counts.lowerIterations += inner.iterations
    // One of the lower problem's functions ended it, or the larger solve is to end.
    if inner.stop == .stoppedByCallback {
      monitor.end(.stoppedByCallback, code: inner.callbackCode)
    }
    if monitor.heartbeat() != nil { return .stopped }
    guard found.status == .solved || found.status == .solvedInaccurate else {
      lowerEnd = found.status
      complaint = "lower problem: " + ((try? found.text("message")) ?? found.status.sentence)
      return .undefined
    }
    guard try attempt({ () throws(KantorError) in try self.read(found) }) != nil else {
      return ended
    }
    result = found
    lowerEnd = nil
    return .fine
  }

  private func lowerResult(
    _ tolerance: Double, _ start: Result?
  ) throws(KantorError) -> (Result, Monitor) {
    let lower = problem.lower
    var values: [(name: String, value: FieldValue)] = []
    var offset = 0
    for part in problem.parts {
      values.append((part.name, try part.value(UnsafePointer(fields.pointer + offset))))
      offset += part.base.count
    }
    var presets = presets
    if let own = lower.spec.options.first(where: { $0.name == "tolerance" }),
      case .real(let usual, let least, _) = own.domain
    {
      presets["tolerance"] = .real(max(least, min(usual, tolerance)))
    }
    let run = lower.run(
      inside: monitor, presets: presets, start: lower.spec.usesWarmStart ? start : nil)
    let twin = try lower.sealed(with: values)
    // A limit of the lower problem's own; else what it takes counts for the larger solve.
    guard let budget = MemoryBudget(bytes: run.options.real("memory_limit")) else {
      return (try lower.entry.solve(twin, run), run.monitor)
    }
    let found = try withBudget(budget) { () throws(KantorError) in
      try lower.entry.solve(twin, run)
    }
    return (found, run.monitor)
  }

  /// The answers into z.
  private func read(_ found: Result) throws(KantorError) {
    var (next, shapes) = (0, [[Int]]())
    var pieces: [Buffer<Double>] = []
    for name in problem.answers {
      var (piece, shape) = (try Buffer<Double>(count: 1), [Int]())
      if let number = try? found.real(name) {
        piece.pointer[0] = number
      } else {
        let tensor = try found.array(name)
        (piece, shape) = (try tensor.doubles(), tensor.shape)
      }
      next = try checkedSum(next, piece.count, of: "answers")
      pieces.append(piece)
      shapes.append(shape)
    }
    guard next == problem.nz else {
      throw KantorError(
        .shape, "answers have \(next) numbers (\(problem.answers.joined(separator: ", "))); "
          + "answer_size is \(problem.nz)")
    }
    var z = w.pointer + problem.nx
    for piece in pieces {
      z.update(from: piece.pointer, count: piece.count)
      z += piece.count
    }
    self.shapes = shapes
  }

  /// The fields for x.
  private func place(_ x: Point) throws(KantorError) -> Bool {
    switch problem.dependence {
    case .matrix(let matrix):
      var next = fields.pointer
      for part in problem.parts {
        next.update(from: part.base.pointer, count: part.base.count)
        next += part.base.count
      }
      matrix.multiply(x, into: fields.pointer)
      return true
    case .functions(let functions):
      guard let map, permit() else { return false }
      counts.maps += 1
      let outcome = try map.call(
        .map, functions.map, at: x, into: fields.pointer, count: problem.partCount)
      if case .fine = outcome { return true }
      return fails(map, "lower_map")
    }
  }

  // MARK: The derivative

  /// gradient <- F_x + (d fields / dx)' (d z / d fields)' F_z, for F' in (x, z) as it is given.
  private func pull(
    _ x: Point, _ joined: Buffer<Double>, into gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    guard let result else { return .undefined }
    let (nx, parts) = (problem.nx, problem.parts)
    gradient.update(from: joined.pointer, count: nx)
    var cotangents: [String: Tensor] = [:]
    var offset = nx
    for (name, shape) in zip(problem.answers, shapes) {
      let count = shape.reduce(1, *)
      let piece = try Buffer(copying: UnsafePointer(joined.pointer + offset), count: count)
      cotangents[name] = Tensor(piece, shape: shape)
      offset += count
    }
    let given = cotangents
    let answers = try attempt({ () throws(KantorError) in
      try result.vjp(cotangents: given, wanted: parts.map(\.name))
    })
    guard let answers else { return ended }
    counts.products += 1
    offset = 0
    for part in parts {
      guard let answer = answers[part.name], answer.count == part.base.count else {
        throw KantorError(
          .unsupported, "lower problem: there is no derivative with respect to '\(part.name)'")
      }
      let values = try answer.doubles()
      (pulled.pointer + offset).update(from: values.pointer, count: values.count)
      offset += values.count
    }
    return try addMap(x, to: gradient)
  }

  /// gradient <- gradient + (d fields / dx)' pulled.
  private func addMap(
    _ x: Point, to gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    let (nx, rows) = (problem.nx, problem.partCount)
    switch problem.dependence {
    case .matrix(let matrix):
      matrix.multiplyTransposed(pulled.pointer, into: gradient)
      return .fine
    case .functions(let functions):
      guard let map, permit() else { return .stopped }
      counts.mapDerivatives += 1
      if let product = functions.jacobianTransposeProduct {
        let out = try Buffer<Double>(count: nx)
        let outcome = try map.call(
          .jacobianTransposeProduct, product, at: x, times: pulled.pointer, vectorCount: rows,
          into: out.pointer, count: nx)
        guard case .fine = outcome else { return undefined(map, "lower_map") }
        for i in 0..<nx { gradient[i] += out.pointer[i] }
        return .fine
      }
      let dense = try jacobianRoom()
      let outcome = try map.call(
        .jacobian, functions.jacobian, at: x, into: dense.pointer, count: dense.count)
      guard case .fine = outcome else { return undefined(map, "lower_map") }
      for r in 0..<rows {
        for i in 0..<nx { gradient[i] += pulled.pointer[r] * dense.pointer[r * nx + i] }
      }
      return .fine
    }
  }

  private func jacobianRoom() throws(KantorError) -> Buffer<Double> {
    if let jacobian { return jacobian }
    let room = try Buffer<Double>(
      count: try checkedProduct(problem.partCount, problem.nx, of: "lower_map"))
    jacobian = room
    return room
  }

  // MARK: Ends

  private var ended: Outcome { monitor.stop == nil ? .undefined : .stopped }

  private func undefined(_ evaluator: Evaluator, _ name: String) -> Outcome {
    _ = fails(evaluator, name)
    return ended
  }

  /// Keeps what an evaluator says; false.
  private func fails(_ evaluator: Evaluator, _ name: String) -> Bool {
    if let said = evaluator.complaint { complaint = "\(name) \(said)" }
    return false
  }

  /// Takes one call of the host's functions out of the budget.
  private func permit() -> Bool {
    if monitor.stop != nil { return false }
    guard counts.calls < limits.calls else {
      monitor.end(.evaluationLimit)
      return false
    }
    counts.calls += 1
    return true
  }

  /// What `body` gives; nil where it fails on the way, which is a domain that x has left.
  private func attempt<T>(_ body: () throws(KantorError) -> T) throws(KantorError) -> T? {
    do throws(KantorError) { return try body() } catch {
      let message = "lower problem: \(error.message)"
      switch error.code {
      case .outOfMemory, .tooLarge, .internal: throw KantorError(error.code, message)
      default: break
      }
      guard isProven else {
        let x = Self.text(UnsafePointer(w.pointer), count: problem.nx)
        throw KantorError(error.code, "\(message), at x = \(x)")
      }
      complaint = message
      return nil
    }
  }

  /// "(1, 2.5, 3, 4, ...)"
  static func text(_ x: Point, count: Int) -> String {
    let shown = (0..<min(count, 4)).map { shortText(x[$0]) }
    return "(" + shown.joined(separator: ", ") + (count > 4 ? ", ..." : "") + ")"
  }
}
