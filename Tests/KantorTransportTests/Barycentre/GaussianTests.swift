import Glibc
import KantorCore
import KantorNumerics
import KantorTransport
import TestSupport
import Testing

@Suite struct GaussianTests {
  private func solve(
    _ kind: ProblemKind, _ entry: MethodEntry, _ arrays: [(String, [Int], [Double])],
    _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let problem = Problem(kind: kind)
    for (name, shape, numbers) in arrays {
      try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
    }
    let settings = Settings(method: entry.spec)
    for (name, value) in options { try settings.set(name, value) }
    return try entry.solve(try problem.seal(), try settings.run(for: entry.spec))
  }

  private func pair(
    _ d: Int, _ s: [Double], _ t: [Double], means: ([Double], [Double])? = nil
  ) throws -> Result {
    var arrays = [("covariance_source", [d, d], s), ("covariance_target", [d, d], t)]
    if let means { arrays += [("mean_source", [d], means.0), ("mean_target", [d], means.1)] }
    return try solve(GaussianTransportKind.kind, BuresWasserstein.entry, arrays)
  }

  private func barycentre(
    _ d: Int, _ laws: [[Double]], weights: [Double]? = nil
  ) throws -> Result {
    var arrays = [("covariances", [laws.count, d, d], laws.flatMap { $0 })]
    if let weights { arrays.append(("weights", [weights.count], weights)) }
    return try solve(GaussianBarycentreKind.kind, BuresBarycentre.entry, arrays)
  }

  @Test(arguments: [1, 2, 7, 20, 45]) func eigenvaluesRestoreTheMatrix(n: Int) throws {
    let a = GaussianSpecimens.covariance(n, seed: UInt64(n))
    let eigen = try SymmetricEigen(a, count: n)
    var back = [Double](repeating: 0, count: n * n)
    eigen.apply(&back) { $0 }
    #expect(largest(a, back) < 1e-12)
    for k in 0..<n {
      for l in 0..<n {
        let product = (0..<n).reduce(0.0) {
          $0 + eigen.vectors[k * n + $1] * eigen.vectors[l * n + $1]
        }
        #expect(abs(product - (k == l ? 1 : 0)) < 1e-13)
      }
      if k > 0 { #expect(eigen.values[k - 1] <= eigen.values[k]) }
    }
  }

  @Test func eigenvaluesOfTinySizeKeepTheirDigits() throws {
    let eigen = try SymmetricEigen([1e20, 1e5, 1e5, 1e-9], count: 2)
    // det = 1e11 - 1e10 = 9e10, so the small one is 9e10 / 1e20.
    #expect(abs(eigen.values[0] / 9e-10 - 1) < 1e-12)
  }

  @Test func distancesOfCommutingLaws() throws {
    let one = try pair(1, [4], [9], means: ([1], [3]))
    #expect(one.status == .solved)
    #expect(abs(try one.real("objective") - 5) < 1e-12)
    #expect(abs(try one.array("map_matrix").list()[0] - 1.5) < 1e-12)
    #expect(abs(try one.array("map_offset").list()[0] - 1.5) < 1e-12)
    let three = try pair(3, [1, 0, 0, 0, 4, 0, 0, 0, 9], [4, 0, 0, 0, 4, 0, 0, 0, 1])
    #expect(abs(try three.real("objective") - 5) < 1e-12)
  }

  @Test(arguments: [8, 40]) func generalLawsAreCertified(d: Int) throws {
    let s = GaussianSpecimens.covariance(d, seed: 1)
    let t = GaussianSpecimens.covariance(d, seed: 2)
    let result = try pair(d, s, t)
    #expect(result.status == .solved)
    let gap = try result.real("relative_gap")
    #expect(abs(gap) < 1e-10)
    let back = try pair(d, t, s)
    #expect(abs(try result.real("objective") - (try back.real("objective"))) < 1e-10)
  }

  @Test func barycentreOfOneDimension() throws {
    let result = try barycentre(1, [[1], [4], [9]], weights: [0.5, 0.25, 0.25])
    #expect(result.status == .solved)
    #expect(abs(try result.array("covariance").list()[0] - 1.75 * 1.75) < 1e-12)
  }

  @Test func barycentreIsBracketedAndBetterThanOthers() throws {
    let laws = (1...4).map { GaussianSpecimens.covariance(5, seed: UInt64($0) + 20) }
    let weights = [0.1, 0.2, 0.3, 0.4]
    let result = try barycentre(5, laws, weights: weights)
    #expect(result.status == .solved)
    #expect(try abs(result.real("relative_gap")) < 1e-7)
    let best = try result.real("objective")
    #expect(try result.real("lower_bound") <= best + 1e-12)
    func value(_ s: [Double]) throws -> Double {
      var sum = 0.0
      for (weight, law) in zip(weights, laws) {
        sum += weight * (try pair(5, s, law).real("objective"))
      }
      return sum
    }
    let own = try result.array("covariance").list()
    #expect(abs(try value(own) - best) < 1e-10)
    for scale in [0.9, 1.1] { #expect(try value(own.map { $0 * scale }) > best) }
  }

  /// A map of the wrong sign also carries one law to the other, but is not optimal.
  @Test func iterationLimitIsNotCalledSolved() throws {
    let laws = (1...3).map { GaussianSpecimens.covariance(6, seed: UInt64($0) + 40) }
    let result = try solve(
      GaussianBarycentreKind.kind, BuresBarycentre.entry,
      [("covariances", [3, 6, 6], laws.flatMap { $0 })],
      ["max_iterations": .int(1), "tolerance": .real(1e-12)])
    #expect(result.status == .iterationLimit)
    #expect(try result.real("lower_bound") < (try result.real("objective")))
  }

  @Test func derivativesAgreeWithDifferences() throws {
    let s = GaussianSpecimens.covariance(3, seed: 5)
    let t = GaussianSpecimens.covariance(3, seed: 6)
    let result = try pair(3, s, t, means: ([1, 2, 3], [0, 1, 5]))
    let one = Tensor(try Buffer([1.0]), shape: [])
    for name in ["covariance_source", "covariance_target"] {
      let answer = try result.vjp(cotangents: ["objective": one], wanted: [name])
      let gradient = try #require(answer[name]).list()
      func value(_ h: Double) throws -> Double {
        var (a, b) = (s, t)
        if name == "covariance_source" { a[1] += h; a[3] += h } else { b[1] += h; b[3] += h }
        return try pair(3, a, b).real("objective")
      }
      let slope = (try value(1e-5) - (try value(-1e-5))) / 2e-5
      #expect(abs(slope - gradient[1] - gradient[3]) < 1e-7)
    }
    let answer = try result.vjp(cotangents: ["objective": one], wanted: ["mean_target"])
    #expect(largest(try #require(answer["mean_target"]).list(), [-2, -2, 4]) < 1e-12)
  }

  @Test func refusesWhatIsNoCovariance() throws {
    func code(_ s: [Double], _ t: [Double]) -> KantorError.Code? {
      do {
        _ = try pair(2, s, t)
        return nil
      } catch {
        return (error as? KantorError)?.code
      }
    }
    #expect(code([1, 0, 0, 1], [1, 0.5, 0, 1]) == .range)
    #expect(code([1, 0, 0, 1], [1, 2, 2, 1]) == .range)
    #expect(code([1, 1, 1, 1], [1, 0, 0, 1]) == .range)
    #expect(code([1, 0, 0, .nan], [1, 0, 0, 1]) == .notFinite)
    // A singular target has a map and a distance, but no lower bound of this kind.
    let flat = try pair(2, [1, 0, 0, 1], [4, 0, 0, 0])
    #expect(flat.status == .solved)
    #expect(abs(try flat.real("objective") - 2) < 1e-12)
    #expect(try flat.real("lower_bound") == -.infinity)
  }
}
