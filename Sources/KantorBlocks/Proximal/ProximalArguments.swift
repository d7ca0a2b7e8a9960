import KantorCore
import KantorNumerics

/// A vector of parameters, or one number for all places.
struct Entries {
  private let buffer: Buffer<Double>
  private let step: Int

  init(_ buffer: Buffer<Double>, isOne: Bool) {
    self.buffer = buffer
    step = isOne ? 0 : 1
  }

  var isOne: Bool { step == 0 }
  @inline(__always) subscript(i: Int) -> Double { buffer.pointer[i &* step] }
}

/// Parameters by name, with the checks that all maps share.
struct ProximalArguments {
  let map: String
  let count: Int
  private let values: [String: Tensor]

  init(
    _ entry: ProximalEntry, count: Int, _ values: [String: Tensor]
  ) throws(KantorError) {
    map = entry.name
    self.count = count
    self.values = values
    let known = entry.parameters.map(\.name)
    for name in values.keys.sorted() where !known.contains(name) {
      guard !known.isEmpty else {
        throw KantorError(.name, "\(map) has no parameters, and '\(name.prefix(60))' was given")
      }
      throw unknownName("parameter of \(map)", name, among: known)
    }
    for parameter in entry.parameters where parameter.isRequired && values[parameter.name] == nil {
      throw KantorError(.missing, "\(map): parameter '\(parameter.name)' is missing")
    }
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  func refuse(_ name: String, _ value: Double, _ allowed: String) -> KantorError {
    KantorError(.range, "\(map): parameter '\(name)' is \(value); \(allowed)")
  }

  /// The shape of a parameter; empty for a number.
  func shape(_ name: String) -> [Int] { values[name]?.shape ?? [] }

  func real(_ name: String, or standard: Double? = nil) throws(KantorError) -> Double {
    guard let tensor = values[name] else {
      guard let standard else { throw KantorError(.missing, "\(map): '\(name)' is missing") }
      return standard
    }
    guard tensor.count == 1 else {
      throw KantorError(
        .shape, "\(map): parameter '\(name)' has the shape \(tensor.shapeText); a number is needed")
    }
    let buffer = try tensor.doubles()
    let value = withExtendedLifetime(buffer) { buffer.pointer[0] }
    guard value.isFinite else { throw notFinite(name, value) }
    return value
  }

  func positive(_ name: String, or standard: Double? = nil) throws(KantorError) -> Double {
    let value = try real(name, or: standard)
    guard value > 0 else { throw refuse(name, value, "a number > 0 is needed") }
    return value
  }

  /// That of a set with points inside.
  func radius() throws(KantorError) -> Double {
    let value = try real("radius", or: 1)
    guard value > 0 else {
      throw refuse(
        "radius", value,
        "a number > 0 is needed, the set is \(value < 0 ? "empty" : "one point")")
    }
    return value
  }

  /// A whole number >= 1.
  func size(_ name: String) throws(KantorError) -> Int {
    let value = try real(name)
    guard value >= 1, let size = Int(exactly: value) else {
      throw refuse(name, value, "a whole number >= 1 is needed")
    }
    return size
  }

  /// `length` numbers (n if not said), or one for all.
  func entries(
    _ name: String, or standard: Double, length: Int? = nil, infinite: Bool = false
  ) throws(KantorError) -> Entries {
    guard let tensor = values[name] else {
      return Entries(try Buffer(count: 1, repeating: standard), isOne: true)
    }
    let wanted = length ?? count
    guard tensor.rank == 0 || (tensor.rank == 1 && tensor.shape[0] == wanted) else {
      throw KantorError(
        .shape,
        "\(map): parameter '\(name)' has the shape \(tensor.shapeText); a number or "
          + "(\(wanted),) is needed")
    }
    let buffer = try tensor.doubles()
    for i in 0..<buffer.count {
      let x = buffer.pointer[i]
      if x.isNaN || (!infinite && !x.isFinite) { throw notFinite(name, x, at: i) }
    }
    return Entries(buffer, isOne: tensor.rank == 0)
  }

  /// As `entries`, none negative.
  func weights(
    _ name: String, or standard: Double, length: Int? = nil, positive: Bool = false
  ) throws(KantorError) -> Entries {
    let weights = try entries(name, or: standard, length: length)
    for i in 0..<(weights.isOne ? 1 : length ?? count) {
      let w = weights[i]
      guard w > 0 || (w == 0 && !positive) else {
        let place = weights.isOne ? name : "\(name)[\(i)]"
        throw refuse(place, w, positive ? "numbers > 0 are needed" : "numbers >= 0 are needed")
      }
    }
    return weights
  }

  /// A matrix of finite numbers by rows.
  func matrix(_ name: String) throws(KantorError) -> (entries: Buffer<Double>, rows: Int) {
    guard let tensor = values[name], tensor.rank == 2, tensor.shape[1] == count else {
      throw KantorError(
        .shape,
        "\(map): parameter '\(name)' has the shape \(values[name]?.shapeText ?? "()"); "
          + "(rows, \(count)) is needed")
    }
    let buffer = try tensor.doubles()
    for e in 0..<buffer.count where !buffer.pointer[e].isFinite {
      throw notFinite(name, buffer.pointer[e], at: e)
    }
    return (buffer, tensor.shape[0])
  }

  /// Rows of the matrix that x stands for.
  func sides(_ name: String = "rows") throws(KantorError) -> (rows: Int, columns: Int) {
    let rows = try size(name)
    guard count % rows == 0 else {
      throw KantorError(.shape, "\(map): \(count) numbers are no matrix of \(rows) rows")
    }
    return (rows, count / rows)
  }

  private func notFinite(_ name: String, _ x: Double, at i: Int? = nil) -> KantorError {
    let place = i.map { "[\($0)]" } ?? ""
    return KantorError(.notFinite, "\(map): parameter '\(name)'\(place) is \(x)")
  }
}
