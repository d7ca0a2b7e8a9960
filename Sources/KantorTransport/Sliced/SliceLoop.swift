import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// Orders of the projections on one direction after the other, over threads: what the methods of
/// this room, their checks and their derivatives are made of.
final class SliceLoop {
  /// One thread's memory and what it is working on.
  final class Part: @unchecked Sendable {
    let x: Buffer<Double>
    let y: Buffer<Double>
    let rows: Buffer<Int32>
    let columns: Buffer<Int32>
    /// Room for visits.
    let checkRoom: SliceCheck.Room
    fileprivate let work: Buffer<UInt64>
    fileprivate let product: MatrixProduct
    fileprivate let block: Int
    fileprivate var failure: KantorError?

    init(_ problem: SlicedProblem) throws(KantorError) {
      let (n, m) = (problem.n, problem.m)
      // Directions that are projected on together, for the sake of the product of matrices.
      block = problem.dimension < 4 ? 1 : max(1, min(8, SliceLoop.blockElements / (n + m)))
      x = try Buffer(count: block * n)
      y = try Buffer(count: block * m)
      rows = try Buffer(count: n)
      columns = try Buffer(count: m)
      work = try Buffer(count: 2 * max(n, m) + 2)
      product = try MatrixProduct()
      checkRoom = try SliceCheck.Room(problem)
    }
  }

  /// What a visit may look at: direction number k, its projections and their orders.
  struct Slice {
    let k: Int
    let direction: UnsafePointer<Double>
    let x: UnsafePointer<Double>
    let y: UnsafePointer<Double>
    let rows: UnsafePointer<Int32>
    let columns: UnsafePointer<Int32>
    let part: Part
  }

  fileprivate static let blockElements = 1 << 20
  /// Points that a thread sorts between two questions to the host: some milliseconds.
  private static let pointsPerRound = 1 << 18

  let problem: SlicedProblem
  let parallel: Parallel
  let parts: [Part]

  init(_ problem: SlicedProblem, threads: Int, slices: Int) throws(KantorError) {
    self.problem = problem
    parallel = Parallel(threads: min(threads, max(1, slices)))
    var parts: [Part] = []
    for _ in 0..<parallel.threads { parts.append(try Part(problem)) }
    self.parts = parts
  }

  /// visit(slice, number of the thread) for every direction, some of them at the same time;
  /// `goesOn(done)` is asked in between. Returns how many directions were done.
  func run(
    _ directions: UnsafePointer<Double>, count: Int, goesOn: (Int) -> Bool,
    visit: (Slice, Int) -> Void
  ) throws(KantorError) -> Int {
    let perThread = max(parts[0].block, Self.pointsPerRound / (problem.n + problem.m))
    let round = min(count, perThread * parallel.threads)
    var done = 0
    while done < count {
      let here = min(round, count - done)
      parallel.forEach(here) { part, first, end in
        run(directions, done + first, done + end, part, visit)
      }
      for part in parts { if let failure = part.failure { throw failure } }
      done += here
      if !goesOn(done) { break }
    }
    return done
  }

  private func run(
    _ directions: UnsafePointer<Double>, _ first: Int, _ end: Int, _ number: Int,
    _ visit: (Slice, Int) -> Void
  ) {
    let (part, n, m, d) = (parts[number], problem.n, problem.m, problem.dimension)
    for start in stride(from: first, to: end, by: part.block) {
      let count = min(part.block, end - start)
      do throws(KantorError) {
        try project(problem.x, n, directions + start * d, count, part.x.pointer, part)
        try project(problem.y, m, directions + start * d, count, part.y.pointer, part)
      } catch {
        part.failure = error
        return
      }
      for k in 0..<count {
        let (x, y) = (part.x.pointer + k * n, part.y.pointer + k * m)
        kn_argsort_f64(x, Int64(n), part.rows.pointer, part.work.pointer)
        kn_argsort_f64(y, Int64(m), part.columns.pointer, part.work.pointer)
        visit(
          Slice(
            k: start + k, direction: directions + (start + k) * d, x: x, y: y,
            rows: UnsafePointer(part.rows.pointer), columns: UnsafePointer(part.columns.pointer),
            part: part), number)
      }
    }
  }

  /// count x n projections, row by row.
  private func project(
    _ points: UnsafePointer<Double>, _ n: Int, _ directions: UnsafePointer<Double>, _ count: Int,
    _ out: UnsafeMutablePointer<Double>, _ part: Part
  ) throws(KantorError) {
    let d = problem.dimension
    guard d >= 4 else {
      let (p, q, r) = (directions[0], d > 1 ? directions[1] : 0, d > 2 ? directions[2] : 0)
      switch d {
      case 1: for i in 0..<n { out[i] = p * points[i] }
      case 2: for i in 0..<n { out[i] = p * points[2 &* i] + q * points[2 &* i &+ 1] }
      default:
        for i in 0..<n {
          out[i] = p * points[3 &* i] + q * points[3 &* i &+ 1] + r * points[3 &* i &+ 2]
        }
      }
      return
    }
    try part.product.multiply(
      MatrixView(directions, rows: count, columns: d),
      MatrixView(points, rows: n, columns: d).transposed, into: out)
  }
}

extension SliceLoop.Slice {
  /// body(source, target, mass, x - y) for the cells of the plan, from left to right; those of the
  /// staircase that carry no mass are visited too.
  @inline(__always)
  func forEachCell(
    _ problem: SlicedProblem, _ body: (_ i: Int, _ j: Int, _ mass: Double, _ z: Double) -> Void
  ) {
    let (n, m) = (problem.n, problem.m)
    let isUniform = problem.marginals.hasUniformWeights
    let each = ExactWeights.wholeNumbers(n, m)
    let unit = isUniform ? problem.mass / (Double(n) * each.supply) : 1
    let (a, b) = (problem.marginals.a.pointer, problem.marginals.b.pointer)
    var (s, t) = (0, 0)
    var (i, j) = (Int(rows[0]), Int(columns[0]))
    var supply = isUniform ? each.supply : a[i]
    var demand = isUniform ? each.demand : b[j]
    while true {
      let (lastRow, lastColumn) = (s &+ 1 == n, t &+ 1 == m)
      // The last point of a side takes what is left of the other.
      let amount = lastColumn && (!lastRow || supply > 0) ? supply
        : lastRow ? demand : min(supply, demand)
      body(i, j, amount * unit, x[i] - y[j])
      supply -= amount
      demand -= amount
      if !lastRow && (supply <= 0 || lastColumn) {
        s &+= 1
        i = Int(rows[s])
        supply = isUniform ? each.supply : a[i]
      } else if !lastColumn {
        t &+= 1
        j = Int(columns[t])
        demand = isUniform ? each.demand : b[j]
      } else {
        return
      }
    }
  }
}

/// Directions on the unit sphere.
enum SliceDirections {
  /// `count` independent ones; or blocks of d that are orthogonal among themselves.
  static func draw(
    _ count: Int, dimension d: Int, seed: UInt64, stream: UInt64, orthogonal: Bool
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: try checkedProduct(count, d, of: "projections"))
    var random = RandomStream(seed: seed, stream: stream)
    for l in 0..<count {
      let row = out.pointer + l * d
      let first = orthogonal ? l / d * d : l
      repeat {
        normals(row, d, &random)
        // Twice, against rounding.
        for _ in 0..<2 {
          for k in first..<l { project(row, away: out.pointer + k * d, d) }
        }
      } while !normalise(row, d)
    }
    return out
  }

  /// Normal numbers by the method of Box and Muller.
  private static func normals(
    _ row: UnsafeMutablePointer<Double>, _ d: Int, _ random: inout RandomStream
  ) {
    for c in stride(from: 0, to: d, by: 2) {
      let radius = (-2 * log(1 - random.uniform())).squareRoot()
      let angle = 2 * Double.pi * random.uniform()
      row[c] = radius * cos(angle)
      if c + 1 < d { row[c + 1] = radius * sin(angle) }
    }
  }

  static func dot(
    _ u: UnsafePointer<Double>, _ v: UnsafePointer<Double>, _ d: Int
  ) -> Double {
    var sum = 0.0
    for c in 0..<d { sum += u[c] * v[c] }
    return sum
  }

  /// Subtracts the part of u along the unit vector v.
  static func project(
    _ u: UnsafeMutablePointer<Double>, away v: UnsafePointer<Double>, _ d: Int
  ) {
    let part = dot(u, v, d)
    for c in 0..<d { u[c] -= part * v[c] }
  }

  /// False for what is too short to have a direction.
  static func normalise(_ u: UnsafeMutablePointer<Double>, _ d: Int) -> Bool {
    var size = 0.0
    for c in 0..<d { size = max(size, abs(u[c])) }
    guard size > 1e-140, size.isFinite else { return false }
    for c in 0..<d { u[c] /= size }
    let length = dot(u, u, d).squareRoot()
    for c in 0..<d { u[c] /= length }
    return true
  }
}
