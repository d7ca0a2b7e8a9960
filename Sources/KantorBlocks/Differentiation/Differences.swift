import Glibc
import KantorCore
import KantorNumerics

/// Derivatives of a vector function by differences whose points stay inside bounds.
///
/// Steps are eps^(1/2) (forward) or eps^(1/3) (central) times max(size_j, |x_j|), sizes 1 if none
/// are given, and shorter where the bounds are near. Beside a bound a central difference becomes
/// the one-sided formula of the same order. A point outside the function's domain makes the step
/// turn round, then shrink.
public final class Differences {
  public enum Scheme: Sendable {
    /// One evaluation for each group of columns; errors of about 1e-8.
    case forward
    /// Two; errors of about 1e-10.
    case central
  }

  /// Writes F(x).
  public typealias Map = (Functions.Point, Functions.Out) throws(KantorError) -> Evaluation

  public let variables: Int
  public let rows: Int
  public let groups: ColumnGroups
  private let pattern: SparseMatrix?
  private let lower: Buffer<Double>?
  private let upper: Buffer<Double>?
  private let sizes: Buffer<Double>?
  private let point: Buffer<Double>
  private let step: Buffer<Double>
  private let isOneSided: Buffer<UInt8>
  private let first: Buffer<Double>
  private let second: Buffer<Double>

  private static let mostTries = 6

  /// `pattern` (rows x variables) allows several columns in one evaluation.
  public init(
    variables n: Int, rows: Int, pattern: SparseMatrix? = nil, lower: Buffer<Double>? = nil,
    upper: Buffer<Double>? = nil, sizes: Buffer<Double>? = nil
  ) throws(KantorError) {
    variables = n
    self.rows = rows
    self.pattern = pattern
    self.lower = lower
    self.upper = upper
    self.sizes = sizes
    if let pattern {
      groups = try ColumnGroups(pattern)
    } else {
      groups = try ColumnGroups(separate: n)
    }
    point = try Buffer(count: n)
    step = try Buffer(count: n)
    isOneSided = try Buffer(count: n)
    first = try Buffer(count: rows)
    second = try Buffer(count: rows)
  }

  /// F'(x) into `out`: the values of the pattern, else rows x variables, row-major. `base` is F(x).
  public func jacobian(
    at x: Functions.Point, base: Functions.Point, scheme: Scheme, of map: Map,
    into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    point.pointer.update(from: x, count: variables)
    for g in 0..<groups.count {
      let columns = groups.members(g)
      let outcome = try group(columns, x, scheme, map)
      for j in columns { point.pointer[Int(j)] = x[Int(j)] }
      guard case .fine = outcome else { return outcome }
      for j in columns { store(Int(j), base, scheme, out) }
    }
    return .fine
  }

  /// Evaluates what the columns of one group need.
  private func group(
    _ columns: UnsafeBufferPointer<Int32>, _ x: Functions.Point, _ scheme: Scheme, _ map: Map
  ) throws(KantorError) -> Evaluation {
    var (scale, turned) = (1.0, false)
    var outcome = Evaluation.fine
    for _ in 0..<Self.mostTries {
      var moves = false
      for j in columns {
        choose(Int(j), x[Int(j)], scheme, scale, turned)
        point.pointer[Int(j)] = x[Int(j)] + step.pointer[Int(j)]
        if step.pointer[Int(j)] != 0 { moves = true }
      }
      // Fixed variables do not move; nothing is known about their columns.
      guard moves else { return .fine }
      outcome = try map(UnsafePointer(point.pointer), first.pointer)
      if case .fine = outcome, case .central = scheme {
        for j in columns {
          let h = step.pointer[Int(j)]
          point.pointer[Int(j)] = x[Int(j)] + (isOneSided.pointer[Int(j)] != 0 ? 2 * h : -h)
        }
        outcome = try map(UnsafePointer(point.pointer), second.pointer)
      }
      guard case .undefined = outcome else { return outcome }
      if turned { scale *= 0.03 }
      turned.toggle()
    }
    return outcome
  }

  /// The step of column j, and whether both its points lie on one side.
  private func choose(
    _ j: Int, _ x: Double, _ scheme: Scheme, _ scale: Double, _ turned: Bool
  ) {
    let isCentral = scheme == .central
    let size = max(sizes?.pointer[j] ?? 1, abs(x))
    var h = scale * size * (isCentral ? 6.0554544523933395e-06 : 1.4901161193847656e-08)
    let below = max(0, x - (lower?.pointer[j] ?? -.infinity))
    let above = max(0, (upper?.pointer[j] ?? .infinity) - x)
    isOneSided.pointer[j] = 0
    if isCentral, !turned, min(below, above) >= h {
      step.pointer[j] = exact(h, at: x)
      return
    }
    isOneSided.pointer[j] = 1
    let reach = isCentral ? 2 * h : h
    // Towards the side with room, else to the roomier one.
    var goesUp = above >= reach || above >= below
    if turned && (goesUp ? below : above) >= reach { goesUp.toggle() }
    let room = goesUp ? above : below
    if room < reach {
      h = isCentral ? 0.5 * room : room
      // Rounding of x + 2 h must not pass the bound.
      h *= 1 - 1e-3
    }
    step.pointer[j] = exact(goesUp ? h : -h, at: x)
  }

  /// A step that x + h realises without rounding.
  private func exact(_ h: Double, at x: Double) -> Double {
    let moved = x + h
    return moved - x
  }

  private func store(
    _ j: Int, _ base: Functions.Point, _ scheme: Scheme, _ out: Functions.Out
  ) {
    let h = step.pointer[j]
    let (a, b) = (first.pointer, second.pointer)
    let isOneSided = self.isOneSided.pointer[j] != 0
    func entry(_ i: Int) -> Double {
      if h == 0 { return 0 }
      switch scheme {
      case .forward: return (a[i] - base[i]) / h
      case .central:
        return isOneSided
          ? (4 * (a[i] - base[i]) - (b[i] - base[i])) / (2 * h) : (a[i] - b[i]) / (2 * h)
      }
    }
    if let pattern {
      for k in pattern.starts.pointer[j]..<pattern.starts.pointer[j &+ 1] {
        out[k] = entry(Int(pattern.indices.pointer[k]))
      }
    } else {
      for i in 0..<rows { out[i &* variables &+ j] = entry(i) }
    }
  }

  /// F'(x) v into `out` by one or two evaluations along v, inside the bounds.
  public func product(
    at x: Functions.Point, base: Functions.Point, times v: Functions.Point, scheme: Scheme,
    of map: Map, into out: Functions.Out
  ) throws(KantorError) -> Evaluation {
    var (sizeX, sizeV) = (1.0, 0.0)
    var (ahead, behind) = (Double.infinity, Double.infinity)
    for j in 0..<variables where v[j] != 0 {
      sizeX = max(sizeX, abs(x[j]))
      sizeV = max(sizeV, abs(v[j]))
      let below = max(0, x[j] - (lower?.pointer[j] ?? -.infinity)) / abs(v[j])
      let above = max(0, (upper?.pointer[j] ?? .infinity) - x[j]) / abs(v[j])
      ahead = min(ahead, v[j] > 0 ? above : below)
      behind = min(behind, v[j] > 0 ? below : above)
    }
    guard sizeV > 0 else {
      for i in 0..<rows { out[i] = 0 }
      return .fine
    }
    let isCentral = scheme == .central
    var t = (isCentral ? 6.0554544523933395e-06 : 1.4901161193847656e-08) * sizeX / sizeV
    var outcome = Evaluation.undefined
    for _ in 0..<Self.mostTries {
      let isTwoSided = isCentral && min(ahead, behind) >= t
      // No room on either side: the points may pass a bound by the step.
      let h = !isTwoSided && ahead < t && behind > ahead ? -min(t, max(behind, 1e-3 * t)) : t
      outcome = try along(x, v, h, map, first)
      if case .fine = outcome, isTwoSided { outcome = try along(x, v, -h, map, second) }
      switch outcome {
      case .fine:
        for i in 0..<rows {
          out[i] =
            isTwoSided
            ? (first.pointer[i] - second.pointer[i]) / (2 * h)
            : (first.pointer[i] - base[i]) / h
        }
        return .fine
      case .stop: return .stop
      case .undefined: t *= 0.03
      }
    }
    return outcome
  }

  private func along(
    _ x: Functions.Point, _ v: Functions.Point, _ t: Double, _ map: Map, _ out: Buffer<Double>
  ) throws(KantorError) -> Evaluation {
    for j in 0..<variables { point.pointer[j] = x[j] + t * v[j] }
    return try map(UnsafePointer(point.pointer), out.pointer)
  }
}
