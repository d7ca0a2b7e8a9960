import Glibc
import KantorCore

extension BarrierLoop {
  /// dv, dy, dzl and dzu of the Newton step, with a matrix of the right inertia.
  func direction() -> Advance {
    setRight()
    let (r, c) = (rightV.pointer, rightC.pointer)
    let rowShift = 1e-8 * mu.squareRoot().squareRoot()
    var (w, shift) = (0.0, alwaysShiftsRows ? rowShift : 0)
    while true {
      context.factorisations += 1
      var verdict = system.factor(w, shift, context.interruption)
      if verdict == .good, !system.solve(r, c, dv.pointer, dy.pointer) { verdict = .singular }
      switch verdict {
      case .good:
        if w > 0 { lastShift = w }
        if w == 0, shift > 0, !alwaysShiftsRows {
          // Three times the same cure: the rows depend on each other for good.
          rowShifts += 1
          if rowShifts >= 3 { alwaysShiftsRows = true }
        }
        if isFree, !probe() { return .failed }
        multiplierSteps()
        return .accepted
      case .stopped:
        _ = context.run.monitor.heartbeat()
        return .stopped
      case .singular where shift == 0 && m > 0: shift = rowShift
      case .singular, .wrongInertia:
        if w == 0 {
          w = lastShift == 0 ? 1e-4 : max(1e-20, lastShift / 3)
        } else {
          w *= lastShift == 0 || w > 1e5 * lastShift ? 100 : 8
        }
        if w > 1e20 { return .failed }
      }
    }
  }

  func multiplierSteps() {
    let (x, l, u, d) = (v.pointer, form.lower.pointer, form.upper.pointer, dv.pointer)
    for k in 0..<nv {
      if l[k] != -.infinity {
        let s = below(x[k], l[k])
        dzl.pointer[k] = (mu - zl.pointer[k] * d[k]) / s - zl.pointer[k]
      }
      if u[k] != .infinity {
        let s = above(x[k], u[k])
        dzu.pointer[k] = (mu + zu.pointer[k] * d[k]) / s - zu.pointer[k]
      }
    }
  }

  /// The longest step that keeps a part 1 - tau of every slack.
  func longest(_ d: UnsafePointer<Double>) -> Double {
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    var a = 1.0
    for k in 0..<nv {
      if d[k] < 0, l[k] != -.infinity {
        let reach = -tau * below(x[k], l[k])
        if a * d[k] < reach { a = reach / d[k] }
      } else if d[k] > 0, u[k] != .infinity {
        let reach = tau * above(x[k], u[k])
        if a * d[k] > reach { a = reach / d[k] }
      }
    }
    return a
  }

  func longestDual() -> Double {
    var a = 1.0
    for (z, d) in [(zl.pointer, dzl.pointer), (zu.pointer, dzu.pointer)] {
      for k in 0..<nv where d[k] < 0 && a * d[k] < -tau * z[k] { a = -tau * z[k] / d[k] }
    }
    return a
  }

  /// y that brings F' + C'y - zl + zu nearest to 0; zeros when that is too large to be of use.
  func leastSquaresMultipliers() {
    guard m > 0 else { return }
    system.load(identity: true)
    let (r, c) = (rightV.pointer, rightC.pointer)
    for k in 0..<nv {
      r[k] = -(gradient.pointer[k] - zl.pointer[k] + zu.pointer[k])
      system.diagonal.pointer[k] = k < form.nx ? 0 : 1
    }
    for i in 0..<m { c[i] = 0 }
    var verdict = system.factor(0, alwaysShiftsRows ? 1e-8 : 0, context.interruption)
    if verdict == .singular { verdict = system.factor(0, 1e-8, context.interruption) }
    let isSolved =
      verdict == .good && system.solve(r, c, otherV.pointer, otherC.pointer)
    var top = 0.0
    for i in 0..<m { top = max(top, abs(otherC.pointer[i])) }
    let isUseful = isSolved && top <= 1e3
    for i in 0..<m { y.pointer[i] = isUseful ? otherC.pointer[i] : 0 }
  }
}

func logarithm(_ x: Double) -> Double { log(x) }
func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
func decades(_ x: Double) -> Double { log10(x) }
