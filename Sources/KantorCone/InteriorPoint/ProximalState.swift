import KantorBlocks
import KantorCore
import KantorNumerics

/// The point of the proximal loop, with one pair (s, z) per finite limit.
///
/// Constraint k < rows is row k of G, constraint rows + j is variable j. `y` is the multiplier of
/// a constraint: z of its upper limit less z of its lower one; in equations it is free.
final class ProximalState {
  let form: LinearForm
  let n: Int
  let rows: Int
  let count: Int
  let x: Buffer<Double>
  let y: Buffer<Double>
  let upperSlack: Buffer<Double>
  let upperDual: Buffer<Double>
  let lowerSlack: Buffer<Double>
  let lowerDual: Buffer<Double>
  let kind: Buffer<UInt8>
  /// Number of pairs.
  let pairs: Int
  /// G x and x; P x; G'y and y of the bounds.
  let value: Buffer<Double>
  let px: Buffer<Double>
  let gy: Buffer<Double>

  static let isEquation: UInt8 = 4
  static let hasUpper: UInt8 = 1
  static let hasLower: UInt8 = 2

  init(_ form: LinearForm) throws(KantorError) {
    self.form = form
    n = form.n
    rows = form.rows
    count = form.constraints
    x = try Buffer(count: n)
    y = try Buffer(count: count)
    upperSlack = try Buffer(count: count, repeating: 1)
    upperDual = try Buffer(count: count)
    lowerSlack = try Buffer(count: count, repeating: 1)
    lowerDual = try Buffer(count: count)
    value = try Buffer(count: count)
    px = try Buffer(count: n)
    gy = try Buffer(count: n)
    kind = try Buffer(count: count)
    var pairs = 0
    for k in 0..<count {
      let (l, u) = (form.lower.pointer[k], form.upper.pointer[k])
      if k < rows && l == u {
        kind.pointer[k] = Self.isEquation
        continue
      }
      if u < .infinity {
        kind.pointer[k] |= Self.hasUpper
        pairs += 1
      }
      if l > -.infinity {
        kind.pointer[k] |= Self.hasLower
        pairs += 1
      }
    }
    self.pairs = pairs
  }

  /// G x and x.
  func refreshValues() {
    for j in 0..<n { value.pointer[rows + j] = x.pointer[j] }
    for i in 0..<rows { value.pointer[i] = 0 }
    form.g.multiply(x.pointer, into: value.pointer)
  }

  /// Products with the matrices, and `y` from the pairs.
  func refresh() {
    let (n, rows) = (n, rows)
    refreshValues()
    for k in 0..<count where kind.pointer[k] != Self.isEquation {
      y.pointer[k] = upperDual.pointer[k] - lowerDual.pointer[k]
    }
    for j in 0..<n {
      px.pointer[j] = 0
      gy.pointer[j] = y.pointer[rows + j]
    }
    form.p.multiplySymmetric(x.pointer, into: px.pointer)
    form.g.multiplyTransposed(y.pointer, into: gy.pointer)
  }

  /// Sum of s z over the pairs; their mean is mu.
  var complementarity: Double {
    var sum = 0.0
    for k in 0..<count {
      sum += upperSlack.pointer[k] * upperDual.pointer[k]
      sum += lowerSlack.pointer[k] * lowerDual.pointer[k]
    }
    return sum
  }

  var mu: Double { pairs > 0 ? complementarity / Double(pairs) : 0 }

  /// What the stopping test looks at, in the caller's units.
  struct Residuals {
    var primal = 0.0
    var dual = 0.0
    /// The primal residual with the slacks as they are, scaled.
    var slackMiss = 0.0
    /// Largest entries of the terms.
    var primalScale = 0.0
    var dualScale = 0.0
    var objective = 0.0
    var dualObjective = 0.0

    var gap: Double { abs(objective - dualObjective) }
    var relativePrimal: Double { primal / max(1, primalScale) }
    var relativeDual: Double { dual / max(1, dualScale) }
    var relativeGap: Double { gap / max(1, min(abs(objective), abs(dualObjective))) }
    var worst: Double {
      let w = max(relativePrimal, relativeDual, relativeGap)
      return objective.isNaN || dualObjective.isNaN ? .nan : w
    }
  }

  func residuals() -> Residuals {
    var r = Residuals()
    let (c, d, e) = (
      form.scale.objective, form.scale.columns.pointer, form.scale.rows.pointer)
    var (quadratic, linear, support) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for j in 0..<n {
      let unit = 1 / (c * d[j])
      let q = form.q.pointer[j]
      r.dual = max(r.dual, abs(px.pointer[j] + q + gy.pointer[j]) * unit)
      r.dualScale = max(
        r.dualScale, max(abs(px.pointer[j]), abs(q), abs(gy.pointer[j])) * unit)
      quadratic.add(px.pointer[j] * x.pointer[j])
      linear.add(q * x.pointer[j])
    }
    for k in 0..<count {
      let v = value.pointer[k]
      let (l, u) = (form.lower.pointer[k], form.upper.pointer[k])
      let unit = k < rows ? 1 / e[k] : d[k - rows]
      var miss = 0.0
      switch kind.pointer[k] {
      case 0: continue
      case Self.isEquation:
        miss = abs(v - u)
        r.slackMiss = max(r.slackMiss, miss)
        support.add(u * y.pointer[k])
        r.primalScale = max(r.primalScale, abs(u) * unit)
      default:
        if u < .infinity {
          miss = max(miss, v - u)
          r.slackMiss = max(r.slackMiss, abs(v + upperSlack.pointer[k] - u))
          support.add(u * upperDual.pointer[k])
        }
        if l > -.infinity {
          miss = max(miss, l - v)
          r.slackMiss = max(r.slackMiss, abs(v - lowerSlack.pointer[k] - l))
          support.add(-l * lowerDual.pointer[k])
        }
      }
      r.primal = max(r.primal, miss * unit)
      r.primalScale = max(r.primalScale, abs(v) * unit)
    }
    r.objective = (0.5 * quadratic.value + linear.value) / c
    r.dualObjective = (-0.5 * quadratic.value - support.value) / c
    return r
  }

  // MARK: The caller's units

  func answer(_ problem: ConeProblem) throws(KantorError) -> (
    x: Buffer<Double>, s: Buffer<Double>, z: Buffer<Double>
  ) {
    let x = try Buffer<Double>(count: n)
    for j in 0..<n { x.pointer[j] = self.x.pointer[j] * form.scale.columns.pointer[j] }
    // A variable that left its bounds by rounding goes back.
    let z = try multipliers(problem)
    let s = try LinearSlack.make(problem, x)
    return (x, s, z)
  }

  /// y, on the caller's rows.
  func multipliers(_ problem: ConeProblem) throws(KantorError) -> Buffer<Double> {
    let z = try Buffer<Double>(count: problem.m)
    let (c, d, e) = (
      form.scale.objective, form.scale.columns.pointer, form.scale.rows.pointer)
    for k in 0..<rows {
      z.pointer[Int(form.origin.pointer[k])] = y.pointer[k] * e[k] / c
    }
    for j in 0..<n {
      let k = rows + j
      let unit = 1 / (c * d[j])
      if form.highRow.pointer[j] >= 0 {
        z.pointer[Int(form.highRow.pointer[j])] +=
          upperDual.pointer[k] * unit / form.highFactor.pointer[j]
      }
      if form.lowRow.pointer[j] >= 0 {
        z.pointer[Int(form.lowRow.pointer[j])] -=
          lowerDual.pointer[k] * unit / form.lowFactor.pointer[j]
      }
    }
    return z
  }
}

/// The slack of linear cones that is nearest to b - Ax.
enum LinearSlack {
  static func make(
    _ problem: ConeProblem, _ x: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let s = try problem.b.copy()
    problem.a.multiply(x.pointer, into: s.pointer, scale: -1)
    for (k, cone) in problem.cones.enumerated() {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] {
        let v = s.pointer[i]
        switch cone {
        case .zero: s.pointer[i] = 0
        case .nonnegative: s.pointer[i] = max(v, 0)
        case .box:
          let l = problem.lower?.pointer[i] ?? -.infinity
          let u = problem.upper?.pointer[i] ?? .infinity
          s.pointer[i] = min(max(v, l), u)
        default: break
        }
      }
    }
    return s
  }
}
