import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct BirkhoffDecompositionTests {
  /// Doubly stochastic, all entries positive.
  private func sample(_ n: Int, seed: UInt64) throws -> [Double] {
    try solveMatrices("sinkhorn_knopp", spread(n * n, 1, seed: seed), [n, n],
      ["tolerance": .real(1e-13)]).array("doubly_stochastic").list()
  }

  private func rebuilt(_ result: Result, _ n: Int) throws -> [Double] {
    let weights = try result.array("weights").list()
    let columns = try result.array("permutations").list()
    var x = [Double](repeating: 0, count: n * n)
    for k in weights.indices {
      for i in 0..<n { x[i * n + Int(columns[k * n + i])] += weights[k] }
    }
    return x
  }

  @Test(arguments: ["bottleneck", "any"]) func addsUp(strategy: String) throws {
    for n in [1, 2, 5, 12, 25] {
      let x = try sample(n, seed: UInt64(n))
      let result = try solveMatrices(
        "birkhoff_decomposition", x, [n, n], ["strategy": .text(strategy)])
      #expect(result.status == .solved, "\(told(result))")
      #expect(try zip(rebuilt(result, n), x).allSatisfy { abs($0 - $1) < 1e-9 })
      let weights = try result.array("weights").list()
      #expect(weights.count <= (n - 1) * (n - 1) + 1)
      #expect(weights.allSatisfy { $0 > 0 })
    }
  }

  @Test func bottlenecksFall() throws {
    let x = try sample(15, seed: 3)
    let weights = try solveMatrices("birkhoff_decomposition", x, [15, 15])
      .array("weights").list()
    #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 >= $1 * (1 - 1e-12) })
    let any = try solveMatrices(
      "birkhoff_decomposition", x, [15, 15], ["strategy": .text("any")]).array("weights").list()
    #expect(weights[0] >= any[0])
    // The first is the best possible: the smallest entry of the best of all permutations of 4.
    let small = try sample(4, seed: 9)
    var best = 0.0
    for a in 0..<4 {
      for b in 0..<4 where b != a {
        for c in 0..<4 where c != a && c != b {
          let d = 6 - a - b - c
          best = max(best, min(small[a], small[4 + b], small[8 + c], small[12 + d]))
        }
      }
    }
    let first = try solveMatrices("birkhoff_decomposition", small, [4, 4]).array("weights").list()
    #expect(first[0] == best)
  }

  @Test func permutationsAndTheFlatMatrix() throws {
    let p = [0, 1, 0, 0, 0, 1, 1, 0, 0].map(Double.init)
    let one = try solveMatrices("birkhoff_decomposition", p, [3, 3])
    #expect(try one.array("weights").list() == [1])
    #expect(try one.array("permutations").list() == [1, 2, 0])
    let flat = [Double](repeating: 0.25, count: 16)
    let four = try solveMatrices("birkhoff_decomposition", flat, [4, 4])
    #expect(try four.array("weights").list() == [0.25, 0.25, 0.25, 0.25])
  }

  @Test func batches() throws {
    let x = try sample(6, seed: 1) + sample(6, seed: 2)
    let result = try solveMatrices("birkhoff_decomposition", x, [2, 6, 6])
    let starts = try result.array("term_start").list()
    #expect(starts.count == 3 && starts[0] == 0 && starts[1] > 0 && starts[2] > starts[1])
    #expect(Int(starts[2]) == (try result.array("weights").count))
    #expect(result.status == .solved)
  }

  @Test func cutShort() throws {
    let result = try solveMatrices(
      "birkhoff_decomposition", try sample(9, seed: 4), [9, 9], ["max_terms": .int(3)])
    #expect(result.status == .iterationLimit)
    #expect(try result.array("weights").count == 3)
    #expect(try result.real("residual") > 1e-3)
  }

  @Test func othersAreRefused() throws {
    let failed = error { () throws(KantorError) in
      do {
        _ = try solveMatrices("birkhoff_decomposition", [1, 0, 0, 1, 0.5, 0.5, 0.5, 0.6], [2, 2, 2])
      } catch let error as KantorError {
        throw error
      } catch {}
    }
    #expect(failed?.code == .range)
    #expect(failed?.message.contains("matrix 1") == true)
  }
}
