/// Element types that cross the boundary; raw values are those of `kantor/array.h`.
public enum ElementType: Int32, Sendable, CaseIterable {
  case f64 = 1
  case f32 = 2
  case i64 = 3
  case i32 = 4
  case u8 = 5

  public var size: Int {
    switch self {
    case .f64, .i64: return 8
    case .f32, .i32: return 4
    case .u8: return 1
    }
  }

  public var name: String {
    switch self {
    case .f64: return "f64"
    case .f32: return "f32"
    case .i64: return "i64"
    case .i32: return "i32"
    case .u8: return "u8"
    }
  }
}

/// An immutable view of up to four dimensions with strides in elements, and what keeps it alive.
public struct Tensor: @unchecked Sendable {
  public let type: ElementType
  public let shape: [Int]
  public let strides: [Int]
  public let base: UnsafeMutableRawPointer
  public let owner: AnyObject?

  public init(
    type: ElementType, shape: [Int], strides: [Int], base: UnsafeMutableRawPointer,
    owner: AnyObject?
  ) {
    self.type = type
    self.shape = shape
    self.strides = strides
    self.base = base
    self.owner = owner
  }

  public init(_ buffer: Buffer<Double>, shape: [Int]) { self.init(.f64, buffer, shape) }
  public init(_ buffer: Buffer<Float>, shape: [Int]) { self.init(.f32, buffer, shape) }
  public init(_ buffer: Buffer<Int64>, shape: [Int]) { self.init(.i64, buffer, shape) }

  /// A vector over the first `count` elements of a buffer.
  public init(_ buffer: Buffer<Double>, count: Int? = nil) {
    self.init(.f64, buffer, [count ?? buffer.count])
  }
  public init(_ buffer: Buffer<Int64>, count: Int? = nil) {
    self.init(.i64, buffer, [count ?? buffer.count])
  }

  private init<E>(_ type: ElementType, _ buffer: Buffer<E>, _ shape: [Int]) {
    self.init(
      type: type, shape: shape, strides: Self.rowMajor(shape),
      base: UnsafeMutableRawPointer(buffer.pointer), owner: buffer)
  }

  public static func rowMajor(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for k in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[k] = strides[k + 1] &* max(shape[k + 1], 1)
    }
    return strides
  }

  public var rank: Int { shape.count }
  public var count: Int { shape.reduce(1, &*) }
  public var isRowMajor: Bool {
    let dense = Self.rowMajor(shape)
    return zip(0..<rank, shape).allSatisfy { $1 <= 1 || strides[$0] == dense[$0] }
  }

  /// "(3, 4)"
  public var shapeText: String { Self.shapeText(shape) }
  public static func shapeText(_ shape: [Int]) -> String {
    "(" + shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
  }

  /// All elements in row-major order as doubles.
  public func doubles() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: count)
    // An empty array may have a huge extent beside the one of 0.
    guard count > 0 else { return out }
    let destination = out.pointer
    switch type {
    case .f64: gather(Double.self) { destination[$0] = $1 }
    case .f32: gather(Float.self) { destination[$0] = Double($1) }
    case .i64: gather(Int64.self) { destination[$0] = Double($1) }
    case .i32: gather(Int32.self) { destination[$0] = Double($1) }
    case .u8: gather(UInt8.self) { destination[$0] = Double($1) }
    }
    return out
  }

  /// The same elements in row-major order in memory of our own.
  public func copied() throws(KantorError) -> Tensor {
    switch type {
    case .f64: return try copied(Double.self)
    case .f32: return try copied(Float.self)
    case .i64: return try copied(Int64.self)
    case .i32: return try copied(Int32.self)
    case .u8: return try copied(UInt8.self)
    }
  }

  private func copied<E: BitwiseCopyable>(_: E.Type) throws(KantorError) -> Tensor {
    let buffer = try Buffer<E>(count: count)
    if count > 0 {
      if isRowMajor {
        buffer.pointer.update(from: base.assumingMemoryBound(to: E.self), count: count)
      } else {
        let destination = buffer.pointer
        gather(E.self) { destination[$0] = $1 }
      }
    }
    return Tensor(type, buffer, shape)
  }

  /// visit(k, element) in row-major order.
  @inline(__always)
  private func gather<E>(_: E.Type, _ visit: (Int, E) -> Void) {
    let source = base.assumingMemoryBound(to: E.self)
    let padded = [Int](repeating: 1, count: 4 - rank) + shape
    let steps = [Int](repeating: 0, count: 4 - rank) + strides
    let (s0, s1, s2, s3) = (steps[0], steps[1], steps[2], steps[3])
    var k = 0
    for i0 in 0..<padded[0] {
      for i1 in 0..<padded[1] {
        for i2 in 0..<padded[2] {
          let row = source + (i0 &* s0 &+ i1 &* s1 &+ i2 &* s2)
          for i3 in 0..<padded[3] {
            visit(k, row[i3 &* s3])
            k &+= 1
          }
        }
      }
    }
  }
}
