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
  /// (x, z) of the last evaluation.
  let w: Buffer<Double>
  private(set) var value = Double.infinity
  /// The lower result of the last evaluation that found one.
  private(set) var result: Result?
  /// Numbers of the lower fields of the last evaluation.
  let fields: Buffer<Double>
  /// F' in (x, z), of the last differentiated evaluation.
  let joined: Buffer<Double>
  /// How the last lower solve ended that gave no answer.
  private(set) var lowerEnd: Status?
  private let calls: NestedCalls
  private let presets: [String: OptionValue]
  private let upper: NestedUpper
  private let dependence: NestedDependence
  private let pulled: Buffer<Double>
  private var shapes: [[Int]] = []
  /// Whether there was an answer, with its derivative.
  private var isProven = false

  var monitor: Monitor { calls.monitor }
  var counts: NestedCounts { calls.counts }
  /// What went wrong the last time that something was not defined.
  var complaint: String? { calls.complaint }

  init(
    _ problem: NestedProblem, monitor: Monitor, limits: NestedLimits = NestedLimits(),
    presets: [String: OptionValue]
  ) throws(KantorError) {
    self.problem = problem
    self.presets = presets
    calls = NestedCalls(monitor: monitor, limits: limits)
    upper = try NestedUpper(problem, calls)
    dependence = try NestedDependence(problem, calls)
    w = try Buffer(count: problem.n)
    joined = try Buffer(count: problem.n)
    fields = try Buffer(count: problem.partCount)
    pulled = try Buffer(count: problem.partCount)
  }

  /// F(x, z(x)), with lower answers to `tolerance`, the lower solve starting at `start`.
  func evaluate(
    _ x: Point, tolerance: Double, start: Result?
  ) throws(KantorError) -> Outcome {
    let outcome = try solve(x, tolerance: tolerance, start: start)
    guard case .fine = outcome else { return outcome }
    guard let found = try upper.value(w.pointer) else { return ended }
    value = found
    return .fine
  }

  /// The same with the derivative over x.
  func differentiate(
    _ x: Point, tolerance: Double, start: Result?, into gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Outcome {
    let outcome = try solve(x, tolerance: tolerance, start: start)
    guard case .fine = outcome else { return outcome }
    guard let found = try upper.gradient(w.pointer, into: joined.pointer) else { return ended }
    value = found
    let pulled = try pull(x, joined, into: gradient)
    if case .fine = pulled { isProven = true }
    return pulled
  }

  // MARK: Upper rows

  /// G and H at the point that was evaluated last; false where they are not defined.
  func rows(into out: UnsafeMutablePointer<Double>) throws(KantorError) -> Bool {
    try upper.rows(w.pointer, into: out)
  }

  /// Their derivatives over x, by rows; one product with the lower derivative for each.
  func rowDerivatives(
    _ x: Point, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    guard problem.rows > 0 else { return true }
    let (nx, n) = (problem.nx, problem.n)
    let slopes = try Buffer<Double>(count: try checkedProduct(problem.rows, n, of: "Jacobian"))
    guard try upper.jacobian(w.pointer, into: slopes.pointer) else { return false }
    for r in 0..<problem.rows {
      let row = try Buffer(copying: UnsafePointer(slopes.pointer + r * n), count: n)
      guard case .fine = try pull(x, row, into: out + r * nx) else { return false }
    }
    return true
  }

  // MARK: The lower problem

  private func solve(
    _ x: Point, tolerance: Double, start: Result?
  ) throws(KantorError) -> Outcome {
    value = .infinity
    w.pointer.update(from: x, count: problem.nx)
    guard try dependence.place(x, into: fields) else { return ended }
    guard counts.lowerSolves < calls.limits.lowerSolves else {
      monitor.end(.evaluationLimit)
      return .stopped
    }
    if monitor.heartbeat() != nil { return .stopped }
    calls.counts.lowerSolves += 1
    guard let (found, inner) = try attempt({ () throws(KantorError) in
      try self.lowerResult(tolerance, start)
    }) else { return ended }
    calls.counts.lowerIterations += inner.iterations
    // One of the lower problem's functions ended it, or the larger solve is to end.
    if inner.stop == .stoppedByCallback {
      monitor.end(.stoppedByCallback, code: inner.callbackCode)
    }
    if monitor.heartbeat() != nil { return .stopped }
    guard found.status == .solved || found.status == .solvedInaccurate else {
      lowerEnd = found.status
      calls.complaint = "lower problem: " + ((try? found.text("message")) ?? found.status.sentence)
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
    calls.counts.products += 1
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
    return try dependence.pull(x, pulled, addTo: gradient) ? .fine : ended
  }

  // MARK: Ends

  private var ended: Outcome { monitor.stop == nil ? .undefined : .stopped }

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
      calls.complaint = message
      return nil
    }
  }

  /// "(1, 2.5, 3, 4, ...)"
  static func text(_ x: Point, count: Int) -> String {
    let shown = (0..<min(count, 4)).map { shortText(x[$0]) }
    return "(" + shown.joined(separator: ", ") + (count > 4 ? ", ..." : "") + ")"
  }
}
