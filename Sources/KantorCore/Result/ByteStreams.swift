import Glibc

/// Writes little-endian numbers, texts and arrays one behind the other; without memory it counts.
struct ByteWriter {
  private(set) var count = 0
  private let start: UnsafeMutableRawPointer?

  init(to start: UnsafeMutableRawPointer?) { self.start = start }

  mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ number: T) {
    start?.storeBytes(of: number.littleEndian, toByteOffset: count, as: T.self)
    count += MemoryLayout<T>.size
  }

  mutating func put(text: String) {
    var text = text
    text.withUTF8 { bytes in
      put(UInt32(bytes.count))
      put(bytes: UnsafeRawBufferPointer(bytes))
    }
  }

  /// A row-major array.
  mutating func put(array: Tensor) {
    put(UInt8(array.type.rawValue))
    put(UInt8(array.rank))
    for extent in array.shape { put(UInt64(extent)) }
    let bytes = array.count * array.type.size
    withExtendedLifetime(array.owner) {
      put(bytes: UnsafeRawBufferPointer(start: array.base, count: bytes))
    }
  }

  private mutating func put(bytes: UnsafeRawBufferPointer) {
    if let start, let source = bytes.baseAddress { memcpy(start + count, source, bytes.count) }
    count += bytes.count
  }
}

/// Reads what a `ByteWriter` wrote, from bytes that may be anything.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func take<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(KantorError) -> T {
    let part = try take(bytes: MemoryLayout<T>.size)
    return T(littleEndian: part.loadUnaligned(as: T.self))
  }

  mutating func text() throws(KantorError) -> String {
    let length = Int(try take(UInt32.self))
    let part = try take(bytes: length)
    guard let text = String(validating: part, as: UTF8.self) else {
      throw damaged("a text is not UTF-8")
    }
    return text
  }

  mutating func array() throws(KantorError) -> Tensor {
    let code = try take(UInt8.self)
    let rank = try take(UInt8.self)
    guard let type = ElementType(rawValue: Int32(code)), rank <= 4 else {
      throw damaged("an array has the element type \(code) and \(rank) dimensions")
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      guard let extent = Int(exactly: try take(UInt64.self)) else {
        throw damaged("the extent of an array is too large")
      }
      shape.append(extent)
    }
    var size = shape.contains(0) ? 0 : type.size
    if size > 0 { for extent in shape { size = try checkedProduct(size, extent, of: "array") } }
    let part = try take(bytes: size)
    let memory = try Buffer<UInt8>(count: size)
    if let source = part.baseAddress, size > 0 { memcpy(memory.pointer, source, size) }
    return Tensor(
      type: type, shape: shape, strides: Tensor.rowMajor(shape),
      base: UnsafeMutableRawPointer(memory.pointer), owner: memory)
  }

  private mutating func take(bytes count: Int) throws(KantorError) -> UnsafeRawBufferPointer {
    guard count <= bytes.count - position else { throw damaged("they end too early") }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }
}

func damaged(_ why: String) -> KantorError {
  KantorError(.format, "the bytes are not a saved result, or damaged: \(why)")
}

/// CRC-32 as in ISO 3309 (the one of zip and PNG).
func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
  let table = (0..<256).map { (byte: UInt32) -> UInt32 in
    (0..<8).reduce(byte) { (crc, _) in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
  }
  var crc: UInt32 = .max
  table.withUnsafeBufferPointer { table in
    for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
  }
  return ~crc
}
