import Glibc

/// An expression over x_0, x_1, ... of a test problem.
indirect enum Expression: Sendable {
  case constant(Double)
  case variable(Int)
  case sum(Expression, Expression)
  case difference(Expression, Expression)
  case product(Expression, Expression)
  case power(Expression, Double)
  case call(Function, Expression)

  enum Function: String, Sendable { case exp, log, sqrt, sin, cos }

  func evaluate<Number: TestNumber>(at x: [Number]) -> Number {
    switch self {
    case .constant(let value): return .constant(value, like: x[0])
    case .variable(let i): return x[i]
    case .sum(let a, let b): return a.evaluate(at: x).plus(b.evaluate(at: x))
    case .difference(let a, let b): return a.evaluate(at: x).minus(b.evaluate(at: x))
    case .product(let a, let b): return a.evaluate(at: x).times(b.evaluate(at: x))
    case .power(let base, let p):
      return base.evaluate(at: x).chain {
        (pow($0, p), p * pow($0, p - 1), p == 1 ? 0 : p * (p - 1) * pow($0, p - 2))
      }
    case .call(let function, let argument):
      return argument.evaluate(at: x).chain { function.derivatives($0) }
    }
  }
}

extension Expression.Function {
  func derivatives(_ t: Double) -> (value: Double, first: Double, second: Double) {
    switch self {
    case .exp: return (Glibc.exp(t), Glibc.exp(t), Glibc.exp(t))
    case .log: return (Glibc.log(t), 1 / t, -1 / (t * t))
    case .sin: return (Glibc.sin(t), Glibc.cos(t), -Glibc.sin(t))
    case .cos: return (Glibc.cos(t), -Glibc.sin(t), -Glibc.cos(t))
    case .sqrt:
      let root = t.squareRoot()
      return (root, 0.5 / root, -0.25 / (t * root))
    }
  }
}

/// Reads an expression; the grammar is in Tests/collections/README.md.
struct ExpressionReader {
  struct Failure: Error { let message: String }

  private let text: [UInt8]
  private var place = 0
  private let names: [String: Expression]

  static func read(
    _ source: some StringProtocol, names: [String: Expression] = [:]
  ) throws -> Expression {
    var reader = ExpressionReader(text: Array(source.utf8), names: names)
    let expression = try reader.sum()
    guard reader.peek() == nil else { throw Failure(message: "cannot read '\(source)'") }
    return expression
  }

  /// A right side or an exponent.
  static func number(_ source: some StringProtocol) throws -> Double {
    try read(source).evaluate(at: [0.0])
  }

  private init(text: [UInt8], names: [String: Expression]) {
    self.text = text
    self.names = names
  }

  private mutating func peek() -> Character? {
    while place < text.count, text[place] == 32 { place += 1 }
    return place < text.count ? Character(UnicodeScalar(text[place])) : nil
  }

  private mutating func take(_ character: Character) -> Bool {
    guard peek() == character else { return false }
    place += 1
    return true
  }

  private mutating func sum() throws -> Expression {
    var left = try product()
    while true {
      if take("+") {
        left = .sum(left, try product())
      } else if take("-") {
        left = .difference(left, try product())
      } else {
        return left
      }
    }
  }

  private mutating func product() throws -> Expression {
    var left = try signed()
    while true {
      if take("*") {
        left = .product(left, try signed())
      } else if take("/") {
        left = .product(left, .power(try signed(), -1))
      } else {
        return left
      }
    }
  }

  private mutating func signed() throws -> Expression {
    if take("-") { return .product(.constant(-1), try signed()) }
    let base = try atom()
    guard take("^") else { return base }
    return .power(base, try signed().evaluate(at: [Double.nan]))
  }

  private mutating func atom() throws -> Expression {
    if take("(") {
      let inside = try sum()
      guard take(")") else { throw Failure(message: "a parenthesis is open") }
      return inside
    }
    guard let first = peek() else { throw Failure(message: "the expression ends early") }
    if first.isNumber || first == "." { return .constant(try literal()) }
    let name = word()
    if let function = Expression.Function(rawValue: name), take("(") {
      let argument = try sum()
      guard take(")") else { throw Failure(message: "a parenthesis is open") }
      return .call(function, argument)
    }
    if let known = names[name] { return known }
    if name == "pi" { return .constant(.pi) }
    if name == "inf" { return .constant(.infinity) }
    if name.first == "x", let index = Int(name.dropFirst()), index > 0 {
      return .variable(index - 1)
    }
    throw Failure(message: "unknown name '\(name)'")
  }

  private mutating func word() -> String {
    let start = place
    while place < text.count {
      let character = Character(UnicodeScalar(text[place]))
      guard character.isLetter || character.isNumber else { break }
      place += 1
    }
    return String(decoding: text[start..<place], as: UTF8.self)
  }

  private mutating func literal() throws -> Double {
    let start = place
    while place < text.count {
      let character = Character(UnicodeScalar(text[place]))
      let followsE = place > start && text[place - 1] == UInt8(ascii: "e")
      guard character.isNumber || character == "." || character == "e"
        || (followsE && (character == "-" || character == "+"))
      else { break }
      place += 1
    }
    let digits = String(decoding: text[start..<place], as: UTF8.self)
    guard let value = Double(digits) else { throw Failure(message: "'\(digits)' is no number") }
    return value
  }
}
