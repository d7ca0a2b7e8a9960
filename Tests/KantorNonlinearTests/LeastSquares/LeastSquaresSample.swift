import Glibc
import KantorCore

import KantorNonlinear

/// Least-squares problems of the tests, by Swift closures over arrays.
struct LeastSquaresSample {
  var n: Int
  var m: Int
  var start: [Double]
  var residuals: @Sendable ([Double]) -> [Double]
  /// Row-major.
  var jacobian: (@Sendable ([Double]) -> [Double])?
  var lower: [Double]?
  var upper: [Double]?
  var loss = "linear"
  var scale = 1.0
  enum Form { case entries, products, differences }
  var form = Form.entries

  init(
    start: [Double], residuals count: Int, _ residuals: @escaping @Sendable ([Double]) -> [Double],
    jacobian: (@Sendable ([Double]) -> [Double])? = nil
  ) {
    n = start.count
    m = count
    self.start = start
    self.residuals = residuals
    self.jacobian = jacobian
    if jacobian == nil { form = .differences }
  }

  var functions: Functions {
    let (n, m, residuals, jacobian) = (n, m, residuals, jacobian)
    @Sendable func list(_ x: Functions.Point) -> [Double] { (0..<n).map { x[$0] } }
    var functions = Functions()
    functions.map = { x, out in
      for (i, r) in residuals(list(x)).enumerated() { out[i] = r }
      return 0
    }
    guard let jacobian else { return functions }
    switch form {
    case .differences: break
    case .entries:
      functions.jacobian = { x, out in
        for (k, a) in jacobian(list(x)).enumerated() { out[k] = a }
        return 0
      }
    case .products:
      functions.jacobianProduct = { x, v, out in
        let a = jacobian(list(x))
        for i in 0..<m { out[i] = (0..<n).reduce(0) { $0 + a[i * n + $1] * v[$1] } }
        return 0
      }
      functions.jacobianTransposeProduct = { x, w, out in
        let a = jacobian(list(x))
        for j in 0..<n { out[j] = (0..<m).reduce(0) { $0 + a[$1 * n + j] * w[$1] } }
        return 0
      }
    }
    return functions
  }

  func problem(_ functions: Functions? = nil) throws -> Problem {
    let problem = Problem(kind: LeastSquaresKind.kind)
    try problem.set("functions", .functions(functions ?? self.functions))
    try problem.set("start", .array(Tensor(try Buffer(start))))
    try problem.set("residual_count", .int(Int64(m)))
    if let lower { try problem.set("lower", .array(Tensor(try Buffer(lower)))) }
    if let upper { try problem.set("upper", .array(Tensor(try Buffer(upper)))) }
    if loss != "linear" { try problem.set("loss", .text(loss)) }
    if scale != 1 { try problem.set("loss_scale", .real(scale)) }
    return problem
  }

  func solve(
    _ options: [String: OptionValue] = [:], functions: Functions? = nil
  ) throws -> Result {
    try Self.solve(problem(functions), options)
  }

  static func solve(_ problem: Problem, _ options: [String: OptionValue] = [:]) throws -> Result {
    let settings = Settings(method: LevenbergMarquardt.spec)
    for (name, value) in options { try settings.set(name, value) }
    let run = try settings.run(for: LevenbergMarquardt.spec)
    let result = try LevenbergMarquardt.entry.solve(try problem.seal(), run)
    return result.adding(try CommonOutputs.fields(of: result, run.monitor))
  }

  // MARK: Known problems

  /// Rosenbrock's valley as residuals.
  static let rosenbrock = LeastSquaresSample(
    start: [2, 2], residuals: 2, { [10 * ($0[1] - $0[0] * $0[0]), 1 - $0[0]] },
    jacobian: { [-20 * $0[0], 10, -1, 0] })

  /// A system whose roots are a circle: the Jacobian is singular at each of them.
  static let circle = LeastSquaresSample(
    start: [2, 1.5], residuals: 2,
    {
      let t = $0[0] * $0[0] + $0[1] * $0[1] - 1
      return [t, t * ($0[0] + 2)]
    },
    jacobian: {
      let (x, y) = ($0[0], $0[1])
      let t = x * x + y * y - 1
      return [2 * x, 2 * y, 2 * x * (x + 2) + t, 2 * y * (x + 2)]
    })

  /// Powell's singular function: J has rank 2 at the root 0.
  static let powell = LeastSquaresSample(
    start: [3, -1, 0, 1], residuals: 4,
    {
      let (a, b, c, d) = ($0[0], $0[1], $0[2], $0[3])
      return [
        a + 10 * b, 5.0.squareRoot() * (c - d), (b - 2 * c) * (b - 2 * c),
        10.0.squareRoot() * (a - d) * (a - d),
      ]
    },
    jacobian: {
      let (a, b, c, d) = ($0[0], $0[1], $0[2], $0[3])
      let (p, q) = (2 * (b - 2 * c), 2 * 10.0.squareRoot() * (a - d))
      return [
        1, 10, 0, 0, 0, 0, 5.0.squareRoot(), -(5.0.squareRoot()), 0, p, -2 * p, 0, q, 0, 0, -q,
      ]
    })

  /// Misra1a of the NIST collection of nonlinear regressions: b1 (1 - exp(-b2 x)).
  static let misra: LeastSquaresSample = {
    let x = [
      77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
      760.0,
    ]
    let y = [
      10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
      81.78,
    ]
    @Sendable func residuals(_ b: [Double]) -> [Double] {
      var out: [Double] = []
      for i in 0..<14 {
        let e: Double = exp(-b[1] * x[i])
        out.append(b[0] * (1 - e) - y[i])
      }
      return out
    }
    @Sendable func jacobian(_ b: [Double]) -> [Double] {
      var out: [Double] = []
      for t in x {
        let e: Double = exp(-b[1] * t)
        out.append(1 - e)
        out.append(b[0] * t * e)
      }
      return out
    }
    return LeastSquaresSample(
      start: [500, 0.0001], residuals: 14, { residuals($0) }, jacobian: { jacobian($0) })
  }()
}
