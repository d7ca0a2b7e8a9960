import KantorNumerics
import Testing

@Suite struct RandomStreamTests {
  typealias Block = (UInt32, UInt32, UInt32, UInt32)

  private func expect(_ counter: Block, _ key: (UInt32, UInt32), gives answer: Block) {
    #expect(RandomStream.philox(counter, key: key) == answer)
  }

  /// The test vectors that its authors publish for ten rounds.
  @Test func knownAnswers() {
    expect((0, 0, 0, 0), (0, 0), gives: (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = UInt32.max
    expect(
      (ones, ones, ones, ones), (ones, ones),
      gives: (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    expect(
      (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0),
      gives: (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  private func draw(_ count: Int, seed: UInt64, stream: UInt64 = 0) -> [UInt64] {
    var random = RandomStream(seed: seed, stream: stream)
    return (0..<count).map { _ in random.nextBits() }
  }

  @Test func seedsAndStreamsDecideEverything() {
    #expect(draw(50, seed: 1) == draw(50, seed: 1))
    #expect(draw(50, seed: 1) != draw(50, seed: 2))
    #expect(draw(50, seed: 1) != draw(50, seed: 1 << 32))
    #expect(draw(50, seed: 1, stream: 1) != draw(50, seed: 1, stream: 2))
    #expect(Set(draw(1000, seed: 5)).count == 1000)
  }

  @Test func uniformNumbersFillTheInterval() {
    var random = RandomStream(seed: 3)
    let count = 100_000
    let x = (0..<count).map { _ in random.uniform() }
    #expect(x.allSatisfy { $0 >= 0 && $0 < 1 })
    let mean = x.reduce(0, +) / Double(count)
    let square = x.map { $0 * $0 }.reduce(0, +) / Double(count)
    // Five standard deviations.
    #expect(abs(mean - 0.5) < 5 * (1.0 / 12 / Double(count)).squareRoot())
    #expect(abs(square - 1.0 / 3) < 5 * (4.0 / 45 / Double(count)).squareRoot())
  }

  @Test(arguments: [1, 2, 7, 1000]) func indicesStayBelow(bound: Int) {
    var random = RandomStream(seed: 4)
    var hits = [Int](repeating: 0, count: bound)
    for _ in 0..<20_000 { hits[random.index(below: bound)] += 1 }
    let expected = 20_000 / Double(bound)
    #expect(hits.allSatisfy { abs(Double($0) - expected) < 6 * expected.squareRoot() + 1 })
  }
}
