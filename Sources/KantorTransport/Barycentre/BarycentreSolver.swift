import CKantorKernels
import KantorCore
import KantorNumerics

/// The iteration that the plain and the debiased barycentre share.
final class BarycentreSolver {
  let problem: BarycentreProblem
  let epsilon: Double
  let state: BarycentreState
  /// The barycentre, of sum 1, to which the potentials in `state` belong.
  let barycentre: Buffer<Double>
  private let debiased: Bool
  private let tolerance: Double
  private let pass: any BarycentrePass
  private let monitor: Monitor
  private let logQ: Buffer<Double>
  private let logD: Buffer<Double>
  private let work: Buffer<Double>
  private let smoothed: Buffer<Double>
  private let memory: AndersonMemory

  /// Iterations between two looks at the marginals.
  private static let pause = 5

  init(_ problem: BarycentreProblem, _ run: Run, debiased: Bool) throws(KantorError) {
    self.problem = problem
    self.debiased = debiased
    monitor = run.monitor
    tolerance = run.options.real("tolerance")
    let asked = run.options.real("epsilon")
    epsilon = asked > 0 ? asked : try Self.automaticEpsilon(problem)
    state = try BarycentreState(problem)
    switch problem.support {
    case .pairs(let geometry):
      pass = try PairsPass(
        problem, geometry, epsilon: epsilon, threads: run.threads, run.monitor)
    case .grid(let axes):
      pass = try GridPass(problem, axes, epsilon: epsilon, threads: run.threads, run.monitor)
    }
    barycentre = try Buffer(count: problem.m, repeating: 1 / Double(problem.m))
    logQ = try Buffer(count: problem.m)
    logD = try Buffer(count: problem.m)
    work = try Buffer(count: problem.m)
    smoothed = try Buffer(count: problem.m)
    memory = try AndersonMemory(rows: problem.count + (debiased ? 1 : 0), columns: problem.m)
  }

  /// 0.05 times the mean cost between uniform measures, over a sample of rows.
  private static func automaticEpsilon(_ problem: BarycentreProblem) throws(KantorError) -> Double {
    switch problem.support {
    case .grid(let axes):
      var mean = 0.0
      for axis in axes {
        let s = Double(axis.count)
        mean += axis.spacing * axis.spacing * (s * s - 1) / 6
      }
      return mean > 0 ? 0.05 * mean : 1
    case .pairs(let geometry):
      let row = try Buffer<Double>(count: geometry.m)
      var cost = geometry.cost
      var (sum, rows) = (0.0, 0.0)
      for i in stride(from: 0, to: geometry.n, by: 1 + (geometry.n - 1) / 200) {
        kn_cost_row_f64(&cost, Int64(i), 0, Int64(geometry.m), row.pointer)
        for j in 0..<geometry.m { sum += row.pointer[j] / Double(geometry.m) }
        rows += 1
      }
      return sum > 0 ? 0.05 * sum / rows : 1
    }
  }

  func run() {
    var iteration = 0
    var error = Double.nan
    while true {
      guard pass.run(state) else { return }
      iteration += 1
      logBarycentre()
      let looks = iteration == 1 || iteration % Self.pause == 0
        || iteration >= monitor.iterationLimit
      if looks { error = residual() }
      if monitor.check(iteration: iteration, residual: error) != nil {
        keep()
        return
      }
      if looks {
        if error <= tolerance || monitor.reachesIterationLimit(iteration) {
          keep()
          return
        }
      }
      update()
    }
  }

  /// log q = log d + sum_k lambda_k log K' u_k.
  private func logBarycentre() {
    let (m, q) = (problem.m, logQ.pointer)
    for j in 0..<m { q[j] = logD.pointer[j] }
    for k in 0..<problem.count where problem.lambda.pointer[k] > 0 {
      let (weight, row) = (problem.lambda.pointer[k], state.logK.pointer + k * m)
      for j in 0..<m { q[j] += weight * row[j] }
    }
  }

  /// sum_k lambda_k |q_k - q|_1 for the column sums q_k of the plans, and how far the smoothed
  /// barycentre d K d is from q where it is debiased.
  private func residual() -> Double {
    let (m, q, w) = (problem.m, barycentre.pointer, work.pointer)
    normalise()
    var error = 0.0
    for k in 0..<problem.count where problem.lambda.pointer[k] > 0 {
      let (g, row) = (state.gamma.pointer + k * m, state.logK.pointer + k * m)
      for j in 0..<m { w[j] = g[j] + row[j] }
      kn_exp_f64(w, w, Int64(m))
      var sum = 0.0
      for j in 0..<m { sum += abs(w[j] - q[j]) }
      error += problem.lambda.pointer[k] * sum
    }
    guard debiased else { return error }
    // The check takes d from the potentials; d of the iteration is one step ahead of them.
    let d = work.pointer
    for j in 0..<m { d[j] = 0 }
    for k in 0..<problem.count {
      let (weight, g) = (problem.lambda.pointer[k], state.gamma.pointer + k * m)
      for j in 0..<m { d[j] += weight * g[j] }
    }
    let out = smoothed.pointer
    pass.smooth(d, out)
    for j in 0..<m { out[j] += d[j] }
    kn_exp_f64(out, out, Int64(m))
    for j in 0..<m { error += abs(out[j] - q[j]) }
    return error
  }

  /// The barycentre from its logarithm, of sum 1.
  private func normalise() {
    let (m, q) = (problem.m, barycentre.pointer)
    kn_exp_f64(logQ.pointer, q, Int64(m))
    var sum = CompensatedSum()
    for j in 0..<m { sum.add(q[j]) }
    let scale = 1 / sum.value
    guard scale.isFinite else { return }
    for j in 0..<m { q[j] *= scale }
  }

  private func keep() { normalise() }

  /// gamma_k <- log q - log K' u_k, and d <- sqrt(d q / K d).
  private func update() {
    let m = problem.m
    memory.begin(state.gamma.pointer, problem.count, logD.pointer)
    for k in 0..<problem.count {
      let (g, row) = (state.gamma.pointer + k * m, state.logK.pointer + k * m)
      for j in 0..<m { g[j] = logQ.pointer[j] - row[j] }
    }
    if debiased {
      pass.smooth(logD.pointer, work.pointer)
      for j in 0..<m {
        logD.pointer[j] = 0.5 * (logD.pointer[j] + logQ.pointer[j] - work.pointer[j])
      }
    }
    memory.mix(
      state.gamma.pointer, problem.count, logD.pointer, lambda: problem.lambda.pointer,
      mass: barycentre.pointer)
  }
}
