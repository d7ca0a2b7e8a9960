import Glibc
import KantorCore
import Synchronization

/// Longest name and longest text that are read from the caller: memory that is not terminated
/// must not be read to its end.
private let nameBytes = 255
private let textBytes = 1_048_575

/// A name from C; invalid UTF-8 is repaired, so that it can be shown in a message.
func name(
  _ pointer: UnsafePointer<CChar>?, _ argument: StaticString
) throws(KantorError) -> String {
  let pointer = try need(pointer, argument)
  let length = strnlen(pointer, nameBytes + 1)
  guard length <= nameBytes else {
    throw KantorError(.name, "argument '\(argument)' is longer than \(nameBytes) bytes")
  }
  return decode(pointer, length)
}

/// A name that may be NULL.
func optionalName(
  _ pointer: UnsafePointer<CChar>?, _ argument: StaticString
) throws(KantorError) -> String? {
  pointer == nil ? nil : try name(pointer, argument)
}

/// A value from C.
func text(
  _ pointer: UnsafePointer<CChar>?, _ argument: StaticString
) throws(KantorError) -> String {
  let pointer = try need(pointer, argument)
  let length = strnlen(pointer, textBytes + 1)
  guard length <= textBytes else {
    throw KantorError(.range, "argument '\(argument)' is longer than \(textBytes) bytes")
  }
  return decode(pointer, length)
}

private func decode(_ pointer: UnsafePointer<CChar>, _ length: Int) -> String {
  String(decoding: UnsafeRawBufferPointer(start: pointer, count: length), as: UTF8.self)
}

/// Copies a text with its terminator into the caller's memory, or nothing of it.
func store(
  _ text: String, _ out: UnsafeMutablePointer<CChar>?, _ argument: StaticString, _ capacity: Int64
) throws(KantorError) {
  let out = try need(out, argument)
  let bytes = text.utf8CString
  guard capacity >= Int64(bytes.count) else {
    throw KantorError(
      .buffer, "the text takes \(bytes.count) bytes with its end; capacity is \(capacity)")
  }
  for (i, byte) in bytes.enumerated() { out[i] = byte }
}

/// Texts that C may keep for ever: names, units and sentences of the catalogue. Each is made once
/// and never freed; there are as many as the catalogue has.
enum StaticText {
  private struct Entry: @unchecked Sendable {
    let pointer: UnsafePointer<CChar>
  }
  private static let made = Mutex<[String: Entry]>([:])

  static func pointer(_ text: String) -> UnsafePointer<CChar> {
    made.withLock { made in
      if let entry = made[text] { return entry }
      let bytes = text.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (i, byte) in bytes.enumerated() { (copy + i).initialize(to: byte) }
      let entry = Entry(pointer: UnsafePointer(copy))
      made[text] = entry
      return entry
    }.pointer
  }
}
