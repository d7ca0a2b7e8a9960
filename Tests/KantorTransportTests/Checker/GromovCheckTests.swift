import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct GromovCheckTests {
  private func close(_ x: Double, _ y: Double) -> Bool {
    abs(x - y) <= 1e-12 * max(1, abs(x), abs(y))
  }

  private func product(_ sample: GromovSample) -> [Double] {
    sample.a.flatMap { x in sample.b.map { x * $0 } }
  }

  /// min over couplings of <G, X>, brute force on 2 x 2.
  private func best(_ g: [Double], _ a: [Double], _ b: [Double]) -> Double {
    let (low, high) = (max(0, a[0] - b[1]), min(a[0], b[0]))
    return [low, high].map { x in
      x * g[0] + (a[0] - x) * g[1] + (b[0] - x) * g[2] + (a[1] - b[0] + x) * g[3]
    }.min() ?? .nan
  }

  @Test(arguments: ["square", "kl"]) func figuresAreThoseOfTheDefinition(loss: String) throws {
    var sample = GromovSample.random(2, 2, seed: 3)
    sample.cost = [0.3, 1, 0.2, 0.7]
    sample.alpha = 0.4
    sample.loss = loss
    let plan = product(sample)
    let gradient = sample.gradient(plan)
    let slope = zip(plan, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    let exact = slope - best(gradient, sample.a, sample.b)
    let check = try GromovCheck(
      try sample.sealed(), model: .balanced, plan: try Buffer(plan), threads: 1)
    var smallest = Double.infinity
    // Some g is optimal; all of them give upper bounds.
    for t in -40...40 {
      let g = try Buffer([0, 0.05 * Double(t)])
      let certificate = try check.certify(g: g)
      #expect(close(certificate.objective, sample.value(plan)))
      #expect(certificate.gap >= exact - 1e-13)
      #expect(certificate.marginalResidual <= 1e-15)
      smallest = min(smallest, certificate.gap)
    }
    #expect(smallest <= exact + 0.05)
  }

  @Test func semirelaxedGapsLeaveTheTargetsFree() throws {
    let sample = GromovSample.random(4, 3, seed: 5)
    let plan = (0..<12).map { sample.a[$0 / 3] * [0.7, 0.2, 0.1][$0 % 3] }
    let gradient = sample.gradient(plan)
    let slope = zip(plan, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    let best = (0..<4).reduce(0.0) { sum, i in
      sum + sample.a[i] * (gradient[i * 3..<i * 3 + 3].min() ?? .nan)
    }
    let check = try GromovCheck(
      try sample.sealed(), model: .semirelaxed, plan: try Buffer(plan), threads: 1)
    let certificate = try check.certify(g: try Buffer([5.0, 6, 7]))
    #expect(close(certificate.gap, slope - best) && certificate.columnResidual == 0)
    #expect(close(certificate.objective, sample.value(plan)))
  }

  /// At P = a b^T exp((f + g - G)/eps) with the gradient at P itself the gap would be 0; here it
  /// is compared with the entropic problem's own values.
  @Test func entropicGapsAreThoseOfTheLinearisedProblem() throws {
    let sample = GromovSample.random(3, 3, seed: 8)
    let epsilon = 0.2
    let plan = product(sample)
    let gradient = sample.gradient(plan)
    let check = try GromovCheck(
      try sample.sealed(), model: .entropic(epsilon: epsilon), plan: try Buffer(plan), threads: 1)
    let g = [0.1, -0.2, 0.3]
    let certificate = try check.certify(g: try Buffer(g))
    // KL(a b^T | a b^T) = 0
    #expect(close(certificate.objective, sample.value(plan)))
    var dual = 0.0
    for i in 0..<3 {
      let sum = (0..<3).reduce(0.0) {
        $0 + sample.b[$1] * exp((g[$1] - gradient[i * 3 + $1]) / epsilon)
      }
      dual -= sample.a[i] * epsilon * log(sum)
    }
    for j in 0..<3 { dual += sample.b[j] * g[j] }
    let slope = zip(plan, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(close(certificate.gap, slope - dual))
  }

  @Test func plansThatAreNoCouplingsShow() throws {
    let sample = GromovSample.clouds(5, 4, seed: 9)
    var plan = product(sample)
    plan[3] += 0.01
    plan[7] = -0.02
    let check = try GromovCheck(
      try sample.sealed(), model: .balanced, plan: try Buffer(plan), threads: 1)
    let certificate = try check.certify(g: try Buffer(count: 4))
    #expect(certificate.rowResidual > 0.03 && certificate.columnResidual > 0.03)
  }
}
