import KantorBlocks
import KantorCore
import KantorNumerics
import Testing

private func inner(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}
private func minus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }
private func largest(_ a: [Double]) -> Double { a.reduce(0) { max($0, abs($1)) } }

/// What makes a proximal map one, for every map of the library.
@Suite struct ProximalMapTests {
  static let samples = ProximalSample.all.indices

  /// With p the answer at x, (x - p)/t is a subgradient of g at p, which is what Fenchel's
  /// inequality says where it is an equation: g(p) + g*(y) = p'y.
  @Test(arguments: samples)
  func answersAreOptimal(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    let map = try sample.make()
    for (k, x) in sample.points(40, seed: 1).enumerated() {
      let step = [1, 0.1, 3][k % 3]
      let p = try sample.apply(x, step: step)
      let y = minus(x, p).map { $0 / step }
      let size = max(1, largest(x)) * Double(sample.count)
      let (value, dual) = (map.value(p), map.conjugate(y))
      #expect(value.violation <= 1e-12 * size, "\(sample.name) \(x) \(p)")
      #expect(dual.violation <= 1e-12 * size / step, "\(sample.name) \(x) \(p)")
      let gap = value.value + dual.value - inner(p, y)
      #expect(abs(gap) <= 1e-11 * size * size / step, "\(sample.name) \(x) \(p): gap \(gap)")
    }
  }

  /// g(u) + g*(v) >= u'v wherever both are finite: neither is too small.
  @Test(arguments: samples)
  func valuesKeepFenchelsInequality(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    let map = try sample.make()
    let points = sample.points(30, seed: 2)
    let inside = try points.map { try sample.apply($0) }
    let duals = zip(points, inside).map { minus($0, $1) }
    for u in inside {
      for v in duals {
        let sum = map.value(u).value + map.conjugate(v).value
        #expect(sum >= inner(u, v) - 1e-9 * max(1, largest(u) * largest(v)) * Double(u.count))
      }
    }
  }

  @Test(arguments: samples)
  func mapsAreFirmlyNonexpansive(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    let points = sample.points(12, seed: 3)
    let answers = try points.map { try sample.apply($0, step: 0.7) }
    for i in points.indices {
      for j in 0..<i {
        let (d, e) = (minus(points[i], points[j]), minus(answers[i], answers[j]))
        #expect(inner(e, e) <= inner(d, e) + 1e-10 * max(1, inner(d, d)))
      }
    }
  }

  @Test(arguments: samples)
  func anAnswerMayOverwriteItsPoint(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    let map = try sample.make()
    let x = sample.points(3, seed: 4)[1]
    let buffer = try Buffer(x)
    #expect(map.apply(buffer.pointer, step: 0.5, into: buffer.pointer))
    #expect(Array(buffer.span) == (try sample.apply(x, step: 0.5)))
  }

  @Test(arguments: samples)
  func derivativesAreThoseOfTheMap(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    guard sample.count < 100 else { return }
    let map = try sample.make()
    var compared = 0
    for x in sample.points(6, seed: 5) {
      let (v, d) = (sample.points(2, seed: 6)[1], sample.points(2, seed: 7)[1])
      var out = v
      #expect(map.pullback(x, step: 0.8, v, into: &out))
      let buffer = try Buffer(v)
      #expect(map.pullback(x, step: 0.8, buffer.pointer, into: buffer.pointer))
      #expect(Array(buffer.span) == out)
      func quotient(_ h: Double) throws -> [Double] {
        let a = try sample.apply(zip(x, d).map { $0 + h * $1 }, step: 0.8)
        let b = try sample.apply(zip(x, d).map { $0 - h * $1 }, step: 0.8)
        return minus(a, b).map { $0 / (2 * h) }
      }
      let (rough, fine) = (try quotient(2e-5), try quotient(1e-5))
      // Otherwise a kink is near.
      guard largest(minus(rough, fine)) < 1e-6 else { continue }
      compared += 1
      #expect(abs(inner(out, d) - inner(v, fine)) < 2e-6 * max(1, largest(v) * largest(d)))
    }
    #expect(compared >= 3)
  }

  @Test(arguments: samples)
  func numbersThatAreNotFiniteAreNoticed(_ index: Int) throws {
    let sample = ProximalSample.all[index]
    let map = try sample.make()
    var x = sample.points(1, seed: 8)[0]
    x[sample.count / 2] = .nan
    var out = x
    #expect(!map.apply(x, step: 1, into: &out))
  }

  @Test func everyMapHasASample() {
    let names = Set(ProximalSample.all.map(\.name))
    for entry in ProximalLibrary.all where entry.form != .mirror {
      #expect(names.contains(entry.name), "\(entry.name)")
    }
    #expect(Set(ProximalLibrary.all.map(\.name)).count == ProximalLibrary.all.count)
  }
}
