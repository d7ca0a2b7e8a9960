import Glibc
import KantorCore
import KantorNumerics
import Testing

import KantorBlocks
import KantorCone

/// Projections on single cones for tests.
struct OneCone {
  let cone: Cone
  var lower: [Double] = []
  var upper: [Double] = []

  private func bounds() throws -> (Buffer<Double>?, Buffer<Double>?) {
    lower.isEmpty ? (nil, nil) : (try Buffer(lower), try Buffer(upper))
  }

  func project(_ v: [Double]) throws -> [Double] { try apply(v) { $0.project($1) } }
  func projectDual(_ v: [Double]) throws -> [Double] { try apply(v) { $0.projectDual($1) } }

  private func apply(
    _ v: [Double], _ body: (ConeProjection, UnsafeMutablePointer<Double>) -> Bool
  ) throws -> [Double] {
    let (l, u) = try bounds()
    let projection = try ConeProjection([cone], lower: l, upper: u)
    let buffer = try Buffer(v)
    #expect(projection.rows == v.count)
    #expect(body(projection, buffer.pointer))
    return Array(buffer.span)
  }

  func derivative(_ v: [Double], _ d: [Double]) throws -> [Double] {
    let (l, u) = try bounds()
    let derivative = try #require(
      try ProjectionDerivative([cone], lower: l, upper: u, at: v))
    let buffer = try Buffer(d)
    derivative.apply(buffer.pointer)
    return Array(buffer.span)
  }

  /// Cones of all kinds.
  static let all: [OneCone] = [
    OneCone(cone: .zero(3)), OneCone(cone: .nonnegative(4)),
    OneCone(cone: .box(3), lower: [-1, 0, -0.5], upper: [1, .infinity, 0.25]),
    OneCone(cone: .secondOrder(1)), OneCone(cone: .secondOrder(2)), OneCone(cone: .secondOrder(5)),
    OneCone(cone: .rotatedSecondOrder(2)), OneCone(cone: .rotatedSecondOrder(3)),
    OneCone(cone: .rotatedSecondOrder(6)), OneCone(cone: .exponential), OneCone(cone: .power(0.5)),
    OneCone(cone: .power(0.1)), OneCone(cone: .power(0.8)),
    OneCone(cone: .generalizedPower(exponents: [0.5, 0.3, 0.2], tail: 2)),
    OneCone(cone: .generalizedPower(exponents: [1], tail: 3)), OneCone(cone: .psd(side: 1)),
    OneCone(cone: .psd(side: 2)), OneCone(cone: .psd(side: 4)), OneCone(cone: .psd(side: 24)),
  ]
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
func size(_ a: [Double]) -> Double { a.reduce(0) { max($0, abs($1)) } }
func distance(_ a: [Double], _ b: [Double]) -> Double { size(zip(a, b).map { $0 - $1 }) }

@Suite struct ConeProjectionTests {
  @Test(arguments: 0..<OneCone.all.count)
  func partsOfMoreausIdentity(_ index: Int) throws {
    let one = OneCone.all[index]
    var numbers = Numbers(UInt64(index) + 3)
    if case .box = one.cone { return }
    for k in 0..<60 {
      // From all entries of one size to sizes 12 orders apart.
      let v = (0..<one.cone.rows).map { _ in
        let x = numbers.next()
        return k < 30 ? x : x * pow(10, 6 * numbers.next())
      }
      let x = try one.project(v)
      let z = try one.projectDual(v.map { -$0 })
      let unit = dot(v, v).squareRoot()
      #expect(distance(zip(x, z).map { $0 - $1 }, v) <= 4e-15 * unit, "\(one.cone) \(v)")
      #expect(abs(dot(x, z)) <= 2e-14 * unit * unit, "\(one.cone) \(v)")
      let out = try ConeDistance.primal(one.cone, x, lower: nil, upper: nil)
      let outDual = try ConeDistance.dual(one.cone, z, lower: nil, upper: nil)
      #expect(out <= 4e-14 * unit && outDual <= 4e-14 * unit, "\(one.cone) \(v) \(out) \(outDual)")
      // Twice is once, and nothing is in K and in -K*.
      #expect(distance(try one.project(x), x) <= 1e-13 * unit, "\(one.cone) \(v)")
      #expect(size(try one.project(z.map { -$0 })) <= 1e-7 * unit, "\(one.cone) \(v)")
    }
  }

  @Test(arguments: 0..<OneCone.all.count)
  func scalesWithItsArgument(_ index: Int) throws {
    let one = OneCone.all[index]
    var numbers = Numbers(UInt64(index) + 77)
    if case .box = one.cone { return }
    for _ in 0..<10 {
      let v = (0..<one.cone.rows).map { _ in numbers.next() }
      let x = try one.project(v)
      for scale in [1e-150, 1e-12, 1e12, 1e150] {
        let y = try one.project(v.map { $0 * scale })
        #expect(distance(y.map { $0 / scale }, x) <= 1e-13, "\(one.cone) \(scale)")
      }
    }
  }

  @Test func boxesClip() throws {
    let box = OneCone(cone: .box(4), lower: [-1, -1, -.infinity, -.infinity],
      upper: [2, .infinity, 2, .infinity])
    #expect(try box.project([3, 3, 3, 3]) == [2, 3, 2, 3])
    #expect(try box.project([-3, -3, -3, -3]) == [-1, -1, -3, -3])
    // z > 0 needs a lower bound, z < 0 an upper one.
    #expect(try box.projectDual([1, 1, 1, 1]) == [1, 1, 0, 0])
    #expect(try box.projectDual([-1, -1, -1, -1]) == [-1, 0, -1, 0])
  }

  @Test func secondOrderConesHaveClosedForms() throws {
    #expect(try OneCone(cone: .secondOrder(3)).project([0, 3, 4]) == [2.5, 1.5, 2])
    #expect(try OneCone(cone: .secondOrder(3)).project([-5, 3, 4]) == [0, 0, 0])
    #expect(try OneCone(cone: .secondOrder(3)).project([1, 0, -5]) == [3, 0, -3])
    // 2ab >= w^2 at (0, 0, w): a = b = |w|/(2 sqrt 2), half of the tail.
    let x = try OneCone(cone: .rotatedSecondOrder(3)).project([0, 0, 2])
    let half = 0.5.squareRoot()
    #expect(distance(x, [half, half, 1]) < 1e-15)
    // Entries at the ends of the range of numbers.
    let large = try OneCone(cone: .secondOrder(3)).project([0, 6e307, 8e307])
    #expect(distance(large, [5e307, 3e307, 4e307]) < 1e293)
    let tiny = 0x1p-1040
    let small = try OneCone(cone: .secondOrder(3)).project([0, 6 * tiny, 8 * tiny])
    #expect(distance(small, [5 * tiny, 3 * tiny, 4 * tiny]) < 0x1p-30 * tiny)
  }

  /// From 60 digits of arithmetic.
  @Test(arguments: [
    ([1, 1, 1], [0.42630617230379412386, 0.7516727774312039236, 1.3253666051274097997]),
    ([-1, 1, -1], [-1.1434480778240091695, 0.56754142698113779101, 0.075684572301481318134]),
    (
      [0.5, -2, 0.25], [0.0080689867049294199335, 0.0015918782295972012435, 0.2530940836671550347]
    ),
    ([5, 0.001, 2], [1.1235909231504320648, 0.91013621052838129914, 3.1279239337113736606]),
    (
      [-3, 0.5, -0.0001],
      [-3.000003318015139091, 0.49997677294715137165, 0.0012389648955004693217]
    ),
    ([2, 0, 1], [0.50679986847250730619, 0.39977041905331063724, 1.4202919331990280544]),
    ([0, 1, -2], [-0.28910936702894389983, 0.14866730288732026303, 0.021264466157348218688]),
    ([100, 1, 3], [11.750984379508794395, 10.598277859153561263, 32.119235593703980013]),
    ([1, -30, 1e5], [1.0671645937545669803e-7, 3.4424660755668133812e-9, 100000.00000000000003]),
  ])
  func exponentialConesOfKnownPoints(_ v: [Double], _ expected: [Double]) throws {
    let x = try OneCone(cone: .exponential).project(v)
    #expect(distance(x, expected) <= 1e-15 * size(v), "\(v): \(x)")
  }

  @Test func exponentialConesAtTheirEnds() throws {
    let one = OneCone(cone: .exponential)
    #expect(try one.project([1e-12, -1, 1]) == [0, 0, 1])
    #expect(try one.project([1e-12, -1, -1e-300]) == [0, 0, 0])
    #expect(try one.project([-1, 1e-12, -1]) == [-1, 1e-12, 0])
    #expect(try one.project([-1, -1, 2]) == [-1, 0, 2])
    #expect(try one.project([-1, 0, 2]) == [-1, 0, 2])
    #expect(try one.project([0, 0, -1]) == [0, 0, 0])
    #expect(try one.project([0, 1, 1]) == [0, 1, 1])
    // z_2 = -z_0 exp(z_1/z_0 - 1) with z = -v.
    #expect(try one.projectDual([-1, -1, 1]) == [-1, -1, 1])
  }

  @Test(arguments: PowerValue.all)
  func powerConesOfKnownPoints(_ value: PowerValue) throws {
    let one = OneCone(
      cone: .generalizedPower(exponents: value.exponents, tail: value.tail.count))
    let v = value.heads + value.tail
    let x = try one.project(v)
    #expect(distance(x, value.expected) <= 3e-15 * size(v), "\(v): \(x)")
    if value.exponents.count == 2 && value.tail.count == 1 {
      #expect(try OneCone(cone: .power(value.exponents[0])).project(v) == x)
    }
  }

  @Test func semidefiniteMatricesOfTwoRows() throws {
    // [[0, 1], [1, 0]] has the positive part [[1, 1], [1, 1]]/2.
    let half = 0.5.squareRoot()
    let x = try OneCone(cone: .psd(side: 2)).project([0, 2 * half, 0])
    #expect(distance(x, [0.5, half, 0.5]) < 1e-15)
    #expect(try OneCone(cone: .psd(side: 2)).project([-1, 0, -2]) == [0, 0, 0])
    #expect(try OneCone(cone: .psd(side: 2)).project([1, 0, 2]) == [1, 0, 2])
  }

  @Test(arguments: 0..<OneCone.all.count)
  func whatIsNotFiniteIsReported(_ index: Int) throws {
    let one = OneCone.all[index]
    guard !one.cone.isLinear else { return }
    let projection = try ConeProjection([one.cone], lower: nil, upper: nil)
    for bad in [Double.nan, .infinity] {
      for place in [0, one.cone.rows - 1] {
        let v = try Buffer<Double>(count: one.cone.rows, repeating: -0.5)
        v[place] = bad
        #expect(!projection.project(v.pointer), "\(one.cone) \(bad) \(place)")
        v.fill(-0.5)
        v[place] = bad
        #expect(try ProjectionDerivative([one.cone], lower: nil, upper: nil, at: v.pointer) == nil)
      }
    }
  }

  @Test func productsTakeTheirRowsInOrder() throws {
    let cones: [Cone] = [.nonnegative(2), .secondOrder(3), .zero(1), .exponential, .psd(side: 2)]
    let v: [Double] = [-1, 2, 0, 3, 4, 5, -1, -1, 2, 0, 2.0.squareRoot(), 0]
    let whole = try Buffer(v)
    let projection = try ConeProjection(cones, lower: nil, upper: nil)
    #expect(projection.rows == 12 && projection.cost > 12)
    #expect(projection.project(whole.pointer))
    var expected: [Double] = []
    var row = 0
    for cone in cones {
      expected += try OneCone(cone: cone).project(Array(v[row..<(row + cone.rows)]))
      row += cone.rows
    }
    #expect(Array(whole.span) == expected)
  }
}

struct PowerValue: Sendable {
  let exponents: [Double]
  let heads: [Double]
  let tail: [Double]
  let expected: [Double]

  static let all: [PowerValue] = [
    PowerValue(
      exponents: [0.5, 0.5], heads: [1, 1], tail: [3],
      expected: [
        1.6666666666666666667,
        1.6666666666666666667,
        1.6666666666666666667,
      ]),
    PowerValue(
      exponents: [0.25, 0.75], heads: [-1, 2], tail: [1.5],
      expected: [
        0.10940124627020058468,
        2.1679510421533177373,
        1.027525645981241438,
      ]),
    PowerValue(
      exponents: [0.875, 0.125], heads: [-0.5, -0.25], tail: [-4],
      expected: [
        1.5382620110866541694,
        0.55583520350225352979,
        -1.3544712203345538031,
      ]),
    PowerValue(
      exponents: [0.5, 0.25, 0.25], heads: [1, -2, 0.5], tail: [3, -4],
      expected: [
        2.1389037881071674826,
        0.48929607980952251792,
        1.3815930422797816342,
        0.79567340757561680573,
        -1.0608978767674890743,
      ]),
    PowerValue(
      exponents: [0.5, 0.5], heads: [1e-08, 1], tail: [1000.0],
      expected: [
        333.41657292254350679,
        333.91694782371157419,
        333.66666657629689786,
      ]),
  ]
}
