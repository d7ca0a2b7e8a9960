import Glibc
import KantorCore
import KantorNumerics

/// What is proved about a potential of the points.
struct SemiDiscreteCertificate {
  /// <b, g> + the mean of the (soft) c-transform: the dual value, a lower bound of the optimum of
  /// the problem solved.
  var dual = Double.nan
  /// Value of the problem solved at the plan by (soft) cells, and transport cost of that plan.
  var objective = Double.nan
  var cost = Double.nan
  /// Bounds of the transport cost of the samples without entropy.
  var lower = -Double.infinity
  var upper = Double.infinity
  /// |cell masses - b|_1 / mass, of the (soft) cells.
  var residual = Double.infinity
  /// Size of the dual value's terms.
  var scale = Double.nan
}

/// Masses and first moments of the (soft) cells.
struct SemiDiscreteCells {
  let masses: Buffer<Double>
  let moments: Buffer<Double>
}

/// Certifies a potential on the samples, by costs of its own.
///
/// For every g, <b, g> + sum_s w_s min_j (|x_s - y_j|^2 - g_j) is a lower bound of the transport
/// cost of the samples; with epsilon > 0 the soft minimum -epsilon log sum_j (b_j / mass)
/// exp((g_j - |x_s - y_j|^2) / epsilon) takes its place, for the cost with epsilon KL(P | w b').
/// Cells (or soft cells) with masses q are a plan P whose column sums are q. Where q_j > b_j,
/// column j is scaled by b_j / q_j; what then is missing, r_s of the samples and t_j of the points,
/// is added as r t' / |r|. That plan has the right marginals, and its cost is an upper bound; the
/// added part is a product, so that its first and second moments give its cost. For epsilon > 0 the
/// hard cells of the same potential bound the cost without entropy.
struct SemiDiscreteCheck: @unchecked Sendable {
  private let problem: SemiDiscreteProblem
  private let epsilon: Double
  private let parallel: Parallel

  init(_ problem: SemiDiscreteProblem, epsilon: Double, threads: Int) {
    self.problem = problem
    self.epsilon = epsilon
    parallel = Parallel(threads: threads)
  }

  /// One thread's sums.
  private final class Sums: @unchecked Sendable {
    var transform = BlockedSum()
    var soft = BlockedSum()
    var size = BlockedSum()
    var softCost = BlockedSum()
    /// Masses and costs of the hard cells; masses and moments of the soft ones.
    let hard: Buffer<Double>
    let costs: Buffer<Double>
    let masses: Buffer<Double>
    let moments: Buffer<Double>
    let row: Buffer<Double>

    init(_ problem: SemiDiscreteProblem) throws(KantorError) {
      let m = problem.m
      hard = try Buffer(count: m)
      costs = try Buffer(count: m)
      masses = try Buffer(count: m)
      moments = try Buffer(count: m * problem.dimension)
      row = try Buffer(count: 2 * m)
    }

    func add(_ other: Sums) {
      for (mine, theirs) in [
        (hard, other.hard), (costs, other.costs), (masses, other.masses), (moments, other.moments),
      ] {
        for k in 0..<mine.count { mine.pointer[k] += theirs.pointer[k] }
      }
    }
  }

  func certify(
    _ g: UnsafePointer<Double>, goesOn: () -> Bool
  ) throws(KantorError) -> (SemiDiscreteCertificate, SemiDiscreteCells) {
    var certificate = SemiDiscreteCertificate()
    let (m, n) = (problem.m, problem.count)
    var parts: [Sums] = []
    for _ in 0..<parallel.threads { parts.append(try Sums(problem)) }
    let all = parts
    let cells = SemiDiscreteCells(masses: all[0].masses, moments: all[0].moments)
    for j in 0..<m where !g[j].isFinite { return (certificate, cells) }
    let owner = try Buffer<Int32>(count: n)
    let owners = owner.pointer
    let chunk = problem.samplesPerBeat * parallel.threads
    for start in stride(from: 0, to: n, by: chunk) {
      parallel.forEach(min(chunk, n - start)) { part, first, end in
        for s in start + first..<start + end { owners[s] = Int32(visit(s, g, all[part])) }
      }
      guard goesOn() else { return (certificate, cells) }
    }
    var (transform, soft, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    var softCost = CompensatedSum()
    for (k, part) in all.enumerated() {
      transform.add(part.transform.value)
      soft.add(part.soft.value)
      size.add(part.size.value)
      softCost.add(part.softCost.value)
      if k > 0 { all[0].add(part) }
    }
    var (error, linear, excess) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for j in 0..<m {
      let difference = cells.masses.pointer[j] - problem.b.pointer[j]
      error.add(abs(difference))
      excess.add(difference * g[j])
      linear.add(problem.b.pointer[j] * g[j])
      size.add(abs(problem.b.pointer[j] * g[j]))
    }
    certificate.residual = error.value / problem.mass
    certificate.lower = transform.value + linear.value
    certificate.dual = epsilon > 0 ? soft.value + linear.value : certificate.lower
    certificate.objective = certificate.dual + excess.value
    certificate.cost = softCost.value
    certificate.upper = try roundedCost(owner, all[0])
    certificate.scale = max(size.value, abs(certificate.upper))
    return (certificate, cells)
  }

  /// Adds a sample to the sums; returns the cell that it lies in.
  private func visit(_ s: Int, _ g: UnsafePointer<Double>, _ sums: Sums) -> Int {
    let (m, d) = (problem.m, problem.dimension)
    let (x, w) = (problem.x.pointer + s * d, problem.weights.pointer[s])
    let row = sums.row.pointer
    var (low, at) = (Double.infinity, 0)
    for j in 0..<m {
      let y = problem.y.pointer + j &* d
      var square = 0.0
      for c in 0..<d { square += (x[c] - y[c]) * (x[c] - y[c]) }
      row[j] = square
      if square - g[j] < low { (low, at) = (square - g[j], j) }
    }
    sums.transform.add(w * low)
    sums.size.add(w * abs(low))
    sums.hard.pointer[at] += w
    sums.costs.pointer[at] += w * row[at]
    if epsilon > 0 {
      addSoft(w, x, g, low, sums)
    } else {
      sums.softCost.add(w * row[at])
      sums.masses.pointer[at] += w
      for c in 0..<d { sums.moments.pointer[at &* d &+ c] += w * x[c] }
    }
    return at
  }

  private func addSoft(
    _ w: Double, _ x: UnsafePointer<Double>, _ g: UnsafePointer<Double>, _ low: Double,
    _ sums: Sums
  ) {
    let (m, d) = (problem.m, problem.dimension)
    let (row, shares) = (sums.row.pointer, sums.row.pointer + m)
    var sum = 0.0
    for j in 0..<m {
      let exponent = (low - row[j] + g[j]) / epsilon
      shares[j] = exponent < -745 ? 0 : problem.b.pointer[j] / problem.mass * exp(exponent)
      sum += shares[j]
    }
    sums.soft.add(w * (low - epsilon * log(sum)))
    let unit = w / sum
    var cost = 0.0
    for j in 0..<m where shares[j] > 0 {
      let p = unit * shares[j]
      sums.masses.pointer[j] += p
      for c in 0..<d { sums.moments.pointer[j &* d &+ c] += p * x[c] }
      cost += p * row[j]
    }
    sums.softCost.add(cost)
  }

  /// Cost of the hard cells' plan after it was brought to the masses b.
  private func roundedCost(_ owner: Buffer<Int32>, _ sums: Sums) throws(KantorError) -> Double {
    let (m, d) = (problem.m, problem.dimension)
    // What is kept of every column: the samples of a cell are scaled alike.
    let keep = try Buffer<Double>(count: m)
    var (cost, missing) = (CompensatedSum(), CompensatedSum())
    for j in 0..<m {
      let (q, b) = (sums.hard.pointer[j], problem.b.pointer[j])
      keep.pointer[j] = q > b ? b / q : 1
      cost.add(keep.pointer[j] * sums.costs.pointer[j])
      missing.add(max(0, b - q))
    }
    guard missing.value > 0 else { return cost.value }
    // Mass, first and second moments of what the samples have left; if they have nothing left,
    // what is missing is rounding, and is taken from all of them alike.
    let mean = try Buffer<Double>(count: d)
    var (rest, square) = (CompensatedSum(), CompensatedSum())
    let isRounding = !(0..<m).contains { keep.pointer[$0] < 1 }
    for s in 0..<problem.count {
      let kept = isRounding ? 0 : keep.pointer[Int(owner.pointer[s])]
      let left = problem.weights.pointer[s] * (1 - kept)
      guard left > 0 else { continue }
      let x = problem.x.pointer + s * d
      rest.add(left)
      for c in 0..<d {
        mean.pointer[c] += left * x[c]
        square.add(left * x[c] * x[c])
      }
    }
    guard rest.value > 0 else { return .infinity }
    for j in 0..<m {
      let t = max(0, problem.b.pointer[j] - sums.hard.pointer[j])
      guard t > 0 else { continue }
      let y = problem.y.pointer + j * d
      var added = square.value
      for c in 0..<d { added += rest.value * y[c] * y[c] - 2 * mean.pointer[c] * y[c] }
      cost.add(t * added / rest.value)
    }
    return cost.value
  }
}
