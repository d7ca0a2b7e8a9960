import KantorBilevel
import KantorCore
import TestSupport
import Testing

/// The certificate on known answers, and on known wrong ones.
@Suite struct BilevelCheckTests {
  private func certify(
    _ id: String, _ x: [Double], _ y: [Double], second: Bool = true
  ) throws -> BilevelCertificate {
    let one = try BilevelCase.named(id)
    return try BilevelCheck(try one.sealed(second: second)).certify(
      x: try Buffer(x), y: try Buffer(y))
  }

  /// Every listed optimum stands the check, those with ties of the lower level included; two are
  /// answers to another question than the optimistic one.
  @Test(arguments: BilevelCase.all.filter { $0.mode == "optimistic" })
  func acceptsOptima(_ one: BilevelCase) throws {
    let certificate = try certify(one.id, one.x, one.y)
    // Some y of the file have seven digits.
    #expect(certificate.worst < 2e-6)
    #expect(abs(certificate.objective - one.value) < 1e-6 * (1 + abs(one.value)))
    #expect(certificate.lowerGap >= 0 && certificate.lowerFeasibility < 1e-9)
  }

  /// Points near the optima do not.
  @Test(arguments: ["quad_2x3", "weighted_mean", "ball_lmo", "svm_1c", "toll_revenue"])
  func rejectsNeighbours(_ id: String) throws {
    let one = try BilevelCase.named(id)
    let x = one.x.map { $0 + 1e-3 }
    #expect(try certify(id, x, one.y).worst > 1e-5)
    let y = one.y.map { $0 - 1e-3 }
    #expect(try certify(id, one.x, y).worst > 1e-6)
  }

  /// Known wrong answers that are no local minima of the bilevel problem.
  @Test func rejectsWrongAnswers() throws {
    let unrolled = try certify("bda_counterexample", [0.5], [0.5, 0])
    #expect(unrolled.relativeHypergradient > 0.1 && unrolled.selection != .unique)
    let saddle = try certify("mitsos_barton314", [0], [0])
    #expect(abs(saddle.lowerGap - 1.0 / 3) < 1e-6)
    #expect((saddle.betterLower?[0] ?? 0) < -0.99)
    let inflection = try certify("dempe1992b", [1], [1])
    #expect(inflection.relativeHypergradient < 1e-9 && inflection.relativeImprovement > 1e-6)
    #expect((inflection.betterPair?.x[0] ?? 1) != 1)
    let reformulated = try certify("dempe_dutta24", [0], [0])
    #expect(reformulated.relativeHypergradient > 0.5)
  }

  /// Local optima that the literature lists as optima: they pass as what they are, local.
  @Test func acceptsLocalOptima() throws {
    for id in ["bard1988ex1", "clark_westerberg1990a", "aiyoshi_shimizu1984"] {
      for wrong in try BilevelCase.named(id).wrong {
        let certificate = try certify(id, wrong.x, wrong.y)
        #expect(certificate.worst < 1e-6 && abs(certificate.objective - wrong.value) < 1e-6)
      }
    }
  }

  @Test func saysWhatIsUnique() throws {
    func selection(_ id: String) throws -> BilevelSelection {
      let one = try BilevelCase.named(id)
      return try certify(id, one.x, one.y).selection
    }
    for id in ["quad_2x3", "svm_1c", "ball_lmo", "anandalingham_white1990", "toll_revenue"] {
      #expect(try selection(id) == .unique)
    }
    for id in ["bda_counterexample", "segment_optimistic", "lvhba_llc_n2", "mirrlees1999"] {
      #expect(try selection(id) == .unknown)
    }
  }

  /// Multipliers are those of the file, by second derivatives that are differenced too.
  @Test func multipliers() throws {
    let one = try BilevelCase.named("svm_1c")
    for second in [true, false] {
      let certificate = try certify("svm_1c", one.x, one.y, second: second)
      #expect(abs((certificate.multipliers?[0] ?? 0) - 0.32) < 1e-9)
      #expect(abs((certificate.multipliers?[1] ?? 0) - 0.56) < 1e-9)
      // Some y of the file have seven digits.
    #expect(certificate.worst < 2e-6)
    }
    let corner = try BilevelCase.named("aiyoshi_shimizu1984")
    let certificate = try certify(corner.id, corner.x, corner.y)
    #expect((certificate.boundMultipliers?[0] ?? 0) < -19.9)
    #expect(certificate.lowerComplementarity < 1e-12)
  }

  /// NaN is infinite to the verdict.
  @Test func undefinedIsWorst() throws {
    let certificate = try certify("unbounded_smooth", [0], [1e6])
    #expect(certificate.worst == .infinity && certificate.objective.isNaN)
  }
}
