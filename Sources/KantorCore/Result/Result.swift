import Synchronization

/// What a solve gives back: a status that follows from a certificate, named scalars and arrays,
/// the trace, and derivative products. Immutable; outlives problem and settings.
public final class Result: Sendable {
  public enum Value: Sendable {
    case real(Double)
    case int(Int64)
    case text(String)
    case array(LazyTensor)
  }

  public struct Field: Sendable {
    public let name: String
    public let value: Value
    public let isCertificate: Bool
  }

  /// Pulls cotangents of result fields back to fields of the problem.
  public typealias Derivative =
    @Sendable (_ cotangents: [String: Tensor], _ wanted: [String]) throws(KantorError) ->
    [String: Tensor]

  public let spec: MethodSpec
  public let status: Status
  public let fields: [Field]
  /// What a solve that starts from this result may use again, such as the analysis of a sparsity
  /// pattern; immutable. A method takes it only after comparing it with its own problem.
  public let reusable: (any Sendable)?
  private let derivative: Derivative?
  private let forward: Derivative?

  public init(
    spec: MethodSpec, status: Status, fields: ResultFields, derivative: Derivative? = nil,
    forward: Derivative? = nil, reusable: (any Sendable)? = nil
  ) {
    self.forward = forward
    self.reusable = reusable
    self.spec = spec
    self.status = status
    self.fields = fields.list
    self.derivative = derivative
  }

  /// The same result with further fields at the end; those it has already are left out.
  public func adding(_ further: ResultFields) -> Result {
    var all = ResultFields(fields)
    for field in further.list where !has(field.name) { all.append(field) }
    return Result(
      spec: spec, status: status, fields: all, derivative: derivative, forward: forward,
      reusable: reusable)
  }

  public func has(_ name: String) -> Bool { fields.contains { $0.name == name } }

  private func value(_ name: String) throws(KantorError) -> Value {
    if let field = fields.first(where: { $0.name == name }) { return field.value }
    throw unknownName("result field of '\(spec.name)'", name, among: fields.map(\.name))
  }

  private func typeError(_ name: String, _ wanted: String) -> KantorError {
    KantorError(.type, "result field '\(name)' is not of type \(wanted)")
  }

  public func real(_ name: String) throws(KantorError) -> Double {
    switch try value(name) {
    case .real(let x): return x
    case .int(let k): return Double(k)
    default: throw typeError(name, "real")
    }
  }

  public func int(_ name: String) throws(KantorError) -> Int64 {
    guard case .int(let k) = try value(name) else { throw typeError(name, "int") }
    return k
  }

  public func text(_ name: String) throws(KantorError) -> String {
    guard case .text(let text) = try value(name) else { throw typeError(name, "text") }
    return text
  }

  public func array(_ name: String) throws(KantorError) -> Tensor {
    guard case .array(let lazy) = try value(name) else { throw typeError(name, "array") }
    return try lazy.tensor()
  }

  public func vjp(
    cotangents: [String: Tensor], wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    guard let derivative else {
      throw KantorError(.unsupported, "a result of '\(spec.name)' has no derivative products")
    }
    return try derivative(cotangents, wanted)
  }

  /// Pushes tangents of fields of the problem forward to fields of the result.
  public func jvp(
    tangents: [String: Tensor], wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    guard let forward else {
      throw KantorError(
        .unsupported, "a result of '\(spec.name)' has no Jacobian-vector products")
    }
    return try forward(tangents, wanted)
  }
}

/// Collects the fields of a result in the order in which they are to be shown.
public struct ResultFields: Sendable {
  public private(set) var list: [Result.Field] = []

  public init() {}
  init(_ list: [Result.Field]) { self.list = list }

  mutating func append(_ field: Result.Field) { list.append(field) }

  public mutating func add(_ name: String, _ x: Double) { append(name, .real(x), false) }
  public mutating func add(_ name: String, _ k: Int) { append(name, .int(Int64(k)), false) }
  public mutating func add(_ name: String, _ text: String) { append(name, .text(text), false) }
  public mutating func add(_ name: String, _ tensor: Tensor) {
    append(name, .array(LazyTensor(tensor)), false)
  }
  /// Computed at the first request, once.
  public mutating func addLazily(
    _ name: String, _ make: @escaping @Sendable () throws(KantorError) -> Tensor
  ) {
    append(name, .array(LazyTensor(make)), false)
  }
  public mutating func certify(_ name: String, _ x: Double) { append(name, .real(x), true) }

  public mutating func append(_ other: ResultFields) { list += other.list }

  public mutating func add(_ trace: Trace) throws(KantorError) {
    let columns = [
      ("trace_iteration", trace.iteration), ("trace_seconds", trace.seconds),
      ("trace_objective", trace.objective), ("trace_residual", trace.residual),
      ("trace_gap", trace.gap),
    ]
    for (name, values) in columns { add(name, Tensor(try Buffer(values))) }
  }

  private mutating func append(_ name: String, _ value: Result.Value, _ isCertificate: Bool) {
    list.append(Result.Field(name: name, value: value, isCertificate: isCertificate))
  }
}

/// An array that is made when somebody asks for it. Thread-safe.
public final class LazyTensor: Sendable {
  private enum State {
    case made(Tensor)
    case waiting(@Sendable () throws(KantorError) -> Tensor)
  }
  private let state: Mutex<State>

  public init(_ tensor: Tensor) { state = Mutex(.made(tensor)) }
  public init(_ make: @escaping @Sendable () throws(KantorError) -> Tensor) {
    state = Mutex(.waiting(make))
  }

  /// The array, if somebody has asked for it before.
  var made: Tensor? {
    state.withLock { if case .made(let tensor) = $0 { tensor } else { nil } }
  }

  public func tensor() throws(KantorError) -> Tensor {
    // The maker is let go outside the lock: it may hold the last borrowed array of the host.
    let (tensor, old) = try state.withLock { (state) throws(KantorError) -> (Tensor, State) in
      let old = state
      switch old {
      case .made(let tensor):
        return (tensor, old)
      case .waiting(let make):
        let tensor = try make()
        state = .made(tensor)
        return (tensor, old)
      }
    }
    withExtendedLifetime(old) {}
    return tensor
  }
}
