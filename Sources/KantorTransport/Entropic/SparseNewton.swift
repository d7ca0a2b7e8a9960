import CKantorKernels
import KantorCore
import KantorNumerics

/// **Solves** the entropic problem on stored pairs: max over gamma of the semi-dual
/// F(gamma) = <b, gamma> + <a, phi(gamma)>, where phi makes the rows exact.
///
/// **Method** Newton's method. The Hessian is that of the plan with its small entries left out,
/// where the mass left out is tied to the gradient, so that the rate stays superlinear; the
/// exact diagonals are kept, so the matrix stays semidefinite. Conjugate gradients, a line search
/// on F, and plain Sinkhorn steps where the search fails.
///
/// **Symbols** w column sums of the row-exact plan P; S its entries >= theta; E = |b - w|_1.
///
/// **Iteration**
/// 1. P, phi, w from gamma by one pass over the stored pairs.
/// 2. theta = nu0 |b - w|_2 / n; S = {P_ij >= theta}.
/// 3. ((1 + s) diag(w) - S^T diag(1/a) S) d = b - w by preconditioned conjugate gradients with
///    relative residual min(1e-1, E); s = mu E.
/// 4. gamma + t d for the first t in 1, 1/2, 1/4, ... that raises F by 1e-4 of its slope.
/// 5. mu by the ratio of the rise to that of the quadratic model.
///
/// **Stops when** E <= tolerance (mass 1), or when a pass gains nothing twice.
///
/// **Guarantee** F rises at every step; locally superlinear where the plan of the optimum is
/// connected by the stored pairs. The caller checks the answer on all pairs.
///
/// **Cost** per step one pass over the stored pairs and a product with S per iteration of
/// conjugate gradients; memory two copies of the plan's entries.
///
/// **Reference** tang2024sns (sparse Newton), section 3; the mass rule is ours.
final class SparseNewton {
  private(set) var steps = 0
  private(set) var innerIterations = 0
  private let nu0: Double
  private var mu = 0.01
  private let start: Buffer<Double>
  private let startPhi: Buffer<Double>
  private let gradient: Buffer<Double>
  private let direction: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let inverse: Buffer<Double>
  private let inverseRow: Buffer<Double>
  private let solver: ConjugateGradient
  private let thin: ThinPlan
  private let plan: RestrictedPlan
  private let state: EntropicState

  static let maxInnerIterations = 1000
  /// Largest change of an exponent in one step.
  static let longestStep = 50.0

  init(_ state: EntropicState, _ plan: RestrictedPlan, nu0: Double, threads: Int)
    throws(KantorError)
  {
    self.state = state
    self.plan = plan
    self.nu0 = nu0
    let m = state.m
    start = try Buffer(count: m)
    startPhi = try Buffer(count: state.n)
    gradient = try Buffer(count: m)
    direction = try Buffer(count: m)
    diagonal = try Buffer(count: m)
    inverse = try Buffer(count: m)
    inverseRow = try Buffer(count: state.n)
    solver = try ConjugateGradient(count: m)
    thin = try ThinPlan(plan, threads: threads)
    for i in 0..<state.n {
      inverseRow.pointer[i] = state.a.pointer[i] > 0 ? 1 / state.a.pointer[i] : 0
    }
  }

  /// Runs until the error is at most `tolerance`. `next` is told the error after every pass and
  /// answers whether to go on. The state is left with exact rows and valid column sums.
  func run(tolerance: Double, next: (Double) -> Bool) -> Double {
    _ = plan.run(state)
    var error = state.columnError
    var failures = 0
    while next(error), error > tolerance, failures < 4 {
      findDirection(error)
      let before = error
      if let reached = search(error) {
        error = reached
        failures = error < before ? 0 : failures + 1
      } else {
        error = sinkhornSteps(2)
        mu = min(mu * 4, 1)
        failures += 1
      }
      steps += 1
    }
    return error
  }

  /// Steps 2 and 3.
  private func findDirection(_ error: Double) {
    let (m, g, w, b) = (state.m, gradient.pointer, state.columnSum.pointer, state.b.pointer)
    var square = 0.0
    for j in 0..<m {
      g[j] = b[j] - w[j]
      square += g[j] * g[j]
    }
    thin.choose(threshold: nu0 * square.squareRoot() / Double(state.n))
    let shift = mu * min(error, 1)
    thin.schurDiagonal(inverseRow, into: inverse)
    for j in 0..<m {
      diagonal.pointer[j] = (1 + shift) * w[j]
      let remains = diagonal.pointer[j] - inverse.pointer[j]
      // Rounding can eat a pivot that a heavy pair leaves almost empty.
      let floor = 1e-14 * w[j]
      inverse.pointer[j] = w[j] > 0 ? 1 / max(remains, floor) : 0
    }
    direction.fill(0)
    let outcome = solver.solve(
      rightHandSide: g, inverseDiagonal: inverse.pointer, x: direction.pointer,
      tolerance: min(0.1, error), maxIterations: Self.maxInnerIterations,
      multiply: { x, out in thin.schur(inverseRow, diagonal, x, out) })
    innerIterations += outcome.iterations
  }

  /// Step 4; nil when no step raises F.
  private func search(_ error: Double) -> Double? {
    let (m, n) = (state.m, state.n)
    let (gamma, d, old) = (state.gamma.pointer, direction.pointer, start.pointer)
    var (slope, low, high) = (0.0, Double.infinity, -Double.infinity)
    for j in 0..<m {
      old[j] = gamma[j]
      guard state.b.pointer[j] > 0 else { continue }
      slope += gradient.pointer[j] * d[j]
      (low, high) = (min(low, d[j]), max(high, d[j]))
    }
    for i in 0..<n { startPhi.pointer[i] = state.phi.pointer[i] }
    guard slope > 0, slope.isFinite else { return restore() }
    var t = min(1, Self.longestStep / max(high - low, 1e-300))
    for _ in 0..<6 {
      for j in 0..<m where state.b.pointer[j] > 0 { gamma[j] = old[j] + t * d[j] }
      _ = plan.run(state)
      let reached = state.columnError
      let rise = riseOfDual()
      if rise >= 1e-4 * t * slope || reached <= 0.5 * error {
        adaptShift(rise / (t * slope * (1 - 0.5 * t)))
        return reached
      }
      t *= 0.5
    }
    return restore()
  }

  private func restore() -> Double? {
    for j in 0..<state.m { state.gamma.pointer[j] = start.pointer[j] }
    _ = plan.run(state)
    return nil
  }

  /// F(gamma) - F(start), from differences, which keep their digits near the optimum.
  private func riseOfDual() -> Double {
    var rise = CompensatedSum()
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      rise.add(state.b.pointer[j] * (state.gamma.pointer[j] - start.pointer[j]))
    }
    for i in 0..<state.n where state.a.pointer[i] > 0 {
      rise.add(state.a.pointer[i] * (state.phi.pointer[i] - startPhi.pointer[i]))
    }
    return rise.value
  }

  /// Step 5.
  private func adaptShift(_ ratio: Double) {
    if ratio < 0.25 { mu = min(mu * 4, 1) }
    if ratio > 0.75 { mu = max(mu / 4, 1e-6) }
  }

  private func sinkhornSteps(_ count: Int) -> Double {
    for _ in 0..<count {
      for j in 0..<state.m where state.columnSum.pointer[j] > 0 && state.b.pointer[j] > 0 {
        state.gamma.pointer[j] += Double.log(state.b.pointer[j] / state.columnSum.pointer[j])
      }
      _ = plan.run(state)
    }
    return state.columnError
  }
}

/// The larger entries of a stored plan, for products.
private final class ThinPlan {
  private let plan: RestrictedPlan
  private let rowStart: Buffer<Int64>
  private let column: Buffer<Int32>
  private let value: Buffer<Double>
  private let parallel: Parallel
  private let partial: Buffer<Double>

  init(_ plan: RestrictedPlan, threads: Int) throws(KantorError) {
    self.plan = plan
    rowStart = try Buffer(count: plan.n + 1)
    column = try Buffer(count: plan.count)
    value = try Buffer(count: plan.count)
    parallel = Parallel(threads: min(threads, max(1, plan.count / FullSweep.pairsPerThread)))
    partial = try Buffer(count: try checkedProduct(plan.m, parallel.threads, of: "products"))
  }

  func choose(threshold: Double) {
    var place = 0
    for i in 0..<plan.n {
      rowStart.pointer[i] = Int64(place)
      for k in plan.entries(of: i) where plan.value.pointer[k] >= threshold {
        column.pointer[place] = plan.column.pointer[k]
        value.pointer[place] = plan.value.pointer[k]
        place &+= 1
      }
    }
    rowStart.pointer[plan.n] = Int64(place)
  }

  func schurDiagonal(_ inverseRow: Buffer<Double>, into out: Buffer<Double>) {
    out.fill(0)
    kn_sparse_schur_diagonal(
      rowStart.pointer, column.pointer, value.pointer, 0, Int64(plan.n), inverseRow.pointer,
      out.pointer)
  }

  /// out = diagonal x - S^T diag(inverseRow) S x
  func schur(
    _ inverseRow: Buffer<Double>, _ diagonal: Buffer<Double>, _ x: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) {
    let m = plan.m
    partial.fill(0)
    parallel.forEach(plan.n) { part, first, end in
      kn_sparse_schur(
        rowStart.pointer, column.pointer, value.pointer, Int64(first), Int64(end),
        inverseRow.pointer, x, partial.pointer + part * m)
    }
    for j in 0..<m {
      var taken = 0.0
      for part in 0..<parallel.threads { taken += partial.pointer[part * m + j] }
      out[j] = diagonal.pointer[j] * x[j] - taken
    }
  }
}
