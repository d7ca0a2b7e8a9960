import KantorCore

/// The code with which a call fails; nil when it succeeds.
public func failure(_ body: () throws(KantorError) -> Void) -> KantorError.Code? {
  do {
    try body()
    return nil
  } catch {
    return error.code
  }
}

/// The whole error; nil when the call succeeds.
public func error(_ body: () throws(KantorError) -> Void) -> KantorError? {
  do {
    try body()
    return nil
  } catch {
    return error
  }
}

extension Tensor {
  /// The elements in row-major order.
  public func list() throws(KantorError) -> [Double] {
    let buffer = try doubles()
    return withExtendedLifetime(buffer) { Array(buffer.span) }
  }
}
