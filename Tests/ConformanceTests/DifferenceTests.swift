import KantorCatalog
import KantorCore
import TestSupport
import Testing

/// Derivative products of matrices against central differences.
@Suite struct DifferenceTests {
  private static let methods = MethodCase.all.filter {
    $0.spec.kind == "doubly_stochastic" && $0.spec.hasDerivatives
  }

  @Test(arguments: methods, ["doubly_stochastic", "objective"])
  func gradientsAreThoseOfDifferences(method: MethodCase, output: String) throws {
    var count = 0
    for specimen in try method.supported(method.specimens.ordinary) {
      guard let input = ["matrices", "parameters"].first(where: { specimen.fieldShapes[$0] != nil })
      else { continue }
      let settings = Settings(method: method.spec)
      try settings.set("tolerance", .real(1e-13))
      let result = try method.solve(try specimen.problem(), settings)
      let shape = output == "objective" ? [] : try result.array(output).shape
      let c = TransportSpecimens.numbers(shape.reduce(1, *), 77).map { $0 - 0.5 }
      let pulled = try result.vjp(
        cotangents: [output: Tensor(try Buffer(c), shape: shape)], wanted: [input])
      let gradient = try #require(pulled[input])
      #expect(gradient.shape == specimen.fieldShapes[input])
      let d = TransportSpecimens.numbers(gradient.count, 78).map { $0 - 0.5 }
      let slope = zip(try gradient.list(), d).map { $0 * $1 }.reduce(0, +)
      func value(_ step: Double) throws -> Double {
        let problem = try specimen.problem { name, values in
          if name == input { for k in values.indices { values[k] += step * d[k] } }
        }
        let moved = try method.solve(problem, settings)
        let out = output == "objective"
          ? [try moved.real(output)] : try moved.array(output).list()
        return zip(out, c).map { $0 * $1 }.reduce(0, +)
      }
      let difference = (try value(1e-5) - value(-1e-5)) / 2e-5
      #expect(
        abs(slope - difference) <= 1e-6 * max(abs(slope), abs(difference), 1e-2),
        "\(specimen): \(slope) against \(difference)")
      count += 1
    }
    #expect(count > 0)
  }
}
