import KantorBlocks
import KantorCore

/// Closed forms on one block of variables.
struct SetForms {
  let term: ProximalTerm
  let block: TermBlock
  /// The library's map of the block, which knows g and its conjugate.
  let map: (any ProximalMap)?
  let x: UnsafePointer<Double>
  let f: UnsafePointer<Double>

  /// How far a sum may be from the radius, or an entry outside, and still count as inside.
  private static let slack = 1e-9

  /// Bounds of variable i of the block.
  private func bounds(_ i: Int) -> (Double, Double) {
    switch block.shape {
    case .nonnegative: return (0, .infinity)
    case .box: return (term.lower.pointer[block.start + i], term.upper.pointer[block.start + i])
    default: return (-.infinity, .infinity)
    }
  }

  /// Squared distance from the set; nil for terms that are no sets.
  func violationSquare() -> Double? {
    switch block.shape {
    case .host: return nil
    case .library: return map.map { $0.value(x).violation * $0.value(x).violation }
    case .zero: return 0
    case .nonnegative, .box:
      var sum = 0.0
      for i in 0..<block.count {
        let (low, high) = bounds(i)
        let d = max(low - x[i], x[i] - high, 0)
        sum += d * d
      }
      return sum
    case .simplex(let radius):
      // Of the negative part, and of the sum: together not more than twice the distance.
      var (sum, negative) = (-radius, 0.0)
      for i in 0..<block.count {
        sum += x[i]
        negative += min(x[i], 0) * min(x[i], 0)
      }
      return max(negative, sum * sum / Double(block.count))
    }
  }

  /// Least squared norm of f + v over normals v of the set at x; infinite outside it.
  func tangentSquare() -> Double? {
    switch block.shape {
    case .host, .library: return nil
    case .simplex(let radius): return simplexTangent(radius)
    case .zero, .nonnegative, .box:
      var sum = 0.0
      for i in 0..<block.count {
        let (low, high) = bounds(i)
        guard x[i] >= low - Self.slack, x[i] <= high + Self.slack else { return nil }
        var d = f[i]
        if x[i] <= low { d = min(d, 0) }
        if x[i] >= high { d = max(d, 0) }
        sum += d * d
      }
      return sum
    }
  }

  /// Normals at x: equal to c where x > 0, at most c elsewhere. In c the square is convex and
  /// piecewise quadratic; its minimiser is the mean of -f over the support and over those entries
  /// that would have to be lifted.
  private func simplexTangent(_ radius: Double) -> Double? {
    var (total, sum, count) = (-radius, 0.0, 0)
    for i in 0..<block.count {
      guard x[i] >= -Self.slack else { return nil }
      total += x[i]
      if x[i] > 0 {
        sum += f[i]
        count += 1
      }
    }
    guard abs(total) <= Self.slack * max(1, radius) else { return nil }
    guard count > 0 else { return 0 }
    var c = -sum / Double(count)
    // c only grows as entries join: each round adds those that are below -c.
    for _ in 0..<block.count {
      var (s, k) = (sum, count)
      for i in 0..<block.count where x[i] <= 0 && f[i] + c < 0 {
        s += f[i]
        k += 1
      }
      let next = -s / Double(k)
      guard next > c else { break }
      c = next
    }
    var square = 0.0
    for i in 0..<block.count {
      let d = x[i] > 0 ? f[i] + c : min(f[i] + c, 0)
      square += d * d
    }
    return square
  }

  /// Largest <f, x - u> + g(x) - g(u) over u; nil where it is not bounded.
  func gap() -> Double? {
    switch block.shape {
    case .host: return nil
    case .library: return conjugateGap()
    case .zero, .nonnegative: return nil
    case .box:
      var sum = 0.0
      for i in 0..<block.count {
        let (low, high) = bounds(i)
        if f[i] == 0 { continue }
        let bound = f[i] > 0 ? low : high
        guard bound.isFinite else { return nil }
        sum += f[i] * (x[i] - bound)
      }
      return sum
    case .simplex(let radius):
      var (inner, least) = (0.0, Double.infinity)
      for i in 0..<block.count {
        inner += f[i] * x[i]
        least = min(least, f[i])
      }
      return inner - radius * least
    }
  }

  /// <f, x> + g(x) + g*(-f).
  private func conjugateGap() -> Double? {
    guard let map, let negative = try? Buffer<Double>(count: block.count) else { return nil }
    defer { withExtendedLifetime(negative) {} }
    var (inner, size) = (0.0, 0.0)
    for i in 0..<block.count {
      negative.pointer[i] = -f[i]
      inner += f[i] * x[i]
      size = max(size, abs(f[i]))
    }
    let conjugate = map.conjugate(negative.pointer)
    guard conjugate.violation <= Self.slack * (1 + size) else { return nil }
    return inner + map.value(x).value + conjugate.value
  }
}
