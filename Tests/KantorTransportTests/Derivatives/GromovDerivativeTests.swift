import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct GromovDerivativeTests {
  /// A vertex is the answer, and stays the same one for small changes of the data.
  private func sample(_ loss: String) -> GromovSample {
    var sample = GromovSample.fused(6, 5, alpha: 0.6, seed: 31)
    sample.loss = loss
    // Away from 0, so that all changes are allowed.
    sample.c = sample.c.map { $0 + 0.3 }
    sample.d = sample.d.map { $0 + 0.3 }
    return sample
  }

  /// The value at the same local optimum.
  private func objective(_ sample: GromovSample) throws -> Double {
    let result = try sample.solve()
    #expect(result.status == .solved)
    return try result.real("objective")
  }

  /// Central differences of the value against the product with a random direction.
  @Test(arguments: ["square", "kl"]) func agreesWithDifferences(loss: String) throws {
    let sample = sample(loss)
    let result = try sample.solve()
    let one = Tensor(try Buffer([1.0]), shape: [])
    let names = [
      "structure_source", "structure_target", "cost", "weights_source", "weights_target", "alpha",
    ]
    let gradients = try result.vjp(cotangents: ["objective": one], wanted: names)
    let h = 1e-6
    for name in names where name != "weights_target" {
      let gradient = try #require(try gradients[name]?.list())
      let direction = GromovSpecimens.numbers(gradient.count, 33).map { $0 - 0.4 }
      let moved = { (t: Double) in self.moved(sample, name, direction, t) }
      let found = (try objective(moved(h)) - objective(moved(-h))) / (2 * h)
      var expected = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
      if name == "weights_source" {
        let g = try #require(try gradients["weights_target"]?.list())
        let part = direction.reduce(0, +) / Double(sample.m)
        expected += g.reduce(0) { $0 + part * $1 }
      }
      #expect(abs(expected) > 1e-5)
      #expect(abs(found - expected) <= 1e-8 * max(1, abs(expected)), "\(name) \(loss)")
    }
  }

  private func moved(
    _ sample: GromovSample, _ name: String, _ direction: [Double], _ t: Double
  ) -> GromovSample {
    var moved = sample
    func add(_ x: [Double]) -> [Double] { zip(x, direction).map { $0 + t * $1 } }
    switch name {
    case "structure_source": moved.c = add(sample.c)
    case "structure_target": moved.d = add(sample.d)
    case "cost": moved.cost = add(sample.cost ?? [])
    case "alpha": moved.alpha += t * direction[0]
    default:
      // Both masses grow alike; the targets' weights take their part evenly.
      moved.a = add(sample.a)
      let part = t * direction.reduce(0, +) / Double(sample.m)
      moved.b = sample.b.map { $0 + part }
    }
    return moved
  }

  @Test func refusesWhatItDoesNotHave() throws {
    let result = try GromovSample.clouds(4, 4, seed: 41).solve()
    let one = Tensor(try Buffer([1.0]), shape: [])
    func code(_ cotangents: [String: Tensor], _ wanted: [String]) -> KantorError.Code? {
      failure { () throws(KantorError) in
        _ = try result.vjp(cotangents: cotangents, wanted: wanted)
      }
    }
    #expect(code(["plan": one], ["weights_source"]) == .name)
    #expect(code(["objective": one], ["cost"]) == .name)
    #expect(code(["objective": Tensor(try Buffer([1.0, 2]))], ["weights_source"]) == .shape)
    #expect(code(["objective": Tensor(try Buffer([Double.nan]))], ["weights_source"]) == .notFinite)
    #expect(try result.vjp(cotangents: [:], wanted: ["weights_source"]).count == 1)
  }
}
