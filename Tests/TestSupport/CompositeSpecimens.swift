import Glibc
import KantorCore

/// Composite problems: a norm, a set, and a proximal map of the host.
enum CompositeSpecimens {
  private static let n = 6

  /// A convex quadratic with its minimum at (1, -1, 1, ...), in units from 1 to 32.
  private static var bowl: Functions {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = 0
      for j in 0..<n {
        let d: Double = x[j] - (j % 2 == 0 ? 1 : -1)
        out[0] += 0.5 * Double(1 << j) * d * d
      }
      return 0
    }
    functions.gradient = { x, out in
      for j in 0..<n {
        let d: Double = x[j] - (j % 2 == 0 ? 1 : -1)
        out[j] = Double(1 << j) * d
      }
      return 0
    }
    return functions
  }

  private static var bowlWithProx: Functions {
    var functions = bowl
    functions.prox = { x, _, out in
      for j in 0..<n { out[j] = max(0, x[j]) }
      return 0
    }
    return functions
  }

  private static func specimen(
    _ name: String, _ functions: Functions, term: String? = nil, weight: Double? = nil
  ) -> Specimen {
    var arrays = [Specimen.Field("start", [n], [3, 2, 1, 0, -1, -2])]
    if let weight { arrays.append(.init("term_weight", [], [weight])) }
    let words = term.map { ["term": $0] } ?? [:]
    var made = Specimen(
      name: name, data: .other(kind: "composite", arrays: arrays, words: words))
    made.functions = ["functions": functions]
    return made
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen("a bowl and a norm", bowl, term: "l1", weight: 1.5),
      specimen("a bowl over a simplex", bowl, term: "simplex"),
      specimen("a bowl and a map of the host", bowlWithProx),
      specimen("a bowl", bowl),
    ])
}
