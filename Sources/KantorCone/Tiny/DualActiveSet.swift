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
  private let rowLeading: Int
  /// Padded copies of P and A; n and m rows.
  let h: Numbers
  let a: Numbers
  /// A', n rows.
  let turned: Numbers
  let x: Numbers
  /// The linear objective of the strictly convex problem at hand.
  let g: Numbers
  /// Scratch between calls.
  let z: Numbers
  private let d: Numbers
  private let step: Numbers
  private let residual: Numbers
  let lambda: Numbers
  let low: Numbers
  let high: Numbers
  /// 1 / |a_c|, and 1 for variables and rows of zeros.
  let weight: Numbers
  private let values: Numbers
  /// Multipliers of the ray, rows first, after `infeasible`.
  let ray: Numbers
  /// +1: low is active; -1: high is; 0: not in W.
  let state: UnsafeMutablePointer<Int32>
  let working: UnsafeMutablePointer<Int32>
  /// J, whose columns are rows here, and R. Its k is the size of W.
  private var system: kn_tiny_system
  /// Added to the diagonal of H.
  var shift = 0.0
  var steps = 0
  let limit: Int

  var k: Int { Int(system.k) }

  static func padded(_ n: Int) -> Int {
    (n + Int(KN_TINY_PAD) - 1) / Int(KN_TINY_PAD) * Int(KN_TINY_PAD)
  }

  private static let vectors = 10
  private static let lists = 6

  /// Doubles that a solve of this size works in.
  static func room(_ n: Int, _ m: Int) throws(KantorError) -> Int {
    let pad = Int(KN_TINY_PAD)
    let leading = try checkedSum(n, pad, of: "n")
    let rowLeading = try checkedSum(m, pad, of: "m")
    let rows = try checkedSum(try checkedProduct(3, n, of: "n"), m, of: "m")
    let total = try checkedProduct(
      try checkedSum(rows, vectors + 1, of: "m"), leading, of: "p and a")
    let turned = try checkedProduct(n, rowLeading, of: "a")
    let each = try checkedProduct(lists, try checkedSum(leading, m, of: "m"), of: "m")
    return try checkedSum(try checkedSum(total, turned, of: "p and a"), each, of: "p and a")
  }

  init(n: Int, m: Int, memory: Numbers) {
    (self.n, self.m) = (n, m)
    leading = Self.padded(n)
    rowLeading = Self.padded(m)
    limit = 100 + 20 * (n + m)
    let all = Self.padded(n + m)
    var next = memory
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    let first = take(Self.vectors * leading)
    first.update(repeating: 0, count: Self.vectors * leading)
    x = first
    g = first + leading
    d = first + 2 * leading
    z = first + 3 * leading
    step = first + 4 * leading
    residual = first + 5 * leading
    lambda = first + 6 * leading
    working = UnsafeMutableRawPointer(first + 9 * leading).bindMemory(
      to: Int32.self, capacity: 2 * leading)
    h = take(n * leading)
    a = take(m * leading)
    turned = take(n * rowLeading)
    low = take(all)
    high = take(all)
    weight = take(all)
    values = take(all)
    ray = take(all)
    state = UnsafeMutableRawPointer(take(all)).bindMemory(to: Int32.self, capacity: 2 * all)
    system = kn_tiny_system(
      basis: take(n * leading), columns: take(n * leading), diagonal: first + 7 * leading,
      inverse: first + 8 * leading, leading: Int64(leading), n: Int64(n), k: 0)
    // Constraints that are none: the look for violated ones has no remainder.
    for c in (n + m)..<all {
      (low[c], high[c], weight[c], values[c], state[c]) = (-.infinity, .infinity, 1, 0, 0)
    }
  }

  /// To be called when A is in place.
  func prepareRows() {
    kn_tiny_transpose(a, Int64(leading), Int64(m), Int64(n), turned, Int64(rowLeading))
    kn_tiny_weights(turned, Int64(rowLeading), Int64(n), weight)
    for c in m..<Self.padded(m + n) { weight[c] = 1 }
  }

  /// Factors H + shift I; returns n, or the index of a pivot that is too small, and its value.
  mutating func factor(shift: Double) -> (done: Int, pivot: Double) {
    self.shift = shift
    let copy: Numbers = system.columns
    copy.update(from: h, count: n * leading)
    for i in 0..<n {
      let diagonal = h[i * leading + i]
      copy[i * leading + i] = diagonal + shift
      // A pivot of H + shift I is at least `shift` for positive semidefinite H.
      step[i] = shift > 0 ? 0.5 * shift - 1e-13 * abs(diagonal) : 1e-10 * abs(diagonal)
    }
    var pivot = 0.0
    let done = kn_tiny_invert_factor(
      copy, Int64(leading), Int64(n), step, system.basis, &pivot)
    for i in 0..<n { step[i] = 0 }
    system.k = 0
    return (Int(done), pivot)
  }

  // MARK: The system of W

  /// The inward normal of constraint c in the coordinates of J, into d.
  @inline(__always)
  private func transform(_ c: Int, _ sign: Double) {
    if c < m {
      kn_tiny_rows(system.basis, Int64(leading), Int64(n), a + c * leading, d)
      if sign < 0 { for i in 0..<n { d[i] = -d[i] } }
    } else {
      let entry: Numbers = system.basis + (c - m)
      for i in 0..<n { d[i] = sign * entry[i * leading] }
    }
  }

  /// The squared norms of the part of d beyond W, and of d.
  @inline(__always)
  private func split() -> (beyond: Double, all: Double) {
    var norms = (within: 0.0, beyond: 0.0)
    withUnsafeMutableBytes(of: &norms) {
      guard let first = $0.bindMemory(to: Double.self).baseAddress else { return }
      kn_tiny_split(d, system.k, system.n, first)
    }
    return (norms.beyond, norms.within + norms.beyond)
  }

  /// z = J2 d2.
  @inline(__always)
  private func direct() {
    kn_tiny_combine(
      system.basis + k * leading, Int64(leading), Int64(n - k), d + k, z)
  }

  /// Constraint c with d and z at hand becomes the last of W.
  private mutating func append(_ c: Int, sign: Int32, multiplier: Double, beyond: Double) {
    kn_tiny_append(&system, d, z, beyond)
    lambda[k] = multiplier
    working[k] = Int32(truncatingIfNeeded: c)
    state[c] = sign
    system.k += 1
  }

  /// Takes the constraint at place l out of W, and turns d along.
  private mutating func remove(_ l: Int) {
    state[Int(working[l])] = 0
    kn_tiny_remove(&system, Int64(l), d)
    system.k -= 1
    for c in l..<k {
      lambda[c] = lambda[c + 1]
      working[c] = working[c + 1]
    }
  }

  /// One Newton step on the system of W: x and lambda exact for it up to rounding.
  mutating func refine() {
    kn_tiny_combine(h, Int64(leading), Int64(n), x, residual)
    for i in 0..<n { residual[i] += shift * x[i] + g[i] }
    if k > 0 { evaluate() }
    for place in 0..<k {
      let c = Int(working[place])
      let sign = Double(state[c])
      var factor = sign * lambda[place]
      if c < m {
        kn_tiny_rank_one(residual, Int64(leading), 1, &factor, a + c * leading)
      } else {
        residual[c - m] -= factor
      }
      d[place] = sign * ((sign > 0 ? low[c] : high[c]) - values[c])
    }
    kn_tiny_correct(&system, residual, d, z, x, step)
    for i in 0..<k { lambda[i] += step[i] }
  }

  /// Ax and x, into `values`; returns the largest size in x.
  @discardableResult @inline(__always)
  private func evaluate() -> Double {
    kn_tiny_values(turned, Int64(rowLeading), Int64(n), Int64(m), x, values)
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
    system.k = 0
    for c in 0..<(m + n) where state[c] != 0 {
      let sign = state[c]
      state[c] = 0
      guard k < n, (sign > 0 ? low[c] : high[c]).isFinite else { continue }
      transform(c, Double(sign))
      let (beyond, all) = split()
      guard beyond > 1e-16 * all else { continue }
      direct()
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
    let size = evaluate()
    let found = Int(
      kn_tiny_violated(values, low, high, weight, state, Int64(m + n), size, 1e-11))
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
      // What of r is rounding would let a multiplier of no size decide.
      let noise = 1e-13 * kn_tiny_back(&system, d, step)
      var (longest, leaves) = (Double.infinity, -1)
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
        direct()
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
