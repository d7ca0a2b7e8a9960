import KantorCore

/// Minimises a smooth function of many variables by the limited-memory BFGS method with a line
/// search for the strong Wolfe conditions.
///
/// The function is a closure over pointers: it reads x, writes the gradient, returns the value. It
/// may return +infinity or NaN where it is not defined; such points are never accepted. All room
/// is taken at the start. The value falls at every iteration up to rounding, and for convex
/// functions with a Lipschitz gradient the gradients tend to 0.
///
/// Source: D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale
/// optimization" (1989); line search of J. Nocedal, S. J. Wright, "Numerical Optimization" (2006),
/// algorithms 3.5 and 3.6.
/// Deviation: where values agree to rounding the slope alone decides (W. W. Hager, H. Zhang, 2005),
/// so that gradients can be reduced far below the square root of the precision.
public struct LBFGS {
  public enum End: Sendable, Equatable {
    /// The largest component of the gradient is at most the tolerance.
    case converged
    /// No step along the steepest descent lowers the value: rounding, or no gradient there.
    case stalled
    case iterationLimit
    /// The caller said so.
    case stopped
  }

  public struct Outcome: Sendable {
    public var end: End
    public var iterations: Int
    public var evaluations: Int
    public var value: Double
    /// Largest |g_i| at the end.
    public var gradient: Double
  }

  /// An iterate, for `goesOn`.
  public struct Iterate {
    public let iteration: Int
    public let value: Double
    public let gradient: Double
    public let x: UnsafePointer<Double>
  }

  private let count: Int
  private let oldX: Buffer<Double>
  private let oldGradient: Buffer<Double>
  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private var memory: CurvatureMemory

  static let decrease = 1e-4
  static let curvature = 0.9
  static let longestSearch = 40
  /// Values that differ by less, relative to their size, are equal.
  static let rounding = 1e-14

  /// For `count` variables, with `memory` pairs of vectors kept.
  public init(count: Int, memory: Int = 10) throws(KantorError) {
    self.count = count
    oldX = try Buffer(count: count)
    oldGradient = try Buffer(count: count)
    gradient = try Buffer(count: count)
    direction = try Buffer(count: count)
    self.memory = try CurvatureMemory(count: count, capacity: max(memory, 1))
  }

  /// x is the start on entry and the best point on return. `evaluate(x, g)` writes the gradient
  /// and returns the value; `goesOn` is asked at the start and after every iteration.
  public mutating func minimise<Failure: Error>(
    x: UnsafeMutablePointer<Double>, tolerance: Double, maxIterations: Int,
    evaluate: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) throws(Failure) -> Double,
    goesOn: (Iterate) -> Bool = { _ in true }
  ) throws(Failure) -> Outcome {
    let (g, d) = (gradient.pointer, direction.pointer)
    memory.forget()
    var value = try evaluate(x, g)
    var outcome = Outcome(
      end: .stalled, iterations: 0, evaluations: 1, value: value, gradient: largest(g))
    while true {
      outcome.value = value
      outcome.gradient = largest(g)
      let now = Iterate(
        iteration: outcome.iterations, value: value, gradient: outcome.gradient, x: x)
      guard goesOn(now) else { return outcome.ended(.stopped) }
      if outcome.gradient <= tolerance { return outcome.ended(.converged) }
      guard outcome.iterations < maxIterations else { return outcome.ended(.iterationLimit) }
      guard value.isFinite, outcome.gradient.isFinite else { return outcome.ended(.stalled) }
      for i in 0..<count {
        oldX.pointer[i] = x[i]
        oldGradient.pointer[i] = g[i]
        d[i] = -g[i]
      }
      memory.apply(d)
      // A first step of unit length at most; later ones have the scale of the memory.
      let first = memory.isEmpty ? min(1, 1 / outcome.gradient) : 1
      if let reached = try search(x, value, first, &outcome.evaluations, evaluate) {
        value = reached
        memory.store(x, oldX.pointer, g, oldGradient.pointer)
      } else {
        for i in 0..<count {
          x[i] = oldX.pointer[i]
          g[i] = oldGradient.pointer[i]
        }
        guard !memory.isEmpty else { return outcome.ended(.stalled) }
        memory.forget()
      }
      outcome.iterations += 1
    }
  }

  private func largest(_ g: UnsafePointer<Double>) -> Double {
    var most = 0.0
    for i in 0..<count { most = abs(g[i]) <= most ? most : abs(g[i]) }
    return most
  }

  // MARK: Line search

  private struct Trial {
    var step: Double
    var value: Double
    var slope: Double
  }

  /// Moves x to a point that satisfies the conditions and returns its value; nil if none is found.
  private func search<Failure: Error>(
    _ x: UnsafeMutablePointer<Double>, _ value: Double, _ first: Double, _ evaluations: inout Int,
    _ evaluate: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) throws(Failure) -> Double
  ) throws(Failure) -> Double? {
    let (g, d) = (gradient.pointer, direction.pointer)
    let start = Trial(step: 0, value: value, slope: dotProduct(g, d, count))
    guard start.slope < 0, start.slope.isFinite else { return nil }
    var (low, high): (Trial, Trial?) = (start, nil)
    var step = first
    for _ in 0..<Self.longestSearch {
      for i in 0..<count { x[i] = oldX.pointer[i] + step * d[i] }
      let reached = try evaluate(x, g)
      evaluations += 1
      let trial = Trial(step: step, value: reached, slope: dotProduct(g, d, count))
      guard trial.value.isFinite, trial.slope.isFinite else {
        high = Trial(step: step, value: .infinity, slope: .infinity)
        step = low.step + 0.1 * (step - low.step)
        continue
      }
      if accepts(trial, start) { return reached }
      if fallsShort(trial, start, low) {
        high = trial
      } else {
        // The interval from low to high keeps a point with the conditions inside.
        if trial.slope * ((high?.step ?? .infinity) - low.step) >= 0 { high = low }
        low = trial
      }
      guard let high else {
        step *= 4
        continue
      }
      let width = high.step - low.step
      guard abs(width) > 1e-16 * max(abs(high.step), abs(low.step)) else { return nil }
      step = low.step + width * fraction(low, high)
    }
    // The function fell all the way: it has no end of the descent that this search could find.
    guard high == nil, low.step > 0 else { return nil }
    for i in 0..<count { x[i] = oldX.pointer[i] + low.step * d[i] }
    evaluations += 1
    return try evaluate(x, g)
  }

  private func slack(_ start: Trial) -> Double { Self.rounding * abs(start.value) }

  private func accepts(_ trial: Trial, _ start: Trial) -> Bool {
    let c1 = Self.decrease
    let isFlat = abs(trial.slope) <= Self.curvature * abs(start.slope)
    if trial.value <= start.value + c1 * trial.step * start.slope { return isFlat }
    return isFlat && trial.value <= start.value + slack(start)
      && trial.slope <= (2 * c1 - 1) * start.slope
  }

  private func fallsShort(_ trial: Trial, _ start: Trial, _ low: Trial) -> Bool {
    let limit = start.value + Self.decrease * trial.step * start.slope
    if trial.value > limit + slack(start) { return true }
    return trial.value > low.value + slack(start)
  }

  /// Where between low and high the cubic through both has its minimum, kept off the ends.
  private func fraction(_ low: Trial, _ high: Trial) -> Double {
    guard high.value.isFinite, high.slope.isFinite else { return 0.5 }
    let width = high.step - low.step
    let theta = 3 * (low.value - high.value) / width + low.slope + high.slope
    let root = theta * theta - low.slope * high.slope
    guard root >= 0 else { return 0.5 }
    let gamma = root.squareRoot() * (width < 0 ? -1 : 1)
    let minimum = (gamma - low.slope + theta) / (2 * gamma - low.slope + high.slope)
    return minimum.isFinite ? min(max(minimum, 0.1), 0.9) : 0.5
  }
}

extension LBFGS.Outcome {
  fileprivate func ended(_ end: LBFGS.End) -> Self {
    var copy = self
    copy.end = end
    return copy
  }
}
