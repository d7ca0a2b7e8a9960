import KantorCore
import KantorNumerics

/// Solves (diag(b) - P' diag(1/a) P) mu = r for sum r = 0, with <b, mu> = 0.
///
/// Where few pairs of the plan matter they are stored and the solver of the Newton steps is used;
/// otherwise each product makes the plan anew, row by row.
struct ImplicitSystem {
  private let problem: TransportProblem
  private let rows: PlanRows
  private let state: EntropicState
  private let stored: RestrictedPlan?
  /// Relative residual that is aimed at.
  private let tolerance: Double
  /// Of the targets of a group: a vector, and what it is multiplied to.
  private let gathered: Buffer<Double>

  /// Exponents below this are lost in the rounding of a row's sum anyway.
  static let cut = -45.0
  static let density = 0.1
  static let finest = 1e-13
  /// Of the marginal error, which pairs that are not near leave out too.
  static let share = 0.01
  static let acceptable = 1e-5

  init(
    _ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>,
    _ rows: PlanRows, tolerance: Double
  ) throws(KantorError) {
    self.problem = problem
    self.rows = rows
    self.tolerance = rows.looksAtAll ? Self.finest : max(Self.finest, Self.share * tolerance)
    state = try EntropicState(a: problem.a, b: problem.b, mass: problem.mass, epsilon: epsilon)
    state.set(f: f.pointer, g: g.pointer)
    gathered = try Buffer(count: 2 * problem.m)
    let limit = SinkhornSettings.storedLimit(problem.geometry, density: Self.density)
    stored = try rows.looksAtAll
      ? RestrictedPlan.choose(state, problem.geometry, cut: Self.cut, limit: limit, threads: 1)
      : Self.choose(state, rows, limit: limit)
  }

  /// The pairs that the rows look at; nil when they are more than `limit`.
  private static func choose(
    _ state: EntropicState, _ rows: PlanRows, limit: Int
  ) throws(KantorError) -> RestrictedPlan? {
    let (a, b) = (state.a.pointer, state.b.pointer)
    let start = try Buffer<Int64>(count: state.n + 1)
    var count = 0
    rows.forEachSource { (i, targets) in
      guard a[i] > 0 else { return true }
      var own = 0
      for k in 0..<targets.count where b[Int(targets.number[k])] > 0 { own += 1 }
      start.pointer[i + 1] = Int64(own)
      count += own
      return count <= limit
    }
    guard count <= limit else { return nil }
    for i in 0..<state.n { start.pointer[i + 1] += start.pointer[i] }
    let column = try Buffer<Int32>(count: count)
    let cost = try Buffer<Double>(count: count)
    rows.forEach(isOrdered: true) { row in
      guard a[row.source] > 0 else { return }
      var place = Int(start.pointer[row.source])
      for k in 0..<row.targets.count where b[Int(row.targets.number[k])] > 0 {
        column.pointer[place] = row.targets.number[k]
        cost.pointer[place] = row.costs[k]
        place += 1
      }
    }
    return try RestrictedPlan(
      state, cut: cut, rowStart: start, column: column, entryCost: cost, threads: 1)
  }

  func solve(_ r: Buffer<Double>, _ mu: Buffer<Double>) throws(KantorError) {
    centre(r)
    let outcome: ConjugateGradient.Outcome
    if let plan = stored {
      outcome = try solve(plan, r, mu)
    } else {
      outcome = try solveOnTheFly(r, mu)
    }
    guard outcome.relativeResidual <= Self.acceptable else {
      throw KantorError(
        .unsupported,
        "the linear system behind this derivative is too ill-conditioned: relative residual "
          + "\(outcome.relativeResidual) after \(outcome.iterations) iterations; a larger epsilon "
          + "helps")
    }
    var mean = CompensatedSum()
    for j in 0..<mu.count { mean.add(problem.b.pointer[j] * mu.pointer[j]) }
    let shift = mean.value / problem.mass
    for j in 0..<mu.count { mu.pointer[j] -= shift }
  }

  /// Takes out of r what rounding put outside the range of the matrix.
  private func centre(_ r: Buffer<Double>) {
    var total = CompensatedSum()
    for j in 0..<r.count { total.add(r.pointer[j]) }
    let share = total.value / problem.mass
    for j in 0..<r.count { r.pointer[j] -= share * problem.b.pointer[j] }
  }

  private func solve(
    _ plan: RestrictedPlan, _ r: Buffer<Double>, _ mu: Buffer<Double>
  ) throws(KantorError) -> ConjugateGradient.Outcome {
    _ = plan.run(state)
    let system = try NewtonSystem(state, plan, threads: 1, wantsGraph: true)
    return try system.solve(
      gradient: r.pointer, threshold: 0, shift: 0, tolerance: tolerance, direction: mu,
      shouldStop: { false })
  }

  private func solveOnTheFly(
    _ r: Buffer<Double>, _ mu: Buffer<Double>
  ) throws(KantorError) -> ConjugateGradient.Outcome {
    let m = problem.m
    // The plan's own sums, which differ from a and b by the marginal error: so that constants are
    // in the kernel to rounding, and not in the way of the last iterations. Points without mass
    // have potentials, but no part in the system.
    let (weightA, weightB) = (problem.a.pointer, problem.b.pointer)
    let a = try Buffer<Double>(count: problem.n)
    let b = try Buffer<Double>(count: m)
    let diagonal = try Buffer<Double>(count: m)
    rows.forEach { row in
      let (i, x) = (row.source, row.values)
      guard weightA[i] > 0 else { return }
      var sum = 0.0
      for k in 0..<row.targets.count {
        let j = Int(row.targets.number[k])
        guard weightB[j] > 0 else { continue }
        sum += x[k]
        b.pointer[j] += x[k]
      }
      a.pointer[i] = sum
      guard sum > 0 else { return }
      for k in 0..<row.targets.count {
        diagonal.pointer[Int(row.targets.number[k])] += x[k] * x[k] / sum
      }
    }
    for j in 0..<m {
      let rest = b.pointer[j] - diagonal.pointer[j]
      diagonal.pointer[j] = b.pointer[j] > 0 ? 1 / max(rest, 1e-14 * b.pointer[j]) : 0
    }
    let solver = try ConjugateGradient(count: m)
    return try solver.solve(
      rightHandSide: r.pointer, x: mu.pointer, tolerance: tolerance, maxIterations: 2000,
      multiply: { (v, out) in multiply(v, out, a, b) },
      precondition: { (s, z) in for j in 0..<m { z[j] = diagonal.pointer[j] * s[j] } })
  }

  /// out = b v - P' diag(1/a) P v, a and b the sums of P
  private func multiply(
    _ v: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>, _ rowSums: Buffer<Double>,
    _ columnSums: Buffer<Double>
  ) {
    let (m, a, b) = (problem.m, rowSums.pointer, columnSums.pointer)
    let (near, taken) = (gathered.pointer, gathered.pointer + m)
    for j in 0..<m { out[j] = b[j] * v[j] }
    rows.forEach(
      begin: { targets in
        for k in 0..<targets.count {
          near[k] = v[Int(targets.number[k])]
          taken[k] = 0
        }
      },
      end: { targets in
        for k in 0..<targets.count {
          let j = Int(targets.number[k])
          if b[j] > 0 { out[j] -= taken[k] }
        }
      },
      { row in
        let (x, count) = (row.values, row.targets.count)
        guard a[row.source] > 0 else { return }
        let t = Self.product(x, near, count) / a[row.source]
        for k in 0..<count { taken[k] += t * x[k] }
      })
  }

  @inline(__always)
  private static func product(
    _ x: UnsafePointer<Double>, _ v: UnsafePointer<Double>, _ count: Int
  ) -> Double {
    var sum = SIMD8<Double>.zero
    var k = 0
    while k &+ 8 <= count {
      sum +=
        UnsafeRawPointer(x + k).loadUnaligned(as: SIMD8<Double>.self)
        * UnsafeRawPointer(v + k).loadUnaligned(as: SIMD8<Double>.self)
      k &+= 8
    }
    var dot = sum.sum()
    while k < count {
      dot += x[k] * v[k]
      k &+= 1
    }
    return dot
  }
}
