import KantorCore
import KantorNonlinear

/// How a test problem was solved.
struct Solved {
  let result: Result
  let objective: Double
  let x: [Double]

  var status: Status { result.status }
  func number(_ name: String) -> Double { (try? result.real(name)) ?? .nan }
  func count(_ name: String) -> Int { Int((try? result.int(name)) ?? -1) }
}

extension TextProblem {
  func problem(
    _ given: Functions? = nil, hessian: Bool = true, linear: [UInt8]? = nil
  ) throws -> NonlinearProblem {
    try NonlinearProblem(
      functions: given ?? functions(hessian: hessian), start: Buffer(start), lower: Buffer(lower),
      upper: Buffer(upper), constraintLower: m > 0 ? Buffer(rowLower) : nil,
      constraintUpper: m > 0 ? Buffer(rowUpper) : nil,
      linearRows: linear.map { try Buffer($0) })
  }

  /// The same with patterns in place of dense derivatives: all entries, column by column.
  func patterned(hessian: Bool = true) throws -> NonlinearProblem {
    var f = functions(hessian: hessian)
    let problem = Problem(kind: NonlinearKind.kind)
    if m > 0, let dense = f.jacobian {
      f.jacobian = { x, out in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: m * n) { rows in
          guard let first = rows.baseAddress else { return 1 }
          let code = dense(x, first)
          for j in 0..<n { for i in 0..<m { out[j * m + i] = first[i * n + j] } }
          return code
        }
      }
      try problem.set(
        "jacobian_pattern",
        ScalableProblem.pattern(
          (0..<n).flatMap { _ in 0..<m }, (0..<n).flatMap { [Int](repeating: $0, count: m) }, m, n))
      try problem.set("constraint_lower", ScalableProblem.vector(rowLower))
      try problem.set("constraint_upper", ScalableProblem.vector(rowUpper))
    }
    if hessian {
      f.hessian = { x, sigma, y, out in
        let whole = second(x, sigma, y)
        var next = 0
        for j in 0..<n {
          for i in j..<n {
            out[next] = whole[i * n + j]
            next += 1
          }
        }
        return 0
      }
      try problem.set(
        "hessian_pattern",
        ScalableProblem.pattern(
          (0..<n).flatMap { $0..<n }, (0..<n).flatMap { [Int](repeating: $0, count: n - $0) }, n,
          n))
    }
    try problem.set("functions", .functions(f))
    try problem.set("start", ScalableProblem.vector(start))
    try problem.set("lower", ScalableProblem.vector(lower))
    try problem.set("upper", ScalableProblem.vector(upper))
    return try ScalableProblem.sealed(problem)
  }

  func solve(
    _ entry: MethodEntry, hessian: Bool = true, _ options: [String: OptionValue] = [:],
    start: WarmStart = WarmStart()
  ) throws -> Solved {
    try Solving.run(entry, problem(hessian: hessian), options, start: start)
  }
}

enum Solving {
  static func run(
    _ entry: MethodEntry, _ problem: NonlinearProblem, _ options: [String: OptionValue] = [:],
    start: WarmStart = WarmStart()
  ) throws -> Solved {
    let values = OptionValues(specs: entry.spec.options, set: options)
    let monitor = Monitor(
      iterationLimit: values.int("max_iterations"), keepsTrace: values.flag("trace"))
    let result = try entry.solve(problem, Run(options: values, monitor: monitor, start: start))
    let x = result.has("x") ? try result.array("x").list() : []
    let f = result.has("objective") ? try result.real("objective") : .nan
    return Solved(result: result, objective: f, x: x)
  }
}
