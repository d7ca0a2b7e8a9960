import KantorBlocks
import KantorCore

/// One step of the measured variant: the systems that are tried until one gives a step.
extension SketchedSolve {
  /// Ridges that are tried at one point; the last ones with the shortest steps too.
  private static let mostRidges = 14

  /// A step that M accepts. Where J loses rank or B hardly bends, Newton's step is far too long:
  /// the multipliers are kept down by d, and steps that have to be cut raise B for the next ones.
  /// Weights that only such a system asks for are taken back, and it is tried without. False when
  /// nothing helps.
  func measuredStep(_ size: Double) throws(KantorError) -> Bool {
    let unit = 0.1 + system.sizes().hessian
    let weights = (eta1, eta2)
    var (isDamped, isLast, ridges) = (true, false, 0)
    while ridges < Self.mostRidges {
      system.load()
      if ridge > 0 { system.raise(ridge) }
      guard convexify(size) else { return false }
      if isDamped, !keepMultipliers(size) { return false }
      for i in 0..<(n + m) { z.pointer[i] = 0 }
      gradientOfMerit()
      let isModified = system.damping > 0 || ridge > 0
      let fall = try direction(size, last: isLast || !isModified)
      if run.monitor.stop != nil { return false }
      if fall == nil, isModified, !isLast {
        (eta1, eta2) = weights
        if system.damping > 0 { isDamped = false } else { (ridge, isLast) = (0, true) }
        continue
      }
      let shortest = ridges < Self.mostRidges - 2 ? 1e-3 : 1e-12
      if let fall, try search(fall, shortest: shortest) {
        adaptRidge(unit)
        return true
      }
      if run.monitor.stop != nil { return false }
      // Newton's own step reduces the residual in any case.
      if areWeightsSpent, system.shift == 0, system.damping == 0,
        try search(nil, shortest: 1e-3)
      {
        return true
      }
      if run.monitor.stop != nil { return false }
      ridge = max(10 * ridge, 1e-3 * unit)
      ridges += 1
    }
    return false
  }

  /// Steps that are cut ask for more curvature, whole ones for less.
  private func adaptRidge(_ unit: Double) {
    if length < 0.3 {
      ridge = max(4 * ridge, 1e-3 * unit)
    } else if length == 1 {
      ridge = ridge > 1e-6 * unit ? 0.25 * ridge : 0
    }
  }

  /// Raises d until the multipliers are no larger than the gradient and the last ones explain. The
  /// factorisation that knows the signs tells them. False when interrupted.
  private func keepMultipliers(_ size: Double) -> Bool {
    var (slope, largest) = (1.0, 0.0)
    for j in 0..<n { slope = max(slope, abs(f1.pointer[j])) }
    for i in 0..<m { largest = max(largest, abs(y.pointer[i])) }
    let most = max(100 * slope, 10 * largest)
    while system.damping < 1 {
      _ = system.solve(right.pointer, into: z.pointer)
      var isSmall = true
      for i in 0..<m where !(abs(y.pointer[i] + z.pointer[n + i]) <= most) { isSmall = false }
      if isSmall { return true }
      system.damp(max(9 * system.damping, 1e-8))
      guard convexify(size) else { return false }
    }
    return true
  }

  /// B with positive curvature on the null space of J.
  func convexify(_ size: Double) -> Bool {
    let least = 1e-8 * max(1, size).squareRoot().squareRoot()
    if system.hasRightSigns(least: least, run) { return true }
    if isPublished {
      system.raise(0.1 + system.sizes().hessian)
      if system.hasRightSigns(least: least, run) { return true }
    }
    let unit = 0.1 + system.sizes().hessian
    var wanted = max(shift / 3, 1e-3 * unit, ridge)
    while run.monitor.heartbeat() == nil, wanted < 1e12 * unit {
      system.raise(wanted - system.shift)
      if system.hasRightSigns(least: least, run) {
        shift = wanted
        return true
      }
      wanted *= 8
    }
    remark = "no multiple of the identity makes the curvature positive"
    return false
  }
}
