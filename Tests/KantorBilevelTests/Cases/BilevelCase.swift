import Foundation
import KantorBilevel
import KantorBlocks
import KantorCore

/// One problem of the case file, with its answers.
struct BilevelCase: Sendable, CustomStringConvertible {
  struct Answer: Sendable {
    let x: [Double]
    let value: Double
  }
  struct Hypergradient: Sendable {
    let x: [Double]
    let y: [Double]
    let gradient: [Double]
  }

  let id: String
  let kindOfCase: String
  let mode: String
  let nx: Int
  let ny: Int
  let upper: Expression
  let lower: Expression
  let upperRows: [Expression]
  let upperEqualities: Int
  let lowerRows: [Expression]
  let lowerEqualities: Int
  let bounds: [String: [Double]]
  let startX: [Double]
  let startY: [Double]
  let x: [Double]
  let y: [Double]
  let value: Double
  let lowerValue: Double
  let valueTolerance: Double
  let isUnique: Bool
  /// Values of F at other solutions and at local minima.
  let others: [Answer]
  let wrong: [(x: [Double], y: [Double], value: Double)]
  let hypergradients: [Hypergradient]

  var description: String { id }

  /// The cases of a file beside this one.
  static func read(_ name: String) -> [BilevelCase] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent(name)
    guard let data = try? Data(contentsOf: path),
      let file = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let list = file["cases"] as? [[String: Any]]
    else { return [] }
    return list.compactMap { try? BilevelCase($0) }
  }

  static let all = read("bilevel_cases.json")

  static func named(_ id: String) throws -> BilevelCase {
    guard let found = all.first(where: { $0.id == id }) else {
      throw ExpressionParser.Failure(text: id)
    }
    return found
  }

  /// A problem with |y_j|, for methods for smooth functions: y_j = p_j - q_j with p, q >= 0, where
  /// |y_j| is p_j + q_j.
  private static func split(_ entry: [String: Any]) -> [String: Any] {
    var entry = entry
    let ny = entry["ny"] as? Int ?? 0
    for key in ["F", "f"] {
      var text = entry[key] as? String ?? ""
      for j in 1...ny {
        text = text.replacingOccurrences(of: "abs(y\(j))", with: "(p\(j)+q\(j))")
        text = text.replacingOccurrences(of: "y\(j)", with: "(p\(j)-q\(j))")
      }
      for j in 1...ny {
        text = text.replacingOccurrences(of: "p\(j)", with: "y\(j)")
        text = text.replacingOccurrences(of: "q\(j)", with: "y\(j + ny)")
      }
      entry[key] = text
    }
    func halves(_ y: [Double]) -> [Double] { y.map { max($0, 0) } + y.map { max(-$0, 0) } }
    for key in ["y0", "y_star"] { entry[key] = halves(list(entry[key])) }
    entry["hypergradients"] = (entry["hypergradients"] as? [[String: Any]] ?? []).map {
      $0.merging(["y": halves(list($0["y"]))]) { $1 }
    }
    entry["yl"] = [Double](repeating: 0, count: 2 * ny)
    entry["yu"] = [Any](repeating: NSNull(), count: 2 * ny)
    entry["ny"] = 2 * ny
    return entry
  }

  private init(_ given: [String: Any]) throws {
    let entry = given["class"] as? String == "nonsmooth" ? Self.split(given) : given
    func text(_ key: String) -> String { entry[key] as? String ?? "" }
    func numbers(_ key: String) -> [Double] { Self.list(entry[key]) }
    let nx = entry["nx"] as? Int ?? 0
    func rows(_ key: String) throws -> [Expression] {
      try (entry[key] as? [String] ?? []).map { try ExpressionParser.parse($0, nx: nx) }
    }
    id = text("id")
    kindOfCase = text("class")
    mode = text("mode")
    self.nx = nx
    ny = entry["ny"] as? Int ?? 0
    upper = try ExpressionParser.parse(text("F"), nx: nx)
    lower = try ExpressionParser.parse(text("f"), nx: nx)
    let upperEquations = try rows("H")
    let lowerEquations = try rows("h")
    upperRows = try rows("G") + upperEquations
    upperEqualities = upperEquations.count
    lowerRows = try rows("g") + lowerEquations
    lowerEqualities = lowerEquations.count
    var bounds: [String: [Double]] = [:]
    for (key, name, none) in [
      ("xl", "x_lower", -Double.infinity), ("xu", "x_upper", .infinity),
      ("yl", "y_lower", -.infinity), ("yu", "y_upper", .infinity),
    ] {
      bounds[name] = (entry[key] as? [Any] ?? []).map { $0 as? Double ?? none }
    }
    self.bounds = bounds
    startX = numbers("x0")
    startY = numbers("y0")
    x = numbers("x_star")
    y = numbers("y_star")
    value = entry["F_star"] as? Double ?? .nan
    lowerValue = entry["f_star"] as? Double ?? .nan
    valueTolerance = (entry["tol"] as? [String: Any])?["F_rel"] as? Double ?? 1e-6
    isUnique = entry["ll_unique"] as? Bool ?? true
    others = Self.answers(entry)
    wrong = (entry["known_wrong_answers"] as? [[String: Any]] ?? []).map {
      (Self.list($0["x"]), Self.list($0["y"]), $0["F"] as? Double ?? .nan)
    }
    hypergradients = (entry["hypergradients"] as? [[String: Any]] ?? []).map {
      Hypergradient(x: Self.list($0["x"]), y: Self.list($0["y"]), gradient: Self.list($0["grad"]))
    }
  }

  private static func list(_ value: Any?) -> [Double] {
    (value as? [Any] ?? []).compactMap { $0 as? Double }
  }

  private static func answers(_ entry: [String: Any]) -> [Answer] {
    var answers: [Answer] = []
    for pair in entry["local_minima_x_F"] as? [[Any]] ?? [] where pair.count == 2 {
      let x = pair[0] as? Double
      answers.append(Answer(x: x.map { [$0] } ?? list(pair[0]), value: pair[1] as? Double ?? .nan))
    }
    for other in entry["other_global_solutions"] as? [[String: Any]] ?? [] {
      let value = other["F"] as? Double ?? entry["F_star"] as? Double
      answers.append(Answer(x: list(other["x"]), value: value ?? .nan))
    }
    return answers
  }

  /// The functions of one level.
  private static func functions(
    _ value: Expression, _ rows: [Expression], _ n: Int, second: Bool
  ) -> Functions {
    var functions = Functions()
    functions.value = { w, out in
      out[0] = value.jet(w, n).value
      return 0
    }
    functions.gradient = { w, out in
      let jet = value.jet(w, n)
      for i in 0..<n { out[i] = jet.gradient[i] }
      return 0
    }
    if !rows.isEmpty {
      functions.map = { w, out in
        for (i, row) in rows.enumerated() { out[i] = row.jet(w, n).value }
        return 0
      }
      functions.jacobian = { w, out in
        for (i, row) in rows.enumerated() {
          let jet = row.jet(w, n)
          for j in 0..<n { out[i * n + j] = jet.gradient[j] }
        }
        return 0
      }
    }
    guard second else { return functions }
    functions.hessianProduct = { w, sigma, y, v, out in
      var hessian = value.jet(w, n).hessian.map { sigma * $0 }
      for (i, row) in rows.enumerated() {
        let jet = row.jet(w, n)
        for k in 0..<(n * n) { hessian[k] += y[i] * jet.hessian[k] }
      }
      for i in 0..<n {
        out[i] = 0
        for j in 0..<n { out[i] += hessian[i * n + j] * v[j] }
      }
      return 0
    }
    return functions
  }

  /// As a problem of the kind, not sealed.
  func problem(second: Bool = true) throws -> Problem {
    let problem = Problem(kind: BilevelKind.kind)
    let n = nx + ny
    try problem.set(
      "upper", .functions(Self.functions(upper, upperRows, n, second: second)))
    try problem.set(
      "lower", .functions(Self.functions(lower, lowerRows, n, second: second)))
    try problem.set("start_x", .array(Tensor(try Buffer(startX))))
    try problem.set("start_y", .array(Tensor(try Buffer(startY))))
    for (name, values) in bounds {
      try problem.set(name, .array(Tensor(try Buffer(values))))
    }
    if !upperRows.isEmpty {
      try problem.set("upper_rows", .int(Int64(upperRows.count)))
      try problem.set("upper_equalities", .int(Int64(upperEqualities)))
    }
    if !lowerRows.isEmpty {
      try problem.set("lower_rows", .int(Int64(lowerRows.count)))
      try problem.set("lower_equalities", .int(Int64(lowerEqualities)))
    }
    return problem
  }

  func sealed(second: Bool = true) throws -> BilevelProblem {
    guard let sealed = try problem(second: second).seal() as? BilevelProblem else {
      throw ExpressionParser.Failure(text: id)
    }
    return sealed
  }

  /// Whether F is that of the solution, of another one, or of a local minimum.
  func accepts(_ objective: Double) -> Bool {
    ([value] + others.map(\.value)).contains {
      abs(objective - $0) <= valueTolerance * (1 + abs($0))
    }
  }
}
