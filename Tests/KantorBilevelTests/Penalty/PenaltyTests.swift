import KantorBilevel
import KantorCore
import TestSupport
import Testing

func solveBilevel<Method: BilevelMethod>(
  _ method: Method.Type, _ problem: BilevelProblem, _ options: [String: OptionValue] = [:]
) throws -> Result {
  let settings = Settings(method: method.spec)
  for (name, value) in options { try settings.set(name, value) }
  return try method.entry.solve(problem, try settings.run(for: method.spec))
}

@Suite struct PenaltyTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solveBilevel(
      PenaltyMethod.self, try BilevelCase.named(id).sealed(second: false), options)
  }

  /// Lower levels that are not convex, another choice than the optimistic one, rows of the upper
  /// level; or where the start leads to a local optimum that the file does not list.
  static let others: Set<String> = [
    "mitsos_barton314", "mirrlees1999", "segment_pessimistic", "overparam_nearest", "dempe1992b",
    "anandalingham_white1990", "bard1988ex1",
  ]

  @Test(arguments: BilevelCase.all.filter { $0.upperRows.isEmpty && !others.contains($0.id) })
  func knownAnswers(_ one: BilevelCase) throws {
    let result = try solve(one.id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(one.accepts(objective), "F = \(objective), not \(one.value)")
  }

  /// The bias of psi_s is proportional to s.
  @Test func biasOfThePenalty() throws {
    var errors: [Double] = []
    for sigma in [1e-1, 1e-2, 1e-3] {
      let result = try solve(
        "quad_scalar",
        ["sigma": .real(sigma), "sigma_min": .real(1), "polish": .flag(false)])
      errors.append(abs(try result.array("x").list()[0] - 0.5))
    }
    for k in 0..<2 { #expect(errors[k] / errors[k + 1] > 7 && errors[k] / errors[k + 1] < 13) }
  }

  /// The published double loop near a local minimiser of a nonconvex problem, as far as s lets it.
  @Test func publishedLoop() throws {
    let one = try BilevelCase.named("pbgd_toy")
    let answers = one.others.map { $0.x[0] }
    for (sigma, near) in [(0.1, 0.03), (0.01, 3e-3)] {
      let result = try solve(
        "pbgd_toy",
        [
          "variant": .text("published"), "sigma": .real(sigma), "max_iterations": .int(20_000),
        ])
      let x = try result.array("x").list()[0]
      #expect((answers.map { abs(x - $0) }.min() ?? 1) < near, "\(x)")
    }
  }

  @Test func singleLoopOnBatches() throws {
    let data = FiniteSum(samples: 400)
    func run(_ seed: Int64, _ steps: Int64) throws -> Result {
      try solveBilevel(
        PenaltyMethod.self, try data.problem(),
        [
          "variant": .text("published"), "momentum": .flag(true), "seed": .int(seed),
          "max_iterations": .int(steps), "sigma": .real(0.1), "alpha": .real(0.1),
        ])
    }
    let whole = try solveBilevel(PenaltyMethod.self, try data.problem())
    let result = try run(1, 3000)
    #expect(try result.real("objective") < 1.05 * whole.real("objective"))
    #expect(try run(1, 50).array("x").list() == run(1, 50).array("x").list())
    #expect(try run(1, 50).array("x").list() != run(2, 50).array("x").list())
  }

  @Test func refusals() throws {
    let rows = error { () throws(KantorError) in
      do { _ = try solve("shimizu_aiyoshi1981ex1") } catch let e as KantorError { throw e } catch {}
    }
    #expect(rows?.code == .unsupported && rows?.message.contains("rows of the upper level") == true)
    #expect(throws: KantorError.self) { try solve("svm_1c", ["variant": .text("published")]) }
  }
}

@Suite struct PBGDTests {
  private func solve(_ id: String, _ options: [String: OptionValue] = [:]) throws -> Result {
    try solveBilevel(PBGD.self, try BilevelCase.named(id).sealed(second: false), options)
  }

  static let others: Set<String> = [
    "mitsos_barton314", "mirrlees1999", "segment_pessimistic", "overparam_nearest", "dempe1992b",
    "anandalingham_white1990", "bard1988ex1", "aiyoshi_shimizu1984",
  ]

  @Test(arguments: BilevelCase.all.filter { !others.contains($0.id) })
  func knownAnswers(_ one: BilevelCase) throws {
    let result = try solve(one.id)
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(one.accepts(objective), "F = \(objective), not \(one.value)")
  }

  /// The squared gradient as the penalty, on lower levels without bounds.
  @Test(arguments: ["quad_2x3", "ridge_2hp", "logreg_wd", "pbgd_toy", "bda_counterexample"])
  func gradientForm(_ id: String) throws {
    let result = try solve(id, ["form": .text("gradient")])
    let objective = try result.real("objective")
    #expect(result.status == .solved)
    #expect(try BilevelCase.named(id).accepts(objective), "F = \(objective)")
  }

  /// The published loop comes as near as gamma lets it: the distance is as 1 / gamma.
  @Test func publishedLoop() throws {
    let one = try BilevelCase.named("pbgd_toy")
    let answers = one.others.map { $0.x[0] }
    for (gamma, near) in [(10.0, 0.03), (100.0, 0.003)] {
      let result = try solve(
        "pbgd_toy",
        [
          "variant": .text("published"), "gamma": .real(gamma), "max_iterations": .int(200_000),
          "tolerance": .real(1e-5),
        ])
      let x = try result.array("x").list()[0]
      #expect((answers.map { abs(x - $0) }.min() ?? 1) < near, "\(x)")
    }
    let squared = try solve(
      "quad_scalar",
      [
        "variant": .text("published"), "form": .text("gradient"), "gamma": .real(100),
        "max_iterations": .int(50_000),
      ])
    #expect(abs(try squared.array("x").list()[0] - 0.5) < 0.01)
  }

  @Test func refusals() throws {
    #expect(throws: KantorError.self) { try solve("svm_1c", ["form": .text("gradient")]) }
    #expect(throws: KantorError.self) { try solve("svm_1c", ["variant": .text("published")]) }
  }

  @Test func limitsAreExact() throws {
    for limit: Int64 in [1, 8, 40] {
      let result = try solve("ridge_2hp", ["max_evaluations": .int(limit)])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") <= limit)
    }
  }
}
