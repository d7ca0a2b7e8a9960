import KantorCore

/// Minimises a smooth function under bounds l <= x <= u by limited-memory BFGS steps in the free
/// variables.
///
/// Variables at their bound whose gradient keeps them there are held; the quasi-Newton direction of
/// the others is followed along its projection onto the bounds, with the step halved until the
/// value falls enough. Convex functions with a Lipschitz gradient converge to a minimum; once the
/// held variables no longer change, the method is plain L-BFGS in the free ones. The rules of
/// `LBFGS` for the closures hold; all room is taken at the start.
///
/// Source: D. P. Bertsekas, "Projected Newton methods for optimization problems with simple
/// constraints" (1982); R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for
/// bound constrained optimization" (1995).
/// Deviation: held variables are found by Bertsekas' rule instead of a generalised Cauchy point,
/// which needs no factorisation and one product with the memory per iteration.
public struct BoundedLBFGS {
  private let count: Int
  private let oldX: Buffer<Double>
  private let oldGradient: Buffer<Double>
  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let isHeld: Buffer<Bool>
  private var memory: CurvatureMemory

  /// For `count` variables, with `memory` pairs of vectors kept.
  public init(count: Int, memory: Int = 10) throws(KantorError) {
    self.count = count
    oldX = try Buffer(count: count)
    oldGradient = try Buffer(count: count)
    gradient = try Buffer(count: count)
    direction = try Buffer(count: count)
    isHeld = try Buffer(count: count)
    self.memory = try CurvatureMemory(count: count, capacity: max(memory, 1))
  }

  /// As `LBFGS.minimise`; `lower` and `upper` have one bound per variable, infinite for none;
  /// without `upper` there are no upper ones. The gradient in outcome and iterates is the largest
  /// |x - P(x - g)|, P onto the bounds.
  public mutating func minimise<Failure: Error>(
    x: UnsafeMutablePointer<Double>, lower: UnsafePointer<Double>,
    upper: UnsafePointer<Double>? = nil, tolerance: Double, maxIterations: Int,
    evaluate: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) throws(Failure) -> Double,
    goesOn: (LBFGS.Iterate) -> Bool = { _ in true }
  ) throws(Failure) -> LBFGS.Outcome {
    let g = gradient.pointer
    memory.forget()
    for i in 0..<count { x[i] = Self.clamp(x[i], lower, upper, i) }
    var value = try evaluate(x, g)
    var outcome = LBFGS.Outcome(
      end: .stalled, iterations: 0, evaluations: 1, value: value, gradient: .nan)
    while true {
      outcome.value = value
      outcome.gradient = projectedGradient(x, lower, upper)
      let now = LBFGS.Iterate(
        iteration: outcome.iterations, value: value, gradient: outcome.gradient, x: x)
      guard goesOn(now) else {
        outcome.end = .stopped
        return outcome
      }
      if outcome.gradient <= tolerance {
        outcome.end = .converged
        return outcome
      }
      guard outcome.iterations < maxIterations else {
        outcome.end = .iterationLimit
        return outcome
      }
      guard value.isFinite, outcome.gradient.isFinite else { return outcome }
      findDirection(x, lower, upper, min(outcome.gradient, Self.nearBound))
      let first = memory.isEmpty ? min(1, 1 / outcome.gradient) : 1
      if let reached = try search(
        x, lower, upper, value, first, &outcome.evaluations, evaluate)
      {
        value = reached
        memory.store(x, oldX.pointer, g, oldGradient.pointer)
      } else {
        for i in 0..<count {
          x[i] = oldX.pointer[i]
          g[i] = oldGradient.pointer[i]
        }
        guard !memory.isEmpty else { return outcome }
        memory.forget()
      }
      outcome.iterations += 1
    }
  }

  /// How far from its bound a variable may be held at most.
  static let nearBound = 1e-3
  static let longestSearch = 50

  @inline(__always)
  private static func clamp(
    _ t: Double, _ lower: UnsafePointer<Double>, _ upper: UnsafePointer<Double>?, _ i: Int
  ) -> Double {
    let raised = max(lower[i], t)
    guard let upper else { return raised }
    return min(upper[i], raised)
  }

  private func projectedGradient(
    _ x: UnsafePointer<Double>, _ lower: UnsafePointer<Double>, _ upper: UnsafePointer<Double>?
  ) -> Double {
    var most = 0.0
    for i in 0..<count {
      let move = abs(x[i] - Self.clamp(x[i] - gradient.pointer[i], lower, upper, i))
      most = move <= most ? most : move
    }
    return most
  }

  /// Held variables go straight to their bound; the others take the quasi-Newton step.
  private func findDirection(
    _ x: UnsafePointer<Double>, _ lower: UnsafePointer<Double>, _ upper: UnsafePointer<Double>?,
    _ near: Double
  ) {
    let (g, d, held) = (gradient.pointer, direction.pointer, isHeld.pointer)
    for i in 0..<count {
      held[i] = g[i] > 0 && x[i] - lower[i] <= near
      if let upper, g[i] < 0, upper[i] - x[i] <= near { held[i] = true }
      oldX.pointer[i] = x[i]
      oldGradient.pointer[i] = g[i]
      d[i] = held[i] ? 0 : -g[i]
    }
    memory.apply(d)
    for i in 0..<count where held[i] { d[i] = -g[i] }
  }

  /// Moves x along the projected direction until the value falls enough; nil if it never does.
  private func search<Failure: Error>(
    _ x: UnsafeMutablePointer<Double>, _ lower: UnsafePointer<Double>,
    _ upper: UnsafePointer<Double>?, _ value: Double, _ first: Double, _ evaluations: inout Int,
    _ evaluate: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) throws(Failure) -> Double
  ) throws(Failure) -> Double? {
    let (d, old, slope) = (direction.pointer, oldX.pointer, oldGradient.pointer)
    var step = first
    for _ in 0..<Self.longestSearch {
      var (promised, moved) = (0.0, 0.0)
      for i in 0..<count {
        x[i] = Self.clamp(old[i] + step * d[i], lower, upper, i)
        promised += slope[i] * (x[i] - old[i])
        moved = max(moved, abs(x[i] - old[i]))
      }
      guard moved > 0 else { return nil }
      let reached = try evaluate(x, gradient.pointer)
      evaluations += 1
      if promised < 0, reached <= value + LBFGS.decrease * promised { return reached }
      // Where values agree to rounding, the projected gradient of the caller's test decides.
      if promised < 0, -promised <= LBFGS.rounding * abs(value),
        reached <= value + LBFGS.rounding * abs(value) { return reached }
      step *= 0.5
    }
    return nil
  }
}
