import Glibc
import KantorCatalog
import KantorCore
import KantorTransport
import TestSupport
import Testing

/// Problems whose weights may be missed: partial and unbalanced.
@Suite struct RelaxedGromovTests {
  private func close(_ x: Double, _ y: Double, _ tolerance: Double = 1e-12) -> Bool {
    abs(x - y) <= tolerance * max(1, abs(x), abs(y))
  }

  private func sample(_ what: String) -> GromovSample {
    switch what {
    case "fused": return .fused(9, 7, alpha: 0.3, seed: 10)
    case "random": return .random(8, 6, seed: 20)
    case "kl":
      var sample = GromovSample.random(7, 8, seed: 30)
      sample.loss = "kl"
      return sample
    default: return .clouds(10, 8, seed: 50)
    }
  }

  /// The error of a call that has to fail.
  private func refusal(_ body: () throws -> Void) -> KantorError? {
    do {
      try body()
      return nil
    } catch {
      return error as? KantorError
    }
  }

  private func partial(
    _ sample: GromovSample, mass: Double, _ options: [String: OptionValue] = [:],
    start: [String: Tensor] = [:]
  ) throws -> Result {
    try sample.solve(
      "gromov_partial", options: options, start: start, kind: PartialGromovKind.kind,
      numbers: ["mass": mass])
  }

  private func unbalanced(
    _ sample: GromovSample, _ first: Double, _ second: Double,
    _ options: [String: OptionValue] = [:], start: [String: Tensor] = [:]
  ) throws -> Result {
    try sample.solve(
      "gromov_unbalanced", options: options, start: start, kind: UnbalancedGromovKind.kind,
      numbers: ["strength_source": first, "strength_target": second])
  }

  private func marginals(
    _ plan: [Double], _ n: Int, _ m: Int
  ) -> (rows: [Double], columns: [Double]) {
    (
      (0..<n).map { i in (0..<m).reduce(0) { $0 + plan[i * m + $1] } },
      (0..<m).map { j in (0..<n).reduce(0) { $0 + plan[$1 * m + j] } }
    )
  }

  // MARK: Partial

  @Test(arguments: ["clouds", "fused", "random", "kl"])
  func partialGapIsThatOfTheDefinition(what: String) throws {
    let sample = sample(what)
    let result = try partial(sample, mass: 0.6)
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    #expect(close(try result.real("objective"), sample.value(plan)))
    let (rows, columns) = marginals(plan, sample.n, sample.m)
    for i in 0..<sample.n { #expect(rows[i] <= sample.a[i] + 1e-14) }
    for j in 0..<sample.m { #expect(columns[j] <= sample.b[j] + 1e-14) }
    #expect(close(rows.reduce(0, +), 0.6, 1e-14))
    // The gap that the certificate bounds is that of the best partial plan for the gradient.
    let gradient = sample.gradient(plan)
    let linear = Problem(kind: PartialKind.kind)
    try linear.set("cost", .array(Tensor(try Buffer(gradient), shape: [sample.n, sample.m])))
    try linear.set("weights_source", .array(Tensor(try Buffer(sample.a))))
    try linear.set("weights_target", .array(Tensor(try Buffer(sample.b))))
    try linear.set("mass", .real(0.6))
    let best = try Catalog.standard.solve(linear, method: "partial_simplex")
    let slope = zip(plan, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    let gap = slope - (try best.real("objective"))
    #expect(gap <= (try result.real("gap")) + 1e-13 && gap <= 1e-6)
  }

  @Test func aPartIsFoundWithinALargerSpace() throws {
    let (n, m) = (5, 8)
    let d = GromovSpecimens.distances(m, 3)
    let order = [6, 1, 4, 0, 7]
    var c = [Double](repeating: 0, count: n * n)
    for i in 0..<n { for k in 0..<n { c[i * n + k] = d[order[i] * m + order[k]] } }
    let sample = GromovSample(
      c: c, d: d, a: [Double](repeating: 1, count: n), b: [Double](repeating: 1, count: m))
    // Started near the answer: there are other local optima.
    var start = [Double](repeating: 0.3 / 8, count: n * m)
    for i in 0..<n { start[i * m + order[i]] += 0.7 }
    let tensor = Tensor(try Buffer(start), shape: [n, m])
    let result = try partial(sample, mass: 5, start: ["plan": tensor])
    #expect(result.status == .solved)
    #expect(abs(try result.real("objective")) <= 1e-13)
    let plan = try result.array("plan").list()
    for i in 0..<n { #expect(close(plan[i * m + order[i]], 1, 1e-13)) }
  }

  @Test func allOfTheMassIsTheBalancedProblem() throws {
    let sample = GromovSample.clouds(7, 7, seed: 70)
    let total = sample.a.reduce(0, +)
    let balanced = try sample.solve()
    let plan = try balanced.array("plan")
    let result = try partial(sample, mass: total, start: ["plan": plan])
    #expect(close(try result.real("objective"), try balanced.real("objective"), 1e-11))
  }

  @Test(arguments: ["product", "uniform"])
  func entropicPartialPlansAreStationary(reference: String) throws {
    let sample = GromovSample.clouds(6, 7, seed: 80)
    let result = try partial(
      sample, mass: 0.7,
      ["epsilon": .real(0.1), "reference": .text(reference), "tolerance": .real(1e-9)])
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    func value(_ plan: [Double]) -> Double {
      var sum = sample.value(plan)
      for e in plan.indices {
        let q = reference == "uniform" ? 1 : sample.a[e / 7] * sample.b[e % 7]
        sum += 0.1 * (plan[e] * log(plan[e] / q) - plan[e] + q)
      }
      return sum
    }
    #expect(close(try result.real("objective"), value(plan), 1e-9))
    // No feasible direction goes down: mass from one pair to another, within the caps.
    let (rows, columns) = marginals(plan, 6, 7)
    let step = 1e-4
    for e in plan.indices {
      for h in plan.indices where h != e && plan[e] > step {
        let (i, j) = (h / 7, h % 7)
        let fits =
          (i == e / 7 || rows[i] + step <= sample.a[i])
          && (j == e % 7 || columns[j] + step <= sample.b[j])
        guard fits else { continue }
        var other = plan
        other[e] -= step
        other[h] += step
        #expect(value(other) >= value(plan) - 1e-7)
      }
    }
  }

  @Test func partialRefusesWhatCannotBe() throws {
    let sample = GromovSample.clouds(3, 3, seed: 90)
    for mass in [0, -1, 1.5, .infinity] {
      #expect(refusal { _ = try partial(sample, mass: mass) }?.code == .range)
    }
    let text = refusal { _ = try partial(sample, mass: 1.5) }?.message ?? ""
    #expect(text.contains("'mass' is 1.5"))
    for start in [[-1.0, 0, 0, 0, 1, 0, 0, 0, 0.5], [Double](repeating: 1, count: 9)] {
      let plan = Tensor(try Buffer(start), shape: [3, 3])
      let refused = refusal { _ = try partial(sample, mass: 0.5, start: ["plan": plan]) }
      #expect(refused?.code == .range)
    }
  }

  // MARK: Unbalanced

  /// rho KL(x x x | w x w), written out.
  private func penalty(_ x: [Double], _ w: [Double]) -> Double {
    var sum = 0.0
    for i in x.indices {
      for k in x.indices {
        let (p, q) = (x[i] * x[k], w[i] * w[k])
        sum += (p > 0 ? p * log(p / q) : 0) - p + q
      }
    }
    return sum
  }

  private func value(
    _ sample: GromovSample, _ plan: [Double], _ first: Double, _ second: Double, _ epsilon: Double
  ) -> Double {
    let (rows, columns) = marginals(plan, sample.n, sample.m)
    var value = sample.value(plan) + first * penalty(rows, sample.a)
      + second * penalty(columns, sample.b)
    if epsilon > 0 {
      let product = plan.indices.map { sample.a[$0 / sample.m] * sample.b[$0 % sample.m] }
      value += epsilon * penalty(plan, product)
    }
    return value
  }

  @Test(arguments: [0.0, 0.05], ["clouds", "fused", "random", "kl"])
  func unbalancedValueIsThatOfTheDefinition(epsilon: Double, what: String) throws {
    var sample = sample(what)
    sample.a = sample.a.map { 1.5 * $0 }
    let result = try unbalanced(sample, 0.8, 1.3, ["epsilon": .real(epsilon)])
    #expect(result.status == .solved)
    let plan = try result.array("plan").list()
    let found = value(sample, plan, 0.8, 1.3, epsilon)
    #expect(close(try result.real("objective"), found, 1e-11))
    #expect(close(try result.real("plan_mass"), plan.reduce(0, +)))
    // Stationary: growing or shrinking single entries gains nothing at first order.
    for e in plan.indices {
      for step in [1e-4, -1e-4] where plan[e] + step >= 0 {
        var other = plan
        other[e] += step
        #expect(value(sample, other, 0.8, 1.3, epsilon) >= found - 2e-7)
      }
    }
  }

  /// Where only matchings are used, the mass has a closed form.
  @Test func twoPairsOfPoints() throws {
    let sample = GromovSample(
      c: [0, 1, 1, 0], d: [0, 2, 2, 0], a: [0.5, 0.5], b: [0.5, 0.5])
    let start = Tensor(try Buffer([0.5, 0, 0, 0.4]), shape: [2, 2])
    let result = try unbalanced(
      sample, 1, 0.5, ["tolerance": .real(1e-13)], start: ["plan": start])
    // F(m) = m^2/2 + (rho1 + rho2) (2 m^2 log m - m^2 + 1)
    let m = exp(-0.5 / 3)
    #expect(close(try result.real("plan_mass"), m, 1e-6))
    #expect(
      close(try result.real("objective"), 0.5 * m * m + 1.5 * (2 * m * m * log(m) - m * m + 1)))
  }

  @Test func strongPenaltiesApproachTheBalancedProblem() throws {
    let sample = GromovSample.clouds(6, 6, seed: 60)
    let balanced = try sample.solve()
    let start = try balanced.array("plan")
    let result = try unbalanced(sample, 1e3, 1e3, start: ["plan": start])
    let gained = (try balanced.real("objective")) - (try result.real("objective"))
    #expect(gained >= -1e-9 && gained <= 1e-3)
    #expect(abs((try result.real("plan_mass")) - 1) <= 1e-3)
  }

  @Test func unbalancedRefusesWhatCannotBe() throws {
    let sample = GromovSample.clouds(3, 3, seed: 90)
    for strength in [0, -1, .infinity, .nan] {
      #expect(refusal { _ = try unbalanced(sample, strength, 1) } != nil)
      #expect(refusal { _ = try unbalanced(sample, 1, strength) } != nil)
    }
    let text = refusal { _ = try unbalanced(sample, -2, 1) }?.message ?? ""
    #expect(text.contains("'strength_source' is -2"))
    let missing = refusal { _ = try sample.problem(UnbalancedGromovKind.kind).seal() }
    #expect(missing?.code == .missing)
    let nothing = Tensor(try Buffer([Double](repeating: 0, count: 9)), shape: [3, 3])
    #expect(refusal { _ = try unbalanced(sample, 1, 1, start: ["plan": nothing]) }?.code == .range)
  }
}
