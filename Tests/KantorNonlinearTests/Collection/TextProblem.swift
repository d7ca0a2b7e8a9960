import Glibc
import KantorCore

/// A problem of Tests/collections: written once as text, with derivatives of both orders.
struct TextProblem: Sendable {
  let name: String
  var start: [Double] = []
  var lower: [Double] = []
  var upper: [Double] = []
  var objective = Expression.constant(0)
  var rows: [Expression] = []
  var rowLower: [Double] = []
  var rowUpper: [Double] = []
  /// The best known value first, then those of other local solutions.
  var optima: [Double] = []

  var n: Int { start.count }
  var m: Int { rows.count }
  var isEqualityOnly: Bool {
    m > 0 && rowLower == rowUpper && lower.allSatisfy { $0 == -.infinity }
      && upper.allSatisfy { $0 == .infinity }
  }

  /// f is that of a known local solution.
  func isOptimum(_ f: Double, tolerance: Double = 1e-6) -> Bool {
    optima.contains { abs(f - $0) <= tolerance * max(1, abs($0)) }
  }

  /// The bundle of functions; with second derivatives if asked for.
  func functions(hessian: Bool = true) -> Functions {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = objective.evaluate(at: point(x))
      return 0
    }
    functions.gradient = { x, out in
      let f = objective.evaluate(at: differentiable(x))
      for i in 0..<n { out[i] = f.gradient[i] }
      return 0
    }
    if m > 0 {
      functions.map = { x, out in
        let x = point(x)
        for i in 0..<m { out[i] = rows[i].evaluate(at: x) }
        return 0
      }
      functions.jacobian = { x, out in
        let x = differentiable(x)
        for i in 0..<m {
          let row = rows[i].evaluate(at: x).gradient
          for j in 0..<n { out[i * n + j] = row[j] }
        }
        return 0
      }
    }
    guard hessian else { return functions }
    functions.hessian = { x, sigma, y, out in
      let h = second(x, sigma, y)
      for i in 0..<(n * n) { out[i] = h[i] }
      return 0
    }
    return functions
  }

  /// sigma f'' + sum y_i c_i''.
  func second(_ x: UnsafePointer<Double>, _ sigma: Double, _ y: UnsafePointer<Double>) -> [Double]
  {
    let x = differentiable(x)
    var h = [Double](repeating: 0, count: n * n)
    if sigma != 0 {
      let f = objective.evaluate(at: x)
      for k in 0..<(n * n) { h[k] = sigma * f.hessian[k] }
    }
    for i in 0..<m where y[i] != 0 {
      let c = rows[i].evaluate(at: x)
      for k in 0..<(n * n) { h[k] += y[i] * c.hessian[k] }
    }
    return h
  }

  private func point(_ x: UnsafePointer<Double>) -> [Double] { (0..<n).map { x[$0] } }
  private func differentiable(_ x: UnsafePointer<Double>) -> [SecondOrderNumber] {
    (0..<n).map { .variable($0, of: n, x[$0]) }
  }
}

/// The problems of the files, read once.
enum TextCollection {
  static let hockSchittkowski = read("hock_schittkowski_1") + read("hock_schittkowski_2")
  static let equalityAndDegenerate = read("equality_and_degenerate")
  static var all: [TextProblem] { hockSchittkowski + equalityAndDegenerate }
  /// Not in `all`: no problems for every method. Those without an optimum are infeasible.
  static let hard = read("hard")

  struct Missing: Error { let name: String }

  static func named(_ name: String) throws -> TextProblem {
    guard let problem = all.first(where: { $0.name == name }) else { throw Missing(name: name) }
    return problem
  }

  private static func read(_ file: String) -> [TextProblem] {
    let here = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    let path = here.joined(separator: "/") + "/collections/\(file).txt"
    guard let stream = fopen(path, "r") else { return [] }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(stream), byte >= 0 { bytes.append(UInt8(byte)) }
    return (try? problems(String(decoding: bytes, as: UTF8.self))) ?? []
  }

  static func problems(_ text: String) throws -> [TextProblem] {
    var lines: [String] = []
    for line in text.split(separator: "\n") {
      if line.first == " ", let last = lines.popLast() {
        lines.append(last + line)
      } else if line.first != "#" {
        lines.append(String(line))
      }
    }
    var problems: [TextProblem] = []
    var names: [String: Expression] = [:]
    for line in lines {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts[0] == "problem" {
        problems.append(TextProblem(name: String(parts[1])))
        names = [:]
      } else if var problem = problems.popLast() {
        try problem.read(String(parts[0]), String(parts[1]), &names)
        problems.append(problem)
      }
    }
    return problems
  }
}

extension TextProblem {
  fileprivate mutating func read(
    _ word: String, _ rest: String, _ names: inout [String: Expression]
  ) throws {
    switch word {
    case "start":
      start = try rest.split(separator: " ").map { try ExpressionReader.number($0) }
      lower = .init(repeating: -.infinity, count: n)
      upper = .init(repeating: .infinity, count: n)
    case "bounds": try readBounds(rest)
    case "let":
      let sides = rest.split(separator: "=", maxSplits: 1)
      names[String(sides[0].filter { $0 != " " })] = try ExpressionReader.read(
        sides[1], names: names)
    case "minimise": objective = try ExpressionReader.read(rest, names: names)
    case "row": try readRow(rest, names)
    case "optimum": optima = try rest.split(separator: " ").map { try ExpressionReader.number($0) }
    default: break
    }
  }

  private mutating func readBounds(_ rest: String) throws {
    let words = rest.split(separator: " ")
    var (first, last) = (1, n)
    if words.count == 3 {
      let ends = words[0].split(separator: ".").compactMap { Int($0.drop { $0 == "x" }) }
      first = ends.first ?? 1
      last = ends.last ?? n
    }
    for i in (first - 1)..<last {
      lower[i] = try ExpressionReader.number(words[words.count - 2])
      upper[i] = try ExpressionReader.number(words[words.count - 1])
    }
  }

  private mutating func readRow(_ rest: String, _ names: [String: Expression]) throws {
    let isAtLeast = rest.contains(">=")
    let isAtMost = rest.contains("<=")
    let sides = rest.split { "<>=".contains($0) }
    if sides.count == 3 {
      rows.append(try ExpressionReader.read(sides[1], names: names))
      rowLower.append(try ExpressionReader.number(sides[0]))
      rowUpper.append(try ExpressionReader.number(sides[2]))
      return
    }
    rows.append(try ExpressionReader.read(sides[0], names: names))
    let side = try ExpressionReader.number(sides[1])
    rowLower.append(isAtMost ? -.infinity : side)
    rowUpper.append(isAtLeast ? .infinity : side)
  }
}
