import KantorCore
import TestSupport
import Testing

@Suite struct BufferTests {
  @Test(arguments: [0, 1, 7, 1000]) func startsZeroedAndAligned(count: Int) throws {
    let buffer = try Buffer<Double>(count: count)
    #expect(buffer.count == count)
    #expect(buffer.span.allSatisfy { $0 == 0 })
    #expect(UInt(bitPattern: buffer.pointer) % UInt(Buffer<Double>.alignment) == 0)
  }

  @Test func copiesAreIndependent() throws {
    let one = try Buffer([1.0, 2, 3])
    let two = try one.copy()
    two[1] = 9
    #expect(Array(one.span) == [1, 2, 3])
    #expect(Array(two.span) == [1, 9, 3])
    two.fill(4)
    #expect(Array(two.span) == [4, 4, 4])
  }

  @Test(arguments: [Int.max, Int.max / 8, Int.max / 8 + 1, -1, Int.min])
  func sizesThatOverflowAreRefused(count: Int) {
    #expect(failure { () throws(KantorError) in _ = try Buffer<Double>(count: count) } == .tooLarge)
  }

  @Test func memoryThatIsNotThereIsAnError() {
    #expect(
      failure { () throws(KantorError) in _ = try Buffer<Double>(count: 1 << 46) } == .outOfMemory)
  }

  @Test func productsAreChecked() throws {
    #expect(try checkedProduct(6, 7, of: "x") == 42)
    #expect(try checkedProduct(0, Int.max, of: "x") == 0)
    for (a, b) in [(Int.max, 2), (1 << 32, 1 << 32), (-1, 3), (3, -1)] {
      #expect(
        failure { () throws(KantorError) in _ = try checkedProduct(a, b, of: "x") } == .tooLarge)
    }
  }
}
