import Glibc
import KantorCore
import KantorNumerics
import TestSupport
import Testing

import KantorEquilibrium

@Suite struct SmallGainTests {
  private func certify(
    _ fields: [String: FieldValue], _ options: [String: OptionValue] = [:]
  ) throws -> Result {
    let problem = Problem(kind: GameCertificateKind.kind)
    for (name, value) in fields { try problem.set(name, value) }
    let values = OptionValues(specs: SmallGain.spec.options, set: options)
    return try SmallGain.entry.solve(try problem.seal(), Run(options: values, monitor: Monitor()))
  }

  private func array(_ values: [Double], _ shape: [Int]? = nil) throws -> FieldValue {
    .array(Tensor(try Buffer(values), shape: shape ?? [values.count]))
  }

  /// A game of two players whose gradients are not monotone, and yet contract.
  @Test func aMetricSucceedsWhereTheEuclideanTestFails() throws {
    let result = try certify(["jacobian": try array([1, 4, -0.2, 1], [2, 2])])
    #expect(result.status == .solved)
    let alpha = 1 - 0.8.squareRoot()
    #expect(abs(try result.real("margin") - alpha) < 1e-12)
    #expect(abs(try result.real("euclidean_margin") - (1 - 2.1)) < 1e-12)
    let w = try result.array("weights").list()
    #expect(w[0] == 1 && abs(w[1] - 20) < 1e-5)
    #expect(abs(try result.real("lipschitz") - 1.8.squareRoot()) < 1e-6)
    #expect(abs(try result.real("step") - alpha / 1.8) < 1e-6)
    #expect(abs(try result.real("contraction") - (1 - alpha * alpha / 1.8).squareRoot()) < 1e-6)
  }

  /// Steps of the certificate shorten distances in the metric, by the factor it names.
  @Test func stepsContract() throws {
    let jacobian = [[1.0, 4], [-0.2, 1]]
    let result = try certify(["jacobian": try array(jacobian.flatMap { $0 }, [2, 2])])
    let (step, factor) = (try result.real("step"), try result.real("contraction"))
    let w = try result.array("weights").list()
    func length(_ x: [Double]) -> Double { (w[0] * x[0] * x[0] + w[1] * x[1] * x[1]).squareRoot() }
    for k in 0..<50 {
      let angle = Double(k)
      let x = [cos(angle), sin(angle)]
      let moved = (0..<2).map { i in
        x[i] - step * (jacobian[i][0] * x[0] + jacobian[i][1] * x[1])
      }
      #expect(length(moved) <= factor * length(x) * (1 + 1e-12))
    }
  }

  /// Two players: a certificate exists if and only if l12 l21 < mu1 mu2.
  @Test func theBoundaryIsThatOfTheSmallGain() throws {
    func status(_ product: Double) throws -> Result {
      try certify([
        "curvature": try array([2, 3]), "coupling": try array([0, product / 0.5, 0.5, 0], [2, 2]),
      ])
    }
    #expect(try status(5.999).status == .solved)
    let none = try status(6.001)
    #expect(none.status == .infeasible)
    let v = try none.array("witness").list()
    #expect(2 * v[0] - 6.001 / 0.5 * v[1] <= 0 && 3 * v[1] - 0.5 * v[0] <= 0 && v[0] > 0)
    #expect(try none.real("margin") <= 0)
    #expect(!none.has("step"))
  }

  @Test func noWeightsAreBetter() throws {
    var stream = RandomStream(seed: 5)
    for count in [3, 5, 8] {
      var coupling = [Double](repeating: 0, count: count * count)
      for e in 0..<(count * count) where e % (count + 1) != 0 {
        coupling[e] = pow(10, 2 * stream.uniform() - 1.5) / Double(count)
      }
      let mu = (0..<count).map { _ in 1 + stream.uniform() }
      let result = try certify([
        "curvature": try array(mu), "coupling": try array(coupling, [count, count]),
        "smoothness": try array(mu.map { 2 * $0 }),
      ])
      let check = SmallGainCheck(
        GameBounds(curvature: try Buffer(mu), coupling: try Buffer(coupling), smoothness: nil))
      let best = try result.real("margin")
      let w = try result.array("weights").list()
      for _ in 0..<200 {
        let other = w.map { $0 * exp(0.2 * stream.uniform() - 0.1) }
        let found = try check.certify(weights: try Buffer(other), witness: nil)
        #expect(found.margin <= best + 1e-7)
      }
      #expect(try result.real("lipschitz") >= best)
    }
  }

  @Test func oneWayCouplingAlwaysHasACertificate() throws {
    // Weights can make a coupling that goes one way as small as one likes.
    let result = try certify([
      "curvature": try array([1, 1, 2]),
      "coupling": try array([0, 100, 0, 0, 0, 50, 0, 0, 0], [3, 3]),
    ])
    #expect(result.status == .solved)
    #expect(try result.real("margin") > 0.9)
    let apart = try certify([
      "curvature": try array([1, 2]), "coupling": try array([0, 0, 0, 0], [2, 2]),
    ])
    #expect(abs(try apart.real("margin") - 1) < 1e-12)
    let concave = try certify([
      "curvature": try array([1, -0.1]), "coupling": try array([0, 0, 0, 0], [2, 2]),
    ])
    #expect(concave.status == .infeasible)
    // Only two of three players have no certificate.
    let part = try certify([
      "curvature": try array([1, 1, 1]),
      "coupling": try array([0, 2, 0, 2, 0, 0, 1, 0, 0], [3, 3]),
    ])
    #expect(part.status == .infeasible)
  }

  /// Cubic couplings sampled in a box: the bounds are those of its corners, nearly.
  @Test func regionsAreSampled() throws {
    var functions = Functions()
    functions.jacobian = { x, out in
      (out[0], out[1], out[2], out[3]) = (2 + x[0] * x[0], 4 * x[1], -0.1 * x[0], 1)
      return 0
    }
    let fields: [String: FieldValue] = [
      "functions": .functions(functions), "lower": try array([-1, -1]), "upper": try array([1, 1]),
    ]
    let result = try certify(fields, ["samples": .int(4000)])
    #expect(result.status == .solved)
    let coupling = try result.array("coupling").list()
    #expect(coupling[1] <= 4 && coupling[1] > 3.98 && coupling[2] <= 0.1 && coupling[2] > 0.0995)
    #expect(try result.array("curvature").list()[0] >= 2)
    let uncovered = try result.real("uncovered")
    #expect(uncovered > 0 && uncovered < 0.02)
    #expect(try result.real("lipschitz") > 0 && result.int("samples") == 4000)
    let limited = try certify(fields, ["max_evaluations": .int(10)])
    #expect(limited.status == .evaluationLimit)
    functions.jacobian = { _, _ in 1 }
    var bad = fields
    bad["functions"] = .functions(functions)
    #expect(try certify(bad).status == .callbackError)
  }

  /// Differences of gradients say what derivatives say; samples stay on the players' sets.
  @Test func gradientsAreEnough() throws {
    var functions = Functions()
    functions.map = { x, out in
      out[0] = 2 * x[0] + x[0] * x[0] * x[0] / 3 + 2 * x[1] * x[1]
      out[1] = x[1] - 0.05 * x[0] * x[0]
      return 0
    }
    var fields: [String: FieldValue] = [
      "functions": .functions(functions), "lower": try array([-1, -1]), "upper": try array([1, 1]),
    ]
    let found = try certify(fields, ["samples": .int(2000)])
    functions.map = nil
    functions.jacobian = { x, out in
      (out[0], out[1], out[2], out[3]) = (2 + x[0] * x[0], 4 * x[1], -0.1 * x[0], 1)
      return 0
    }
    fields["functions"] = .functions(functions)
    let exact = try certify(fields, ["samples": .int(2000)])
    for name in ["curvature", "coupling"] {
      for (a, b) in zip(try found.array(name).list(), try exact.array(name).list()) {
        #expect(abs(a - b) < 1e-8)
      }
    }
    #expect(found.status == .solved && exact.status == .solved)
    // On [0, 1/2] in the second variable the first coupling is at most 2.
    fields["prox"] = .text("zero, box 0 0.5")
    let inside = try certify(fields, ["samples": .int(2000)])
    #expect(try inside.array("coupling").list()[1] <= 2 + 1e-8)
    #expect(try inside.real("margin") > exact.real("margin"))
  }

  @Test func badDataAreRefused() throws {
    func refusal(_ fields: [String: FieldValue]) -> KantorError? {
      do {
        _ = try certify(fields)
        return nil
      } catch {
        return error as? KantorError
      }
    }
    #expect(refusal([:])?.code == .missing)
    let mu = try array([1, 1])
    #expect(refusal(["curvature": mu])?.code == .missing)
    let flat = try array([0, 1, 1], [1, 3])
    #expect(refusal(["curvature": mu, "coupling": flat])?.code == .shape)
    let negative = try array([0, -1, 1, 0], [2, 2])
    #expect(refusal(["curvature": mu, "coupling": negative])?.message.contains("[0, 1]") == true)
    let square = try array([1, 0, 0, 1], [2, 2])
    #expect(refusal(["curvature": mu, "jacobian": square])?.code == .range)
    let players = try array([1, 3])
    #expect(refusal(["jacobian": square, "players": players])?.code == .range)
    let (coupling, smooth) = (try array([0, 1, 1, 0], [2, 2]), try array([0.5, 1]))
    let both = refusal(["curvature": mu, "coupling": coupling, "smoothness": smooth])
    #expect(both?.message.contains("smoothness[0]") == true)
  }
}
