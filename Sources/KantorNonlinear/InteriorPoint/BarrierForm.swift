import KantorBlocks
import KantorCore
import KantorNumerics

/// A program for the barrier method: min F(v) subject to C(v) = 0, lower <= v <= upper, where v
/// holds the free variables x and further ones u of which each belongs to one row,
///
///     C_i(v) = c_i(x) - offset_i + sum of sign_k u_k over the u of row i.
///
/// Normally F = f and u are the slacks of rows that are not equations (sign -1). In the restoration
/// of feasibility F = rho sum (p + q) + 1/2 sum weight (v - centre)^2, and every row has two
/// further u: p with sign -1 and q with sign +1.
final class BarrierForm {
  let model: ScaledModel
  let isRestoration: Bool
  /// Free variables x, further variables u, both, and rows.
  let nx: Int
  let na: Int
  let nv: Int
  let m: Int
  let lower: Buffer<Double>
  let upper: Buffer<Double>
  let row: Buffer<Int32>
  let sign: Buffer<Double>
  let cost: Buffer<Double>
  let offset: Buffer<Double>
  /// Slacks come first among u; their rows.
  let slacks: Int
  let weight: Buffer<Double>?
  let centre: Buffer<Double>?
  /// s f(x) of the last evaluation; not known in restoration.
  private(set) var lastValue = Double.nan
  /// D c(x) of the last evaluation.
  let lastRows: Buffer<Double>

  /// How far bounds of rows lie outside those of the problem, relative to max(1, |bound|).
  private let relaxation: Double

  /// The program itself; bounds of rows are relaxed by `relaxation` times max(1, |bound|).
  init(_ model: ScaledModel, relaxation: Double) throws(KantorError) {
    self.model = model
    self.relaxation = relaxation
    isRestoration = false
    let problem = model.problem
    nx = model.count
    m = problem.m
    slacks = (0..<problem.m).reduce(0) { $0 + (problem.isEquality($1) ? 0 : 1) }
    na = slacks
    nv = nx + na
    lower = try Buffer(count: nv)
    upper = try Buffer(count: nv)
    row = try Buffer(count: na)
    sign = try Buffer(count: na, repeating: -1)
    cost = try Buffer(count: na)
    offset = try Buffer(count: m)
    lastRows = try Buffer(count: m)
    (weight, centre) = (nil, nil)
    for k in 0..<nx {
      let j = Int(model.free.pointer[k])
      lower.pointer[k] = problem.lower.pointer[j]
      upper.pointer[k] = problem.upper.pointer[j]
    }
    var k = 0
    for i in 0..<m where !problem.isEquality(i) {
      row.pointer[k] = Int32(truncatingIfNeeded: i)
      k += 1
    }
    rescaled()
  }

  /// Bounds of slacks and offsets of equations, after the model's scales changed.
  func rescaled() {
    let problem = model.problem
    for k in 0..<slacks {
      let i = Int(row.pointer[k])
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let d = model.rowScale.pointer[i]
      let (under, over) = relaxed(low, high)
      (lower.pointer[nx + k], upper.pointer[nx + k]) = (d * under, d * over)
    }
    for i in 0..<m where problem.isEquality(i) {
      offset.pointer[i] = model.rowScale.pointer[i] * problem.constraintLower.pointer[i]
    }
  }

  /// Bounds a little further out, and no more than a small part of what lies between them.
  private func relaxed(_ low: Double, _ high: Double) -> (low: Double, high: Double) {
    let room = 1e-4 * (high - low)
    return (
      low.isFinite ? low - min(relaxation * max(1, abs(low)), room) : low,
      high.isFinite ? high + min(relaxation * max(1, abs(high)), room) : high
    )
  }

  /// Moves bounds of x that v has come nearer to than `room` a little out, once; whether there were
  /// any. Where equations hold a variable at its bound the barrier has no room else, and the
  /// multiplier grows without end. The host's functions are evaluated inside all the same.
  func makeRoom(_ v: UnsafePointer<Double>, _ room: Double) -> Bool {
    guard model.reachesOut, !isRestoration else { return false }
    var isMoved = false
    for k in 0..<nx {
      let j = Int(model.free.pointer[k])
      let (low, high) = (model.problem.lower.pointer[j], model.problem.upper.pointer[j])
      if v[k] - low < room, lower.pointer[k] == low {
        lower.pointer[k] = low - max(0.2 * relaxation, 1e-12 * abs(low))
        isMoved = true
      }
      if high - v[k] < room, upper.pointer[k] == high {
        upper.pointer[k] = high + max(0.2 * relaxation, 1e-12 * abs(high))
        isMoved = true
      }
    }
    return isMoved
  }

  /// Restoration from `point` of the form `base`.
  init(
    restoring base: BarrierForm, from point: UnsafePointer<Double>, rho: Double, zeta: Double
  ) throws(KantorError) {
    model = base.model
    isRestoration = true
    relaxation = base.relaxation
    (nx, m, slacks) = (base.nx, base.m, base.slacks)
    na = base.na + 2 * base.m
    nv = nx + na
    lower = try Buffer(count: nv)
    upper = try Buffer(count: nv, repeating: .infinity)
    row = try Buffer(count: na)
    sign = try Buffer(count: na)
    cost = try Buffer(count: na)
    offset = try base.offset.copy()
    lastRows = try Buffer(count: m)
    let weights = try Buffer<Double>(count: nv)
    let centres = try Buffer<Double>(count: nv)
    for k in 0..<base.nv {
      lower.pointer[k] = base.lower.pointer[k]
      upper.pointer[k] = base.upper.pointer[k]
      let d = min(1, 1 / abs(point[k]))
      weights.pointer[k] = zeta * d * d
      centres.pointer[k] = point[k]
    }
    for k in 0..<base.na {
      row.pointer[k] = base.row.pointer[k]
      sign.pointer[k] = base.sign.pointer[k]
    }
    for i in 0..<m {
      for (k, side) in [(base.na + i, -1.0), (base.na + m + i, 1.0)] {
        row.pointer[k] = Int32(truncatingIfNeeded: i)
        sign.pointer[k] = side
        cost.pointer[k] = rho
      }
    }
    (weight, centre) = (weights, centres)
  }

  /// F(v), and C(v) into `residual`.
  func evaluate(
    _ v: UnsafePointer<Double>, residual: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> (Evaluation, Double) {
    var total = 0.0
    if isRestoration {
      total = proximity(v)
    } else {
      let (outcome, f) = try model.value(v)
      guard case .fine = outcome else { return (outcome, .nan) }
      total = f
      lastValue = f
    }
    return (try evaluateRows(v, residual: residual), total)
  }

  /// C(v) into `residual`.
  func evaluateRows(
    _ v: UnsafePointer<Double>, residual: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    let outcome = try model.rows(v, into: lastRows.pointer)
    if case .fine = outcome { residuals(v, lastRows.pointer, into: residual) }
    return outcome
  }

  func residuals(
    _ v: UnsafePointer<Double>, _ rows: UnsafePointer<Double>,
    into residual: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<m { residual[i] = rows[i] - offset.pointer[i] }
    let u = v + nx
    for k in 0..<na { residual[Int(row.pointer[k])] += sign.pointer[k] * u[k] }
  }

  /// The objective of restoration.
  func proximity(_ v: UnsafePointer<Double>) -> Double {
    guard let w = weight?.pointer, let r = centre?.pointer else { return 0 }
    var sum = 0.0
    for k in 0..<nv { sum += 0.5 * w[k] * (v[k] - r[k]) * (v[k] - r[k]) }
    for k in 0..<na { sum += cost.pointer[k] * v[nx + k] }
    return sum
  }

  /// F'(v) into `out`, with the model's derivatives at v.
  func gradient(_ v: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    guard isRestoration, let w = weight?.pointer, let r = centre?.pointer else {
      for k in 0..<nx { out[k] = model.gradient.pointer[k] }
      for k in 0..<na { out[nx + k] = 0 }
      return
    }
    for k in 0..<nv { out[k] = w[k] * (v[k] - r[k]) }
    for k in 0..<na { out[nx + k] += cost.pointer[k] }
  }

  /// out += C'(v)'y.
  func addTransposed(_ y: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>) {
    model.addTransposed(y, into: out)
    let u = out + nx
    for k in 0..<na { u[k] += sign.pointer[k] * y[Int(row.pointer[k])] }
  }
}
