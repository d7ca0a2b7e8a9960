import KantorCore

/// The last errors of a loop that chooses mu at each step; it has to stay below the largest.
struct ErrorHistory {
  private var errors: [Double] = []
  private static let length = 4

  func falls(_ error: Double) -> Bool {
    errors.count < Self.length || error <= 0.99 * (errors.max() ?? .infinity)
  }

  mutating func take(_ error: Double) {
    errors.append(error)
    if errors.count > Self.length { errors.removeFirst() }
  }
}

extension BarrierLoop {
  /// Whether there is a barrier.
  var hasBounds: Bool {
    for k in 0..<nv
    where form.lower.pointer[k] != -.infinity || form.upper.pointer[k] != .infinity { return true }
    return false
  }

  /// The mean product of slacks and multipliers after steps of those lengths.
  private func complementarity(_ a: Double, _ b: Double) -> Double {
    let (x, l, u) = (v.pointer, form.lower.pointer, form.upper.pointer)
    var (sum, count) = (0.0, 0)
    for k in 0..<nv {
      let t = x[k] + a * dv.pointer[k]
      if l[k] != -.infinity {
        sum += (t - l[k]) * (zl.pointer[k] + b * dzl.pointer[k])
        count &+= 1
      }
      if u[k] != .infinity {
        sum += (u[k] - t) * (zu.pointer[k] + b * dzu.pointer[k])
        count &+= 1
      }
    }
    return count > 0 ? sum / Double(count) : 0
  }

  /// mu from the step towards mu = 0, with the factor at hand; the direction for it.
  func probe() -> Bool {
    let (r, c) = (rightV.pointer, rightC.pointer)
    let now = complementarity(0, 0)
    guard now > 0 else { return true }
    let old = mu
    mu = 0
    setRight()
    guard system.solve(r, c, dv.pointer, dy.pointer) else {
      mu = old
      return false
    }
    multiplierSteps()
    tau = 1
    let after = complementarity(longest(dv.pointer), longestDual())
    let ratio = max(after / now, 0)
    // Far from a solution nothing speaks for leaving the central path at once.
    let least = min(0.01, barrierError(0))
    mu = max(floor(), min(max(least, min(1, ratio * ratio * ratio)) * now, 1e5))
    tau = max(0.99, 1 - mu)
    if mu != old {
      filter.removeAll(keepingCapacity: true)
      (watchdog, shortened) = (nil, 0)
    }
    setRight()
    return system.solve(r, c, dv.pointer, dy.pointer)
  }

  /// The right-hand side for mu.
  func setRight() {
    updateBarrierTerms()
    let (r, c) = (rightV.pointer, rightC.pointer)
    for k in 0..<nv { r[k] = 0 }
    form.addTransposed(y.pointer, into: r)
    for k in 0..<nv { r[k] = -(r[k] + barrierGradient.pointer[k]) }
    for i in 0..<m { c[i] = -residual.pointer[i] }
  }

  /// mu stays at the products that there are until its problem is solved.
  func fixBarrier() {
    (isFree, fixedSteps) = (false, 0)
    setBarrier(max(floor(), 0.8 * complementarity(0, 0)))
  }

  /// Products that are small beside the other residuals let steps only creep along the bounds: when
  /// that has gone on for long, mu rises and falls by the monotone rule.
  func raiseBarrierIfStuck() {
    fixedSteps += 1
    guard fixes > 0, fixedSteps == 15 else { return }
    let error = barrierError(0)
    guard mu < 1e-3 * error else { return }
    isAdaptive = false
    setBarrier(min(0.1, 0.1 * error))
  }

  private func setBarrier(_ value: Double) {
    mu = value
    tau = max(0.99, 1 - mu)
    filter.removeAll(keepingCapacity: true)
    (watchdog, shortened) = (nil, 0)
  }
}
