import KantorCore
import TestSupport
import Testing

@Suite struct TensorTests {
  private func view(
    _ buffer: Buffer<Double>, _ shape: [Int], _ strides: [Int], offset: Int = 0
  ) -> Tensor {
    Tensor(
      type: .f64, shape: shape, strides: strides,
      base: UnsafeMutableRawPointer(buffer.pointer + offset), owner: buffer)
  }

  @Test func rowMajorStrides() {
    #expect(Tensor.rowMajor([]) == [])
    #expect(Tensor.rowMajor([5]) == [1])
    #expect(Tensor.rowMajor([2, 3, 4]) == [12, 4, 1])
    #expect(Tensor.rowMajor([2, 0, 4]) == [4, 4, 1])
  }

  @Test func stridesOfEveryKindGiveTheSameNumbers() throws {
    let buffer = try Buffer((0..<24).map(Double.init))
    let plain = view(buffer, [2, 3, 4], [12, 4, 1])
    #expect(plain.isRowMajor)
    #expect(try plain.list() == (0..<24).map(Double.init))
    let turned = view(buffer, [4, 3, 2], [1, 4, 12])
    #expect(!turned.isRowMajor)
    #expect(try turned.list().prefix(4) == [0, 12, 4, 16])
    let backwards = view(buffer, [24], [-1], offset: 23)
    #expect(try backwards.list() == (0..<24).reversed().map(Double.init))
    let spread = view(buffer, [2, 2], [0, 5])
    #expect(try spread.list() == [0, 5, 0, 5])
    #expect(try turned.copied().isRowMajor)
    #expect(try turned.copied().list() == turned.list())
  }

  @Test func extentsOfOneDoNotCareAboutStrides() throws {
    let buffer = try Buffer([1.0, 2, 3])
    let row = view(buffer, [1, 3], [999, 1])
    #expect(row.isRowMajor)
    #expect(try row.list() == [1, 2, 3])
  }

  @Test func everyElementTypeConverts() throws {
    let floats = try Buffer<Float>([1.5, -2])
    #expect(try Tensor(floats, shape: [2]).list() == [1.5, -2])
    let wholes = try Buffer<Int64>([-7, 1 << 40])
    #expect(try Tensor(wholes, shape: [2]).list() == [-7, Double(1 << 40)])
    let halves = try Buffer<Int32>([-3, 4])
    let bytes = try Buffer<UInt8>([0, 255])
    func raw(_ type: ElementType, _ base: UnsafeMutableRawPointer, _ owner: AnyObject) -> Tensor {
      Tensor(type: type, shape: [2], strides: [1], base: base, owner: owner)
    }
    #expect(try raw(.i32, UnsafeMutableRawPointer(halves.pointer), halves).list() == [-3, 4])
    #expect(try raw(.u8, UnsafeMutableRawPointer(bytes.pointer), bytes).list() == [0, 255])
    #expect(try raw(.u8, UnsafeMutableRawPointer(bytes.pointer), bytes).copied().type == .u8)
  }

  @Test func emptyArraysAndScalars() throws {
    let buffer = try Buffer([42.0])
    #expect(try view(buffer, [], []).list() == [42])
    #expect(view(buffer, [], []).count == 1)
    // Done at once, whatever the other extent says.
    #expect(try view(buffer, [Int.max, 0], [0, 1]).list() == [])
    #expect(try view(buffer, [0, Int.max], [0, 1]).copied().count == 0)
  }

  @Test func shapesInWords() {
    #expect(Tensor.shapeText([]) == "()")
    #expect(Tensor.shapeText([3]) == "(3,)")
    #expect(Tensor.shapeText([3, 4]) == "(3, 4)")
  }

  @Test func aTensorKeepsItsMemory() throws {
    var tensor: Tensor?
    weak var owner: Buffer<Double>?
    do {
      let buffer = try Buffer([1.0, 2])
      owner = buffer
      tensor = Tensor(buffer)
    }
    #expect(owner != nil)
    #expect(try tensor?.list() == [1, 2])
    tensor = nil
    #expect(owner == nil)
  }
}
