import KantorNumerics
import Testing

@Suite struct CompensatedSumTests {
  private func sum(_ terms: [Double]) -> Double {
    var sum = CompensatedSum()
    for term in terms { sum.add(term) }
    return sum.value
  }

  @Test func smallTermsAreNotLost() {
    #expect(sum([1, 1e100, 1, -1e100]) == 2)
    #expect(sum([1e16, 1, 1, 1, 1, -1e16]) == 4)
    #expect(sum([]) == 0)
  }

  @Test func manyTenths() {
    let count = 1_000_000
    let exact = 0.1 * Double(count)
    #expect(abs(sum([Double](repeating: 0.1, count: count)) - exact) <= exact.ulp)
  }

  @Test func infinitiesStay() {
    #expect(sum([1, .infinity]) == .infinity)
    #expect(sum([-.infinity, 1]) == -.infinity)
    #expect(sum([1, .nan]).isNaN)
    #expect(sum([.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == .infinity)
  }
}
