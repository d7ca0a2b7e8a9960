import CKantorSupport
import KantorCore

/// The one place where a failure crosses to C: the code is returned, the text kept for
/// `kantor_last_error`.
@inline(__always)
func call(_ body: () throws(KantorError) -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    return report(error)
  }
}

/// For functions that return a count or a status: the number, or the negative code.
@inline(__always)
func count(_ body: () throws(KantorError) -> Int) -> Int64 {
  do {
    return Int64(try body())
  } catch {
    return Int64(report(error))
  }
}

@inline(never)
func report(_ error: KantorError) -> Int32 {
  var message = error.message
  message.withUTF8 { bytes in
    bytes.withMemoryRebound(to: CChar.self) { text in
      if let start = text.baseAddress { kn_message_set(start, text.count) }
    }
  }
  return error.code.rawValue
}

/// A pointer argument that must be there.
@inline(__always)
func need<P>(_ pointer: P?, _ argument: StaticString) throws(KantorError) -> P {
  guard let pointer else { throw KantorError(.null, "argument '\(argument)' is NULL") }
  return pointer
}
