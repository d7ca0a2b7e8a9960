/// One solve: its options, monitor and warm start. A method gets nothing else from outside.
public struct Run: Sendable {
  public let options: OptionValues
  public let monitor: Monitor
  public let start: WarmStart

  public init(options: OptionValues, monitor: Monitor, start: WarmStart = WarmStart()) {
    self.options = options
    self.monitor = monitor
    self.start = start
  }

  public var threads: Int { max(1, options.int("threads")) }
  public var seed: UInt64 { UInt64(options.int("seed")) }
}

/// Arrays to start from, by the names of result fields.
public struct WarmStart: Sendable {
  private var arrays: [String: Tensor]
  private let result: Result?

  public init(result: Result? = nil, arrays: [String: Tensor] = [:]) {
    self.result = result
    self.arrays = arrays
  }

  public var isEmpty: Bool { result == nil && arrays.isEmpty }

  /// What the result to start from kept for further solves.
  public var reusable: (any Sendable)? { result?.reusable }

  /// The same start with other arrays, which stand before the result's.
  public func with(arrays: [String: Tensor]) -> WarmStart {
    WarmStart(result: result, arrays: arrays)
  }

  /// The start values of a vector field, if there are any; refused when of another length.
  public func vector(_ name: String, count: Int) throws(KantorError) -> Buffer<Double>? {
    try values(name, shape: [count])
  }

  /// The same for a field of rows x columns, row-major.
  public func matrix(
    _ name: String, rows: Int, columns: Int
  ) throws(KantorError) -> Buffer<Double>? {
    try values(name, shape: [rows, columns])
  }

  private func values(_ name: String, shape: [Int]) throws(KantorError) -> Buffer<Double>? {
    var tensor = arrays[name]
    if tensor == nil, let result, result.has(name) { tensor = try result.array(name) }
    guard let tensor else { return nil }
    guard tensor.shape == shape else {
      throw KantorError(
        .shape, "start value '\(name)' has the shape \(tensor.shapeText); needed is "
          + Tensor.shapeText(shape))
    }
    let values = try tensor.doubles()
    for i in 0..<values.count where !values[i].isFinite {
      throw KantorError(.notFinite, "start value '\(name)' is \(values[i]) at \(i)")
    }
    return values
  }
}
