/// The bytes of a saved result, and a result made of such bytes again.
///
/// Little-endian: "KNTR", version of the format (u32), length of the whole (u64); kind, method and
/// version of the library (texts), status (i32), number of fields (u32); for each field its name
/// (text), whether it is of the certificate (u8), its type (u8) and its value; at the end a CRC-32
/// of all that. A text is its length (u32) and UTF-8; an array is its element type (u8), its rank
/// (u8), its extents (u64) and its elements in row-major order.
public enum ResultArchive {
  static let magic: [UInt8] = Array("KNTR".utf8)
  static let format: UInt32 = 1

  /// Types of values; part of the format.
  enum Tag: UInt8 {
    case real = 1
    case int = 2
    case text = 3
    case array = 4
  }

  /// What a loaded result needs to know of the catalogue.
  public typealias MethodLookup = (_ kind: String, _ method: String) -> MethodSpec?
}

/// A result with the arrays that exist already, ready to be written.
public struct SavedResult {
  private enum Value {
    case real(Double)
    case int(Int64)
    case text(String)
    case array(Tensor)
  }
  private let result: Result
  private let libraryVersion: String
  private let fields: [(name: String, isCertificate: Bool, value: Value)]

  public init(_ result: Result, libraryVersion: String) throws(KantorError) {
    self.result = result
    self.libraryVersion = libraryVersion
    var fields: [(name: String, isCertificate: Bool, value: Value)] = []
    for field in result.fields {
      let value: Value
      switch field.value {
      case .real(let x): value = .real(x)
      case .int(let k): value = .int(k)
      case .text(let text): value = .text(text)
      case .array(let lazy):
        guard let tensor = lazy.made else { continue }
        value = .array(tensor.isRowMajor ? tensor : try tensor.copied())
      }
      fields.append((field.name, field.isCertificate, value))
    }
    self.fields = fields
  }

  /// Bytes that `write` fills.
  public var byteCount: Int {
    var counter = ByteWriter(to: nil)
    write(to: &counter, total: 0)
    return counter.count + MemoryLayout<UInt32>.size
  }

  /// Writes `byteCount` bytes.
  public func write(to start: UnsafeMutableRawPointer) {
    var writer = ByteWriter(to: start)
    write(to: &writer, total: byteCount)
    let body = UnsafeRawBufferPointer(start: start, count: writer.count)
    writer.put(checksum(of: body))
  }

  private func write(to out: inout ByteWriter, total: Int) {
    for byte in ResultArchive.magic { out.put(byte) }
    out.put(ResultArchive.format)
    out.put(UInt64(total))
    out.put(text: result.spec.kind)
    out.put(text: result.spec.name)
    out.put(text: libraryVersion)
    out.put(UInt32(bitPattern: result.status.rawValue))
    out.put(UInt32(fields.count))
    for field in fields {
      out.put(text: field.name)
      out.put(UInt8(field.isCertificate ? 1 : 0))
      switch field.value {
      case .real(let x):
        out.put(ResultArchive.Tag.real.rawValue)
        out.put(x.bitPattern)
      case .int(let k):
        out.put(ResultArchive.Tag.int.rawValue)
        out.put(UInt64(bitPattern: k))
      case .text(let text):
        out.put(ResultArchive.Tag.text.rawValue)
        out.put(text: text)
      case .array(let tensor):
        out.put(ResultArchive.Tag.array.rawValue)
        out.put(array: tensor)
      }
    }
  }
}

extension Result {
  /// A result from the bytes of a saved one. Its certificate is the saved one, not checked again;
  /// it can start a solve, but has no derivative products, since they need the problem.
  public static func load(
    _ bytes: UnsafeRawBufferPointer, method: ResultArchive.MethodLookup
  ) throws(KantorError) -> Result {
    var reader = ByteReader(try archiveBody(bytes))
    let kind = try reader.text()
    let name = try reader.text()
    let version = try reader.text()
    let code = Int32(bitPattern: try reader.take(UInt32.self))
    guard let spec = method(kind, name), let status = Status(rawValue: code) else {
      throw KantorError(
        .version,
        "the result was saved by version \(version) with the method '\(kind)/\(name)' and the "
          + "status \(code); this library does not know them")
    }
    var fields = ResultFields()
    var names: Set<String> = []
    for _ in 0..<(try reader.take(UInt32.self)) {
      let field = try reader.field()
      guard names.insert(field.name).inserted else {
        throw damaged("the field '\(field.name)' comes twice")
      }
      fields.append(field)
    }
    guard reader.isAtEnd else { throw damaged("something follows the last field") }
    let none: Derivative = { (_, _) throws(KantorError) in
      throw KantorError(
        .unsupported, "a loaded result has no derivative products; they need its problem")
    }
    return Result(spec: spec, status: status, fields: fields, derivative: none, forward: none)
  }

  /// What stands between the header and the checksum, when both are in order.
  private static func archiveBody(
    _ bytes: UnsafeRawBufferPointer
  ) throws(KantorError) -> UnsafeRawBufferPointer {
    var header = ByteReader(bytes)
    for byte in ResultArchive.magic {
      guard try header.take(UInt8.self) == byte else {
        throw damaged("they do not begin with KNTR")
      }
    }
    let format = try header.take(UInt32.self)
    guard format == ResultArchive.format else {
      throw KantorError(
        .version,
        "the bytes are a result in the format \(format); this library reads format "
          + "\(ResultArchive.format)")
    }
    let total = try header.take(UInt64.self)
    guard total == UInt64(bytes.count) else {
      throw damaged("they are \(bytes.count) and should be \(total)")
    }
    let end = bytes.count - MemoryLayout<UInt32>.size
    guard header.position <= end else { throw damaged("they end in the header") }
    var tail = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[end...]))
    let body = UnsafeRawBufferPointer(rebasing: bytes[..<end])
    guard try tail.take(UInt32.self) == checksum(of: body) else {
      throw damaged("the checksum does not fit")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[header.position..<end])
  }
}

extension ByteReader {
  fileprivate mutating func field() throws(KantorError) -> Result.Field {
    let name = try text()
    let isCertificate = try take(UInt8.self) != 0
    let tag = try take(UInt8.self)
    let value: Result.Value
    switch ResultArchive.Tag(rawValue: tag) {
    case .real: value = .real(Double(bitPattern: try take(UInt64.self)))
    case .int: value = .int(Int64(bitPattern: try take(UInt64.self)))
    case .text: value = .text(try text())
    case .array: value = .array(LazyTensor(try array()))
    case nil: throw damaged("the field '\(name)' has the type \(tag)")
    }
    return Result.Field(name: name, value: value, isCertificate: isCertificate)
  }
}
