import KantorBlocks
import KantorCore
import KantorNumerics

/// What a direction proves of a bilinear problem. `RayCertificate` of the cone engine says what the
/// figures mean; they are the same here.
package struct BilinearRay {
  /// Points with smaller entries, added up, do not contradict the claim: there are none.
  package var radius = Double.nan
  /// radius over the length at which nothing cancels.
  package var advantage = Double.nan
  package var ray: Buffer<Double>?

  /// A problem of which the claim is wrong would need points this much larger than its data
  /// suggest.
  package static let needed = 1e7

  package var holds: Bool { advantage >= Self.needed && radius > 0 }
}

/// Directions along which one side gains without end, whatever the other one does.
///
/// Along d in y, for each x in the domain of g, the payoff x'Ky - b'y - h(y) grows by at least
///     inf over x of x'Kd - b'd - h'(d) = -(sup over x of -x'Kd) - b'd - h'(d)
/// each unit, h' the slope of h for ever. If that is positive and mu = 0, the maximum over y is
/// infinite for all x. In the same way the minimum over x is -infinity for all y if Pd = 0 and
///     c'd + g'(d) + sup over y of y'K'd < 0.
extension BilinearCheck {
  /// Of the claim that the maximum over y is infinite for all x.
  package func infeasible(_ direction: Buffer<Double>) throws(KantorError) -> BilinearRay {
    guard problem.mu == 0 else { return BilinearRay() }
    return try judge(direction, isDual: true)
  }

  /// Of the claim that the minimum over x is not finite for any y.
  package func unbounded(_ direction: Buffer<Double>) throws(KantorError) -> BilinearRay {
    try judge(direction, isDual: false)
  }

  private func judge(
    _ direction: Buffer<Double>, isDual: Bool
  ) throws(KantorError) -> BilinearRay {
    var found = BilinearRay()
    let (own, other) = isDual ? (problem.dual, problem.primal) : (problem.primal, problem.dual)
    let linear = isDual ? problem.b : problem.c
    guard let mine = try Recession(own), let its = try Recession(other) else { return found }
    let d = try direction.copy()
    guard Self.normalise(d) != nil, let moved = mine.slope(d) else { return found }
    // Moving it into a bounded set leaves nothing of a direction.
    guard let rest = Self.normalise(d), rest >= Self.leastRest else { return found }
    let slope = moved / rest
    let image = try self.image(d, isDual: isDual)
    let support = its.support(image.sums)
    var value = CompensatedSum()
    var size = abs(slope) + abs(support.value)
    value.add(slope)
    value.add(support.value)
    for i in 0..<d.count {
      value.add(linear[i] * d[i])
      size += abs(linear[i] * d[i])
    }
    guard value.value < 0, value.value.isFinite else { return found }
    let violation = max(support.violation, image.curvature)
    for i in 0..<d.count { d.pointer[i] /= -value.value }
    found.ray = d
    found.radius = -value.value / violation
    // The gain over its own terms: what cancels in it is no gain.
    let gain = -value.value / size
    found.advantage = violation == 0 ? .infinity : gain * image.magnitude / violation
    if gain < 1e-9 { found.advantage = 0 }
    return found
  }

  /// How much of a direction has to be left when it was moved into the set's.
  private static let leastRest = 1e-3

  /// Divides by the largest entry, which it returns; nil when that is no positive number.
  private static func normalise(_ d: Buffer<Double>) -> Double? {
    var top = 0.0
    for i in 0..<d.count { top = max(top, abs(d[i])) }
    guard top > 0, top.isFinite else { return nil }
    for i in 0..<d.count { d.pointer[i] /= top }
    return top
  }

  /// -Kd, or K'd with the largest entry of Pd; and the largest sum of sizes in them.
  private func image(
    _ d: Buffer<Double>, isDual: Bool
  ) throws(KantorError) -> (sums: Buffer<Double>, curvature: Double, magnitude: Double) {
    let k = problem.coupling
    let count = isDual ? problem.n : problem.m
    var sums = [CompensatedSum](repeating: CompensatedSum(), count: count)
    var sizes = [Double](repeating: 0, count: count)
    for j in 0..<problem.m {
      for e in k.starts.pointer[j]..<k.starts.pointer[j + 1] {
        let (i, value) = (Int(k.indices.pointer[e]), k.values.pointer[e])
        let (at, term) = isDual ? (i, -value * d[j]) : (j, value * d[i])
        sums[at].add(term)
        sizes[at] += abs(term)
      }
    }
    let out = try Buffer<Double>(count: count)
    for i in 0..<count { out.pointer[i] = sums[i].value }
    var (curvature, magnitude) = (0.0, sizes.reduce(0) { max($0, $1) })
    if !isDual, let p = problem.quadratic {
      let pd = try Buffer<Double>(count: problem.n)
      p.multiplySymmetric(d.pointer, into: pd.pointer)
      for i in 0..<pd.count { curvature = max(curvature, abs(pd[i])) }
      for e in 0..<p.count { magnitude = max(magnitude, abs(p.values.pointer[e])) }
    }
    return (out, curvature, magnitude)
  }
}
