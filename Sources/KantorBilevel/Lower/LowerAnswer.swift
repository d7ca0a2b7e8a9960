import KantorCore

/// An answer of the lower level for one x.
public final class LowerAnswer: @unchecked Sendable {
  public enum End: Sendable {
    case solved
    /// As far as rounding, or missing multipliers, let it: y is feasible.
    case stalled
    /// No feasible y was found for this x.
    case infeasible
    case unbounded
    /// A function is not defined where it was asked for.
    case undefined
    case stopped
  }

  public internal(set) var end = End.undefined
  /// The joined point.
  public let w: Buffer<Double>
  /// Multipliers of the rows: >= 0 of inequalities.
  public let rows: Buffer<Double>
  /// Multipliers of the bounds of y: positive at upper ones, negative at lower ones.
  public let bounds: Buffer<Double>
  public var value = Double.nan
  /// Largest entry of the lower Lagrangian's gradient in y, projected on the bounds.
  public var residual = Double.infinity
  /// The joined gradient of f at w, where the solve ended with it.
  var gradient: Buffer<Double>?
  let nx: Int

  public init(_ problem: BilevelProblem) throws(KantorError) {
    nx = problem.nx
    w = try Buffer(count: problem.n)
    rows = try Buffer(count: problem.lower.rows)
    bounds = try Buffer(count: problem.ny)
  }

  var y: UnsafeMutablePointer<Double> { w.pointer + nx }
  var isUsable: Bool { end == .solved || end == .stalled }

  func copyY() throws(KantorError) -> Buffer<Double> {
    try Buffer(copying: y, count: w.count - nx)
  }

  func copy(from other: LowerAnswer) {
    end = other.end
    value = other.value
    residual = other.residual
    gradient = nil
    w.pointer.update(from: other.w.pointer, count: w.count)
    rows.pointer.update(from: other.rows.pointer, count: rows.count)
    bounds.pointer.update(from: other.bounds.pointer, count: bounds.count)
  }
}
