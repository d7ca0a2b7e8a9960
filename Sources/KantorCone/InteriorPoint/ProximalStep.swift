import KantorCore
import KantorNumerics

/// Newton steps of the proximal loop: the reduced system in x and the rows, and back.
final class ProximalStep {
  let state: ProximalState
  private let system: any ProximalSystem
  let dx: Buffer<Double>
  let dy: Buffer<Double>
  let dUpperSlack: Buffer<Double>
  let dUpperDual: Buffer<Double>
  let dLowerSlack: Buffer<Double>
  let dLowerDual: Buffer<Double>
  /// Proximal centre and strengths.
  let xCentre: Buffer<Double>
  let yCentre: Buffer<Double>
  let upperCentre: Buffer<Double>
  let lowerCentre: Buffer<Double>
  var rho = 1e-6
  var delta = 1e-4
  /// Whether rounding has swallowed a pivot.
  private(set) var lostPivots = false
  /// Targets of z ds + s dz.
  let upperTarget: Buffer<Double>
  let lowerTarget: Buffer<Double>
  private let upperWeight: Buffer<Double>
  private let lowerWeight: Buffer<Double>
  private let upperSide: Buffer<Double>
  private let lowerSide: Buffer<Double>
  private let diagonal: Buffer<Double>
  private let rhs: Buffer<Double>
  private let solution: Buffer<Double>

  init(_ state: ProximalState, _ system: any ProximalSystem) throws(KantorError) {
    self.state = state
    self.system = system
    let (n, count) = (state.n, state.count)
    dx = try Buffer(count: n)
    dy = try Buffer(count: count)
    dUpperSlack = try Buffer(count: count)
    dUpperDual = try Buffer(count: count)
    dLowerSlack = try Buffer(count: count)
    dLowerDual = try Buffer(count: count)
    xCentre = try Buffer(count: n)
    yCentre = try Buffer(count: count)
    upperCentre = try Buffer(count: count)
    lowerCentre = try Buffer(count: count)
    upperTarget = try Buffer(count: count)
    lowerTarget = try Buffer(count: count)
    upperWeight = try Buffer(count: count)
    lowerWeight = try Buffer(count: count)
    upperSide = try Buffer(count: count)
    lowerSide = try Buffer(count: count)
    diagonal = try Buffer(count: n + state.rows)
    rhs = try Buffer(count: n + state.rows)
    solution = try Buffer(count: n + state.rows)
  }

  /// Weights 1/(s/z + delta) of the sides, and the factor. False when it broke down.
  func factor(_ interruption: Interruption) -> Bool {
    let (n, rows) = (state.n, state.rows)
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      var weight = 0.0
      if kind & ProximalState.hasUpper != 0 {
        let w = 1 / (state.upperSlack.pointer[k] / state.upperDual.pointer[k] + delta)
        upperWeight.pointer[k] = w
        weight += w
      }
      if kind & ProximalState.hasLower != 0 {
        let w = 1 / (state.lowerSlack.pointer[k] / state.lowerDual.pointer[k] + delta)
        lowerWeight.pointer[k] = w
        weight += w
      }
      if k >= rows {
        diagonal.pointer[k - rows] = rho + weight
      } else if kind == ProximalState.isEquation {
        diagonal.pointer[n + k] = -delta
      } else {
        diagonal.pointer[n + k] = -1 / max(weight, 1e-300)
      }
    }
    system.addDiagonal(diagonal.pointer)
    guard system.factor(interruption) else { return false }
    guard system.outcome.replaced > 0, !lostPivots else { return true }
    // Dependent rows leave pivots of the size of the proximal terms, which rounding swallows. A
    // smaller shift does not keep them all; refinement takes it back.
    lostPivots = true
    system.shift = 3e-8
    return system.factor(interruption)
  }

  /// The direction for the residuals of the state and the targets.
  func solve() -> Bool {
    let (n, rows) = (state.n, state.rows)
    let (px, gy, q, x) = (
      state.px.pointer, state.gy.pointer, state.form.q.pointer, state.x.pointer)
    for j in 0..<n { rhs.pointer[j] = -(px[j] + gy[j] + q[j] + rho * (x[j] - xCentre.pointer[j])) }
    for k in 0..<state.count {
      let v = state.value.pointer[k]
      let kind = state.kind.pointer[k]
      if kind == ProximalState.isEquation {
        rhs.pointer[n + k] =
          -(v - state.form.upper.pointer[k] - delta * (state.y.pointer[k] - yCentre.pointer[k]))
        continue
      }
      var (g, weight) = (0.0, 0.0)
      if kind & ProximalState.hasUpper != 0 {
        let (s, z) = (state.upperSlack.pointer[k], state.upperDual.pointer[k])
        let miss = v + s - state.form.upper.pointer[k] - delta * (z - upperCentre.pointer[k])
        let t = -miss - upperTarget.pointer[k] / z
        upperSide.pointer[k] = t
        g += upperWeight.pointer[k] * t
        weight += upperWeight.pointer[k]
      }
      if kind & ProximalState.hasLower != 0 {
        let (s, z) = (state.lowerSlack.pointer[k], state.lowerDual.pointer[k])
        let miss = -v + s + state.form.lower.pointer[k] - delta * (z - lowerCentre.pointer[k])
        let t = -miss - lowerTarget.pointer[k] / z
        lowerSide.pointer[k] = t
        g -= lowerWeight.pointer[k] * t
        weight += lowerWeight.pointer[k]
      }
      if k < rows {
        rhs.pointer[n + k] = weight > 0 ? g / weight : 0
      } else {
        rhs.pointer[k - rows] += g
      }
    }
    guard system.solve(rhs.pointer, into: solution.pointer) else { return false }
    expand()
    return true
  }

  /// From (dx, dy of rows) to all pairs.
  private func expand() {
    let (n, rows) = (state.n, state.rows)
    for j in 0..<n { dx.pointer[j] = solution.pointer[j] }
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      if kind == 0 { continue }
      if kind == ProximalState.isEquation {
        dy.pointer[k] = solution.pointer[n + k]
        continue
      }
      let hasUpper = kind & ProximalState.hasUpper != 0
      let hasLower = kind & ProximalState.hasLower != 0
      let wu = hasUpper ? upperWeight.pointer[k] : 0
      let wl = hasLower ? lowerWeight.pointer[k] : 0
      let tu = hasUpper ? upperSide.pointer[k] : 0
      let tl = hasLower ? lowerSide.pointer[k] : 0
      var (du, dl) = (0.0, 0.0)
      if k < rows {
        // The multiplier of the row is known better than the move of its value where a side is
        // active; the weaker side follows from the value, the stronger one from the sum.
        let y = solution.pointer[n + k]
        if !hasLower {
          du = y
        } else if !hasUpper {
          dl = -y
        } else {
          let move = (y + wu * tu - wl * tl) / (wu + wl)
          if wu >= wl {
            dl = wl * (-move - tl)
            du = y + dl
          } else {
            du = wu * (move - tu)
            dl = du - y
          }
        }
      } else {
        let move = dx.pointer[k - rows]
        du = wu * (move - tu)
        dl = wl * (-move - tl)
      }
      if hasUpper {
        let (s, z) = (state.upperSlack.pointer[k], state.upperDual.pointer[k])
        dUpperDual.pointer[k] = du
        dUpperSlack.pointer[k] = (upperTarget.pointer[k] - s * du) / z
      }
      if hasLower {
        let (s, z) = (state.lowerSlack.pointer[k], state.lowerDual.pointer[k])
        dLowerDual.pointer[k] = dl
        dLowerSlack.pointer[k] = (lowerTarget.pointer[k] - s * dl) / z
      }
    }
  }

  /// Largest steps at most 1 that keep slacks and multipliers nonnegative.
  func lengths() -> (primal: Double, dual: Double) {
    (
      min(ratio(state.upperSlack, dUpperSlack), ratio(state.lowerSlack, dLowerSlack)),
      min(ratio(state.upperDual, dUpperDual), ratio(state.lowerDual, dLowerDual))
    )
  }

  private func ratio(_ v: Buffer<Double>, _ d: Buffer<Double>) -> Double {
    var a = 1.0
    let (v, d) = (v.pointer, d.pointer)
    for k in 0..<state.count where d[k] < 0 && v[k] < -a * d[k] { a = -v[k] / d[k] }
    return a
  }

  /// (s + a ds)'(z + b dz).
  func complementarity(_ a: Double, _ b: Double) -> Double {
    var sum = 0.0
    for k in 0..<state.count {
      sum += (state.upperSlack.pointer[k] + a * dUpperSlack.pointer[k])
        * (state.upperDual.pointer[k] + b * dUpperDual.pointer[k])
      sum += (state.lowerSlack.pointer[k] + a * dLowerSlack.pointer[k])
        * (state.lowerDual.pointer[k] + b * dLowerDual.pointer[k])
    }
    return sum
  }

  /// Targets mu - s z, and with `corrects` less the product of the last direction.
  func target(_ mu: Double, corrects: Bool) {
    for k in 0..<state.count {
      let up = state.upperSlack.pointer[k] * state.upperDual.pointer[k]
      let low = state.lowerSlack.pointer[k] * state.lowerDual.pointer[k]
      let c = corrects ? 1.0 : 0.0
      upperTarget.pointer[k] = mu - up - c * dUpperSlack.pointer[k] * dUpperDual.pointer[k]
      lowerTarget.pointer[k] = mu - low - c * dLowerSlack.pointer[k] * dLowerDual.pointer[k]
    }
  }

  func move(_ a: Double, _ b: Double) {
    Self.add(a, dx, to: state.x)
    Self.add(a, dUpperSlack, to: state.upperSlack)
    Self.add(a, dLowerSlack, to: state.lowerSlack)
    Self.add(b, dUpperDual, to: state.upperDual)
    Self.add(b, dLowerDual, to: state.lowerDual)
    for k in 0..<state.rows where state.kind.pointer[k] == ProximalState.isEquation {
      state.y.pointer[k] += b * dy.pointer[k]
    }
    state.refresh()
  }

  private static let least = 1e-20

  /// Steps of 0.99 to the boundary, again and again, would underflow; the system divides by both.
  func keepInside() {
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      if kind & ProximalState.hasUpper != 0 {
        state.upperSlack.pointer[k] = max(state.upperSlack.pointer[k], Self.least)
        state.upperDual.pointer[k] = max(state.upperDual.pointer[k], Self.least)
      }
      if kind & ProximalState.hasLower != 0 {
        state.lowerSlack.pointer[k] = max(state.lowerSlack.pointer[k], Self.least)
        state.lowerDual.pointer[k] = max(state.lowerDual.pointer[k], Self.least)
      }
    }
  }

  private static func add(_ a: Double, _ d: Buffer<Double>, to v: Buffer<Double>) {
    for k in 0..<v.count { v.pointer[k] += a * d.pointer[k] }
  }

  /// Whether nearly all that is left of a residual is the pull of the centres.
  func misses() -> (primalDone: Bool, dualDone: Bool) {
    let state = self.state
    let (x, y, value) = (state.x.pointer, state.y.pointer, state.value.pointer)
    var (dual, dualLeft) = (0.0, 0.0)
    for j in 0..<state.n {
      let miss = state.px.pointer[j] + state.gy.pointer[j] + state.form.q.pointer[j]
      dual = max(dual, abs(miss))
      dualLeft = max(dualLeft, abs(miss + rho * (x[j] - xCentre.pointer[j])))
    }
    var (primal, primalLeft) = (0.0, 0.0)
    func see(_ miss: Double, _ pull: Double) {
      primal = max(primal, abs(miss))
      primalLeft = max(primalLeft, abs(miss - delta * pull))
    }
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      if kind == ProximalState.isEquation {
        see(value[k] - state.form.upper.pointer[k], y[k] - yCentre.pointer[k])
        continue
      }
      if kind & ProximalState.hasUpper != 0 {
        see(
          value[k] + state.upperSlack.pointer[k] - state.form.upper.pointer[k],
          state.upperDual.pointer[k] - upperCentre.pointer[k])
      }
      if kind & ProximalState.hasLower != 0 {
        see(
          -value[k] + state.lowerSlack.pointer[k] + state.form.lower.pointer[k],
          state.lowerDual.pointer[k] - lowerCentre.pointer[k])
      }
    }
    return (primalLeft <= 0.1 * primal, dualLeft <= 0.1 * dual)
  }

  func centrePrimal() { xCentre.pointer.update(from: state.x.pointer, count: state.n) }

  func centreDual() {
    yCentre.pointer.update(from: state.y.pointer, count: state.count)
    upperCentre.pointer.update(from: state.upperDual.pointer, count: state.count)
    lowerCentre.pointer.update(from: state.lowerDual.pointer, count: state.count)
  }
}
