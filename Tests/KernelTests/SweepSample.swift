import CKantorKernels
import Glibc

/// Weights and potentials for one sweep over a cost, with zero weights among them.
struct SweepSample {
  var a: [Double]
  var phi: [Double]
  var gamma: [Double]
  let inverseEpsilon: Double

  init(_ cost: CostSample, inverseEpsilon: Double, seed: UInt64 = 0) {
    var sequence = Sequence64(seed &+ UInt64(cost.n * 1009 + cost.m))
    self.inverseEpsilon = inverseEpsilon
    a = (0..<cost.n).map { _ in
      sequence.happens(0.15) ? 0 : sequence.uniform(0.1, 1) / Double(cost.n)
    }
    phi = (0..<cost.n).map { _ in sequence.uniform(0, 3) }
    gamma = (0..<cost.m).map { _ in
      sequence.happens(0.1) ? -Double.infinity : sequence.uniform(-3, 0) - log(Double(cost.m))
    }
  }
}

struct SweepOutcome {
  var phi: [Double]
  var columnSum: [Double]
  var error: Double
  var infeasible: Int64

  /// The sweep of the header by scalar arithmetic, every row with its maximum subtracted.
  static func reference(_ cost: CostSample, _ sample: SweepSample) -> SweepOutcome {
    var outcome = SweepOutcome(
      phi: sample.phi, columnSum: [Double](repeating: 0, count: cost.m), error: 0, infeasible: 0)
    for i in 0..<cost.n {
      let mass = sample.a[i]
      guard mass > 0 else {
        outcome.phi[i] = -.infinity
        continue
      }
      let z = (0..<cost.m).map { sample.gamma[$0] - cost[i, $0] * sample.inverseEpsilon }
      let top = z.max() ?? -.infinity
      guard top > -.infinity else {
        outcome.infeasible += 1
        outcome.error += mass
        continue
      }
      let p = z.map { exp($0 - top) }
      let sum = p.reduce(0, +)
      outcome.error += abs(exp(sample.phi[i] + top) * sum - mass)
      outcome.phi[i] = log(mass / sum) - top
      for j in 0..<cost.m { outcome.columnSum[j] += mass / sum * p[j] }
    }
    return outcome
  }
}

/// The three arithmetics of the sweep.
enum SweepForm: CaseIterable {
  case double, single, mixed

  func run(
    _ cost: CostSample, _ sample: SweepSample, rows: Range<Int>, into outcome: inout SweepOutcome
  ) {
    let scratch = cost.scratch()
    let gamma = GuardedMemory(sample.gamma)
    let sums = GuardedMemory(outcome.columnSum)
    var error = outcome.error
    let (first, last) = (Int64(rows.lowerBound), Int64(rows.upperBound))
    outcome.infeasible += withUnsafePointer(to: cost.kernel) { kernel in
      switch self {
      case .double:
        kn_sinkhorn_sweep_f64(
          kernel, first, last, sample.inverseEpsilon, sample.a, &outcome.phi, gamma.start,
          sums.start, &error, scratch.start)
      case .single, .mixed:
        kn_sinkhorn_sweep_f32(
          kernel, first, last, sample.inverseEpsilon, sample.a, &outcome.phi, gamma.start,
          sums.start, &error, self == .mixed ? 1 : 0, scratch.start)
      }
    }
    outcome.error = error
    outcome.columnSum = sums.array
  }

  func run(_ cost: CostSample, _ sample: SweepSample) -> SweepOutcome {
    var outcome = SweepOutcome(
      phi: sample.phi, columnSum: [Double](repeating: 0, count: cost.m), error: 0, infeasible: 0)
    run(cost, sample, rows: 0..<cost.n, into: &outcome)
    return outcome
  }

  /// Error allowed in a potential or relative to the mass, for exponents of some tens.
  var tolerance: Double { self == .double ? 1e-13 : 2e-5 }
}

extension SweepOutcome {
  /// The largest disagreement: potentials absolutely, sums and errors relative to the total mass.
  func distance(to other: SweepOutcome) -> Double {
    var worst = Worst()
    let mass = max(other.columnSum.reduce(0, +), Double.leastNormalMagnitude)
    for (x, y) in zip(phi, other.phi) { worst.addRelative(x, y, floor: 1) }
    for (x, y) in zip(columnSum, other.columnSum) { worst.add(abs(x - y) / mass) }
    worst.add(abs(error - other.error) / max(mass, other.error))
    worst.add(infeasible == other.infeasible ? 0 : .infinity)
    return worst.value
  }
}
