import KantorCore

/// How a call of one of the host's functions went.
public enum Evaluation: Sendable {
  /// The output is there and finite.
  case fine
  /// The point lies outside the domain, or something in the output is not finite: shorten the step.
  case undefined
  /// The host or a limit ends the solve; the monitor knows why.
  case stop
}

/// Calls the host's functions on behalf of one solve.
///
/// Points and outputs have addresses of their own that do not change during the solve, so that a
/// binding may wrap each of them once. Outputs are filled with NaN before a call: what the host
/// left out is noticed, also where its language swallowed an error and returned "done". Calls are
/// counted, and the limit on evaluations is exact.
public final class Evaluator {
  public typealias Member = Functions.Member

  public let functions: Functions
  public let variables: Int
  /// What went wrong the last time, such as "gradient: entry 3 is nan"; nil while all went well.
  public private(set) var complaint: String?
  /// Seconds spent in the host's functions.
  public private(set) var hostSeconds = 0.0

  private let monitor: Monitor
  private let limit: Int
  private let limited: Set<Member>
  private var used = 0
  private let x: Buffer<Double>
  private let v: Buffer<Double>
  private let multipliers: Buffer<Double>
  // By member; the numbers of `Functions.Member.index`.
  private var calls = [Int](repeating: 0, count: Functions.Member.allCases.count)
  private var outputs = [Buffer<Double>?](repeating: nil, count: Functions.Member.allCases.count)
  private var imaginary: Buffer<Double>?
  /// Counts the points asked about; a point asked about twice in a row keeps its number.
  private var place = 0
  /// By member: the number of the point that its output belongs to; -1 for none.
  private var places = [Int](repeating: -1, count: Functions.Member.allCases.count)
  /// What is looked up instead of asked for.
  private let known: KnownAnswers?

  /// - Parameters:
  ///   - limited: members whose calls count towards `limit`.
  ///   - known: what the same functions answered before.
  public init(
    _ functions: Functions, variables: Int, rows: Int = 0, monitor: Monitor, limit: Int = .max,
    limited: Set<Member> = [.value, .valueGradient], known: KnownAnswers? = nil
  ) throws(KantorError) {
    self.functions = functions
    self.known = known
    self.variables = variables
    self.monitor = monitor
    self.limit = limit
    self.limited = limited
    x = try Buffer(count: variables)
    v = try Buffer(count: max(variables, rows))
    multipliers = try Buffer(count: rows)
  }

  /// Calls of one member, those at points outside the domain included.
  public func count(_ member: Functions.Member) -> Int { calls[member.index] }

  // MARK: One function at a point

  /// f(x); falls back on the joint member.
  public func value(at point: Functions.Point) throws(KantorError) -> (Evaluation, Double) {
    if let values = known?.values(.value, at: point, 1) { return (.fine, values.pointer[0]) }
    if let value = functions.value {
      let out = try output(.value, 1)
      let outcome = run(.value, at: point, out, 1) { value($0, out.pointer) }
      return (outcome, out.pointer[0])
    }
    let joint = try need(.value, functions.valueGradient)
    let f = try output(.value, 1)
    let g = try output(.gradient, variables)
    let outcome = run(.valueGradient, at: point, f, 1) { joint($0, f.pointer, g.pointer) }
    if case .fine = outcome { places[Member.value.index] = place }
    return (outcome, f.pointer[0])
  }

  /// f'(x) into `out`; falls back on the joint member.
  public func gradient(
    at point: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    if let values = known?.values(.gradient, at: point, variables) {
      out.update(from: values.pointer, count: variables)
      return .fine
    }
    let g = try output(.gradient, variables)
    var outcome: Evaluation
    if let gradient = functions.gradient {
      outcome = run(.gradient, at: point, g, variables) { gradient($0, g.pointer) }
    } else {
      let joint = try need(.gradient, functions.valueGradient)
      let f = try output(.value, 1)
      outcome = run(.valueGradient, at: point, g, variables) { joint($0, f.pointer, g.pointer) }
    }
    if case .fine = outcome {
      places[Member.gradient.index] = place
      out.update(from: g.pointer, count: variables)
    }
    return outcome
  }

  /// f(x) and f'(x), in one call where the host offers it.
  public func valueAndGradient(
    at point: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> (Evaluation, Double) {
    guard let joint = functions.valueGradient else {
      let (outcome, f) = try value(at: point)
      guard case .fine = outcome else { return (outcome, f) }
      return (try gradient(at: point, into: out), f)
    }
    if let f = known?.values(.value, at: point, 1),
      let g = known?.values(.gradient, at: point, variables)
    {
      out.update(from: g.pointer, count: variables)
      return (.fine, f.pointer[0])
    }
    let f = try output(.value, 1)
    let g = try output(.gradient, variables)
    f.pointer[0] = .nan
    var outcome = run(.valueGradient, at: point, g, variables) {
      joint($0, f.pointer, g.pointer)
    }
    if case .fine = outcome { outcome = inspect(.valueGradient, f, 1) }
    if case .fine = outcome {
      (places[Member.value.index], places[Member.gradient.index]) = (place, place)
      out.update(from: g.pointer, count: variables)
    }
    return (outcome, f.pointer[0])
  }

  /// A member with a point and one output, such as `map` (rows numbers) or `jacobian`.
  public func call(
    _ name: Member, _ member: Functions.At?, at point: Functions.Point, into out: Functions.Out,
    count: Int
  ) throws(KantorError) -> Evaluation {
    if let values = known?.values(name, at: point, count) {
      out.update(from: values.pointer, count: count)
      return .fine
    }
    let member = try need(name, member)
    let values = try output(name, count)
    let outcome = run(name, at: point, values, count) { member($0, values.pointer) }
    if case .fine = outcome { out.update(from: values.pointer, count: count) }
    return outcome
  }

  /// A member with a point and a vector, such as `jacobian_product`.
  public func call(
    _ name: Member, _ member: Functions.Product?, at point: Functions.Point,
    times vector: Functions.Point, vectorCount: Int, into out: Functions.Out, count: Int
  ) throws(KantorError) -> Evaluation {
    let member = try need(name, member)
    let values = try output(name, count)
    let vectors = try input(vector, vectorCount)
    let outcome = run(name, at: point, values, count) {
      member($0, vectors, values.pointer)
    }
    if case .fine = outcome { out.update(from: values.pointer, count: count) }
    return outcome
  }

  /// A member with multipliers: `hessian` or `parameter_gradient`; `y` has as many numbers as the
  /// evaluator has rows.
  public func call(
    _ name: Member, _ member: Functions.Second?, at point: Functions.Point, sigma: Double,
    y: Functions.Point, into out: Functions.Out, count: Int
  ) throws(KantorError) -> Evaluation {
    let member = try need(name, member)
    let values = try output(name, count)
    multipliers.pointer.update(from: y, count: multipliers.count)
    let outcome = run(name, at: point, values, count) {
      member($0, sigma, UnsafePointer(multipliers.pointer), values.pointer)
    }
    if case .fine = outcome { out.update(from: values.pointer, count: count) }
    return outcome
  }

  /// (sigma f'' + sum y_i c_i'') v.
  public func hessianProduct(
    at point: Functions.Point, sigma: Double, y: Functions.Point, times vector: Functions.Point,
    into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    let member = try need(.hessianProduct, functions.hessianProduct)
    let values = try output(.hessianProduct, variables)
    multipliers.pointer.update(from: y, count: multipliers.count)
    let vectors = try input(vector, variables)
    let outcome = run(.hessianProduct, at: point, values, variables) {
      member($0, sigma, UnsafePointer(multipliers.pointer), vectors, values.pointer)
    }
    if case .fine = outcome { out.update(from: values.pointer, count: variables) }
    return outcome
  }

  /// A member of a finite sum: the mean over the listed components.
  public func call(
    _ name: Member, _ member: Functions.Batch?, at point: Functions.Point,
    indices: Buffer<Int64>, count batch: Int, into out: Functions.Out, count: Int
  ) throws(KantorError) -> Evaluation {
    let member = try need(name, member)
    let values = try output(name, count)
    let outcome = run(name, at: point, values, count, weight: batch) {
      member($0, UnsafePointer(indices.pointer), batch, values.pointer)
    }
    if case .fine = outcome { out.update(from: values.pointer, count: count) }
    return outcome
  }

  /// The product of a finite sum's second derivative with `vector`.
  public func batchHessianProduct(
    at point: Functions.Point, indices: Buffer<Int64>, count batch: Int,
    times vector: Functions.Point, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    let member = try need(.batchHessianProduct, functions.batchHessianProduct)
    let values = try output(.batchHessianProduct, variables)
    let vectors = try input(vector, variables)
    let outcome = run(.batchHessianProduct, at: point, values, variables, weight: batch) {
      member($0, UnsafePointer(indices.pointer), batch, vectors, values.pointer)
    }
    if case .fine = outcome { out.update(from: values.pointer, count: variables) }
    return outcome
  }

  /// prox of step * g at `point`.
  public func prox(
    at point: Functions.Point, step: Double, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    let member = try need(.prox, functions.prox)
    let values = try output(.prox, variables)
    let outcome = run(.prox, at: point, values, variables) { member($0, step, values.pointer) }
    if case .fine = outcome { out.update(from: values.pointer, count: variables) }
    return outcome
  }

  /// f or c at re + i im.
  public func call(
    _ name: Member, _ member: Functions.Complex?, at re: Functions.Point, im: Functions.Point,
    into outRe: Functions.Out, _ outIm: Functions.Out, count: Int
  ) throws(KantorError) -> Evaluation {
    let member = try need(name, member)
    let real = try output(name, count)
    let imaginary = try self.imaginary(count)
    let other = try input(im, variables)
    imaginary.fill(.nan)
    var outcome = run(name, at: re, real, count) {
      member($0, other, real.pointer, imaginary.pointer)
    }
    if case .fine = outcome { outcome = inspect(name, imaginary, count) }
    guard case .fine = outcome else { return outcome }
    outRe.update(from: real.pointer, count: count)
    outIm.update(from: imaginary.pointer, count: count)
    return outcome
  }

  // MARK: Answers

  /// Those of value, gradient, map and jacobian to the last questions, if they were about `point`,
  /// bit for bit. They are given away: the next questions are asked anew.
  public func handOver(at point: Buffer<Double>) throws(KantorError) -> KnownAnswers? {
    guard place > 0, KnownAnswers.areSame(x.pointer, point.pointer, variables) else { return nil }
    var answers: [(Member, Buffer<Double>)] = []
    for member in [Member.value, .gradient, .map, .jacobian] {
      guard places[member.index] == place, let values = outputs[member.index] else { continue }
      answers.append((member, values))
      outputs[member.index] = nil
    }
    return KnownAnswers(point: try point.copy(), answers: answers)
  }

  // MARK: Parts

  private func need<F>(_ name: Member, _ member: F?) throws(KantorError) -> F {
    if let member { return member }
    let offered = functions.offered
    throw KantorError(
      .missing,
      "the functions do not offer '\(name.rawValue)', which is needed here; they offer "
        + (offered.isEmpty ? "nothing" : offered.map(\.rawValue).joined(separator: ", ")))
  }

  private func output(_ name: Member, _ count: Int) throws(KantorError) -> Buffer<Double> {
    if let buffer = outputs[name.index], buffer.count == count { return buffer }
    let buffer = try Buffer<Double>(count: count)
    outputs[name.index] = buffer
    return buffer
  }

  private func imaginary(_ count: Int) throws(KantorError) -> Buffer<Double> {
    if let imaginary, imaginary.count == count { return imaginary }
    let buffer = try Buffer<Double>(count: count)
    imaginary = buffer
    return buffer
  }

  private func input(_ vector: Functions.Point, _ count: Int) throws(KantorError) -> Functions.Point
  {
    guard count <= v.count else {
      throw KantorError(.internal, "a vector of \(count) numbers where \(v.count) fit")
    }
    v.pointer.update(from: vector, count: count)
    return UnsafePointer(v.pointer)
  }

  /// One call: limit, NaN, time, code, and a look at the output.
  private func run(
    _ name: Member, at point: Functions.Point, _ out: Buffer<Double>, _ count: Int,
    weight: Int = 1, _ body: (Functions.Point) -> Int32
  ) -> Evaluation {
    if monitor.stop != nil { return .stop }
    if limited.contains(name) {
      guard used < limit else {
        monitor.end(.evaluationLimit)
        return .stop
      }
      used += weight
    }
    if place == 0 || !KnownAnswers.areSame(x.pointer, point, variables) {
      x.pointer.update(from: point, count: variables)
      place += 1
    }
    places[name.index] = -1
    if name == .valueGradient {
      (places[Member.value.index], places[Member.gradient.index]) = (-1, -1)
    }
    for i in 0..<count { out.pointer[i] = .nan }
    calls[name.index] += 1
    let start = monitor.seconds
    let code = body(UnsafePointer(x.pointer))
    hostSeconds += monitor.seconds - start
    if code < 0 {
      complaint = "\(name.rawValue) returned \(code)"
      monitor.end(.stoppedByCallback, code: code)
      return .stop
    }
    if code > 0 {
      complaint = "\(name.rawValue) returned \(code): not defined at this point"
      return .undefined
    }
    // The host may have used up the time, or have asked for an end from within.
    if monitor.heartbeat() != nil { return .stop }
    let outcome = inspect(name, out, count)
    if case .fine = outcome { places[name.index] = place }
    return outcome
  }

  private func inspect(_ name: Member, _ out: Buffer<Double>, _ count: Int) -> Evaluation {
    var sum = 0.0
    for i in 0..<count { sum += out.pointer[i] * 0 }
    if sum == 0 { return .fine }
    for i in 0..<count where !out.pointer[i].isFinite {
      complaint = "\(name.rawValue): entry \(i) is \(out.pointer[i])"
      return .undefined
    }
    return .fine
  }
}

extension Functions.Member {
  /// Its place among all members.
  fileprivate var index: Int {
    switch self {
    case .value: return 0
    case .gradient: return 1
    case .valueGradient: return 2
    case .map: return 3
    case .jacobian: return 4
    case .jacobianProduct: return 5
    case .jacobianTransposeProduct: return 6
    case .hessian: return 7
    case .hessianProduct: return 8
    case .valueComplex: return 9
    case .mapComplex: return 10
    case .batchValue: return 11
    case .batchGradient: return 12
    case .batchMap: return 13
    case .batchHessianProduct: return 14
    case .prox: return 15
    case .parameterGradient: return 16
    case .parameterJacobian: return 17
    case .parameterValue: return 18
    }
  }
}
