import Glibc

/// A number with three significant digits, for messages: "1.25e-09".
public func shortText(_ x: Double) -> String {
  var text = [CChar](repeating: 0, count: 32)
  let length = withVaList([x]) { vsnprintf(&text, text.count, "%.3g", $0) }
  guard length > 0 else { return "\(x)" }
  return String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
