import CKantorKernels
import KantorCore
import KantorNumerics

/// The plan of a `CellSweep` added up over cells of sources and of targets.
final class BlockSums: @unchecked Sendable {
  let rows: CellCut
  let columns: CellCut
  /// Cells of rows, or groups of the sweep where these are larger.
  let units: CellCut
  let a: Buffer<Double>
  let b: Buffer<Double>
  /// Entries below this share of a(A) b(B) are left out.
  var floor = 0.0
  private var parts: [BlockPart] = []
  private let part: Buffer<Int32>
  private let first: Buffer<Int>
  private let size: Buffer<Int>

  init(_ sweep: CellSweep, rows: CellCut, columns: CellCut) throws(KantorError) {
    self.rows = rows
    self.columns = columns
    units = try CellCut(rows, and: sweep.groupStarts)
    a = try rows.sums(sweep.rows.weights.pointer)
    b = try columns.sums(sweep.columns.weights.pointer)
    part = try Buffer(count: rows.count)
    first = try Buffer(count: rows.count)
    size = try Buffer(count: rows.count)
  }

  func start(parts count: Int) throws(KantorError) {
    while parts.count < count { parts.append(try BlockPart(columns.count)) }
    for part in parts { part.start() }
  }

  /// Adds what rows of one cell have sent to the gathered columns.
  func add(_ room: SweepRoom, _ index: Int) {
    let part = parts[index]
    let (start, sums) = (room.segmentStart.pointer, room.sums.pointer)
    for s in 0..<room.segmentCount {
      let (begin, end) = (Int(start[s]), Int(start[s + 1]))
      part.add(room.segmentCell.pointer[s], laneSum(sums + begin, end - begin))
    }
  }

  /// Writes down the row of a cell that has been seen whole.
  func finish(_ cell: Int, _ index: Int) throws(KantorError) {
    let own = parts[index]
    part.pointer[cell] = Int32(truncatingIfNeeded: index)
    first.pointer[cell] = own.values.count
    try own.flush(floor * a.pointer[cell], b.pointer)
    size.pointer[cell] = own.values.count - first.pointer[cell]
  }

  var entryCount: Int { parts.reduce(0) { $0 + $1.values.count } }

  /// The sums as an entropic plan at eps = 1 and zero potentials: the "cost" of a pair of cells is
  /// -log(M / (a b)); what is missing there lies below exp(cut).
  func plan(
    _ state: EntropicState, cut: Double, threads: Int
  ) throws(KantorError) -> RestrictedPlan {
    let rowStart = try Buffer<Int64>(count: rows.count + 1)
    let column = try Buffer<Int32>(count: entryCount)
    let cost = try Buffer<Double>(count: entryCount)
    var count = 0
    for cell in 0..<rows.count {
      let own = parts[Int(part.pointer[cell])]
      let (from, n) = (first.pointer[cell], size.pointer[cell])
      (column.pointer + count).update(from: own.cells.pointer + from, count: n)
      kn_log_f64(own.values.pointer + from, cost.pointer + count, Int64(n))
      let logA = state.logA.pointer[cell]
      for k in count..<(count + n) {
        cost.pointer[k] = logA + state.logB.pointer[Int(column.pointer[k])] - cost.pointer[k]
      }
      count += n
      rowStart.pointer[cell + 1] = Int64(count)
    }
    return try RestrictedPlan(
      state, cut: cut, rowStart: rowStart, column: column, entryCost: cost, threads: threads)
  }

  @inline(__always)
  private func laneSum(_ values: UnsafePointer<Double>, _ count: Int) -> Double {
    typealias Lanes = SIMD8<Double>
    var lanes = Lanes.zero
    var k = 0
    while k &+ 8 <= count {
      lanes += UnsafeRawPointer(values + k).loadUnaligned(as: Lanes.self)
      k &+= 8
    }
    var sum = lanes.sum()
    while k < count {
      sum += values[k]
      k &+= 1
    }
    return sum
  }
}

/// What one thread has added up.
final class BlockPart {
  private(set) var cells: GrowingList<Int32>
  private(set) var values: GrowingList<Double>
  private let sum: Buffer<Double>
  private let touched: Buffer<Int32>
  private var count = 0

  init(_ columns: Int) throws(KantorError) {
    cells = try GrowingList(capacity: 1 << 12)
    values = try GrowingList(capacity: 1 << 12)
    sum = try Buffer(count: columns)
    touched = try Buffer(count: columns)
  }

  func start() {
    cells.removeAll()
    values.removeAll()
  }

  @inline(__always)
  func add(_ cell: Int32, _ value: Double) {
    guard value > 0 else { return }
    let k = Int(cell)
    if sum.pointer[k] == 0 {
      touched.pointer[count] = cell
      count += 1
    }
    sum.pointer[k] += value
  }

  func flush(_ floor: Double, _ b: UnsafePointer<Double>) throws(KantorError) {
    var list = UnsafeMutableBufferPointer(start: touched.pointer, count: count)
    list.sort()
    for t in 0..<count {
      let k = Int(touched.pointer[t])
      if sum.pointer[k] > floor * b[k] {
        try cells.append(touched.pointer[t])
        try values.append(sum.pointer[k])
      }
      sum.pointer[k] = 0
    }
    count = 0
  }
}
