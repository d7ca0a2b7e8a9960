import KantorCore

/// Local search over the pieces of the single-level problem: on each piece every lower inequality
/// is either held at equality or free of a multiplier, which leaves a smooth program. A piece is
/// solved, and those next to it, where an inequality of both kinds is at 0, are tried until none is
/// better. The programs have no complementarity left, so that their answers are accurate to
/// rounding.
final class PieceSearch {
  let program: ConditionsProgram
  private let problem: BilevelProblem
  private(set) var solved = 0

  /// How far programs are solved.
  struct Effort {
    var tolerance = 1e-8
    var feasibility = 1e-10
    var iterations = 150
    /// Entries of x, y and multipliers beyond this are left alone.
    var reach = 1e14
    /// Multipliers and slacks that count as 0.
    var corner = 1e-6
    var isRough = false

    /// Enough to tell one minimum from another.
    static func rough(reach: Double) -> Effort {
      Effort(
        tolerance: 1e-4, feasibility: 1e-7, iterations: 60, reach: reach, corner: 1e-4,
        isRough: true)
    }
  }

  struct Answer {
    var z: Buffer<Double>
    var value: Double
    var sides: [ConditionsProgram.Side]
  }

  init(_ oracle: BilevelOracle) throws(KantorError) {
    program = try ConditionsProgram(oracle)
    problem = oracle.problem
  }

  /// The piece that a point suggests: active where the multiplier outweighs the slack.
  func sides(_ z: UnsafePointer<Double>) throws(KantorError) -> [ConditionsProgram.Side] {
    program.choose(nil)
    let room = try Buffer<Double>(count: program.rows)
    _ = try program.evaluate(z, room.pointer)
    return (0..<program.pairs.count).map {
      let multiplier = z[program.multiplier($0)]
      return multiplier > max(1e-8, -program.slack($0, z)) ? .active : .inactive
    }
  }

  /// Solves one piece from z; nil where no feasible point of it was found.
  func solve(
    _ sides: [ConditionsProgram.Side], from z: Buffer<Double>, _ effort: Effort
  ) throws(KantorError) -> Answer? {
    // Both bounds of a variable are not active at once, unless they are the same.
    for k in 0..<program.pairs.lows.count where sides[program.pairs.rows + k] == .active {
      let j = program.pairs.lows[k]
      guard let other = program.pairs.highs.firstIndex(of: j) else { continue }
      let isBoth = sides[program.pairs.rows + program.pairs.lows.count + other] == .active
      if isBoth, problem.yLower.pointer[j] < problem.yUpper.pointer[j] { return nil }
    }
    program.choose(sides)
    defer { program.choose(nil) }
    solved += 1
    let solver = try SequentialQuadratic(program)
    solver.x.pointer.update(from: z.pointer, count: program.count)
    var settings = SequentialQuadratic.Settings()
    settings.tolerance = effort.tolerance
    settings.feasibility = effort.feasibility
    settings.iterations = effort.iterations
    settings.reach = effort.reach
    let end = try solver.solve(settings)
    let feasible = program.violation(solver.c.pointer) <= 100 * effort.feasibility
    guard feasible, solver.value.isFinite, end != .undefined, end != .unbounded else { return nil }
    return Answer(z: try solver.x.copy(), value: solver.value, sides: sides)
  }

  /// The best piece around z.
  func descend(
    from z: Buffer<Double>, sides start: [ConditionsProgram.Side], _ effort: Effort
  ) throws(KantorError) -> Answer? {
    guard var best = try solve(start, from: z, effort) else { return nil }
    for _ in 0..<20 {
      if program.isStopped { return best }
      let corners = try bothAtZero(best, effort.corner)
      var isBetter = false
      for pair in corners.prefix(12) {
        var sides = best.sides
        sides[pair] = sides[pair] == .active ? .inactive : .active
        guard let found = try solve(sides, from: best.z, effort) else { continue }
        if found.value < best.value - 1e-9 * (1 + abs(best.value)) {
          best = found
          isBetter = true
          break
        }
      }
      if !isBetter { return best }
    }
    return best
  }

  /// Pairs whose multiplier and slack are both 0.
  private func bothAtZero(_ answer: Answer, _ least: Double) throws(KantorError) -> [Int] {
    program.choose(nil)
    let room = try Buffer<Double>(count: program.rows)
    _ = try program.evaluate(answer.z.pointer, room.pointer)
    return (0..<program.pairs.count).filter {
      let multiplier = answer.z.pointer[program.multiplier($0)]
      return multiplier <= least && program.slack($0, answer.z.pointer) >= -least
    }
  }

  /// All pieces, if there are not more than `most`. Where the lower conditions hold they do so with
  /// multipliers of at most as many inequalities as y has variables that the equations leave.
  func pieces(most: Int) -> [[ConditionsProgram.Side]]? {
    let count = program.pairs.count
    let active = min(count, max(0, problem.ny - problem.lower.equalities))
    var (total, term) = (1.0, 1.0)
    for k in 0..<active {
      term *= Double(count - k) / Double(k + 1)
      total += term
    }
    guard total <= Double(most), count < 60 else { return nil }
    var lists: [[Int]] = [[]]
    var all = lists
    for _ in 0..<active {
      lists = lists.flatMap { list in ((list.last ?? -1) + 1..<count).map { list + [$0] } }
      all += lists
    }
    return all.map { list in
      var sides = [ConditionsProgram.Side](repeating: .inactive, count: count)
      for k in list { sides[k] = .active }
      return sides
    }
  }

  /// Every piece, from z: the best first. Empty where there are more than `most`.
  func enumerate(
    from z: Buffer<Double>, _ effort: Effort, most: Int
  ) throws(KantorError) -> [Answer] {
    var answers: [Answer] = []
    for sides in pieces(most: most) ?? [] {
      if program.isStopped { break }
      if let found = try solve(sides, from: z, effort) { answers.append(found) }
    }
    return answers.sorted { $0.value < $1.value }
  }
}
