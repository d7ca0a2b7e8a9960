import CKantorKernels
import KantorCore

/// Small dense quadratic programs by a dual active-set method.
///
/// **Solves.** min 1/2 x'Hx + g'x subject to l_c <= a_c'x <= u_c for rows and variables c, with H
/// positive definite. `ProximalActiveSet` reduces semidefinite H, and linear programs, to this.
///
/// **Method.** Start at the unconstrained minimum and add one violated constraint after the other,
/// keeping multipliers feasible: each point is optimal for a subset W of the constraints.
///
/// **Symbols.** J with J'HJ = I, and R upper triangular with J'N = [R; 0], for N the normals of W
/// pointing inwards; k = |W|; lambda the multipliers, Hx + g = N lambda; J = [J1 J2], J1 of k
/// columns.
///
/// **Iteration.** 1. p: the constraint with the largest violation over the norm of its row, normal
/// v, missing by b. 2. d = J'v, primal step z = J2 d2, dual step r = R^-1 d1. 3. t = min(b / z'v,
/// min over r_j > 0 of lambda_j / r_j). No t: infeasible, (1, -r) is the ray. 4. x += t z,
/// lambda -= t r; if the first of the two was the smaller one, p enters W (a reflection of J2 makes
/// d2 a multiple of its first column), else j leaves it (rotations) and 2. is repeated with the
/// rest of b.
///
/// **Stops when** nothing is violated by more than 1e-11 relative. One step of refinement on the
/// system of W follows.
///
/// **Guarantee.** The dual objective grows with every step, so that no W comes twice; finite.
///
/// **Cost.** n^3/2 for the start, n^2 + m n for each step. No memory is allocated.
///
/// **Reference.** Goldfarb, Idnani, "A numerically stable dual method for solving strictly convex
/// quadratic programs", Math. Program. 27 (1983).
///
/// Deviation: J2 is reflected at once where the paper rotates column by column; rows have two
/// sides; a working set may be given to start from, of which what has a multiplier of the wrong
/// sign is taken out again.
struct DualActiveSet {
  typealias Numbers = UnsafeMutablePointer<Double>

  enum Outcome {
    case optimal
    /// `ray` holds the proof.
    case infeasible
    case limit
  }

  let n: Int
  let m: Int
  let leading: Int
  /// Padded copies of P and A; n and m rows.
  let h: Numbers
  let a: Numbers
  let j: Numbers
  /// Columns of R lie `leading` apart; before there are any, the factorisation uses the room.
  let r: Numbers
  let x: Numbers
  /// The linear objective of the strictly convex problem at hand.
  let g: Numbers
  private let d: Numbers
  private let tail: Numbers
  private let z: Numbers
  private let step: Numbers
  private let residual: Numbers
  private let hx: Numbers
  let lambda: Numbers
  let low: Numbers
  let high: Numbers
  /// 1 / |a_c|, and 1 for variables and rows of zeros.
  let weight: Numbers
  let values: Numbers
  /// Multipliers of the ray, rows first, after `infeasible`.
  let ray: Numbers
  /// +1: low is active; -1: high is; 0: not in W.
  let state: UnsafeMutablePointer<Int32>
  let working: UnsafeMutablePointer<Int32>
  var k = 0
  /// Added to the diagonal of H.
  var shift = 0.0
  var steps = 0
  let limit: Int

  static func padded(_ n: Int) -> Int {
    (n + Int(KN_TINY_PAD) - 1) / Int(KN_TINY_PAD) * Int(KN_TINY_PAD)
  }

  /// Doubles that a solve of this size works in.
  static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    let leading = try checkedSum(n, Int(KN_TINY_PAD), of: "n")
    let rows = try checkedSum(try checkedProduct(3, n, of: "n"), m, of: "m")
    let total = try checkedSum(rows, 11, of: "m")
    let matrices = try checkedProduct(total, leading, of: "p and a")
    let each = try checkedProduct(7, try checkedSum(n, m, of: "m"), of: "m")
    return try checkedSum(matrices, each, of: "p and a")
  }

  init(n: Int, m: Int, memory: Numbers) {
    (self.n, self.m) = (n, m)
    leading = Self.padded(n)
    limit = 100 + 20 * (n + m)
    var next = memory
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    h = take(n * leading)
    j = take(n * leading)
    r = take(n * leading)
    a = take(m * leading)
    x = take(leading)
    g = take(leading)
    d = take(leading)
    tail = take(leading)
    z = take(leading)
    step = take(leading)
    residual = take(leading)
    hx = take(leading)
    lambda = take(leading)
    low = take(n + m)
    high = take(n + m)
    weight = take(n + m)
    values = take(n + m)
    ray = take(n + m)
    state = UnsafeMutableRawPointer(take(n + m)).bindMemory(to: Int32.self, capacity: 2 * (n + m))
    working = UnsafeMutableRawPointer(take(leading)).bindMemory(
      to: Int32.self, capacity: 2 * leading)
    for i in 0..<leading {
      (x[i], g[i], d[i], tail[i], z[i]) = (0, 0, 0, 0, 0)
      (step[i], residual[i], hx[i], lambda[i]) = (0, 0, 0, 0)
    }
  }

  /// Factors H + shift I; returns n, or the index of a pivot that is too small, and its value.
  mutating func factor(shift: Double) -> (done: Int, pivot: Double) {
    self.shift = shift
    for i in 0..<(n * leading) { r[i] = h[i] }
    for i in 0..<n {
      let diagonal = h[i * leading + i]
      r[i * leading + i] = diagonal + shift
      // A pivot of H + shift I is at least `shift` for positive semidefinite H.
      step[i] = shift > 0 ? 0.5 * shift - 1e-13 * abs(diagonal) : 1e-10 * abs(diagonal)
    }
    var pivot = 0.0
    let done = kn_tiny_invert_factor(r, Int64(leading), Int64(n), step, j, &pivot)
    for i in 0..<n { step[i] = 0 }
    k = 0
    return (Int(done), pivot)
  }

  // MARK: The system of W

  /// The inward normal of constraint c in the coordinates of J, into d.
  @inline(__always)
  private func transform(_ c: Int, _ sign: Double) {
    if c < m {
      kn_tiny_combine(j, Int64(leading), Int64(n), a + c * leading, d)
      if sign < 0 { for i in 0..<n { d[i] = -d[i] } }
    } else {
      let row = j + (c - m) * leading
      for i in 0..<n { d[i] = sign * row[i] }
    }
  }

  /// Splits d: the part beyond W in `tail`. Returns the squared norms of that part and of d.
  @inline(__always)
  private func split() -> (beyond: Double, all: Double) {
    var (beyond, all) = (0.0, 0.0)
    for i in 0..<k {
      all += d[i] * d[i]
      tail[i] = 0
    }
    for i in k..<n {
      beyond += d[i] * d[i]
      tail[i] = d[i]
    }
    return (beyond, all + beyond)
  }

  /// r = R^-1 d1, into `step`.
  @inline(__always)
  private func solveR(_ from: Numbers) {
    for i in 0..<k { step[i] = from[i] }
    var c = k - 1
    while c >= 0 {
      let column = r + c * leading
      let value = step[c] / column[c]
      step[c] = value
      for i in 0..<c { step[i] -= column[i] * value }
      c -= 1
    }
  }

  /// Constraint c with d, tail and z = J tail at hand becomes the last of W.
  private mutating func append(_ c: Int, sign: Int32, multiplier: Double, beyond: Double) {
    let first = d[k]
    let diagonal = first > 0 ? -beyond.squareRoot() : beyond.squareRoot()
    let factor = 1 / (beyond - diagonal * first)
    tail[k] = first - diagonal
    for i in 0..<n { step[i] = factor * (z[i] - diagonal * j[i * leading + k]) }
    kn_tiny_rank_one(j, Int64(leading), Int64(n), step, tail)
    let column = r + k * leading
    for i in 0..<k { column[i] = d[i] }
    column[k] = diagonal
    lambda[k] = multiplier
    working[k] = Int32(truncatingIfNeeded: c)
    state[c] = sign
    k += 1
  }

  /// Takes the constraint at place l out of W, and turns d along.
  private mutating func remove(_ l: Int) {
    state[Int(working[l])] = 0
    for c in (l + 1)..<max(k, l + 1) {
      let (from, to) = (r + c * leading, r + (c - 1) * leading)
      for i in 0...c { to[i] = from[i] }
      lambda[c - 1] = lambda[c]
      working[c - 1] = working[c]
    }
    k -= 1
    for i in l..<max(k, l) {
      let column = r + i * leading
      let (p, q) = (column[i], column[i + 1])
      let length = (p * p + q * q).squareRoot()
      guard length > 0 else { continue }
      let (cosine, sine) = (p / length, q / length)
      column[i] = length
      for c in (i + 1)..<max(k, i + 1) {
        let other = r + c * leading
        let (s, t) = (other[i], other[i + 1])
        other[i] = cosine * s + sine * t
        other[i + 1] = cosine * t - sine * s
      }
      for row in 0..<n {
        let entry = j + row * leading + i
        let (s, t) = (entry[0], entry[1])
        entry[0] = cosine * s + sine * t
        entry[1] = cosine * t - sine * s
      }
      let (s, t) = (d[i], d[i + 1])
      d[i] = cosine * s + sine * t
      d[i + 1] = cosine * t - sine * s
    }
  }

  /// One Newton step on the system of W: x and lambda exact for it up to rounding.
  func refine() {
    kn_tiny_rows(h, Int64(leading), Int64(n), x, hx)
    for i in 0..<n { residual[i] = hx[i] + shift * x[i] + g[i] }
    for place in 0..<k {
      let c = Int(working[place])
      let sign = Double(state[c])
      let bound = sign > 0 ? low[c] : high[c]
      var factor = sign * lambda[place]
      if c < m {
        kn_tiny_rank_one(residual, Int64(leading), 1, &factor, a + c * leading)
        var value = 0.0
        kn_tiny_rows(a + c * leading, Int64(leading), 1, x, &value)
        d[place] = sign * (bound - value)
      } else {
        residual[c - m] -= factor
        d[place] = sign * (bound - x[c - m])
      }
    }
    kn_tiny_combine(j, Int64(leading), Int64(n), residual, z)
    for c in 0..<k {
      let column = r + c * leading
      var sum = d[c]
      for i in 0..<c { sum -= column[i] * d[i] }
      d[c] = sum / column[c]
    }
    for i in k..<n { d[i] = -z[i] }
    kn_tiny_rows(j, Int64(leading), Int64(n), d, hx)
    for i in 0..<n { x[i] += hx[i] }
    for i in 0..<k { d[i] += z[i] }
    solveR(d)
    for i in 0..<k { lambda[i] += step[i] }
  }

  @inline(__always) private func isEquality(_ c: Int) -> Bool { low[c] == high[c] }

  /// Takes the constraints with multipliers of the wrong sign out of W; true if there were any.
  private mutating func dropWrongSigns() -> Bool {
    var largest = 0.0
    for i in 0..<k { largest = max(largest, abs(lambda[i])) }
    var found = false
    var place = k - 1
    while place >= 0 {
      if lambda[place] < 0 && !isEquality(Int(working[place])) {
        if lambda[place] < -1e-13 * largest {
          remove(place)
          found = true
        } else {
          lambda[place] = 0
        }
      }
      place -= 1
    }
    return found
  }

  /// Makes W the constraints that `state` names, as far as they are independent, then takes away
  /// what has no place there; x and lambda become optimal for the rest.
  mutating func start() {
    k = 0
    for c in 0..<(m + n) where state[c] != 0 {
      let sign = state[c]
      state[c] = 0
      guard k < n, (sign > 0 ? low[c] : high[c]).isFinite else { continue }
      transform(c, Double(sign))
      let (beyond, all) = split()
      guard beyond > 1e-16 * all else { continue }
      kn_tiny_rows(j, Int64(leading), Int64(n), tail, z)
      append(c, sign: sign, multiplier: 0, beyond: beyond)
    }
    settle()
  }

  /// After a change of g: x and lambda for W, and out with what has no place there.
  mutating func settle() {
    refine()
    while k > 0 && dropWrongSigns() { refine() }
  }

  // MARK: The iteration

  /// The constraint that is violated most, its side, and by how much.
  private func select() -> (c: Int, sign: Int32, violation: Double)? {
    kn_tiny_rows(a, Int64(leading), Int64(m), x, values)
    var size = 0.0
    for i in 0..<n {
      values[m + i] = x[i]
      size = max(size, abs(x[i]))
    }
    var (found, best) = (-1, 0.0)
    for c in 0..<(m + n) {
      let value = values[c]
      let violation = max(low[c] - value, value - high[c])
      let score = violation * weight[c]
      guard score > best, state[c] == 0 else { continue }
      let bound = low[c] - value > value - high[c] ? low[c] : high[c]
      if score > 1e-11 * (size + abs(bound) * weight[c]) { (found, best) = (c, score) }
    }
    guard found >= 0 else { return nil }
    let below = low[found] - values[found]
    let above = values[found] - high[found]
    return below > above ? (found, 1, below) : (found, -1, above)
  }

  /// From a W with feasible multipliers to the optimum.
  mutating func solve(_ monitor: Monitor? = nil) -> Outcome {
    var refinements = 0
    while true {
      while let (c, sign, violation) = select() {
        if let monitor, monitor.check(iteration: steps) != nil
          || monitor.reachesIterationLimit(steps)
        {
          return .limit
        }
        switch enter(c, sign, violation) {
        case .optimal: break
        case .infeasible: return .infeasible
        case .limit: return .limit
        }
      }
      refine()
      refinements += 1
      if dropWrongSigns() { refine() }
      if refinements >= 4 || select() == nil { return .optimal }
    }
  }

  /// Brings a violated constraint into W; others may leave.
  private mutating func enter(_ c: Int, _ sign: Int32, _ violation: Double) -> Outcome {
    var missing = violation
    var multiplier = 0.0
    transform(c, Double(sign))
    while true {
      steps += 1
      if steps > limit { return .limit }
      let (beyond, all) = split()
      solveR(d)
      var (longest, leaves) = (Double.infinity, -1)
      let noise = stepNoise()
      for i in 0..<k where step[i] > noise && !isEquality(Int(working[i])) {
        let ratio = lambda[i] / step[i]
        if ratio < longest { (longest, leaves) = (ratio, i) }
      }
      let isDependent = k == n || beyond <= 1e-20 * all
      if isDependent && leaves < 0 {
        record(c, Double(sign))
        return .infeasible
      }
      let full = isDependent ? Double.infinity : missing / beyond
      let t = min(full, longest)
      if !isDependent {
        kn_tiny_rows(j, Int64(leading), Int64(n), tail, z)
        for i in 0..<n { x[i] += t * z[i] }
        missing -= t * beyond
      }
      for i in 0..<k { lambda[i] -= t * step[i] }
      multiplier += t
      if full <= longest {
        append(c, sign: sign, multiplier: multiplier, beyond: beyond)
        return .optimal
      }
      lambda[leaves] = 0
      remove(leaves)
    }
  }

  /// What of r is rounding, and would let a multiplier of no size decide.
  private func stepNoise() -> Double {
    var size = 0.0
    for i in 0..<k { size = max(size, abs(step[i])) }
    return 1e-13 * size
  }

  /// The ray (1, -r) as multipliers y; entries that are rounding are left out.
  private func record(_ c: Int, _ sign: Double) {
    for i in 0..<(m + n) { ray[i] = 0 }
    ray[c] = -sign
    var largest = 1 / weight[c]
    for i in 0..<k { largest = max(largest, abs(step[i]) / weight[Int(working[i])]) }
    for i in 0..<k {
      let other = Int(working[i])
      if abs(step[i]) <= 1e-12 * largest * weight[other] { continue }
      let weight = isEquality(other) ? step[i] : min(step[i], 0)
      ray[other] = Double(state[other]) * weight
    }
  }
}
