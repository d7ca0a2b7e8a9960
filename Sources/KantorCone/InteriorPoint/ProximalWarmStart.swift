import KantorCore
import KantorNumerics

/// Puts the proximal loop at a point of the caller's.
///
/// A point that already is a solution is left as it is and costs no iteration. Else slacks and
/// multipliers are moved inside by a margin that shrinks with the residuals of the point.
struct ProximalWarmStart {
  private let x: Buffer<Double>
  private let y: Buffer<Double>

  /// Nil when there is no start.
  init?(
    _ problem: ConeProblem, _ form: LinearForm, _ start: ConeStart
  ) throws(KantorError) {
    guard let x0 = start.x, let z0 = start.z else { return nil }
    let (c, d, e) = (
      form.scale.objective, form.scale.columns.pointer, form.scale.rows.pointer)
    x = try Buffer(count: form.n)
    y = try Buffer(count: form.constraints)
    for j in 0..<form.n { x.pointer[j] = x0.pointer[j] / d[j] }
    for k in 0..<form.rows {
      y.pointer[k] = z0.pointer[Int(form.origin.pointer[k])] * c / e[k]
    }
    for j in 0..<form.n {
      let (high, low) = (Int(form.highRow.pointer[j]), Int(form.lowRow.pointer[j]))
      var sum = 0.0
      // Each row that bounds this variable counts with its part of that side.
      if high >= 0 { sum += max(0, z0.pointer[high] * form.highFactor.pointer[j]) }
      if low >= 0 { sum += min(0, z0.pointer[low] * form.lowFactor.pointer[j]) }
      y.pointer[form.rows + j] = sum * c * d[j]
    }
  }

  func place(_ loop: ProximalLoop, tolerance: Double) {
    let state = loop.state
    state.x.pointer.update(from: x.pointer, count: state.n)
    state.y.pointer.update(from: y.pointer, count: state.count)
    put(state, margin: 0)
    let r = state.residuals()
    if r.worst <= tolerance { return }
    let worst = r.worst.isFinite ? r.worst : 1
    put(state, margin: min(max(worst, 1e-6), 1))
  }

  private func put(_ state: ProximalState, margin: Double) {
    state.refreshValues()
    let root = margin.squareRoot()
    for k in 0..<state.count {
      let kind = state.kind.pointer[k]
      if kind == ProximalState.isEquation || kind == 0 { continue }
      let (v, t) = (state.value.pointer[k], y.pointer[k])
      if kind & ProximalState.hasUpper != 0 {
        state.upperDual.pointer[k] = max(t, root)
        state.upperSlack.pointer[k] = max(state.form.upper.pointer[k] - v, root)
      }
      if kind & ProximalState.hasLower != 0 {
        state.lowerDual.pointer[k] = max(-t, root)
        state.lowerSlack.pointer[k] = max(v - state.form.lower.pointer[k], root)
      }
    }
    state.refresh()
  }
}
