/// Why a call failed. A failed call makes nothing: no result, no half-changed handle.
///
/// The raw values are the negative codes of `kantor/types.h`.
public struct KantorError: Error, Sendable, Equatable {
  public enum Code: Int32, Sendable, CaseIterable {
    case null = -1
    case handle = -2
    case busy = -3
    case state = -4
    case name = -5
    case type = -6
    case range = -7
    case shape = -8
    case layout = -9
    case notFinite = -10
    case missing = -11
    case unsupported = -12
    case tooLarge = -13
    case outOfMemory = -14
    case format = -15
    case version = -16
    case buffer = -17
    case `internal` = -99
  }

  public let code: Code
  /// One line of English that names the argument, the value and what is allowed.
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Products of sizes that come from the caller, refused when they overflow.
public func checkedProduct(_ a: Int, _ b: Int, of what: String) throws(KantorError) -> Int {
  let (product, overflow) = a.multipliedReportingOverflow(by: b)
  if overflow || a < 0 || b < 0 {
    throw KantorError(.tooLarge, "\(what): \(a) x \(b) elements do not fit in memory")
  }
  return product
}

public func checkedSum(_ a: Int, _ b: Int, of what: String) throws(KantorError) -> Int {
  let (sum, overflow) = a.addingReportingOverflow(b)
  if overflow || a < 0 || b < 0 {
    throw KantorError(.tooLarge, "\(what): \(a) + \(b) elements do not fit in memory")
  }
  return sum
}
