import KantorCore

/// Derivative products of the cost of a stationary low-rank plan, by the envelope theorem: dV/dC is
/// the plan Q diag(1/g) R', of which rows are formed one at a time, or none for squared distances.
struct LowRankDerivative: Sendable {
  private let problem: TransportProblem
  private let q: Buffer<Double>
  private let r: Buffer<Double>
  private let g: Buffer<Double>
  private let f: Buffer<Double>
  private let k: Buffer<Double>

  init(
    _ problem: TransportProblem, q: Buffer<Double>, r: Buffer<Double>, g: Buffer<Double>,
    f: Buffer<Double>, k: Buffer<Double>
  ) {
    self.problem = problem
    self.q = q
    self.r = r
    self.g = g
    self.f = f
    self.k = k
  }

  private var rank: Int { g.count }

  func products(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let request = try DerivativeRequest(
      problem, cotangents, wanted, outputs: ["objective", "transport_cost"])
    let scale = request.scalar("objective") + request.scalar("transport_cost")
    let answer = try DerivativeAnswer(problem, request)
    answer.addWeights(f, k, scale)
    guard answer.wantsCosts else { return answer.tensors }
    if case .points(let x, let y, let d, .sqeuclidean, _) = problem.geometry.source {
      try addSquares(x, try means(ofSource: true), problem.a, d, scale, to: answer.pointsSource)
      try addSquares(y, try means(ofSource: false), problem.b, d, scale, to: answer.pointsTarget)
      return answer.tensors
    }
    let row = try Buffer<Double>(count: problem.m)
    for i in 0..<problem.n {
      form(i, scale, row.pointer)
      answer.addRow(i, UnsafePointer(row.pointer))
    }
    return answer.tensors
  }

  /// d/dx_i sum_j P_ij |x_i - y_j|^2 = 2 w_i (x_i - mean of the y_j)
  private func addSquares(
    _ points: Buffer<Double>, _ means: Buffer<Double>, _ weights: Buffer<Double>, _ d: Int,
    _ scale: Double, to out: Buffer<Double>?
  ) throws(KantorError) {
    guard let out else { return }
    for i in 0..<weights.count {
      for c in 0..<d {
        let e = i * d + c
        out.pointer[e] += 2 * scale * weights.pointer[i] * (points.pointer[e] - means.pointer[e])
      }
    }
  }

  /// Row i of the plan times a number.
  private func form(_ i: Int, _ scale: Double, _ out: UnsafeMutablePointer<Double>) {
    let own = (0..<rank).map { scale * q.pointer[i * rank + $0] / g.pointer[$0] }
    for j in 0..<problem.m {
      var sum = 0.0
      for s in 0..<rank { sum += own[s] * r.pointer[j * rank + s] }
      out[j] = sum
    }
  }

  func plan(scale: Double) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    let out = try Buffer<Double>(count: try checkedProduct(n, m, of: "plan"))
    for i in 0..<n { form(i, scale, out.pointer + i * m) }
    return out
  }

  /// Mean partner of each source, or of each target; points without weight stay where they are.
  func means(ofSource: Bool) throws(KantorError) -> Buffer<Double> {
    guard case .points(let x, let y, let d, _, _) = problem.geometry.source else {
      return try Buffer(count: 0)
    }
    let (own, far) = ofSource ? (q, r) : (r, q)
    let (points, others) = ofSource ? (x, y) : (y, x)
    let farCount = ofSource ? problem.m : problem.n
    let weights = ofSource ? problem.a : problem.b
    var moments = [Double](repeating: 0, count: rank * d)
    for j in 0..<farCount {
      for s in 0..<rank {
        let share = far.pointer[j * rank + s] / g.pointer[s]
        for c in 0..<d { moments[s * d + c] += share * others.pointer[j * d + c] }
      }
    }
    let out = try points.copy()
    for i in 0..<weights.count where weights.pointer[i] > 0 {
      for c in 0..<d {
        var sum = 0.0
        for s in 0..<rank { sum += own.pointer[i * rank + s] * moments[s * d + c] }
        out.pointer[i * d + c] = sum / weights.pointer[i]
      }
    }
    return out
  }
}
