import KantorBlocks
import KantorCore
import KantorNumerics

/// A cone program as the embedding takes it: scaled; boxes split into their sides, rotated cones
/// turned, rows without limits dropped. Equations come first, then inequalities, then the cones,
/// psd ones last.
struct EmbeddingForm {
  let n: Int
  let m: Int
  let p: SparseMatrix
  let q: Buffer<Double>
  let a: SparseMatrix
  let b: Buffer<Double>
  let blocks: [ConeBlock]
  let scale: Equilibration
  /// x and s are in units of this: the largest entry of b, unless that is near 1.
  let unit: Double
  /// What the objective was multiplied with: in units of the caller it is unit / objective times
  /// ours.
  let objective: Double
  let rows: RowMap

  var degree: Int { blocks.reduce(0) { $0 + $1.degree } }
  var isSymmetric: Bool { blocks.allSatisfy(\.isSymmetric) }
  var hasPrimalDualScaling: Bool { blocks.allSatisfy(\.hasPrimalDualScaling) }

  init(_ problem: ConeProblem) throws(KantorError) {
    n = problem.n
    var reader = try ConeReader(problem)
    (blocks, rows) = try reader.read()
    m = rows.count
    p = try problem.p.copy()
    q = try problem.q.copy()
    a = try rows.apply(problem.a)
    b = try rows.apply(problem)
    let ranges = blocks.filter(\.needsCommonScale).map { $0.row..<($0.row + $0.count) }
    scale = try Equilibration(p: p, a: a, q: q.pointer, blocks: ranges)
    var top = 0.0
    for i in 0..<m {
      b.pointer[i] *= scale.rows.pointer[i]
      top = max(top, abs(b.pointer[i]))
    }
    unit = top > 0 && !Self.usual.contains(top) ? top : 1
    objective = scale.objective * Self.shrink(p, q, b, unit)
  }

  private static let usual = 1e-3...1e3

  /// The program in units of x: b / unit, and an objective that is divided by unit, 1/2 unit x'Px +
  /// q'x, times the factor that is answered and brings its entries near 1.
  private static func shrink(
    _ p: SparseMatrix, _ q: Buffer<Double>, _ b: Buffer<Double>, _ unit: Double
  ) -> Double {
    guard unit != 1 else { return 1 }
    for i in 0..<b.count { b.pointer[i] /= unit }
    var top = 0.0
    for k in 0..<p.count { top = max(top, abs(p.values.pointer[k]) * unit) }
    for j in 0..<q.count { top = max(top, abs(q.pointer[j])) }
    let factor = top > 0 ? 1 / top : 1
    for k in 0..<p.count { p.values.pointer[k] *= unit * factor }
    for j in 0..<q.count { q.pointer[j] *= factor }
    return factor
  }
}

/// Rows of the embedding as combinations of the caller's: row i of the caller goes to row
/// `first[i]` times `firstFactor[i]`, and the like for `second`; -1 for nowhere. The matrix of a
/// cone is orthogonal, so it also takes multipliers and slacks back.
struct RowMap {
  var count = 0
  let first: Buffer<Int32>
  let firstFactor: Buffer<Double>
  let second: Buffer<Int32>
  let secondFactor: Buffer<Double>
  /// Added to b.
  var constants: [(row: Int, value: Double)] = []

  init(_ m: Int) throws(KantorError) {
    first = try Buffer(count: m, repeating: -1)
    firstFactor = try Buffer(count: m)
    second = try Buffer(count: m, repeating: -1)
    secondFactor = try Buffer(count: m)
  }

  func place(_ i: Int, _ row: Int, _ factor: Double) {
    let target = Int32(truncatingIfNeeded: row)
    if first.pointer[i] < 0 {
      (first.pointer[i], firstFactor.pointer[i]) = (target, factor)
    } else {
      (second.pointer[i], secondFactor.pointer[i]) = (target, factor)
    }
  }

  @inline(__always)
  func forEach(_ i: Int, _ visit: (Int, Double) -> Void) {
    if first.pointer[i] >= 0 { visit(Int(first.pointer[i]), firstFactor.pointer[i]) }
    if second.pointer[i] >= 0 { visit(Int(second.pointer[i]), secondFactor.pointer[i]) }
  }

  func apply(_ a: SparseMatrix) throws(KantorError) -> SparseMatrix {
    var entries = 0
    for k in 0..<a.count { forEach(Int(a.indices.pointer[k])) { _, _ in entries += 1 } }
    let i = try Buffer<Int>(count: entries)
    let j = try Buffer<Int>(count: entries)
    let x = try Buffer<Double>(count: entries)
    var t = 0
    for column in 0..<a.columns {
      for k in a.starts.pointer[column]..<a.starts.pointer[column + 1] {
        forEach(Int(a.indices.pointer[k])) { row, factor in
          i.pointer[t] = row
          j.pointer[t] = column
          x.pointer[t] = factor * a.values.pointer[k]
          t += 1
        }
      }
    }
    return try SparseInput(rows: count, columns: a.columns, name: "A")
      .triplets(rowIndices: i, columnIndices: j, values: x).matrix
  }

  func apply(_ problem: ConeProblem) throws(KantorError) -> Buffer<Double> {
    let b = try Buffer<Double>(count: count)
    for i in 0..<problem.m {
      forEach(i) { row, factor in b.pointer[row] += factor * problem.b.pointer[i] }
    }
    for (row, value) in constants { b.pointer[row] += value }
    return b
  }

  /// The caller's vector from one of the embedding.
  func back(_ v: Given, into out: Entries) {
    for i in 0..<first.count {
      var sum = 0.0
      forEach(i) { row, factor in sum += factor * v[row] }
      out[i] = sum
    }
  }

  /// The embedding's vector from one of the caller, for cones; box rows get nothing sensible.
  func forward(_ v: Given, into out: Entries) {
    for row in 0..<count { out[row] = 0 }
    for i in 0..<first.count {
      forEach(i) { row, factor in out[row] += factor * v[i] }
    }
  }
}

/// Sorts the caller's rows.
private struct ConeReader {
  let problem: ConeProblem
  var map: RowMap
  var blocks: [ConeBlock] = []
  private var equations: [(row: Int, constant: Double)] = []
  private var inequalities: [(row: Int, factor: Double, constant: Double)] = []

  private static let huge = 1e20

  init(_ problem: ConeProblem) throws(KantorError) {
    self.problem = problem
    map = try RowMap(problem.m)
  }

  mutating func read() throws(KantorError) -> ([ConeBlock], RowMap) {
    for (k, cone) in problem.cones.enumerated() where cone.isLinear || isHalfLine(cone) {
      readLinear(cone, problem.rowStarts[k]..<problem.rowStarts[k + 1])
    }
    if !equations.isEmpty {
      blocks.append(ConeBlock(row: 0, count: equations.count))
      for item in equations {
        if item.constant != 0 { map.constants.append((map.count, item.constant)) }
        place(item.row, 1)
      }
    }
    if !inequalities.isEmpty {
      blocks.append(try NonnegativeBlock(row: map.count, size: inequalities.count))
      for item in inequalities {
        if item.constant != 0 { map.constants.append((map.count, item.constant)) }
        place(item.row, item.factor)
      }
    }
    for takesMatrices in [false, true] {
      for (k, cone) in problem.cones.enumerated() where !(cone.isLinear || isHalfLine(cone)) {
        var isMatrix = false
        if case .psd = cone { isMatrix = true }
        if isMatrix == takesMatrices { try readCone(cone, problem.rowStarts[k]) }
      }
    }
    return (blocks, map)
  }

  private mutating func place(_ i: Int, _ factor: Double) {
    map.place(i, map.count, factor)
    map.count += 1
  }

  private func isHalfLine(_ cone: Cone) -> Bool { cone == .secondOrder(1) || cone == .psd(side: 1) }

  private mutating func readLinear(_ cone: Cone, _ rows: Range<Int>) {
    for i in rows {
      switch cone {
      case .zero: equations.append((i, 0))
      case .box:
        let l = problem.lower?.pointer[i] ?? -.infinity
        let u = problem.upper?.pointer[i] ?? .infinity
        if l == u {
          equations.append((i, -l))
          continue
        }
        if l > -Self.huge { inequalities.append((i, 1, -l)) }
        if u < Self.huge { inequalities.append((i, -1, u)) }
      default:
        if problem.b.pointer[i] < Self.huge { inequalities.append((i, 1, 0)) }
      }
    }
  }

  private mutating func readCone(_ cone: Cone, _ start: Int) throws(KantorError) {
    let (row, half) = (map.count, 0.5.squareRoot())
    switch cone {
    case .secondOrder(let k): blocks.append(try SecondOrderBlock(row: row, size: k))
    case .rotatedSecondOrder(let k):
      blocks.append(try SecondOrderBlock(row: row, size: k))
      map.place(start, row, half)
      map.place(start, row + 1, half)
      map.place(start + 1, row, half)
      map.place(start + 1, row + 1, -half)
      for i in 2..<max(k, 2) { map.place(start + i, row + i, 1) }
      map.count += k
      return
    case .psd(let side): blocks.append(try SemidefiniteBlock(row: row, side: side))
    case .exponential: blocks.append(try ExponentialBlock(row: row))
    case .power(let a): blocks.append(try PowerBlock(row: row, exponents: [a, 1 - a], tail: 1))
    case .generalizedPower(let exponents, let tail):
      if exponents.count == 1 {
        blocks.append(try SecondOrderBlock(row: row, size: 1 + tail))
      } else {
        blocks.append(try PowerBlock(row: row, exponents: exponents, tail: tail))
      }
    default: return
    }
    for i in 0..<cone.rows { place(start + i, 1) }
  }
}
