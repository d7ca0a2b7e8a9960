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

  init(_ problem: ConeProblem) {
    var side = ConeCheck.largest(problem.b.pointer, problem.m)
    for bounds in [problem.lower, problem.upper] {
      guard let bounds else { continue }
      for i in 0..<problem.m where bounds.pointer[i].isFinite {
        side = max(side, abs(bounds.pointer[i]))
      }
    }
    primal = Self.unit(side)
    let curvature = ConeCheck.largest(problem.p.values.pointer, problem.p.values.count)
    dual = Self.unit(max(ConeCheck.largest(problem.q.pointer, problem.n), primal * curvature))
  }

  /// A power of two, so that changes of unit are exact.
  private static func unit(_ largest: Double) -> Double {
    guard largest > 0, largest < 0.0625 else { return 1 }
    return min(1, 32 * max(largest, 0x1p-900).binade)
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

extension ConeMethod {
  /// Solves as the data stand. If the data are small and the point falls short by their measure,
  /// solves once more in units in which they are not; the better point is proposed.
  static func proposeInUnits(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    let first = try presolved(problem, run)
    let units = problem.units
    guard !units.areOne, first.claim == .point, run.monitor.stop == nil else { return first }
    let check = ConeCheck(problem)
    let shortfall = try check.certify(first).worst
    if shortfall <= first.tolerance { return first }
    let second = try presolved(
      problem.measured(in: units), Run(options: run.options, monitor: run.monitor))
    for i in 0..<problem.n { second.x.pointer[i] *= units.primal }
    for i in 0..<problem.m {
      second.s.pointer[i] *= units.primal
      second.z.pointer[i] *= units.dual
    }
    guard second.claim == .point else { return second }
    let other = try check.certify(second).worst
    return other < shortfall || shortfall.isNaN ? second : first
  }

  private static func presolved(
    _ problem: ConeProblem, _ run: Run
  ) throws(KantorError) -> ConeProposal {
    usesPresolve
      ? try ConePresolve.propose(problem, run, propose) : try propose(problem, run)
  }
}
