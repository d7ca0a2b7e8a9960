import Glibc
import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Sparse psd cones, split into the cliques of their patterns and put together again.
@Suite struct ChordalTests {
  /// M - t I psd for the second difference matrix, whose least eigenvalue is
  /// 2 - 2 cos(pi / (k + 1)); `rows` come before.
  private func tridiagonal(_ k: Int, q: Double, sign: Double = 1) -> ConeSample {
    var (a, b): ([[Double]], [Double]) = ([], [])
    for j in 0..<k {
      for i in 0...j {
        a.append([i == j ? sign : 0])
        b.append(i == j ? 2 : (i + 1 == j ? -2.0.squareRoot() : 0))
      }
    }
    return ConeSample(q: [q], a: a, b: b, cones: "psd \(k)")
  }

  private func entries(_ sample: ConeSample, _ chordal: Bool) throws -> Int {
    Int(try sample.solve { try $0.set("chordal", .flag(chordal)) }.int("factor_entries"))
  }

  @Test func eigenvaluesOfABand() throws {
    let k = 60
    let sample = tridiagonal(k, q: -1)
    let least = 2 - 2 * cos(Double.pi / Double(k + 1))
    for chordal in [true, false] {
      let result = try sample.solve { try $0.set("chordal", .flag(chordal)) }
      #expect(result.status == .solved)
      #expect(abs(try result.array("x").list()[0] - least) <= 1e-7)
    }
    // One variable is a system of one entry; the cliques have more.
    #expect(try entries(sample, false) == 1 && entries(sample, true) > k)
  }

  /// The multiplier is the whole matrix: of rank one, from the eigenvector.
  @Test func multipliersAreCompleted() throws {
    let k = 40
    let z = try tridiagonal(k, q: -1).solve().array("z").list()
    let angle = Double.pi / Double(k + 1)
    let v = (1...k).map { (2 / Double(k + 1)).squareRoot() * sin(Double($0) * angle) }
    for j in 0..<k {
      for i in 0...j {
        let root = i == j ? 1 : 2.0.squareRoot()
        #expect(abs(z[j * (j + 1) / 2 + i] - root * v[i] * v[j]) <= 1e-4)
      }
    }
  }

  /// Two bands that nothing connects, and one vertex that is in every clique, beside other cones.
  @Test(arguments: [1, 2, 3]) func patternsOfAnyKind(seed: Int) throws {
    var numbers = Numbers(UInt64(40 + seed))
    let (k, n) = (36, 5)
    func isUsed(_ i: Int, _ j: Int) -> Bool {
      switch seed {
      case 1: return j - i <= 2 && (i < 15) == (j < 15)
      case 2: return i == j || i == 0
      default: return i == j || (i * i + 7 * j) % 19 == 0
      }
    }
    var (a, b): ([[Double]], [Double]) = ([[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], [3, 4])
    for j in 0..<k {
      for i in 0...j {
        let row = isUsed(i, j)
        a.append(row ? numbers.list(n) : [Double](repeating: 0, count: n))
        b.append(row ? (i == j ? 4 : numbers.next()) : 0)
      }
    }
    // z = I is feasible for the dual, x = 0 for the program.
    var q = [0.3, 0, 0, 0, -0.2]
    for j in 0..<n {
      for i in 0..<k { q[j] -= a[2 + i * (i + 3) / 2][j] }
    }
    let sample = ConeSample(q: q, a: a, b: b, cones: "second_order 2, psd \(k)")
    let split = try sample.solve()
    let whole = try sample.solve { try $0.set("chordal", .flag(false)) }
    #expect(split.status == .solved && whole.status == .solved)
    let (mine, its) = (try split.real("objective"), try whole.real("objective"))
    #expect(abs(mine - its) <= 1e-6 * max(1, abs(its)))
  }

  @Test func raysOfSplitPrograms() throws {
    // M - t I with t >= 5, and M + t I with t as large as can be.
    let k = 40
    var sample = tridiagonal(k, q: 0)
    sample.a.insert([-1], at: 0)
    sample.b.insert(-5, at: 0)
    sample.cones = "nonnegative 1, " + sample.cones
    #expect(try sample.solve().status == .infeasible)
    #expect(try tridiagonal(k, q: -1, sign: -1).solve().status == .unbounded)
  }
}
