/// Writes JSON text. Commas and quotes are its business; balance is checked by construction, since
/// objects and arrays are written by closures.
struct JSONWriter {
  private(set) var text = ""
  private var needsComma = false

  mutating func object(_ members: (inout JSONWriter) -> Void) {
    nest("{", "}", members)
  }

  mutating func array<S: Sequence>(
    _ elements: S, _ write: (inout JSONWriter, S.Element) -> Void
  ) {
    nest("[", "]") { for element in elements { write(&$0, element) } }
  }

  /// The name of the member whose value is written next.
  mutating func key(_ name: String) {
    string(name)
    text += ":"
    needsComma = false
  }

  mutating func string(_ value: String) {
    separate()
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    text += "\""
  }

  mutating func number(_ value: Int64) {
    separate()
    text += String(value)
  }

  /// JSON has no infinities: they are the strings "inf" and "-inf"; NaN is null.
  mutating func number(_ value: Double) {
    if value.isNaN {
      separate()
      text += "null"
    } else if value.isInfinite {
      string(value > 0 ? "inf" : "-inf")
    } else {
      separate()
      text += value.description
    }
  }

  mutating func bool(_ value: Bool) {
    separate()
    text += value ? "true" : "false"
  }

  private mutating func nest(
    _ open: String, _ close: String, _ body: (inout JSONWriter) -> Void
  ) {
    separate()
    text += open
    needsComma = false
    body(&self)
    text += close
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text += "," }
    needsComma = true
  }
}

extension JSONWriter {
  mutating func member(_ name: String, _ value: String) {
    key(name)
    string(value)
  }
  mutating func member(_ name: String, _ value: Int64) {
    key(name)
    number(value)
  }
  mutating func member(_ name: String, _ value: Double) {
    key(name)
    number(value)
  }
  mutating func member(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }
  mutating func member<S: Sequence>(
    _ name: String, _ elements: S, _ write: (inout JSONWriter, S.Element) -> Void
  ) {
    key(name)
    array(elements, write)
  }
}
