import Glibc
import KantorCore
import KantorNumerics
import Testing

import KantorBlocks
import KantorCone

@Suite struct ProjectionDerivativeTests {
  /// Central differences with two steps; nil where they disagree: near a kink.
  private func difference(_ one: OneCone, _ v: [Double], _ d: [Double]) throws -> [Double]? {
    func quotient(_ h: Double) throws -> [Double] {
      let a = try one.project(zip(v, d).map { $0 + h * $1 })
      let b = try one.project(zip(v, d).map { $0 - h * $1 })
      return zip(a, b).map { ($0 - $1) / (2 * h) }
    }
    let (rough, fine) = (try quotient(2e-5), try quotient(1e-5))
    return distance(rough, fine) < 1e-6 ? fine : nil
  }

  @Test(arguments: 0..<OneCone.all.count)
  func agreesWithDifferences(_ index: Int) throws {
    let one = OneCone.all[index]
    var numbers = Numbers(UInt64(index) + 11)
    var compared = 0
    for _ in 0..<20 {
      let v = (0..<one.cone.rows).map { _ in numbers.next() }
      let d = (0..<one.cone.rows).map { _ in numbers.next() }
      guard let expected = try difference(one, v, d) else { continue }
      compared += 1
      let found = try one.derivative(v, d)
      #expect(distance(found, expected) < 1e-6, "\(one.cone) at \(v): \(found) \(expected)")
    }
    #expect(compared >= 10, "\(one.cone)")
  }

  /// Positively homogeneous: D v = P(v), D P(v) = P(v) and D P*(-v) = 0; and symmetric.
  @Test(arguments: 0..<OneCone.all.count)
  func knowsItsFixedDirections(_ index: Int) throws {
    let one = OneCone.all[index]
    if case .box = one.cone { return }
    var numbers = Numbers(UInt64(index) + 5)
    for _ in 0..<10 {
      let v = (0..<one.cone.rows).map { _ in numbers.next() }
      let x = try one.project(v)
      let z = try one.projectDual(v.map { -$0 })
      #expect(distance(try one.derivative(v, v), x) < 1e-11, "\(one.cone) \(v)")
      #expect(distance(try one.derivative(v, x), x) < 1e-11, "\(one.cone) \(v)")
      #expect(size(try one.derivative(v, z)) < 1e-11, "\(one.cone) \(v)")
      let a = (0..<one.cone.rows).map { _ in numbers.next() }
      let b = (0..<one.cone.rows).map { _ in numbers.next() }
      let (da, db) = (try one.derivative(v, a), try one.derivative(v, b))
      #expect(abs(dot(da, b) - dot(a, db)) < 1e-12)
      #expect(dot(da, a) > -1e-14 && dot(da, da) <= dot(a, a) * (1 + 1e-14))
    }
  }

  @Test(arguments: 0..<OneCone.all.count)
  func coordinatesAreOrthogonal(_ index: Int) throws {
    let one = OneCone.all[index]
    var numbers = Numbers(UInt64(index) + 8)
    let v = (0..<one.cone.rows).map { _ in numbers.next() }
    let l = one.lower.isEmpty ? nil : try Buffer(one.lower)
    let u = one.upper.isEmpty ? nil : try Buffer(one.upper)
    let derivative = try #require(try ProjectionDerivative([one.cone], lower: l, upper: u, at: v))
    let w = (0..<one.cone.rows).map { _ in numbers.next() }
    let turned = try Buffer(w)
    derivative.rotate(turned.pointer)
    #expect(abs(dot(Array(turned.span), Array(turned.span)) - dot(w, w)) < 1e-12 * dot(w, w))
    derivative.rotateBack(turned.pointer)
    #expect(distance(Array(turned.span), w) < 1e-13)
    for d in derivative.eigenvalues.span { #expect(d >= 0 && d <= 1) }
  }

  @Test func scalesDoNotMatter() throws {
    for one in OneCone.all {
      if case .box = one.cone { continue }
      var numbers = Numbers(42)
      let v = (0..<one.cone.rows).map { _ in numbers.next() }
      let d = (0..<one.cone.rows).map { _ in numbers.next() }
      let expected = try one.derivative(v, d)
      for scale in [1e-12, 1e12] {
        let found = try one.derivative(v.map { $0 * scale }, d)
        #expect(distance(found, expected) < 1e-10, "\(one.cone)")
      }
    }
  }

  @Test func shortTailsOfPowerConesHaveALimit() throws {
    // A = 1/2, C = sqrt(2) sqrt(0.5/3): r/W = C^2/(1 + C^2) = 1/4.
    let one = OneCone(cone: .power(0.5))
    #expect(abs(try one.derivative([2, -3, 0], [0, 0, 1])[2] - 0.25) < 1e-15)
    #expect(abs(try one.project([2, -3, 1e-9])[2] / 1e-9 - 0.25) < 1e-8)
    #expect(try OneCone(cone: .power(0.8)).derivative([2, -3, 0], [1, 1, 1]) == [1, 0, 1])
    #expect(try OneCone(cone: .power(0.2)).derivative([2, -3, 0], [1, 1, 1]) == [1, 0, 0])
  }
}
