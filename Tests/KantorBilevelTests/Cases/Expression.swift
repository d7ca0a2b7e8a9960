import Foundation

/// An infix expression in x1.. and y1.., evaluated with derivatives in the joined vector (x, y).
indirect enum Expression: Sendable {
  case number(Double)
  case variable(Int)
  case sum(Expression, Expression)
  case difference(Expression, Expression)
  case product(Expression, Expression)
  case quotient(Expression, Expression)
  case power(Expression, Double)
  case call(String, [Expression])

  func jet(_ w: UnsafePointer<Double>, _ n: Int) -> Jet {
    switch self {
    case .number(let x): return Jet(x, n)
    case .variable(let i): return .variable(w[i], i, n)
    case .sum(let a, let b): return a.jet(w, n) + b.jet(w, n)
    case .difference(let a, let b): return a.jet(w, n) - b.jet(w, n)
    case .product(let a, let b): return a.jet(w, n) * b.jet(w, n)
    case .quotient(let a, let b): return a.jet(w, n) / b.jet(w, n)
    case .power(let a, let p): return a.jet(w, n).power(p)
    case .call(let name, let arguments): return apply(name, arguments.map { $0.jet(w, n) })
    }
  }

  private func apply(_ name: String, _ a: [Jet]) -> Jet {
    let x = a[0].value
    switch name {
    case "exp": return a[0].chain(exp(x), exp(x), exp(x))
    case "log": return a[0].chain(log(x), 1 / x, -1 / (x * x))
    case "sqrt":
      let r = x.squareRoot()
      return a[0].chain(r, 0.5 / r, -0.25 / (r * x))
    case "sin": return a[0].chain(sin(x), cos(x), -sin(x))
    case "cos": return a[0].chain(cos(x), -sin(x), -cos(x))
    case "abs": return a[0].chain(abs(x), x > 0 ? 1 : x < 0 ? -1 : 0, 0)
    case "max": return x >= a[1].value ? a[0] : a[1]
    case "min": return x <= a[1].value ? a[0] : a[1]
    default: return Jet(.nan, a[0].gradient.count)
    }
  }
}

/// Recursive descent over + - * / ^, unary minus, parentheses and calls.
struct ExpressionParser {
  struct Failure: Error { let text: String }

  private let text: [Character]
  private let nx: Int
  private var place = 0

  static func parse(_ text: String, nx: Int) throws -> Expression {
    var parser = ExpressionParser(text: Array(text.filter { $0 != " " }), nx: nx)
    let expression = try parser.sum()
    guard parser.place == parser.text.count else { throw Failure(text: text) }
    return expression
  }

  private init(text: [Character], nx: Int) {
    self.text = text
    self.nx = nx
  }

  private var next: Character? { place < text.count ? text[place] : nil }

  private mutating func take(_ c: Character) -> Bool {
    guard next == c else { return false }
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
        left = .quotient(left, try signed())
      } else {
        return left
      }
    }
  }

  private mutating func signed() throws -> Expression {
    if take("-") { return .difference(.number(0), try signed()) }
    return try power()
  }

  private mutating func power() throws -> Expression {
    let base = try atom()
    guard take("^") else { return base }
    guard case .number(let p) = try atom() else { throw Failure(text: String(text)) }
    return .power(base, p)
  }

  private mutating func atom() throws -> Expression {
    if take("(") {
      let inner = try sum()
      guard take(")") else { throw Failure(text: String(text)) }
      return inner
    }
    guard let c = next else { throw Failure(text: String(text)) }
    if c.isNumber || c == "." { return .number(try number()) }
    var word = ""
    while let c = next, c.isLetter || c.isNumber {
      word.append(c)
      place += 1
    }
    if let index = Int(word.dropFirst()) {
      if word.hasPrefix("x") { return .variable(index - 1) }
      if word.hasPrefix("y") { return .variable(nx + index - 1) }
    }
    guard take("(") else { throw Failure(text: String(text)) }
    var arguments = [try sum()]
    while take(",") { arguments.append(try sum()) }
    guard take(")") else { throw Failure(text: String(text)) }
    return .call(word, arguments)
  }

  private mutating func number() throws -> Double {
    var digits = ""
    while let c = next {
      let signOfExponent = (c == "-" || c == "+") && (digits.hasSuffix("e"))
      guard c.isNumber || c == "." || c == "e" || signOfExponent else { break }
      digits.append(c)
      place += 1
    }
    guard let value = Double(digits) else { throw Failure(text: digits) }
    return value
  }
}
