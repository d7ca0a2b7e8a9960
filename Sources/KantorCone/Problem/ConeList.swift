import KantorBlocks
import KantorCore

/// Reads a product of cones from text: items with commas between them, each a name and its
/// numbers, repeated by `count *` before it.
///
///     zero 3, nonnegative 5, box 2, second_order 4, rotated_second_order 3, 10 * exponential,
///     power 0.3, generalized_power 2 0.5 0.25 0.25, psd 6
///
/// A generalised power cone gives the length of its tail and then its exponents, which add up to 1.
public enum ConeList {
  /// Rows of all cones together are counted in 32 bits.
  static let largest = Int(Int32.max) - 1

  public static func parse(_ text: String) throws(KantorError) -> [Cone] {
    var cones: [Cone] = []
    var rows = 0
    let items = text.split(separator: ",", omittingEmptySubsequences: false)
    if items.allSatisfy({ $0.allSatisfy(isBlank) }) { return [] }
    for (index, item) in items.enumerated() {
      var words = item.split(whereSeparator: isBlank)
      guard !words.isEmpty else {
        throw KantorError(.range, "field 'cones': item \(index) is empty")
      }
      var count = 1
      if words.count >= 2 && words[1] == "*" {
        count = try natural(words[0], "the count of item \(index)", in: item, least: 1)
        words.removeFirst(2)
      }
      let cone = try cone(words, item)
      let total = try checkedProduct(cone.rows, count, of: "field 'cones'")
      rows = try checkedSum(rows, total, of: "field 'cones'")
      guard rows <= largest, cones.count <= largest - count else {
        throw KantorError(.tooLarge, "field 'cones': more than \(largest) rows")
      }
      // An empty cone says nothing.
      if cone.rows > 0 { cones.append(contentsOf: repeatElement(cone, count: count)) }
    }
    return cones
  }

  private static func isBlank(_ c: Character) -> Bool { c == " " || c == "\n" || c == "\t" }

  private static func cone(_ words: [Substring], _ item: Substring) throws(KantorError) -> Cone {
    guard let name = words.first else {
      throw KantorError(.range, "field 'cones': '\(item.prefix(60))' names no cone")
    }
    func numbers(_ allowed: Int) throws(KantorError) {
      guard words.count == allowed + 1 else {
        throw KantorError(
          .range,
          "field 'cones': '\(item.prefix(60))' has \(words.count - 1) numbers; \(allowed) needed")
      }
    }
    func size(_ least: Int = 0) throws(KantorError) -> Int {
      try numbers(1)
      return try natural(words[1], "the size", in: item, least: least)
    }
    switch name {
    case "zero": return .zero(try size())
    case "nonnegative": return .nonnegative(try size())
    case "box": return .box(try size())
    case "second_order": return .secondOrder(try size(1))
    case "rotated_second_order": return .rotatedSecondOrder(try size(2))
    case "exponential":
      try numbers(0)
      return .exponential
    case "power":
      try numbers(1)
      return .power(try exponent(words[1], item))
    case "generalized_power": return try generalizedPower(words, item)
    case "psd":
      let side = try size()
      // k (k + 1) / 2 rows have to be countable.
      guard side <= 65535 else {
        throw KantorError(.tooLarge, "field 'cones': '\(item.prefix(60))': at most side 65535")
      }
      return .psd(side: side)
    default:
      throw unknownName(
        "cone", String(name.prefix(60)),
        among: [
          "zero", "nonnegative", "box", "second_order", "rotated_second_order", "exponential",
          "power", "generalized_power", "psd",
        ])
    }
  }

  private static func generalizedPower(
    _ words: [Substring], _ item: Substring
  ) throws(KantorError) -> Cone {
    guard words.count >= 3 else {
      throw KantorError(
        .range,
        "field 'cones': '\(item.prefix(60))' needs the length of the tail and the exponents")
    }
    let tail = try natural(words[1], "the tail", in: item, least: 1)
    var exponents: [Double] = []
    for word in words.dropFirst(2) { exponents.append(try exponent(word, item, allowsOne: true)) }
    let sum = exponents.reduce(0, +)
    guard abs(sum - 1) <= 1e-9 else {
      throw KantorError(
        .range, "field 'cones': the exponents of '\(item.prefix(60))' add up to \(sum); 1 needed")
    }
    return .generalizedPower(exponents: exponents, tail: tail)
  }

  private static func natural(
    _ word: Substring, _ what: String, in item: Substring, least: Int
  ) throws(KantorError) -> Int {
    guard let value = Int(word), value >= least else {
      throw KantorError(
        .range,
        "field 'cones': \(what) in '\(item.prefix(60))' is '\(word.prefix(30))'; an integer of "
          + "\(least) or more is needed")
    }
    guard value <= largest else {
      throw KantorError(.tooLarge, "field 'cones': \(what) is \(value); at most \(largest)")
    }
    return value
  }

  private static func exponent(
    _ word: Substring, _ item: Substring, allowsOne: Bool = false
  ) throws(KantorError) -> Double {
    guard let value = Double(word), value > 0, value < 1 || (allowsOne && value == 1) else {
      throw KantorError(
        .range,
        "field 'cones': an exponent of '\(item.prefix(60))' is '\(word.prefix(30))'; a number "
          + "between 0 and 1 is needed")
    }
    return value
  }
}
