import KantorBlocks
import KantorCore
import KantorNumerics

/// What the checker found out about x, on the caller's functions.
package struct LeastSquaresCertificate: Sendable {
  /// 1/2 sum s^2 rho.
  package var objective = Double.nan
  /// Largest |r_i|.
  package var largestResidual = Double.nan
  /// Largest |r_i| over the size of the terms that make up residuals.
  package var relativeResidual = Double.nan
  /// Largest entry of x - P(x - g).
  package var optimality = Double.nan
  /// Largest |D_j (x - P(x - D^-2 g))_j| / |r|, rows weighted with the slope of the loss.
  package var relativeOptimality = Double.nan
}

extension Status {
  /// The one rule by which points of least-squares problems get their status.
  package static func judge(
    _ certificate: LeastSquaresCertificate, tolerance: Double, residualTolerance: Double,
    stop: Status?
  ) -> Status {
    let slack = 1 + 1e-6
    if certificate.relativeOptimality <= tolerance * slack { return .solved }
    if certificate.relativeResidual <= residualTolerance * slack { return .solved }
    if certificate.relativeOptimality.isNaN { return stop ?? .callbackError }
    if let stop { return stop }
    let loose = max(1e3 * tolerance, LeastSquaresCheck.inaccurate)
    if certificate.relativeOptimality <= loose { return .solvedInaccurate }
    let small = max(1e3 * residualTolerance, LeastSquaresCheck.inaccurateResidual)
    return certificate.relativeResidual <= small ? .solvedInaccurate : .stalled
  }
}

/// Certifies points of least-squares problems: calls the caller's functions again and adds up with
/// compensation. Where there is no Jacobian it takes central differences of its own.
package final class LeastSquaresCheck {
  /// What `solved_inaccurate` promises at the least.
  package static let inaccurate = 1e-5
  package static let inaccurateResidual = 1e-9
  /// A column that changes the residuals by a smaller part, when its variable changes by its own
  /// size or 1, does not count in full.
  static let negligible = 1e-4

  private let problem: LeastSquaresProblem
  private let evaluator: Evaluator
  private let x: Buffer<Double>
  /// r, g = J'(rho' r), and which bound holds each variable (-1, 0, 1).
  package let residuals: Buffer<Double>
  package let gradient: Buffer<Double>
  package let active: Buffer<Int64>
  /// Entries as the caller has them; nil for products.
  package private(set) var jacobian: Buffer<Double>?

  package init(_ problem: LeastSquaresProblem, x: Buffer<Double>) throws(KantorError) {
    self.problem = problem
    self.x = x
    evaluator = try Evaluator(
      problem.functions, variables: problem.n, rows: problem.m, monitor: Monitor())
    residuals = try Buffer(count: problem.m, repeating: .nan)
    gradient = try Buffer(count: problem.n, repeating: .nan)
    active = try Buffer(count: problem.n)
  }

  package func certify() throws(KantorError) -> LeastSquaresCertificate {
    var certificate = LeastSquaresCertificate()
    let (m, n) = (problem.m, problem.n)
    for j in 0..<n {
      let t = x.pointer[j]
      active.pointer[j] =
        t <= problem.box.lower.pointer[j] ? -1 : t >= problem.box.upper.pointer[j] ? 1 : 0
    }
    let outcome = try evaluator.call(
      .map, problem.functions.map, at: x.pointer, into: residuals.pointer, count: m)
    guard case .fine = outcome else {
      residuals.fill(.nan)
      return certificate
    }
    var (cost, top, square) = (CompensatedSum(), 0.0, CompensatedSum())
    let weight = try Buffer<Double>(count: m)
    for i in 0..<m {
      let r = residuals.pointer[i]
      let (value, first, _, _) = problem.loss.at(r)
      cost.add(0.5 * value)
      square.add(first * r * r)
      top = max(top, abs(r))
      weight.pointer[i] = first
    }
    certificate.objective = cost.value
    certificate.largestResidual = top
    let lengths = try Buffer<Double>(count: n)
    guard let terms = try derivatives(weight, lengths) else { return certificate }
    let size = square.value.squareRoot()
    certificate.relativeResidual = top == 0 ? 0 : top / terms
    certificate.optimality = 0
    certificate.relativeOptimality = 0
    for j in 0..<n {
      let g = gradient.pointer[j]
      let whole = abs(problem.box.clamp(x.pointer[j] - g, j) - x.pointer[j])
      certificate.optimality = max(certificate.optimality, whole)
      let d = lengths.pointer[j]
      guard d > 0, size > 0 else { continue }
      let move = abs(problem.box.clamp(x.pointer[j] - g / (d * d), j) - x.pointer[j])
      // A column that cannot change the residuals by much counts by what it can change.
      let reach = d * max(1, abs(x.pointer[j])) / size
      let weight = reach < Self.negligible ? reach : 1
      certificate.relativeOptimality = max(
        certificate.relativeOptimality, weight * d * move / size)
    }
    return certificate
  }

  /// Fills the gradient and the lengths of the weighted columns; the size of the terms of the
  /// residuals, or nil where the functions gave none.
  private func derivatives(
    _ weight: Buffer<Double>, _ lengths: Buffer<Double>
  ) throws(KantorError) -> Double? {
    let (m, n) = (problem.m, problem.n)
    let slopes = try Buffer<Double>(count: m)
    for i in 0..<m { slopes.pointer[i] = weight.pointer[i] * residuals.pointer[i] }
    if problem.source == .products { return try products(weight, slopes, lengths) }
    var count = problem.pattern?.given ?? 0
    if problem.pattern == nil { count = try checkedProduct(m, n, of: "Jacobian") }
    let entries = try Buffer<Double>(count: count)
    let outcome =
      problem.source == .entries
      ? try evaluator.call(
        .jacobian, problem.functions.jacobian, at: x.pointer, into: entries.pointer, count: count)
      : try differences(entries)
    guard case .fine = outcome else { return nil }
    jacobian = entries
    var sums = [CompensatedSum](repeating: CompensatedSum(), count: n)
    let terms = try Buffer<Double>(count: m)
    visit { i, j, k in
      let a = entries.pointer[k]
      sums[j].add(a * slopes.pointer[i])
      lengths.pointer[j] += weight.pointer[i] * a * a
      terms.pointer[i] += abs(a) * max(1, abs(x.pointer[j]))
    }
    var top = 0.0
    for i in 0..<m { top = max(top, terms.pointer[i]) }
    for j in 0..<n {
      gradient.pointer[j] = sums[j].value
      lengths.pointer[j] = lengths.pointer[j].squareRoot()
    }
    return top
  }

  /// body(row, column, place in the caller's order) for every entry the Jacobian may have.
  private func visit(_ body: (Int, Int, Int) -> Void) {
    guard let pattern = problem.pattern else {
      for i in 0..<problem.m {
        for j in 0..<problem.n { body(i, j, i * problem.n + j) }
      }
      return
    }
    let matrix = pattern.matrix
    // From places in the matrix to rows and columns.
    var column = [Int](repeating: 0, count: matrix.count)
    for j in 0..<matrix.columns {
      for k in matrix.starts.pointer[j]..<matrix.starts.pointer[j + 1] { column[k] = j }
    }
    for k in 0..<pattern.given {
      let place = pattern.places.place.map { Int($0.pointer[k]) } ?? k
      body(Int(matrix.indices.pointer[place]), column[place], k)
    }
  }

  private func products(
    _ weight: Buffer<Double>, _ slopes: Buffer<Double>, _ lengths: Buffer<Double>
  ) throws(KantorError) -> Double? {
    let (m, n) = (problem.m, problem.n)
    let functions = problem.functions
    let image = try Buffer<Double>(count: m)
    var outcome = try evaluator.call(
      .jacobianTransposeProduct, functions.jacobianTransposeProduct, at: x.pointer,
      times: slopes.pointer, vectorCount: m, into: gradient.pointer, count: n)
    guard case .fine = outcome else { return nil }
    outcome = try evaluator.call(
      .jacobianProduct, functions.jacobianProduct, at: x.pointer, times: gradient.pointer,
      vectorCount: n, into: image.pointer, count: m)
    guard case .fine = outcome else { return nil }
    var (over, under) = (CompensatedSum(), CompensatedSum())
    for i in 0..<m { over.add(weight.pointer[i] * image.pointer[i] * image.pointer[i]) }
    for j in 0..<n { under.add(gradient.pointer[j] * gradient.pointer[j]) }
    let length = under.value > 0 ? (over.value / under.value).squareRoot() : 0
    var top = 0.0
    for j in 0..<n {
      lengths.pointer[j] = length
      top = max(top, length * max(1, abs(x.pointer[j])))
    }
    return top
  }

  /// Central differences with a step of its own, of columns at once that share no row; repeated
  /// entries of a pattern share the slope.
  private func differences(_ entries: Buffer<Double>) throws(KantorError) -> Evaluation {
    let (m, n) = (problem.m, problem.n)
    let point = try x.copy()
    let (one, two) = (try Buffer<Double>(count: m), try Buffer<Double>(count: m))
    let groups: ColumnGroups
    if let pattern = problem.pattern {
      groups = try ColumnGroups(pattern.matrix)
    } else {
      groups = try ColumnGroups(separate: n)
    }
    let slopes = try Buffer<Double>(
      count: problem.pattern?.matrix.count ?? 0)
    for g in 0..<groups.count {
      let members = groups.members(g)
      for j in members { point.pointer[Int(j)] = x.pointer[Int(j)] + room(Int(j), 1) }
      var outcome = try evaluator.call(
        .map, problem.functions.map, at: point.pointer, into: one.pointer, count: m)
      guard case .fine = outcome else { return outcome }
      for j in members { point.pointer[Int(j)] = x.pointer[Int(j)] + room(Int(j), -1) }
      outcome = try evaluator.call(
        .map, problem.functions.map, at: point.pointer, into: two.pointer, count: m)
      guard case .fine = outcome else { return outcome }
      for member in members {
        let j = Int(member)
        point.pointer[j] = x.pointer[j]
        let width = (x.pointer[j] + room(j, 1)) - (x.pointer[j] + room(j, -1))
        let inverse = width > 0 ? 1 / width : 0
        if let a = problem.pattern?.matrix {
          for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
            let i = Int(a.indices.pointer[k])
            slopes.pointer[k] = (one.pointer[i] - two.pointer[i]) * inverse
          }
        } else {
          for i in 0..<m {
            entries.pointer[i * n + j] = (one.pointer[i] - two.pointer[i]) * inverse
          }
        }
      }
    }
    if let pattern = problem.pattern {
      let seen = try Buffer<UInt8>(count: pattern.matrix.count)
      for k in 0..<pattern.given {
        let place = pattern.places.place.map { Int($0.pointer[k]) } ?? k
        entries.pointer[k] = seen.pointer[place] == 0 ? slopes.pointer[place] : 0
        seen.pointer[place] = 1
      }
    }
    return .fine
  }

  /// The way up or down from x_j that a difference goes, not past a bound.
  private func room(_ j: Int, _ sign: Double) -> Double {
    let t = x.pointer[j]
    let h = 4e-6 * max(1e-3, abs(t), abs(problem.start.pointer[j]))
    return problem.box.clamp(t + sign * h, j) - t
  }
}
