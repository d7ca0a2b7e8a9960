import KantorCore
import KantorNumerics

/// Certifies a plan P and potentials (f, g) of
///     min_P <P, C> + gamma/2 |P|^2,   P 1 = a, P' 1 = b, at most k entries in each line.
///
/// The dual value <a,f> + <b,g> - sum over the lines of (the k largest [f_i + g_j - C_ij]_+^2) /
/// (2 gamma) is a lower bound of the optimum whatever f and g are. The plan's value counts each
/// line by the convex hull of what is allowed, gamma/2 times the squared k-support norm, which is
/// gamma/2 |P|^2 wherever the line has at most k entries. So a gap of 0 proves that the plan is
/// optimal for the hull, and for the problem itself if no line has more than k entries.
package struct SmoothCheck {
  package let sparse: SparsePlanCheck
  package let term: SmoothTerm
  private var cost: CheckedCost { sparse.cost }

  package struct Answer {
    package var certificate: TransportCertificate
    /// The most entries in a line, and how many lines have more than k.
    package var mostEntries = 0
    package var exceedingLines = 0
    /// gamma/2 |P|^2, or its hull.
    package var regularisation = 0.0
  }

  package init(_ problem: TransportProblem, _ term: SmoothTerm) throws(KantorError) {
    sparse = try SparsePlanCheck(problem)
    self.term = term
  }

  private var lineCount: Int { term.side == .columns ? cost.m : cost.n }
  private var lineLength: Int { term.side == .columns ? cost.n : cost.m }
  private var isLimited: Bool { term.limit < lineLength }

  package func certify(
    _ plan: SparsePlan, f: UnsafePointer<Double>, g: UnsafePointer<Double>, parallel: Parallel
  ) throws(KantorError) -> Answer {
    var answer = Answer(certificate: TransportCertificate())
    try sparse.measurePlan(plan, &answer.certificate)
    try measureLines(plan, &answer)
    let penalty = try dualPenalty(f, g, parallel)
    var (dual, bound, size) = (CompensatedSum(), CompensatedSum(), CompensatedSum())
    for i in 0..<cost.n where sparse.a[i] > 0 {
      dual.add(sparse.a[i] * f[i])
      bound.add(sparse.a[i] * penalty.minima.pointer[i])
      size.add(abs(sparse.a[i] * f[i]))
    }
    for j in 0..<cost.m where sparse.b[j] > 0 {
      dual.add(sparse.b[j] * g[j])
      bound.add(sparse.b[j] * g[j])
      size.add(abs(sparse.b[j] * g[j]))
    }
    dual.add(-penalty.sum / (2 * term.gamma))
    answer.certificate.objective = answer.certificate.transportCost + answer.regularisation
    answer.certificate.dualObjective = dual.value
    answer.certificate.gap = answer.certificate.objective - dual.value
    answer.certificate.lowerBound = bound.value
    answer.certificate.scale = max(
      answer.certificate.scale + answer.regularisation, size.value)
    return answer
  }

  // MARK: The plan's lines

  private func measureLines(_ plan: SparsePlan, _ answer: inout Answer) throws(KantorError) {
    let start = try Buffer<Int>(count: lineCount + 1)
    let ids = term.side == .columns ? plan.columns : plan.rows
    for k in 0..<plan.count where plan.values.pointer[k] != 0 {
      start.pointer[Int(ids.pointer[k]) + 1] += 1
    }
    for line in 0..<lineCount {
      let entries = start.pointer[line + 1]
      answer.mostEntries = max(answer.mostEntries, entries)
      if entries > term.limit { answer.exceedingLines += 1 }
      start.pointer[line + 1] += start.pointer[line]
    }
    let values = try Buffer<Double>(count: plan.count)
    let place = try start.copy()
    for k in 0..<plan.count where plan.values.pointer[k] != 0 {
      let line = Int(ids.pointer[k])
      values.pointer[place.pointer[line]] = plan.values.pointer[k]
      place.pointer[line] += 1
    }
    var total = CompensatedSum()
    for line in 0..<lineCount {
      let (first, end) = (start.pointer[line], start.pointer[line + 1])
      total.add(squaredNorm(values.pointer + first, end - first))
    }
    answer.regularisation = 0.5 * term.gamma * total.value
  }

  /// The squared k-support norm: with y sorted downwards, the r + 1 last of the first k are
  /// replaced, with all that follow, by equal shares of their sum, for the r that fits.
  private func squaredNorm(_ y: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    var square = 0.0
    guard count > term.limit else {
      for k in 0..<count { square += y[k] * y[k] }
      return square
    }
    var view = UnsafeMutableBufferPointer(start: y, count: count)
    view.sort(by: >)
    var head = term.limit
    var tail = 0.0
    for k in head..<count { tail += y[k] }
    while head > 0 {
      head -= 1
      tail += y[head]
      let share = tail / Double(term.limit - head)
      if head == 0 || y[head - 1] > share { break }
    }
    for k in 0..<head { square += y[k] * y[k] }
    return square + tail * tail / Double(term.limit - head)
  }

  // MARK: The dual


  /// The sum of the squares in the dual, and min_j C_ij - g_j for every row.
  private func dualPenalty(
    _ f: UnsafePointer<Double>, _ g: UnsafePointer<Double>, _ parallel: Parallel
  ) throws(KantorError) -> (sum: Double, minima: Buffer<Double>) {
    let (n, m) = (cost.n, cost.m)
    let minima = try Buffer<Double>(count: n)
    let sums = try Buffer<Double>(count: n)
    let massiveG = try Buffer<Double>(count: m, repeating: -.infinity)
    for j in 0..<m where sparse.b[j] > 0 { massiveG.pointer[j] = g[j] }
    let step = cost.scratchCount
    let scratch = try Buffer<Double>(count: try checkedProduct(parallel.threads, step, of: "rows"))
    var lists: [ExcessList] = []
    for _ in 0..<parallel.threads { lists.append(try ExcessList()) }
    parallel.forEach(n) { part, first, end in
      for i in first..<end where sparse.a[i] > 0 {
        let c = cost.row(i, scratch.pointer + part * step)
        minima.pointer[i] = smallestDifference(c, massiveG.pointer, m)
        guard f[i] > minima.pointer[i] else { continue }
        if isLimited {
          lists[part].add(i, c, massiveG.pointer, m, f[i], term.side)
        } else {
          sums.pointer[i] = excess(c, massiveG.pointer, m, f[i])
        }
      }
    }
    var total = CompensatedSum()
    for i in 0..<n { total.add(sums.pointer[i]) }
    if isLimited { total.add(try limitedSum(lists)) }
    return (total.value, minima)
  }

  private func excess(
    _ c: UnsafePointer<Double>, _ g: UnsafePointer<Double>, _ m: Int, _ f: Double
  ) -> Double {
    typealias Lanes = SIMD8<Double>
    var sum = Lanes.zero
    let shift = Lanes(repeating: f)
    var j = 0
    while j &+ 8 <= m {
      var z = shift + UnsafeRawPointer(g + j).loadUnaligned(as: Lanes.self)
        - UnsafeRawPointer(c + j).loadUnaligned(as: Lanes.self)
      z.replace(with: Lanes.zero, where: z .< Lanes.zero)
      sum += z * z
      j &+= 8
    }
    var total = sum.sum()
    while j < m {
      let z = max(0, f + g[j] - c[j])
      total += z * z
      j &+= 1
    }
    return total
  }

  /// The k largest squares of every line, added up.
  private func limitedSum(_ lists: [ExcessList]) throws(KantorError) -> Double {
    let start = try Buffer<Int>(count: lineCount + 1)
    for list in lists {
      if list.ranOut { throw KantorError(.outOfMemory, "out of memory: the check of the dual") }
      for k in 0..<list.count { start.pointer[Int(list.lines[k]) + 1] += 1 }
    }
    for line in 0..<lineCount { start.pointer[line + 1] += start.pointer[line] }
    let values = try Buffer<Double>(count: start.pointer[lineCount])
    let place = try start.copy()
    for list in lists {
      for k in 0..<list.count {
        let line = Int(list.lines[k])
        values.pointer[place.pointer[line]] = list.squares[k]
        place.pointer[line] += 1
      }
    }
    var total = CompensatedSum()
    for line in 0..<lineCount {
      let (first, end) = (start.pointer[line], start.pointer[line + 1])
      if end - first > term.limit {
        var view = UnsafeMutableBufferPointer(start: values.pointer + first, count: end - first)
        view.sort(by: >)
      }
      for k in first..<min(end, first + term.limit) { total.add(values.pointer[k]) }
    }
    return total.value
  }
}

/// The squares [f_i + g_j - C_ij]_+^2 that one thread met, with their lines.
private final class ExcessList {
  private var lineList: GrowingList<Int32>
  private var squareList: GrowingList<Double>
  private(set) var ranOut = false

  init() throws(KantorError) {
    lineList = try GrowingList(capacity: 1024)
    squareList = try GrowingList(capacity: 1024)
  }

  var count: Int { squareList.count }
  var lines: UnsafeMutablePointer<Int32> { lineList.pointer }
  var squares: UnsafeMutablePointer<Double> { squareList.pointer }

  func add(
    _ i: Int, _ c: UnsafePointer<Double>, _ g: UnsafePointer<Double>, _ m: Int, _ f: Double,
    _ side: LineSide
  ) {
    do throws(KantorError) {
      for j in 0..<m {
        let z = f + g[j] - c[j]
        guard z > 0 else { continue }
        try lineList.append(Int32(truncatingIfNeeded: side == .columns ? j : i))
        try squareList.append(z * z)
      }
    } catch {
      ranOut = true
    }
  }
}
