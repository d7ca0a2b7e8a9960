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
