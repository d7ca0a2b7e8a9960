import KantorBlocks
import KantorCore
import KantorNumerics

/// A lower bound of the optimal value of a cone program that holds whatever multipliers it is made
/// from, rounding included.
///
/// For z in K* and any y, every feasible x has
///     1/2 x'Px + q'x >= r'x - 1/2 y'Py - b'z + sigma(z),   r = q + Py + A'z,
/// sigma the support term of boxes. A guess for z is moved into K*; rows with one variable are left
/// out of it and serve as bounds of that variable, which is the best choice of their multipliers.
/// Then r'x is at least the sum of min(r_j l_j, r_j u_j) over the ranges of the variables. Where P
/// has nothing off its diagonal in column j, the variable's own minimum is taken instead.
///
/// Source: M. Tanneau, P. Van Hentenryck, "Dual Lagrangian Learning for conic optimization",
/// NeurIPS (2024).
public struct ConeBound {
  /// At most the optimal value; -infinity when nothing could be proven, infinity when no point is
  /// feasible.
  public let value: Double
  /// A variable without the bounds that would be needed for a finite value.
  public let openVariable: Int?

  public init(
    _ problem: ConeProblem, z guess: Buffer<Double>, x: Buffer<Double>? = nil,
    lower: Buffer<Double>? = nil, upper: Buffer<Double>? = nil
  ) throws(KantorError) {
    try Convexity.check(problem.p, .never)
    let ranges = try VariableRanges(problem, lower: lower, upper: upper)
    if ranges.isEmpty {
      (value, openVariable) = (.infinity, nil)
      return
    }
    let z = try guess.copy()
    guard try DualLift(problem).lift(z.pointer) else {
      (value, openVariable) = (-.infinity, nil)
      return
    }
    try Self.clearSingletons(problem, z.pointer)
    let sum = try Terms(problem, z.pointer, x?.pointer, ranges)
    (value, openVariable) = (sum.bound, sum.open)
  }

  /// Rows of linear cones with one variable.
  private static func clearSingletons(
    _ problem: ConeProblem, _ z: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let counts = try Buffer<Int32>(count: problem.m)
    for k in 0..<problem.a.count where problem.a.values.pointer[k] != 0 {
      counts.pointer[Int(problem.a.indices.pointer[k])] &+= 1
    }
    for (k, cone) in problem.cones.enumerated() where cone.isLinear {
      for i in problem.rowStarts[k]..<problem.rowStarts[k + 1] where counts.pointer[i] == 1 {
        z[i] = 0
      }
    }
  }
}

/// The sum of the bound, rounded down.
private struct Terms {
  private(set) var bound = -Double.infinity
  private(set) var open: Int?

  init(
    _ problem: ConeProblem, _ z: UnsafePointer<Double>, _ x: UnsafePointer<Double>?,
    _ ranges: VariableRanges
  ) throws(KantorError) {
    let (n, m, p, a) = (problem.n, problem.m, problem.p, problem.a)
    // r without Py, and Py.
    let linear = try SafeSums(count: n)
    let curved = try SafeSums(count: n)
    let total = try SafeSums(count: 1)
    let isCoupled = try Buffer<Bool>(count: n)
    let own = try Buffer<Double>(count: n)
    for j in 0..<n {
      linear.add(j, problem.q.pointer[j], 1)
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        linear.add(j, a.values.pointer[k], z[Int(a.indices.pointer[k])])
      }
    }
    for j in 0..<n {
      for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] where p.values.pointer[k] != 0 {
        let (i, value) = (Int(p.indices.pointer[k]), p.values.pointer[k])
        if i == j {
          own.pointer[j] = value
        } else {
          (isCoupled.pointer[i], isCoupled.pointer[j]) = (true, true)
        }
      }
    }
    if let x {
      for j in 0..<n {
        for k in p.starts.pointer[j]..<p.starts.pointer[j + 1] {
          let (i, value) = (Int(p.indices.pointer[k]), p.values.pointer[k])
          if !isCoupled.pointer[i] { continue }
          curved.add(i, value, x[j])
          if i != j { curved.add(j, value, x[i]) }
        }
      }
    }
    for i in 0..<m where z[i] != 0 {
      total.add(0, -problem.b.pointer[i], z[i])
      guard let l = problem.lower, let u = problem.upper else { continue }
      let side = z[i] > 0 ? l.pointer[i] : u.pointer[i]
      if side.isFinite { total.add(0, side, z[i]) }
    }
    var error = 0.0
    for j in 0..<n {
      let (l, u) = (ranges.lower.pointer[j], ranges.upper.pointer[j])
      var term: Double
      if isCoupled.pointer[j] {
        let e = Outward.up(linear.error(j) + curved.error(j))
        let r = linear.value(j) + curved.value(j)
        term = Outward.leastProduct(
          Outward.down(Outward.down(r) - e), Outward.up(Outward.up(r) + e), l, u)
        if let x {
          total.add(0, -0.5 * x[j], curved.value(j))
          error += Outward.up(abs(x[j]) * curved.error(j))
        }
      } else {
        let (r, e) = (linear.value(j), linear.error(j))
        let (low, high) = e == 0 ? (r, r) : (Outward.down(r - e), Outward.up(r + e))
        term = Self.separable(own.pointer[j], low, high, l, u)
      }
      if term == -.infinity {
        open = j
        return
      }
      if term.isNaN { term = -.infinity }
      total.add(0, term, 1)
    }
    let value = total.value(0)
    let rest = total.error(0) + error * (1 + Double(n + 4) * 0x1p-52)
    if value.isFinite && rest.isFinite {
      bound = Outward.down(Outward.down(value) - Outward.up(rest))
    }
  }

  /// At most c x^2/2 + r x for all r in [low, high] and x in [l, u].
  private static func separable(
    _ c: Double, _ low: Double, _ high: Double, _ l: Double, _ u: Double
  ) -> Double {
    let plain = Outward.leastProduct(low, high, l, u)
    guard c > 0 else { return plain }
    let largest = max(abs(low), abs(high))
    // -r^2/(2c) wherever x may lie.
    var best = max(plain, largest == 0 ? 0 : -Outward.up(Outward.up(largest * largest) / c) / 2)
    // The tangent at an end of the range, where the minimum is.
    let middle = -(0.5 * low + 0.5 * high) / c
    let y = min(max(middle, l), u)
    if y.isFinite && y != middle {
      let slope = c * y
      let tangent = Outward.leastProduct(
        Outward.down(low + Outward.down(slope)), Outward.up(high + Outward.up(slope)), l, u)
      let start = Outward.up(Outward.up(0.5 * c * abs(y)) * abs(y))
      best = max(best, Outward.down(tangent - start))
    }
    return best
  }
}
