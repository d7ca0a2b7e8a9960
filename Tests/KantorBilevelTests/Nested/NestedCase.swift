import KantorBilevel
import KantorCore
import Synchronization
import TestSupport

/// A nested problem in the making: fields of its own, and a lower problem.
struct NestedCase {
  let problem = Problem(kind: NestedKind.kind)

  init(
    lower: Problem, by entry: MethodEntry, settings: Settings? = nil, fields: String,
    answers: String, size: Int, start: [Double], upper: Functions
  ) throws {
    try problem.set("lower", .problem(try Subproblem(lower, by: entry, settings: settings)))
    try problem.set("lower_fields", .text(fields))
    try problem.set("answers", .text(answers))
    try problem.set("answer_size", .int(Int64(size)))
    try problem.set("start_x", .array(Tensor(try Buffer(start))))
    try problem.set("upper", .functions(upper))
  }

  /// lower_matrix, row by row.
  func matrix(_ rows: [[Double]]) throws -> NestedCase {
    let numbers = try Buffer<Double>(rows.flatMap { $0 })
    try problem.set(
      "lower_matrix", .array(Tensor(numbers, shape: [rows.count, rows.first?.count ?? 0])))
    return self
  }

  func map(_ functions: Functions) throws -> NestedCase {
    try problem.set("lower_map", .functions(functions))
    return self
  }

  func bounds(_ low: [Double], _ high: [Double]) throws -> NestedCase {
    try problem.set("x_lower", .array(Tensor(try Buffer(low))))
    try problem.set("x_upper", .array(Tensor(try Buffer(high))))
    return self
  }

  func solve(
    _ options: [String: OptionValue] = [:], settings: Settings? = nil
  ) throws(KantorError) -> Result {
    let settings = settings ?? Settings(method: ImplicitProgramming.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try ImplicitProgramming.entry.solve(
      try problem.seal(), try settings.run(for: ImplicitProgramming.spec))
  }

  /// The hypergradient at x, compared with differences.
  func hypergradient(
    _ x: [Double], _ options: [String: OptionValue] = [:]
  ) throws(KantorError) -> Result {
    let settings = Settings(method: ImplicitProgramming.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try Hypergradient.evaluate(
      try problem.seal(), x: try Buffer(x), run: try settings.run(for: ImplicitProgramming.spec))
  }
}

extension Problem {
  /// A problem of a kind from its arrays; empty shapes stand for vectors.
  static func of(
    _ kind: ProblemKind, _ arrays: [(String, [Double], [Int])], words: [String: String] = [:]
  ) throws -> Problem {
    let problem = Problem(kind: kind)
    for (name, numbers, shape) in arrays {
      let tensor = Tensor(try Buffer(numbers), shape: shape.isEmpty ? [numbers.count] : shape)
      try problem.set(name, .array(tensor))
    }
    for (name, word) in words { try problem.set(name, .text(word)) }
    return problem
  }
}

extension Functions {
  /// |z - target|^2 / 2 + weight |x|^2 / 2 over (x, z).
  static func distance(nx: Int, to target: [Double], weight: Double = 0) -> Functions {
    var functions = Functions()
    functions.value = { w, out in
      var sum = 0.0
      for i in 0..<nx { sum += 0.5 * weight * w[i] * w[i] }
      for (j, t) in target.enumerated() { sum += 0.5 * (w[nx + j] - t) * (w[nx + j] - t) }
      out[0] = sum
      return 0
    }
    functions.gradient = { w, out in
      for i in 0..<nx { out[i] = weight * w[i] }
      for (j, t) in target.enumerated() { out[nx + j] = w[nx + j] - t }
      return 0
    }
    return functions
  }

  /// F and F' from a closure over (x, z).
  static func of(
    _ body: @escaping @Sendable (_ w: Point, _ gradient: Out) -> Double
  ) -> Functions {
    var functions = Functions()
    functions.valueGradient = { w, value, gradient in
      value[0] = body(w, gradient)
      return 0
    }
    return functions
  }
}

/// Numbers that functions of a test share.
final class Notes: Sendable {
  private let numbers: Mutex<[Double]>
  init(_ numbers: [Double] = []) { self.numbers = Mutex(numbers) }
  var all: [Double] {
    get { numbers.withLock { $0 } }
    set { numbers.withLock { $0 = newValue } }
  }
}
