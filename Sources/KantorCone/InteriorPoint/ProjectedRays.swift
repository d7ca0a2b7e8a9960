import KantorBlocks
import KantorCore
import KantorNumerics

/// Rays of linear and quadratic programs without a solution, by two projections that always have
/// one. Asked when the iterates have not become a ray by themselves.
///
/// - min 1/2 |v|^2 subject to Ax + v + s = b, s in K: if v is not 0, its multiplier z = -v is in
///   K*, with A'z = 0 and b'z < 0.
/// - min 1/2 |d + q|^2 subject to Pd = 0, -Ad in K's recession cone: if d is not 0, the objective
///   falls along it, as q'd = -|d|^2.
struct ProjectedRays {
  let problem: ConeProblem
  let run: Run

  /// What is left of a projection has to vanish beside the ray.
  private static let tolerance = 1e-12

  /// z that proves that there is no feasible point.
  func separating() throws(KantorError) -> Buffer<Double>? {
    let (n, m) = (problem.n, problem.m)
    if m == 0 { return nil }
    var rows = AssembledEntries()
    rows.add(problem.a)
    for i in 0..<m { rows.add(i, n + i, 1) }
    var square = AssembledEntries()
    for i in 0..<m { square.add(n + i, n + i, 1) }
    let inner = ConeProblem(
      p: try square.matrix(n + m, n + m), q: try Buffer(count: n + m),
      a: try rows.matrix(m, n + m), b: problem.b, cones: problem.cones, lower: problem.lower,
      upper: problem.upper)
    guard let found = try solve(inner) else { return nil }
    return try ConeCheck(problem).infeasible(found.z.pointer).holds ? found.z : nil
  }

  /// x along which the objective falls for ever, if there is a feasible point.
  func falling() throws(KantorError) -> Buffer<Double>? {
    let (n, m) = (problem.n, problem.m)
    var square = AssembledEntries()
    for j in 0..<n { square.add(j, j, 1) }
    var rows = AssembledEntries()
    for j in 0..<n {
      for k in problem.p.starts.pointer[j]..<problem.p.starts.pointer[j + 1] {
        let (i, value) = (Int(problem.p.indices.pointer[k]), problem.p.values.pointer[k])
        rows.add(i, j, value)
        if i != j { rows.add(j, i, value) }
      }
    }
    rows.add(problem.a, below: n)
    var (lower, upper): (Buffer<Double>?, Buffer<Double>?)
    if let l = problem.lower, let u = problem.upper {
      let low = try Buffer<Double>(count: n + m, repeating: -.infinity)
      let high = try Buffer<Double>(count: n + m, repeating: .infinity)
      for i in 0..<m {
        if l.pointer[i].isFinite { low.pointer[n + i] = 0 }
        if u.pointer[i].isFinite { high.pointer[n + i] = 0 }
      }
      (lower, upper) = (low, high)
    }
    let inner = ConeProblem(
      p: try square.matrix(n, n), q: problem.q, a: try rows.matrix(n + m, n),
      b: try Buffer(count: n + m), cones: [.zero(n)] + problem.cones, lower: lower, upper: upper)
    guard let found = try solve(inner) else { return nil }
    return try ConeCheck(problem).unbounded(found.x.pointer).holds ? found.x : nil
  }

  private func solve(_ inner: ConeProblem) throws(KantorError) -> ConeProposal? {
    if run.monitor.stop != nil { return nil }
    let proposal = try LinearSolve(
      inner, Run(options: run.options, monitor: run.monitor), ConeStart(),
      innerTolerance: Self.tolerance
    ).propose()
    if case .point = proposal.claim { return proposal }
    return nil
  }
}

/// Entries of a matrix that is being put together.
private struct AssembledEntries {
  private var rows: [Int] = []
  private var columns: [Int] = []
  private var values: [Double] = []

  mutating func add(_ i: Int, _ j: Int, _ value: Double) {
    rows.append(i)
    columns.append(j)
    values.append(value)
  }

  mutating func add(_ matrix: SparseMatrix, below first: Int = 0) {
    for j in 0..<matrix.columns {
      for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] {
        add(first + Int(matrix.indices.pointer[k]), j, matrix.values.pointer[k])
      }
    }
  }

  func matrix(_ m: Int, _ n: Int) throws(KantorError) -> SparseMatrix {
    try SparseInput(rows: m, columns: n, name: "rows").triplets(
      rowIndices: Buffer(rows), columnIndices: Buffer(columns), values: Buffer(values)
    ).matrix
  }
}
