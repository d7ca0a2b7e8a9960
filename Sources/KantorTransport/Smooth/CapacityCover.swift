import KantorCore

/// Looks for a proof that lines with k entries cannot serve every point of the other side: points
/// S whose allowed lines have fewer than |S| places in all.
///
/// Without forbidden pairs S is everybody. With them every point is given a place in some line by
/// augmenting paths; one that gets none leaves the points its search met as S.
///
/// A single line may also ask for more mass than the k heaviest points open to it have.
///
/// Source: Hall's theorem; H. W. Kuhn, "The Hungarian method for the assignment problem" (1955).
struct CapacityCover {
  /// Sums of masses are equal up to this.
  private static let rounding = 1e-9

  private let problem: TransportProblem
  private let limit: Int
  private let rows: CostRows
  private let isOpen: Buffer<Bool>
  /// For every point its line, or -1; for every line how many it has.
  private let place: Buffer<Int32>
  private let load: Buffer<Int>
  private let cameFrom: Buffer<Int32>

  /// Lines are the rows of the problem. 1 at the points of S; nil if everybody can be served.
  static func find(
    _ problem: TransportProblem, _ limit: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard limit < problem.m else { return nil }
    var (points, lines) = (0, 0)
    for j in 0..<problem.m where problem.b.pointer[j] > 0 { points += 1 }
    for i in 0..<problem.n where problem.a.pointer[i] > 0 { lines += 1 }
    let (room, overflow) = lines.multipliedReportingOverflow(by: limit)
    if !overflow && points > room { return try Buffer(count: problem.m, repeating: 1) }
    guard try CostSummary.hasForbiddenPairs(problem.geometry) else { return nil }
    return try CapacityCover(problem, limit).search()
  }

  /// 1 at a line whose mass is more than the k heaviest points open to it have; nil without one.
  static func findHeavyLine(
    _ problem: TransportProblem, _ limit: Int
  ) throws(KantorError) -> Buffer<Double>? {
    let (n, m) = (problem.n, problem.m)
    guard limit < m else { return nil }
    let order = (0..<m).sorted { problem.b.pointer[$0] > problem.b.pointer[$1] }
    let hasForbidden = try CostSummary.hasForbiddenPairs(problem.geometry)
    let rows = try CostRows(problem.geometry.cost)
    for i in 0..<n where problem.a.pointer[i] > 0 {
      // Without forbidden pairs all lines see the same points.
      let c = hasForbidden ? rows.row(i) : nil
      var (room, taken) = (0.0, 0)
      for j in order where taken < limit && c.map({ $0[j] < .infinity }) ?? true {
        room += problem.b.pointer[j]
        taken += 1
        if room >= problem.a.pointer[i] { break }
      }
      guard problem.a.pointer[i] > room * (1 + Self.rounding) else { continue }
      let chosen = try Buffer<Double>(count: n)
      chosen.pointer[i] = 1
      return chosen
    }
    return nil
  }

  private init(_ problem: TransportProblem, _ limit: Int) throws(KantorError) {
    self.problem = problem
    self.limit = limit
    rows = try CostRows(problem.geometry.cost)
    let (n, m) = (problem.n, problem.m)
    isOpen = try Buffer(count: try checkedProduct(n, m, of: "allowed pairs"))
    place = try Buffer(count: m, repeating: -1)
    load = try Buffer(count: n)
    cameFrom = try Buffer(count: n)
    for i in 0..<n where problem.a.pointer[i] > 0 {
      let c = rows.row(i)
      for j in 0..<m { isOpen.pointer[i * m + j] = problem.b.pointer[j] > 0 && c[j] < .infinity }
    }
  }

  private func search() throws(KantorError) -> Buffer<Double>? {
    let (n, m) = (problem.n, problem.m)
    let met = try Buffer<Double>(count: m)
    let queue = try Buffer<Int32>(count: m)
    for start in 0..<m where problem.b.pointer[start] > 0 {
      met.fill(0)
      for i in 0..<n { cameFrom.pointer[i] = -1 }
      (queue.pointer[0], met.pointer[start]) = (Int32(truncatingIfNeeded: start), 1)
      var (head, tail, free) = (0, 1, -1)
      while head < tail && free < 0 {
        let j = Int(queue.pointer[head])
        head += 1
        for i in 0..<n where isOpen.pointer[i * m + j] && cameFrom.pointer[i] < 0 {
          cameFrom.pointer[i] = Int32(truncatingIfNeeded: j)
          if load.pointer[i] < limit {
            free = i
            break
          }
          for other in 0..<m where Int(place.pointer[other]) == i && met.pointer[other] == 0 {
            met.pointer[other] = 1
            queue.pointer[tail] = Int32(truncatingIfNeeded: other)
            tail += 1
          }
        }
      }
      guard free >= 0 else { return met }
      augment(free)
    }
    return nil
  }

  /// Every point on the path moves to the line it was led to.
  private func augment(_ end: Int) {
    load.pointer[end] += 1
    var line = end
    while line >= 0 {
      let j = Int(cameFrom.pointer[line])
      let before = Int(place.pointer[j])
      place.pointer[j] = Int32(truncatingIfNeeded: line)
      line = before
    }
  }
}
