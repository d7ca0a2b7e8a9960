import KantorCore
import KantorNumerics

/// Sizes below which residuals of a cone program count as small: 1, or 16 times the largest number
/// of the data where that is less. Without them a program whose numbers are all 1e-12 would be
/// solved by any point.
package struct DataUnits: Sendable {
  /// Of x, s and b.
  package let primal: Double
  /// Of z and q.
  package let dual: Double

  package var areOne: Bool { primal == 1 && dual == 1 }
  /// Of the objective.
  package var value: Double { primal * dual }

  /// Those in which the largest numbers of small or large data are 1 to 2, for solves that fall
  /// short as the data stand.
  static func natural(_ problem: ConeProblem) -> DataUnits {
    DataUnits(problem, isNatural: true)
  }

  init(_ problem: ConeProblem, isNatural: Bool = false) {
    var side = ConeCheck.largest(problem.b.pointer, problem.m)
    for bounds in [problem.lower, problem.upper] {
      guard let bounds else { continue }
      for i in 0..<problem.m where bounds.pointer[i].isFinite {
        side = max(side, abs(bounds.pointer[i]))
      }
    }
    primal = Self.unit(side, isNatural)
    let curvature = ConeCheck.largest(problem.p.values.pointer, problem.p.values.count)
    dual = Self.unit(
      max(ConeCheck.largest(problem.q.pointer, problem.n), primal * curvature), isNatural)
  }

  /// A power of two, so that changes of unit are exact.
  private static func unit(_ largest: Double, _ isNatural: Bool) -> Double {
    let size = max(largest, 0x1p-900).binade
    if largest >= 0x1p10 { return isNatural && largest < 0x1p900 ? size : 1 }
    guard largest > 0, largest < 0.0625 else { return 1 }
    return isNatural ? size : min(1, 32 * size)
  }
}

extension ConeProblem {
  package var units: DataUnits { DataUnits(self) }

  /// The same program for x, s in units of `primal` and z in units of `dual`.
  func measured(in units: DataUnits) throws(KantorError) -> ConeProblem {
    func divided(_ v: Buffer<Double>, by unit: Double) throws(KantorError) -> Buffer<Double> {
      let out = try v.copy()
      for i in 0..<v.count { out.pointer[i] /= unit }
      return out
    }
    var bounds: [Buffer<Double>?] = []
    for side in [lower, upper] {
      guard let side else {
        bounds.append(nil)
        continue
      }
      bounds.append(try divided(side, by: units.primal))
    }
    return ConeProblem(
      p: try p.scaled(by: units.primal / units.dual), q: try divided(q, by: units.dual), a: a,
      b: try divided(b, by: units.primal), cones: cones, lower: bounds[0], upper: bounds[1])
  }
}
