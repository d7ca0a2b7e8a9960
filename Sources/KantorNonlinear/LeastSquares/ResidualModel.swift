import KantorBlocks
import KantorCore
import KantorNumerics

/// Residuals of one solve and their Jacobian at the point last asked for, in the form the host has
/// it: dense, sparse, or products.
final class ResidualModel {
  let problem: LeastSquaresProblem
  let evaluator: Evaluator
  /// Row-major; nil where the Jacobian is sparse or products.
  let dense: Buffer<Double>?
  let sparse: SparseMatrix?
  /// Whether differences are central.
  var isCentral = false
  private let differences: Differences?
  private let raw: Buffer<Double>?
  private let at: Buffer<Double>
  private let work: Buffer<Double>
  private let rowScale: Buffer<Double>
  /// How the last product went; products inside linear algebra cannot say so themselves.
  private(set) var outcome = Evaluation.fine

  init(_ problem: LeastSquaresProblem, _ evaluator: Evaluator) throws(KantorError) {
    self.problem = problem
    self.evaluator = evaluator
    at = try Buffer(count: problem.n)
    work = try Buffer(count: problem.m)
    rowScale = try Buffer(count: problem.m, repeating: 1)
    differences =
      problem.source == .differences ? try Self.differences(problem) : nil
    if problem.source == .products {
      (dense, sparse, raw) = (nil, nil, nil)
    } else if let pattern = problem.pattern {
      dense = nil
      sparse = try pattern.makeMatrix()
      raw = try Buffer(count: pattern.given)
    } else {
      dense = try Buffer(count: try checkedProduct(problem.m, problem.n, of: "Jacobian"))
      (sparse, raw) = (nil, nil)
    }
  }

  /// Variables are taken to be as large as they were at the start, but not smaller than this.
  private static let leastSize = 1e-3

  private static func differences(
    _ problem: LeastSquaresProblem
  ) throws(KantorError) -> Differences {
    let sizes = try Buffer<Double>(count: problem.n)
    for j in 0..<problem.n { sizes.pointer[j] = max(leastSize, abs(problem.start.pointer[j])) }
    return try Differences(
      variables: problem.n, rows: problem.m, pattern: problem.pattern?.matrix,
      lower: problem.box.lower, upper: problem.box.upper, sizes: sizes)
  }

  func residuals(
    at x: UnsafePointer<Double>, into r: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    try evaluator.call(.map, problem.functions.map, at: x, into: r, count: problem.m)
  }

  /// The Jacobian at x, where the residuals are r.
  func linearise(
    at x: UnsafePointer<Double>, residuals r: UnsafePointer<Double>
  ) throws(KantorError) -> Evaluation {
    at.pointer.update(from: x, count: problem.n)
    rowScale.fill(1)
    outcome = .fine
    switch problem.source {
    case .products: return .fine
    case .differences:
      guard let differences, let out = dense ?? sparse?.values else { return .undefined }
      return try differences.jacobian(
        at: x, base: r, scheme: isCentral ? .central : .forward,
        of: { (point, values) throws(KantorError) in
          try self.residuals(at: point, into: values)
        }, into: out.pointer)
    case .entries:
      if let dense {
        return try evaluator.call(
          .jacobian, problem.functions.jacobian, at: x, into: dense.pointer, count: dense.count)
      }
      guard let sparse, let raw, let pattern = problem.pattern else { return .undefined }
      let answer = try evaluator.call(
        .jacobian, problem.functions.jacobian, at: x, into: raw.pointer, count: raw.count)
      guard case .fine = answer else { return answer }
      pattern.scatter(raw.pointer, into: sparse.values.pointer)
      return .fine
    }
  }

  /// J <- diag(s) J.
  func scaleRows(_ s: UnsafePointer<Double>) {
    if let dense {
      for i in 0..<problem.m {
        let row = dense.pointer + i * problem.n
        for j in 0..<problem.n { row[j] *= s[i] }
      }
    } else if let sparse {
      for k in 0..<sparse.count { sparse.values.pointer[k] *= s[Int(sparse.indices.pointer[k])] }
    } else {
      for i in 0..<problem.m { rowScale.pointer[i] *= s[i] }
    }
  }

  /// out = J v.
  func multiply(
    _ v: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (m, n) = (problem.m, problem.n)
    for i in 0..<m { out[i] = 0 }
    if let dense {
      for i in 0..<m { out[i] = dotProduct(dense.pointer + i * n, v, n) }
    } else if let sparse {
      sparse.multiply(v, into: out)
    } else {
      keep(
        try evaluator.call(
          .jacobianProduct, problem.functions.jacobianProduct, at: at.pointer, times: v,
          vectorCount: n, into: out, count: m))
      for i in 0..<m { out[i] *= rowScale.pointer[i] }
    }
  }

  /// out = J' w.
  func multiplyTransposed(
    _ w: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (m, n) = (problem.m, problem.n)
    for j in 0..<n { out[j] = 0 }
    if let dense {
      for i in 0..<m {
        let (row, t) = (dense.pointer + i * n, w[i])
        for j in 0..<n { out[j] += t * row[j] }
      }
    } else if let sparse {
      sparse.multiplyTransposed(w, into: out)
    } else {
      for i in 0..<m { work.pointer[i] = rowScale.pointer[i] * w[i] }
      keep(
        try evaluator.call(
          .jacobianTransposeProduct, problem.functions.jacobianTransposeProduct, at: at.pointer,
          times: work.pointer, vectorCount: m, into: out, count: n))
    }
  }

  private func keep(_ answer: Evaluation) {
    if case .fine = answer { return }
    outcome = answer
  }

  /// Lengths of the columns of J. Of products they are not known; all get |J g| / |g|.
  func columnNorms(
    _ g: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) throws(KantorError) {
    let (m, n) = (problem.m, problem.n)
    for j in 0..<n { out[j] = 0 }
    if let dense {
      for i in 0..<m {
        let row = dense.pointer + i * n
        for j in 0..<n { out[j] += row[j] * row[j] }
      }
      for j in 0..<n { out[j] = out[j].squareRoot() }
    } else if let sparse {
      sparse.columnNorms(.two, into: out)
    } else {
      let product = try Buffer<Double>(count: m)
      try multiply(g, into: product.pointer)
      let size = dotProduct(g, g, n)
      let ratio = size > 0 ? (dotProduct(product.pointer, product.pointer, m) / size) : 0
      for j in 0..<n { out[j] = ratio.squareRoot() }
    }
  }

  /// Size of the terms that make up a residual: the largest sum_j |J_ij| max(1, |x_j|); of
  /// products, with the length that `columnNorms` gives.
  func termSize(_ x: UnsafePointer<Double>, lengths: UnsafePointer<Double>) throws(KantorError)
    -> Double
  {
    let (m, n) = (problem.m, problem.n)
    var top = 0.0
    if let dense {
      for i in 0..<m {
        let row = dense.pointer + i * n
        var sum = 0.0
        for j in 0..<n { sum += abs(row[j]) * max(1, abs(x[j])) }
        top = max(top, sum)
      }
    } else if let sparse {
      let sums = try Buffer<Double>(count: m)
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          let i = Int(sparse.indices.pointer[k])
          sums.pointer[i] += abs(sparse.values.pointer[k]) * max(1, abs(x[j]))
        }
      }
      for i in 0..<m { top = max(top, sums.pointer[i]) }
    } else {
      for j in 0..<n { top = max(top, lengths[j] * max(1, abs(x[j]))) }
    }
    return top
  }
}
