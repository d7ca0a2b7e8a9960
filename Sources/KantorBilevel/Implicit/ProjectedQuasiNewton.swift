import KantorCore

/// Minimises a function over the set of x by limited-memory quasi-Newton steps: along the
/// projection on bounds, with variables held that the gradient keeps there; on balls and simplices
/// by projected gradients with secant steps.
///
/// Values come with an estimate of their error, and a step is taken when the value falls by what
/// the slope promises, up to those errors. Points where the function is +infinity are stepped back
/// from.
///
/// Source: D. P. Bertsekas, "Projected Newton methods" (1982); J. Nocedal, "Updating quasi-Newton
/// matrices with limited storage" (1980); E. G. Birgin, J. M. Martinez, M. Raydan, "Nonmonotone
/// spectral projected gradient methods on convex sets" (2000).
final class ProjectedQuasiNewton {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  struct Value {
    var value: Double
    var error: Double
  }

  let leader: LeaderSet
  let x: Buffer<Double>
  let gradient: Buffer<Double>
  let trial: Buffer<Double>
  let trialGradient: Buffer<Double>
  private(set) var value = Value(value: .infinity, error: 0)
  private let direction: Buffer<Double>
  private let isHeld: Buffer<Bool>
  private let memory: Int
  private var steps: [Buffer<Double>] = []
  private var changes: [Buffer<Double>] = []
  private var next = 0
  private var used = 0
  /// Length of the last projected-gradient step over the gradient's.
  private var secant = 0.0
  private var n: Int { leader.count }
  private var isBox: Bool { leader.shape == .box }

  init(_ leader: LeaderSet) throws(KantorError) {
    self.leader = leader
    memory = leader.count <= 1000 ? 60 : 20
    x = try Buffer(count: leader.count)
    gradient = try Buffer(count: leader.count)
    trial = try Buffer(count: leader.count)
    trialGradient = try Buffer(count: leader.count)
    direction = try Buffer(count: leader.count)
    isHeld = try Buffer(count: leader.count)
  }

  /// Takes up a value and the gradient that the caller has put into `gradient`, at `x`.
  func start(_ value: Value) { self.value = value }

  func forget() {
    used = 0
    next = 0
    secant = 0
  }

  var hasMemory: Bool { used > 0 }

  /// Largest |x - P(x - g)|.
  func projectedGradient() -> Double {
    leader.residual(x.pointer, gradient.pointer, room: direction.pointer)
  }

  enum Step {
    case taken
    /// Rejected twice while the error of values is not small: better values are needed.
    case wantsPrecision
    case failed
    case stopped
  }

  /// One step. `evaluate` fills `trialGradient` for `trial`; nil stops.
  func step(
    _ evaluate: () throws(KantorError) -> Value?
  ) throws(KantorError) -> Step {
    let residual = projectedGradient()
    prepare(residual)
    var slope = 0.0
    for i in 0..<n { slope += gradient.pointer[i] * direction.pointer[i] }
    if !(slope < 0) {
      forget()
      prepare(residual)
    }
    var t = used > 0 || !isBox ? 1.0 : firstLength()
    var rejected = 0
    var best: (value: Value, t: Double)?
    for _ in 0..<40 {
      let predicted = place(t)
      guard let reached = try evaluate() else { return .stopped }
      let noise = value.error + reached.error + 1e-14 * (1 + abs(value.value))
      if reached.value.isFinite, reached.value <= value.value + 1e-4 * predicted + noise {
        if let next = longer(t, reached, predicted, best?.t) {
          best = (reached, t)
          keepTrial()
          t = next
          continue
        }
        return accept(reached)
      }
      if let best {
        restoreTrial()
        return accept(best.value)
      }
      rejected += 1
      if rejected == 2, reached.value.isFinite, noise > 0.1 * abs(1e-4 * predicted) + 1e-14 {
        if value.error + reached.error > 1e-13 * (1 + abs(value.value)) { return .wantsPrecision }
      }
      var least = 0.25 * t
      if reached.value.isFinite, predicted < 0 {
        let rise = reached.value - value.value - predicted
        if rise > 0 { least = -predicted * t / (2 * rise) }
      }
      t = min(max(least, 0.1 * t), 0.5 * t)
      if t < 1e-14 { break }
    }
    return .failed
  }

  /// A first step of unit length, or of the point's size where the gradient is large.
  private func firstLength() -> Double {
    var (largest, square, size) = (0.0, 0.0, 1.0)
    for i in 0..<n {
      largest = max(largest, abs(direction.pointer[i]))
      square += direction.pointer[i] * direction.pointer[i]
      size = max(size, abs(x.pointer[i]))
    }
    guard largest > 0 else { return 1 }
    return square < 1 ? 1 / square.squareRoot() : min(1, size / largest)
  }

  private var keptX: Buffer<Double>?
  private var keptGradient: Buffer<Double>?

  private func keepTrial() {
    keptX = try? trial.copy()
    keptGradient = try? trialGradient.copy()
  }

  private func restoreTrial() {
    guard let keptX, let keptGradient else { return }
    trial.pointer.update(from: keptX.pointer, count: n)
    trialGradient.pointer.update(from: keptGradient.pointer, count: n)
  }

  /// A longer step, where this one ended on ground that still falls steeply: at first, when its
  /// length is a guess, and later where the ground has become steeper on the way, of which no pair
  /// can tell.
  private func longer(
    _ t: Double, _ reached: Value, _ predicted: Double, _ last: Double?
  ) -> Double? {
    guard isBox, t < 1e6, last == nil || t > (last ?? 0) else { return nil }
    var slope = 0.0
    for i in 0..<n {
      slope += trialGradient.pointer[i] * (trial.pointer[i] - x.pointer[i])
    }
    return slope < (used == 0 ? 0.7 : 1) * predicted ? 4 * t : nil
  }

  /// Trial point at t; the fall that the gradient promises.
  private func place(_ t: Double) -> Double {
    for i in 0..<n { trial.pointer[i] = x.pointer[i] + t * direction.pointer[i] }
    if isBox { leader.project(trial.pointer) }
    var predicted = 0.0
    for i in 0..<n { predicted += gradient.pointer[i] * (trial.pointer[i] - x.pointer[i]) }
    return predicted
  }

  private func prepare(_ residual: Double) {
    let (g, d) = (gradient.pointer, direction.pointer)
    guard isBox else {
      let length = secant > 0 ? secant : min(1, 1 / max(residual, 1e-300))
      for i in 0..<n { d[i] = x.pointer[i] - length * g[i] }
      leader.project(d)
      for i in 0..<n { d[i] -= x.pointer[i] }
      return
    }
    let width = min(residual, 1e-3)
    for i in 0..<n {
      let nearLow = x.pointer[i] - leader.lower.pointer[i] <= width && g[i] > 0
      let nearHigh = leader.upper.pointer[i] - x.pointer[i] <= width && g[i] < 0
      isHeld.pointer[i] = nearLow || nearHigh
      d[i] = isHeld.pointer[i] ? 0 : -g[i]
    }
    apply(d)
    for i in 0..<n where isHeld.pointer[i] { d[i] = -g[i] }
  }

  /// d <- H d in the free variables.
  private func apply(_ d: Out) {
    guard used > 0 else { return }
    var weights = [Double](repeating: 0, count: used)
    var scale = 0.0
    func pair(_ k: Int) -> (Point, Point) {
      let at = (next - 1 - k + 2 * memory) % memory
      return (UnsafePointer(steps[at].pointer), UnsafePointer(changes[at].pointer))
    }
    func dot(_ a: Point, _ b: Point) -> Double {
      var sum = 0.0
      for i in 0..<n where !isHeld.pointer[i] { sum += a[i] * b[i] }
      return sum
    }
    for k in 0..<used {
      let (s, y) = pair(k)
      let sy = dot(s, y)
      guard sy > 1e-12 * (dot(s, s) * dot(y, y)).squareRoot() else { continue }
      weights[k] = dot(s, UnsafePointer(d)) / sy
      for i in 0..<n where !isHeld.pointer[i] { d[i] -= weights[k] * y[i] }
      if scale == 0 { scale = sy / dot(y, y) }
    }
    if scale > 0 { for i in 0..<n where !isHeld.pointer[i] { d[i] *= scale } }
    for k in stride(from: used - 1, through: 0, by: -1) {
      let (s, y) = pair(k)
      let sy = dot(s, y)
      guard sy > 1e-12 * (dot(s, s) * dot(y, y)).squareRoot() else { continue }
      let beta = dot(y, UnsafePointer(d)) / sy
      for i in 0..<n where !isHeld.pointer[i] { d[i] += (weights[k] - beta) * s[i] }
    }
  }

  private func accept(_ reached: Value) -> Step {
    var (ss, sy) = (0.0, 0.0)
    if steps.count <= next {
      guard let s = try? Buffer<Double>(count: n), let y = try? Buffer<Double>(count: n) else {
        return .failed
      }
      steps.append(s)
      changes.append(y)
    }
    let (s, y) = (steps[next].pointer, changes[next].pointer)
    var yy = 0.0
    for i in 0..<n {
      s[i] = trial.pointer[i] - x.pointer[i]
      y[i] = trialGradient.pointer[i] - gradient.pointer[i]
      ss += s[i] * s[i]
      sy += s[i] * y[i]
      yy += y[i] * y[i]
    }
    if sy > 1e-10 * (ss * yy).squareRoot() {
      next = (next + 1) % memory
      used = min(used + 1, memory)
      secant = min(max(ss / sy, 1e-10), 1e10)
    } else {
      secant = secant > 0 ? min(4 * secant, 1e10) : 0
    }
    x.pointer.update(from: trial.pointer, count: n)
    gradient.pointer.update(from: trialGradient.pointer, count: n)
    value = reached
    return .taken
  }
}
