import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// What is proved, and what was tried, about the best direction of a search.
struct MaxSliceCertificate {
  var slice = SliceCertificate()
  var upper = Double.infinity
  /// Largest relative gain among directions nearby; +infinity if none were tried.
  var probeGain = Double.infinity

  var boundGap: Double {
    upper <= max(slice.lower, 0) ? 0 : (upper - max(slice.lower, 0)) / upper
  }
}

/// Certifies a direction as one of large cost.
///
/// Its cost is certified as that of any slice. For every coupling P and unit vector theta,
/// W_p^p along theta <= sum P_ij |theta'(x_i - y_j)|^p. The right side is at most
/// sum P_ij |x_i - y_j|^p, and for p <= 2, by Jensen's inequality, at most
/// mass (lambda / mass)^(p/2), lambda the largest eigenvalue of sum P_ij (x_i - y_j)(x_i - y_j)'.
/// The plan along the direction serves as P. That no direction nearby is better cannot be proved
/// by any finite number of looks; what directions drawn from streams of the checker's own gain is
/// told.
struct MaxSliceCheck {
  private let problem: SlicedProblem
  private let check: SliceCheck
  private let parallel: Parallel

  /// Above, the trace serves instead of the largest eigenvalue.
  private static let largestMatrix = 64
  private static let probes = 24
  private static let angles = [0.1, 0.01, 0.001, 0.0001]

  init(_ problem: SlicedProblem, threads: Int) throws(KantorError) {
    self.problem = problem
    check = SliceCheck(problem)
    parallel = Parallel(threads: threads)
  }

  func certify(
    _ direction: UnsafePointer<Double>, rows: UnsafePointer<Int32>,
    columns: UnsafePointer<Int32>, probes: Bool, goesOn: () -> Bool
  ) throws(KantorError) -> MaxSliceCertificate {
    var certificate = MaxSliceCertificate()
    certificate.slice = check.certify(
      direction, rows: rows, columns: columns, try SliceCheck.Room(problem))
    var length = 0.0
    for c in 0..<problem.dimension { length += direction[c] * direction[c] }
    guard abs(length - 1) <= 1e-12, certificate.slice.residual < 1 else {
      certificate.slice.residual = .infinity
      return certificate
    }
    certificate.upper = max(try upperBound(rows, columns), certificate.slice.lower)
    if problem.dimension == 1 {
      certificate.probeGain = 0
    } else if probes {
      certificate.probeGain = try gain(direction, certificate.slice.cost, goesOn)
    }
    return certificate
  }

  /// The bound from the plan that matches both orders from left to right.
  private func upperBound(
    _ rows: UnsafePointer<Int32>, _ columns: UnsafePointer<Int32>
  ) throws(KantorError) -> Double {
    let (n, m, d, p) = (problem.n, problem.m, problem.dimension, problem.power)
    let (a, b) = (problem.marginals.a.pointer, problem.marginals.b.pointer)
    let hasMatrix = d <= Self.largestMatrix && p <= 2
    let moments = try Buffer<Double>(count: hasMatrix ? d * d : 0)
    let step = try Buffer<Double>(count: d)
    var (sum, trace) = (CompensatedSum(), CompensatedSum())
    var (s, t) = (0, 0)
    var (supply, demand) = (a[Int(rows[0])], b[Int(columns[0])])
    while s < n, t < m {
      // At the end of a side, what is left of the other is rounding, and moves nonetheless.
      let amount = s + 1 == n ? demand : t + 1 == m ? supply : min(supply, demand)
      let (x, y) = (problem.x + Int(rows[s]) * d, problem.y + Int(columns[t]) * d)
      var square = 0.0
      for c in 0..<d {
        step.pointer[c] = x[c] - y[c]
        square += step.pointer[c] * step.pointer[c]
      }
      sum.add(amount * pow(square, p / 2))
      trace.add(amount * square)
      if hasMatrix {
        for c in 0..<d {
          let left = amount * step.pointer[c]
          for e in 0...c { moments.pointer[c * d + e] += left * step.pointer[e] }
        }
      }
      supply -= amount
      demand -= amount
      if s + 1 < n, supply <= 0 || t + 1 == m {
        s += 1
        supply = a[Int(rows[s])]
      } else {
        t += 1
        if t < m { demand = b[Int(columns[t])] }
      }
    }
    guard p <= 2 else { return sum.value }
    var largest = trace.value
    if hasMatrix {
      for c in 0..<d {
        for e in 0..<c { moments.pointer[e * d + c] = moments.pointer[c * d + e] }
      }
      let eigen = try SymmetricEigen(moments.pointer, count: d)
      // Room for the rounding of sums and rotations.
      largest = min(largest, eigen.values.pointer[d - 1] + 1e-13 * trace.value)
    }
    let mass = problem.mass
    return min(sum.value, mass * pow(max(largest, 0) / mass, p / 2))
  }

  /// What directions at several angles from the given one gain, relative to its cost.
  private func gain(
    _ direction: UnsafePointer<Double>, _ cost: Double, _ goesOn: () -> Bool
  ) throws(KantorError) -> Double {
    let (d, threads) = (problem.dimension, parallel.threads)
    let probes = try Buffer<Double>(count: Self.probes * d)
    var random = RandomStream(seed: 0x5EED, stream: 0xC4EC)
    for k in 0..<Self.probes {
      let (out, angle) = (probes.pointer + k * d, Self.angles[k % Self.angles.count])
      var size = 0.0
      for c in 0..<d {
        out[c] = random.uniform() + random.uniform() + random.uniform() - 1.5
        size += out[c] * out[c]
      }
      var length = 0.0
      for c in 0..<d {
        out[c] = direction[c] + angle * out[c] / max(size.squareRoot(), 1e-300)
        length += out[c] * out[c]
      }
      for c in 0..<d { out[c] /= length.squareRoot() }
    }
    var desks: [Desk] = []
    for _ in 0..<threads { desks.append(try Desk(problem)) }
    let (all, values) = (desks, try Buffer<Double>(count: Self.probes))
    let costs = values.pointer
    for start in stride(from: 0, to: Self.probes, by: threads) {
      parallel.forEach(min(threads, Self.probes - start)) { part, first, end in
        for k in start + first..<start + end {
          costs[k] = probe( probes.pointer + k * d, all[part])
        }
      }
      guard goesOn() else { return .infinity }
    }
    var most = -Double.infinity
    for k in 0..<Self.probes { most = max(most, costs[k]) }
    return most <= cost ? 0 : (most - cost) / max(cost, 1e-300)
  }

  /// One thread's memory for probes.
  private final class Desk: @unchecked Sendable {
    let room: SliceCheck.Room
    let values: Buffer<Double>
    let rows: Buffer<Int32>
    let columns: Buffer<Int32>
    let work: Buffer<UInt64>

    init(_ problem: SlicedProblem) throws(KantorError) {
      let most = max(problem.n, problem.m)
      room = try SliceCheck.Room(problem)
      values = try Buffer(count: most)
      rows = try Buffer(count: problem.n)
      columns = try Buffer(count: problem.m)
      work = try Buffer(count: 2 * most + 2)
    }
  }

  private func probe(_ direction: UnsafePointer<Double>, _ desk: Desk) -> Double {
    let d = problem.dimension
    for (points, n, order) in [
      (problem.x, problem.n, desk.rows), (problem.y, problem.m, desk.columns),
    ] {
      for i in 0..<n {
        var z = 0.0
        for c in 0..<d { z += points[i * d + c] * direction[c] }
        desk.values.pointer[i] = z
      }
      kn_argsort_f64(desk.values.pointer, Int64(n), order.pointer, desk.work.pointer)
    }
    return check.certify(
      direction, rows: desk.rows.pointer, columns: desk.columns.pointer, desk.room
    ).lower
  }
}
