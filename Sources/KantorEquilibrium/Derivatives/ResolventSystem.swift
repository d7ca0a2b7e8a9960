import KantorBlocks
import KantorCore
import KantorNumerics

/// The linear system I - D (I - t F_x) of a solution, with D the derivative of the term's prox, and
/// the step t that makes t F_x of the size of I.
final class ResolventSystem {
  /// t.
  private(set) var step = 1.0
  private let problem: InclusionProblem
  private let n: Int
  /// x - t F(x).
  private let moved: Buffer<Double>
  /// F_x by rows.
  private let slope: Buffer<Double>
  /// D by rows.
  private let map: Buffer<Double>
  /// Variables up to which there are derivatives: the factor is dense.
  private static let most = 3000

  init(_ problem: InclusionProblem, _ x: Buffer<Double>) throws(KantorError) {
    self.problem = problem
    n = problem.n
    guard n <= Self.most else {
      throw KantorError(
        .tooLarge,
        "derivatives of a solution with \(n) variables; up to \(Self.most) can be had")
    }
    let entries = try checkedProduct(n, n, of: "Jacobian")
    slope = try Buffer(count: entries)
    map = try Buffer(count: entries)
    moved = try Buffer(count: n)
    try differentiate(at: x)
    var size = 0.0
    for i in 0..<n {
      var row = 0.0
      for j in 0..<n { row += abs(slope.pointer[i * n + j]) }
      size = max(size, row)
    }
    if size > 0 { step = 1 / size }
    for i in 0..<n { moved.pointer[i] = x.pointer[i] - step * moved.pointer[i] }
    try differentiateTerm()
  }

  /// F(x) into `moved`, F_x into `slope`: the host's Jacobian, else by differences.
  private func differentiate(at x: Buffer<Double>) throws(KantorError) {
    let host = try HostOperator(problem)
    let value: Differences.Map = { (x, out) throws(KantorError) in
      try host.evaluate(at: x, into: out)
    }
    var outcome = try value(x.pointer, moved.pointer)
    if case .fine = outcome {
      // It knows nothing of the function of x alone.
      if let jacobian = problem.functions.jacobian, problem.primal == nil {
        outcome = try host.evaluator.call(
          .jacobian, jacobian, at: x.pointer, into: slope.pointer, count: slope.count)
      } else {
        outcome = try Differences(variables: n, rows: n).jacobian(
          at: x.pointer, base: moved.pointer, scheme: .central, of: value, into: slope.pointer)
      }
    }
    guard case .fine = outcome else {
      throw KantorError(
        .unsupported,
        "the functions cannot be evaluated at the solution: \(host.complaint ?? "")")
    }
  }

  /// D at `moved`, a block of rows for each part of the term.
  private func differentiateTerm() throws(KantorError) {
    for block in problem.term.blocks {
      let first = block.start
      let at = moved.pointer + first
      switch block.shape {
      case .host:
        throw KantorError(
          .unsupported,
          "the function 'prox' has no derivative; terms of the library (docs/proximal.md) have one")
      case .zero:
        for i in first..<(first + block.count) { map.pointer[i * n + i] = 1 }
      case .nonnegative:
        for i in 0..<block.count where at[i] >= 0 { map.pointer[(first + i) * (n + 1)] = 1 }
      case .box:
        for i in first..<(first + block.count)
        where !holds(i, isLower: true) && !holds(i, isLower: false) {
          map.pointer[i * n + i] = 1
        }
      case .simplex(let radius):
        let radius = Tensor(try Buffer([radius]), shape: [])
        try pullBack(block, try ProximalLibrary.entry("simplex"), ["radius": radius])
      case .library(let entry, let values):
        try pullBack(block, entry, values)
      }
    }
  }

  /// Row i of D is D'e_i.
  private func pullBack(
    _ block: TermBlock, _ entry: ProximalEntry, _ values: [String: Tensor]
  ) throws(KantorError) {
    let prox = try entry.make(count: block.count, values)
    let unit = try Buffer<Double>(count: block.count)
    for i in 0..<block.count {
      unit.pointer[i] = 1
      let row = map.pointer + ((block.start + i) * n + block.start)
      guard prox.pullback(moved.pointer + block.start, step: step, unit.pointer, into: row) else {
        throw KantorError(
          .unsupported, "the derivative of the term '\(entry.name)' is not finite at the solution")
      }
      unit.pointer[i] = 0
    }
  }

  /// Whether x_i lies in a box and moves with this bound of it; with both equal, with the lower.
  func holds(_ i: Int, isLower: Bool) -> Bool {
    let (low, high) = (problem.term.lower.pointer[i], problem.term.upper.pointer[i])
    let w = moved.pointer[i]
    if low == high { return isLower }
    return isLower ? w < low : w > high
  }

  /// out <- out + D v, or D'v.
  func multiplyMap(
    _ v: UnsafePointer<Double>, transposed: Bool, into out: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<n {
      for j in 0..<n {
        let (to, from) = transposed ? (j, i) : (i, j)
        out[to] += map.pointer[i * n + j] * v[from]
      }
    }
  }

  /// The solution for a right-hand side, of the system or of its transpose.
  func solve(_ right: Buffer<Double>, transposed: Bool) throws(KantorError) -> Buffer<Double> {
    let matrix = try matrix()
    let qr = try HouseholderQR(rows: n, columns: n)
    for i in 0..<n {
      for j in 0..<n {
        qr.entries[transposed ? i * n + j : j * n + i] = matrix.pointer[i * n + j]
      }
      qr.right[i] = right.pointer[i]
    }
    let out = try Buffer<Double>(count: n)
    _ = qr.solve(into: out.pointer)
    // Entries of a singular system that were set to 0 leave a residual.
    var (worst, size) = (0.0, 0.0)
    let residual = try right.copy()
    for i in 0..<n {
      size = max(size, abs(right.pointer[i]))
      for j in 0..<n {
        let (row, column) = transposed ? (j, i) : (i, j)
        residual.pointer[row] -= matrix.pointer[i * n + j] * out.pointer[column]
      }
    }
    for i in 0..<n { worst = max(worst, abs(residual.pointer[i])) }
    var largest = size
    for i in 0..<n { largest = max(largest, abs(out.pointer[i])) }
    guard largest.isFinite, worst <= 1e-8 * size, largest <= 1e12 * size || size == 0 else {
      throw KantorError(
        .unsupported,
        "the solution is not a differentiable function of the data: I - D (I - t F'), with D the "
          + "derivative of the term's prox, is singular")
    }
    return out
  }

  /// I - D + t D F_x by rows.
  private func matrix() throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: n * n)
    for i in 0..<n {
      let row = out.pointer + i * n
      row[i] = 1
      for j in 0..<n {
        let d = map.pointer[i * n + j]
        guard d != 0 else { continue }
        row[j] -= d
        let slopes = slope.pointer + j * n
        for k in 0..<n { row[k] += step * d * slopes[k] }
      }
    }
    return out
  }
}
