import KantorCore

extension BarrierLoop {
  func violationSum(_ c: Buffer<Double>) -> Double {
    var sum = 0.0
    for i in 0..<m { sum += abs(c.pointer[i]) }
    return sum
  }

  func violationLargest(_ c: Buffer<Double>) -> Double {
    var top = 0.0
    for i in 0..<m { top = max(top, abs(c.pointer[i])) }
    return top
  }

  /// F' and F' + C'y at v.
  func updateDual() {
    form.gradient(v.pointer, into: gradient.pointer)
    lagrangian.pointer.update(from: gradient.pointer, count: nv)
    form.addTransposed(y.pointer, into: lagrangian.pointer)
  }

  /// v_k - lower_k, kept away from 0.
  @inline(__always)
  func below(_ x: Double, _ bound: Double) -> Double {
    max(x - bound, 1e-16 * abs(bound) + 1e-200)
  }
  @inline(__always)
  func above(_ x: Double, _ bound: Double) -> Double {
    max(bound - x, 1e-16 * abs(bound) + 1e-200)
  }

  /// The scaled error of the barrier conditions for mu.
  func barrierError(_ mu: Double) -> Double {
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    let (a, b, g) = (zl.pointer, zu.pointer, lagrangian.pointer)
    var (dual, product, sumZ, count) = (0.0, 0.0, 0.0, 0)
    for k in 0..<nv {
      dual = max(dual, abs(g[k] - a[k] + b[k]))
      if l[k] != -.infinity {
        product = max(product, abs(a[k] * below(x[k], l[k]) - mu))
        sumZ += a[k]
        count &+= 1
      }
      if u[k] != .infinity {
        product = max(product, abs(b[k] * above(x[k], u[k]) - mu))
        sumZ += b[k]
        count &+= 1
      }
    }
    var sumY = 0.0
    for i in 0..<m { sumY += abs(y.pointer[i]) }
    let sd = max(100, (sumY + sumZ) / Double(max(1, m &+ count))) / 100
    let sc = max(100, sumZ / Double(max(1, count))) / 100
    return max(dual / sd, violationLargest(residual), product / sc)
  }

  /// What decides about the end: in restoration the scaled error, else the residuals that the
  /// checker will look at, by arithmetic of this method.
  func assess() -> Double {
    if form.isRestoration { return barrierError(0) }
    let unit = certificateUnit
    let s = model.objectiveScale
    let gap = max(abs(objective) / s, min(unit, 100))
    var (worst, dual) = (0.0, 0.0)
    func take(_ x: Double) { if !(x <= worst) { worst = x } }
    let (x, a, b, g) = (v.pointer, zl.pointer, zu.pointer, lagrangian.pointer)
    let problem = model.problem
    for k in 0..<form.nx {
      let r = abs(g[k] - a[k] + b[k]) / (s * unit)
      if !(r <= dual) { dual = r }
      let j = Int(model.free.pointer[k])
      let (low, high) = (problem.lower.pointer[j], problem.upper.pointer[j])
      if low != -.infinity { take(a[k] * max(x[k] - low, 0) / (s * gap)) }
      if high != .infinity { take(b[k] * max(high - x[k], 0) / (s * gap)) }
    }
    take(dual)
    // Rows: c(x) without the slacks.
    let c = rowWork.pointer
    for i in 0..<m { c[i] = residual.pointer[i] + form.offset.pointer[i] }
    for k in 0..<form.na {
      c[Int(form.row.pointer[k])] -= form.sign.pointer[k] * x[form.nx + k]
    }
    var (violation, unscaled) = (0.0, 0.0)
    for i in 0..<m {
      let d = model.rowScale.pointer[i]
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let (value, multiplier) = (c[i] / d, y.pointer[i] * d / s)
      let outside = max(low - value, value - high, 0)
      let size = max(1, abs(value < low ? low : high))
      if outside > 0 || outside.isNaN {
        violation = max(violation, outside / max(size, d < 1 ? 100 / d : 1))
        unscaled = max(unscaled, outside / size)
      }
      guard low != high else { continue }
      if multiplier > 0 {
        take(high.isFinite ? multiplier * max(high - value, 0) / gap : multiplier / unit)
      } else if multiplier < 0 {
        take(low.isFinite ? -multiplier * max(value - low, 0) / gap : -multiplier / unit)
      }
    }
    if worst <= 0.5 * context.tolerance, unscaled > 0.5 * context.tolerance {
      violation = exactViolation(c)
      // What the checker lets no scale excuse.
      if unscaled > max(context.tolerance, NonlinearCheck.mostViolation) { violation = unscaled }
    }
    take(violation)
    smoothError = max(dual, violation)
    return worst
  }

  /// With the true sizes of the rows' gradients in place of those at the start.
  private func exactViolation(_ c: UnsafePointer<Double>) -> Double {
    let size = otherC
    model.rowSizes(into: size.pointer)
    let problem = model.problem
    var worst = 0.0
    for i in 0..<m {
      let value = c[i] / model.rowScale.pointer[i]
      let (low, high) = (problem.constraintLower.pointer[i], problem.constraintUpper.pointer[i])
      let outside = max(low - value, value - high, 0)
      if outside > 0 {
        worst = max(worst, outside / max(1, abs(value < low ? low : high), size.pointer[i]))
      }
    }
    return worst
  }

  /// The barrier function without its first term, at any point inside the bounds.
  func barrierTerm(_ x: UnsafePointer<Double>) -> Double {
    let (l, u) = (form.lower.pointer, form.upper.pointer)
    var (logs, damping) = (0.0, 0.0)
    for k in 0..<nv {
      let (hasL, hasU) = (l[k] != -.infinity, u[k] != .infinity)
      if hasL { logs += logarithm(below(x[k], l[k])) }
      if hasU { logs += logarithm(above(x[k], u[k])) }
      if hasL && !hasU { damping += x[k] - l[k] }
      if hasU && !hasL { damping += u[k] - x[k] }
    }
    return mu * (1e-5 * damping - logs)
  }

  /// Gradient of the barrier function into `barrierGradient`, and the barrier's part of the
  /// Newton matrix into the system's diagonal.
  func updateBarrierTerms() {
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    let (a, b) = (zl.pointer, zu.pointer)
    let (out, diagonal) = (barrierGradient.pointer, system.diagonal.pointer)
    for k in 0..<nv {
      var (g, d) = (gradient.pointer[k], form.weight?.pointer[k] ?? 0)
      let (hasL, hasU) = (l[k] != -.infinity, u[k] != .infinity)
      if hasL {
        let s = below(x[k], l[k])
        g -= mu / s
        d += a[k] / s
        if !hasU { g += 1e-5 * mu }
      }
      if hasU {
        let s = above(x[k], u[k])
        g += mu / s
        d += b[k] / s
        if !hasL { g -= 1e-5 * mu }
      }
      out[k] = g
      diagonal[k] = d
    }
  }

  /// Multipliers of bounds stay within a factor of 1e10 of mu over the slack.
  func clipMultipliers() {
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    for k in 0..<nv {
      if l[k] != -.infinity {
        let s = below(x[k], l[k])
        zl.pointer[k] = min(max(zl.pointer[k], mu / (1e10 * s)), 1e10 * mu / s)
      }
      if u[k] != .infinity {
        let s = above(x[k], u[k])
        zu.pointer[k] = min(max(zu.pointer[k], mu / (1e10 * s)), 1e10 * mu / s)
      }
    }
  }

  /// Moves bounds that leave a variable no room; its multiplier comes back to the central path.
  func makeRoom() {
    guard form.makeRoom(v.pointer, 1e-9 * mu) else { return }
    for k in 0..<form.nx {
      let under = below(v.pointer[k], form.lower.pointer[k])
      let over = above(v.pointer[k], form.upper.pointer[k])
      if zl.pointer[k] * under > 1e3 * mu { zl.pointer[k] = mu / under }
      if zu.pointer[k] * over > 1e3 * mu { zu.pointer[k] = mu / over }
    }
    filter.removeAll(keepingCapacity: true)
    (watchdog, shortened) = (nil, 0)
  }
}
