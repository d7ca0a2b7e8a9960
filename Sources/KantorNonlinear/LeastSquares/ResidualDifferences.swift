import KantorBlocks
import KantorCore
import KantorNumerics

/// The Jacobian of the residuals by finite differences inside the bounds: one column after the
/// other, or, with a pattern, all columns at once that share no row.
///
/// Source: A. R. Curtis, M. J. D. Powell, J. K. Reid, "On the estimation of sparse Jacobian
/// matrices", J. Inst. Maths Applics 13 (1974).
final class ResidualDifferences {
  private let problem: LeastSquaresProblem
  private let evaluator: Evaluator
  /// Columns by group, and where each group begins.
  private let order: [Int]
  private let groups: [Int]
  private let size: Buffer<Double>
  private let point: Buffer<Double>
  private let step: Buffer<Double>
  private let forward: Buffer<Double>
  private let backward: Buffer<Double>

  /// Relative steps: of the order of the root, or the third root, of the precision.
  private static let oneSided = 1.5e-8
  private static let central = 6e-6
  /// Variables are taken to be at least this large.
  private static let leastSize = 1e-3

  init(_ problem: LeastSquaresProblem, _ evaluator: Evaluator) throws(KantorError) {
    self.problem = problem
    self.evaluator = evaluator
    size = try Buffer(count: problem.n)
    point = try Buffer(count: problem.n)
    step = try Buffer(count: problem.n)
    forward = try Buffer(count: problem.m)
    backward = try Buffer(count: problem.m)
    for j in 0..<problem.n {
      size.pointer[j] = max(Self.leastSize, abs(problem.start.pointer[j]))
    }
    if let pattern = problem.pattern {
      (order, groups) = try Self.independent(pattern.matrix)
    } else {
      order = Array(0..<problem.n)
      groups = Array(0...problem.n)
    }
  }

  /// Writes the entries: dense and row-major, or in the order of the pattern's matrix. `r` holds
  /// the residuals at x.
  func jacobian(
    at x: UnsafePointer<Double>, residuals r: UnsafePointer<Double>, isCentral: Bool,
    into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    let (p, h, n) = (point.pointer, step.pointer, problem.n)
    for j in 0..<n { p[j] = x[j] }
    for g in 0..<(groups.count - 1) {
      let members = groups[g]..<groups[g + 1]
      var isTwoSided = isCentral
      for k in members {
        h[order[k]] = length(order[k], x[order[k]], isCentral)
        if isCentral, !fits(order[k], x[order[k]]) { isTwoSided = false }
      }
      // A point outside the domain: the other side may do.
      var outcome = try evaluate(members, x, 1, forward)
      if case .undefined = outcome {
        isTwoSided = false
        for k in members { h[order[k]] = opposite(order[k], x[order[k]]) }
        outcome = try evaluate(members, x, 1, forward)
      }
      guard case .fine = outcome else { return outcome }
      // Twice as far, on the same side, where there is no room on the other.
      var second = isTwoSided ? -1.0 : 2.0
      if isCentral {
        outcome = try evaluate(members, x, second, backward)
        if case .undefined = outcome { second = 0 }
        if case .stop = outcome { return outcome }
      } else {
        second = 0
      }
      for k in members { write(order[k], second, r, out) }
      for k in members { p[order[k]] = x[order[k]] }
    }
    return .fine
  }

  private func evaluate(
    _ members: Range<Int>, _ x: UnsafePointer<Double>, _ times: Double, _ out: Buffer<Double>
  ) throws(KantorError) -> Evaluation {
    for k in members {
      let j = order[k]
      point.pointer[j] = x[j] + times * step.pointer[j]
    }
    return try evaluator.call(
      .map, evaluator.functions.map, at: point.pointer, into: out.pointer, count: problem.m)
  }

  /// A step that floating point represents, away from the nearer bound if that is too close.
  private func length(_ j: Int, _ x: Double, _ isCentral: Bool) -> Double {
    let relative = isCentral ? Self.central : Self.oneSided
    var h = relative * max(size.pointer[j], abs(x))
    // One-sided central differences need room for two steps.
    let reach = isCentral ? 2 * h : h
    let (below, above) = (x - problem.box.lower.pointer[j], problem.box.upper.pointer[j] - x)
    if reach > above {
      if reach <= below || below > above { h = -min(h, isCentral ? below / 2 : below) }
      else { h = min(h, isCentral ? above / 2 : above) }
    }
    return (x + h) - x
  }

  private func fits(_ j: Int, _ x: Double) -> Bool {
    let h = abs(step.pointer[j])
    return x - h >= problem.box.lower.pointer[j] && x + h <= problem.box.upper.pointer[j]
  }

  private func opposite(_ j: Int, _ x: Double) -> Double {
    let h = step.pointer[j]
    return problem.box.clamp(x - h, j) == x - h ? -h : 0.5 * h
  }

  private func write(
    _ j: Int, _ second: Double, _ r: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) {
    let (h, f, b) = (step.pointer[j], forward.pointer, backward.pointer)
    // A variable without any room does not move, and its column does not matter.
    let inverse = h == 0 ? 0 : 1 / h
    func slope(_ i: Int) -> Double {
      if second == -1 { return 0.5 * (f[i] - b[i]) * inverse }
      if second == 2 { return (2 * (f[i] - r[i]) - 0.5 * (b[i] - r[i])) * inverse }
      return (f[i] - r[i]) * inverse
    }
    guard let matrix = problem.pattern?.matrix else {
      for i in 0..<problem.m { out[i * problem.n + j] = slope(i) }
      return
    }
    for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] {
      out[k] = slope(Int(matrix.indices.pointer[k]))
    }
  }

  /// Groups of columns no two of which have an entry in the same row, greedily.
  private static func independent(
    _ a: SparseMatrix
  ) throws(KantorError) -> (order: [Int], groups: [Int]) {
    let rows = try a.transposed().matrix
    var group = [Int](repeating: -1, count: a.columns)
    var taken = [Int](repeating: -1, count: a.columns + 1)
    var count = 0
    for j in 0..<a.columns {
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let i = Int(a.indices.pointer[k])
        for t in rows.starts.pointer[i]..<rows.starts.pointer[i + 1] {
          let other = group[Int(rows.indices.pointer[t])]
          if other >= 0 { taken[other] = j }
        }
      }
      var g = 0
      while taken[g] == j { g += 1 }
      group[j] = g
      count = max(count, g + 1)
    }
    var starts = [Int](repeating: 0, count: count + 1)
    for g in group { starts[g + 1] += 1 }
    for g in 0..<count { starts[g + 1] += starts[g] }
    var next = starts
    var order = [Int](repeating: 0, count: a.columns)
    for j in 0..<a.columns {
      order[next[group[j]]] = j
      next[group[j]] += 1
    }
    return (order, starts)
  }
}
