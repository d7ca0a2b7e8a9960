import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// The semi-dual function of the points' potential g on the samples, and its gradient b - q.
final class SemiDual {
  private let problem: SemiDiscreteProblem
  private let geometry: Geometry
  private let parallel: Parallel
  private let monitor: Monitor
  private let parts: [Part]
  /// Soft transforms of the samples over epsilon plus the logarithms of their weights; kept from
  /// one evaluation to the next.
  private let phi: Buffer<Double>
  private let gamma: Buffer<Double>
  private var phiIsKnown = false
  let meanCost: Double

  private final class Part: @unchecked Sendable {
    let masses: Buffer<Double>
    let row: Buffer<Double>
    let scratch: Buffer<UInt8>
    var value = 0.0

    init(_ m: Int) throws(KantorError) {
      masses = try Buffer(count: m)
      row = try Buffer(count: m)
      scratch = try Buffer(count: Int(kn_sweep_scratch(Int64(m))))
    }
  }

  init(_ problem: SemiDiscreteProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    monitor = run.monitor
    let d = problem.dimension
    let x = try Buffer(copying: problem.x.pointer, count: problem.count * d)
    geometry = try Geometry.points(
      x: x, n: problem.count, y: problem.y, m: problem.m, dimension: d, metric: .sqeuclidean,
      power: 2)
    parallel = Parallel(threads: run.threads)
    var parts: [Part] = []
    for _ in 0..<parallel.threads { parts.append(try Part(problem.m)) }
    self.parts = parts
    phi = try Buffer(count: problem.count)
    gamma = try Buffer(count: problem.m)
    meanCost = Self.meanCost(problem)
  }

  /// Mean of the cost under the product of both measures, by their moments.
  private static func meanCost(_ problem: SemiDiscreteProblem) -> Double {
    let (d, mass) = (problem.dimension, problem.mass)
    var sum = 0.0
    for c in 0..<d {
      var (meanX, meanY, square) = (0.0, 0.0, 0.0)
      let (x, y) = (problem.x.pointer, problem.y.pointer)
      for s in 0..<problem.count { meanX += problem.weights.pointer[s] / mass * x[s * d + c] }
      for j in 0..<problem.m { meanY += problem.b.pointer[j] / mass * y[j * d + c] }
      for s in 0..<problem.count {
        let step = x[s * d + c] - meanX
        square += problem.weights.pointer[s] / mass * step * step
      }
      for j in 0..<problem.m {
        let step = y[j * d + c] - meanY
        square += problem.b.pointer[j] / mass * step * step
      }
      sum += square + (meanX - meanY) * (meanX - meanY)
    }
    return sum > 0 && sum.isFinite ? sum : 1
  }

  /// The value, to be maximised; `gradient` receives b - q. NaN once the solve is to stop.
  func evaluate(
    _ g: UnsafePointer<Double>, epsilon: Double, _ gradient: UnsafeMutablePointer<Double>
  ) -> Double {
    let (m, n) = (problem.m, problem.count)
    for part in parts {
      part.value = 0
      part.masses.fill(0)
    }
    if epsilon > 0 { prepare(g, epsilon) }
    let chunk = problem.samplesPerBeat * parallel.threads
    for start in stride(from: 0, to: n, by: chunk) {
      parallel.forEach(min(chunk, n - start)) { number, first, end in
        guard first < end else { return }
        if epsilon > 0 {
          sweep(start + first, start + end, epsilon, parts[number])
        } else {
          assign(start + first, start + end, g, parts[number])
        }
      }
      if monitor.heartbeat() != nil { return .nan }
    }
    var value = CompensatedSum()
    for j in 0..<m {
      var q = 0.0
      for part in parts { q += part.masses.pointer[j] }
      gradient[j] = problem.b.pointer[j] - q
      value.add(problem.b.pointer[j] * g[j])
    }
    for part in parts { value.add(part.value) }
    phiIsKnown = epsilon > 0
    return value.value
  }

  private func prepare(_ g: UnsafePointer<Double>, _ epsilon: Double) {
    for j in 0..<problem.m {
      gamma.pointer[j] = g[j] / epsilon + log(problem.b.pointer[j] / problem.mass)
    }
    // The sweep finds its own start where it is told nothing.
    if !phiIsKnown { phi.fill(-.infinity) }
  }

  /// Another epsilon makes the transforms worthless.
  func forget() { phiIsKnown = false }

  private func sweep(_ first: Int, _ end: Int, _ epsilon: Double, _ part: Part) {
    var (cost, error) = (geometry.cost, 0.0)
    _ = kn_sinkhorn_sweep_f64(
      &cost, Int64(first), Int64(end), 1 / epsilon, problem.weights.pointer, phi.pointer,
      gamma.pointer, part.masses.pointer, &error, part.scratch.pointer)
    var sum = 0.0
    for s in first..<end {
      let w = problem.weights.pointer[s]
      sum += w * (phi.pointer[s] - log(w))
    }
    part.value += epsilon * sum
  }

  private func assign(_ first: Int, _ end: Int, _ g: UnsafePointer<Double>, _ part: Part) {
    var cost = geometry.cost
    let (m, row, masses) = (Int64(problem.m), part.row.pointer, part.masses.pointer)
    var (low, at, sum) = (0.0, Int64(0), 0.0)
    for s in first..<end {
      kn_cost_row_f64(&cost, Int64(s), 0, m, row)
      kn_argmin_difference_f64(row, g, m, &low, &at)
      let w = problem.weights.pointer[s]
      masses[Int(at)] += w
      sum += w * low
    }
    part.value += sum
  }
}
