import CKantorKernels
import KantorCore
import KantorNumerics

/// The semi-dual of a smoothed transport problem of mass 1,
///     F(g) = <b, g> - sum_i max_y ( <g - C_i, y> - Omega(y) ),   y >= 0, sum y = a_i,
/// its plan (one line per source, exact) and gradient b - (column sums). Omega is `SmoothLine`'s.
///
/// One evaluation reads each row of costs once or twice: entries above the line's last level are
/// picked by vectors, and only these few are looked at.
final class SmoothDual {
  let n: Int
  let m: Int
  let a: Buffer<Double>
  let b: Buffer<Double>
  var line: SmoothLine
  /// The plan that the proximal term pulls towards.
  var prior: LinePlan?
  /// -infinity where b is 0.
  let g: Buffer<Double>
  let plan: LinePlan
  let columnSum: Buffer<Double>
  /// Given potentials of the lines, for the dual in both: lines then are not exact.
  var given: Buffer<Double>?
  let rowSum: Buffer<Double>
  private(set) var value = -Double.infinity
  /// <P, C> + Omega(P) without the proximal term.
  private(set) var primalValue = Double.infinity

  private let geometry: Geometry
  private let blocks: RowBlocks
  private let rows: [CostRows]
  private let partial: Buffer<Double>
  private let lineValue: Buffer<Double>
  private let linePrimal: Buffer<Double>
  private let chosen: Buffer<Int32>
  private let pulled: Buffer<Double>
  private let failed: Buffer<UInt8>
  private let lastG: Buffer<Double>
  private var hasLevels = false
  private let room: Int

  enum Outcome {
    case complete
    /// The host asked to stop; plan and value are meaningless.
    case interrupted
    /// A source with mass has no target that it may reach.
    case forbidden
  }

  private static let isOutOfMemory: UInt8 = 1
  private static let isForbidden: UInt8 = 2

  init(
    _ problem: TransportProblem, _ line: SmoothLine, threads: Int, monitor: Monitor
  ) throws(KantorError) {
    (n, m) = (problem.n, problem.m)
    geometry = problem.geometry
    self.line = line
    a = try problem.a.copy()
    b = try problem.b.copy()
    for i in 0..<n { a.pointer[i] /= problem.mass }
    for j in 0..<m { b.pointer[j] /= problem.mass }
    g = try Buffer(count: m)
    for j in 0..<m where !(b.pointer[j] > 0) { g.pointer[j] = -.infinity }
    lastG = try Buffer(count: m)
    columnSum = try Buffer(count: m)
    rowSum = try Buffer(count: n)
    lineValue = try Buffer(count: n)
    linePrimal = try Buffer(count: n)
    blocks = RowBlocks(problem.geometry, threads: threads, monitor: monitor)
    let parts = blocks.parallel.threads
    plan = try LinePlan(count: n, width: m, parts: parts)
    var rows: [CostRows] = []
    for _ in 0..<parts { rows.append(try CostRows(problem.geometry.cost)) }
    self.rows = rows
    room = Geometry.paddedCount(m) + 64
    partial = try Buffer(count: try checkedProduct(room, parts, of: "sums"))
    chosen = try Buffer(count: try checkedProduct(room, parts, of: "candidates"))
    pulled = try Buffer(count: try checkedProduct(room, parts, of: "candidates"))
    failed = try Buffer(count: parts)
  }

  var parallel: Parallel { blocks.parallel }

  /// L1 distance of the column sums from b, and of the row sums from a where lines are not exact.
  var error: Double {
    var sum = CompensatedSum()
    if given != nil { for i in 0..<n { sum.add(abs(rowSum.pointer[i] - a.pointer[i])) } }
    for j in 0..<m { sum.add(abs(columnSum.pointer[j] - b.pointer[j])) }
    return sum.value
  }

  func evaluate() throws(KantorError) -> Outcome {
    var moved = hasLevels ? 0.0 : Double.infinity
    for j in 0..<m where b.pointer[j] > 0 && hasLevels {
      moved = max(moved, abs(g.pointer[j] - lastG.pointer[j]))
    }
    partial.fill(0)
    failed.fill(0)
    plan.begin()
    let isComplete = blocks.forEach { part, first, end in
      for i in first..<end {
        do throws(KantorError) {
          try solveLine(i, part, moved)
        } catch {
          failed.pointer[part] |= Self.isOutOfMemory
        }
      }
    }
    guard isComplete else {
      hasLevels = false
      return .interrupted
    }
    for part in 0..<parallel.threads {
      if failed.pointer[part] & Self.isForbidden != 0 { return .forbidden }
      if failed.pointer[part] != 0 {
        throw KantorError(.outOfMemory, "out of memory: the plan has too many entries")
      }
    }
    finish()
    return .complete
  }

  private func finish() {
    var (sum, primal) = (CompensatedSum(), CompensatedSum())
    for i in 0..<n {
      sum.add(-lineValue.pointer[i])
      primal.add(linePrimal.pointer[i])
    }
    primalValue = primal.value
    for j in 0..<m {
      var total = 0.0
      for part in 0..<parallel.threads { total += partial.pointer[part * room + j] }
      columnSum.pointer[j] = total
      if b.pointer[j] > 0 { sum.add(b.pointer[j] * g.pointer[j]) }
      lastG.pointer[j] = g.pointer[j]
    }
    value = sum.value
    hasLevels = true
  }

  private func solveLine(_ i: Int, _ part: Int, _ moved: Double) throws(KantorError) {
    lineValue.pointer[i] = 0
    linePrimal.pointer[i] = 0
    plan.startLine(i, part)
    let mass = a.pointer[i]
    guard mass > 0 else { return }
    let c = rows[part].row(i)
    if let given { return try fillLine(i, part, c, given.pointer[i]) }
    var level = plan.answers.pointer[i].level - moved
    var isSafe = false
    if !(moved < line.scale * mass) {
      guard let safe = safeLevel(i, part, c) else { return }
      (level, isSafe) = (safe, true)
    }
    while true {
      let count = try gather(i, part, c, level)
      if count > 0 {
        let entries = plan.candidates(part)
        let answer = line.solve(
          entries, count, mass: mass, guess: plan.answers.pointer[i].shift)
        if isSafe || answer.level >= level {
          plan.endLine(i, part, answer)
          addLine(i, part, c, entries, answer)
          return
        }
      }
      guard let safe = safeLevel(i, part, c) else { return }
      (level, isSafe) = (safe, true)
    }
  }

  /// The line of the dual at a given f: the positive x + f, at most `limit` of them.
  private func fillLine(
    _ i: Int, _ part: Int, _ c: UnsafePointer<Double>, _ shift: Double
  ) throws(KantorError) {
    let count = try gather(i, part, c, -shift)
    let entries = plan.candidates(part)
    let answer = line.truncate(entries, count, shift)
    plan.endLine(i, part, answer)
    let sums = partial.pointer + part * room
    var (mass, square, costs) = (0.0, 0.0, 0.0)
    for k in 0..<answer.count {
      let (j, y) = (Int(entries[k].index), entries[k].value)
      sums[j] += y
      mass += y
      square += y * y
      costs += y * c[j]
    }
    rowSum.pointer[i] = mass
    let half = 0.5 * line.gamma * square
    lineValue.pointer[i] = half - a.pointer[i] * shift
    linePrimal.pointer[i] = costs + half
  }

  /// The largest x takes at most the whole mass, so that no entry below this is used.
  private func safeLevel(_ i: Int, _ part: Int, _ c: UnsafePointer<Double>) -> Double? {
    var (least, place) = (0.0, Int64(0))
    kn_argmin_difference_f64(c, g.pointer, Int64(m), &least, &place)
    guard least < .infinity else {
      failed.pointer[part] |= Self.isForbidden
      return nil
    }
    // A little more for rounding, so that the largest itself is always taken.
    return -least - line.scale * a.pointer[i] * (1 + 1e-12) - 1e-15 * abs(least)
  }

  /// Entries with x >= level, with the pull of the prior in x.
  private func gather(
    _ i: Int, _ part: Int, _ c: UnsafePointer<Double>, _ level: Double
  ) throws(KantorError) -> Int {
    let (list, extra, g) = (chosen.pointer + part * room, pulled.pointer + part * room, g.pointer)
    let count = Int(
      kn_select_below_f64(c, g, 0, Int64(m), -level, list, Int64(m)))
    guard let prior, line.proximal > 0 else {
      let entries = try plan.reserve(part, count)
      for k in 0..<count {
        let j = Int(list[k])
        entries[k] = LineEntry(index: list[k], value: g[j] - c[j])
      }
      return count
    }
    let (before, number) = prior.entries(i)
    let entries = try plan.reserve(part, count + number)
    for k in 0..<number { extra[Int(before[k].index)] = line.proximal * before[k].value }
    for k in 0..<count {
      let j = Int(list[k])
      entries[k] = LineEntry(index: list[k], value: g[j] - c[j] + extra[j])
      extra[j] = 0
    }
    var total = count
    for k in 0..<number {
      let j = Int(before[k].index)
      let x = g[j] - c[j] + extra[j]
      if extra[j] > 0 && x >= level {
        entries[total] = LineEntry(index: before[k].index, value: x)
        total &+= 1
      }
      extra[j] = 0
    }
    return total
  }

  /// Column sums and the value <x, y> - Omega(y) of a solved line.
  private func addLine(
    _ i: Int, _ part: Int, _ c: UnsafePointer<Double>, _ entries: UnsafePointer<LineEntry>,
    _ answer: SmoothLine.Answer
  ) {
    let sums = partial.pointer + part * room
    var (linear, costs, square, middle) = (0.0, 0.0, 0.0, 0.0)
    for k in 0..<answer.count {
      let (j, y) = (Int(entries[k].index), entries[k].value)
      sums[j] += y
      linear += y * (g.pointer[j] - c[j])
      costs += y * c[j]
      if k < answer.top { square += y * y } else { middle += y }
      if line.proximal > 0 { linear -= 0.5 * line.proximal * y * y }
    }
    if line.proximal > 0, let prior {
      linear += line.proximal
        * prior.product(i, entries, answer.count, pulled.pointer + part * room)
    }
    let omega = 0.5 * line.gamma * square + 0.5 * answer.cut * middle
    lineValue.pointer[i] = linear - omega
    linePrimal.pointer[i] = costs + omega
  }
}
