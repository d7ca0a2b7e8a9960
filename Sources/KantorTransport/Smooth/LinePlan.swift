import KantorCore
import KantorNumerics

/// A plan as lines of few entries, each written by one thread, and how each line was solved.
final class LinePlan {
  let count: Int
  /// Length of a line.
  let width: Int
  let answers: Buffer<SmoothLine.Answer>
  private var lists: [EntryStore]
  private let part: Buffer<Int32>
  private let start: Buffer<Int64>

  init(count: Int, width: Int, parts: Int) throws(KantorError) {
    self.count = count
    self.width = width
    answers = try Buffer(count: count)
    part = try Buffer(count: count)
    start = try Buffer(count: count)
    var lists: [EntryStore] = []
    for _ in 0..<parts {
      lists.append(try EntryStore(capacity: 8 * (count / parts + 1) + width))
    }
    self.lists = lists
  }

  /// Forgets all entries; what is known of the lines stays.
  func begin() {
    for list in lists { list.count = 0 }
  }

  @inline(__always)
  func startLine(_ i: Int, _ owner: Int) {
    part.pointer[i] = Int32(truncatingIfNeeded: owner)
    start.pointer[i] = Int64(lists[owner].count)
    answers.pointer[i].top = 0
    answers.pointer[i].middle = 0
  }

  /// Room for `number` candidates at the end of a thread's list.
  @inline(__always)
  func reserve(_ owner: Int, _ number: Int) throws(KantorError) -> UnsafeMutablePointer<LineEntry> {
    try lists[owner].reserve(number)
  }

  @inline(__always)
  func candidates(_ owner: Int) -> UnsafeMutablePointer<LineEntry> {
    lists[owner].storage.pointer + lists[owner].count
  }

  /// Keeps the first entries of the candidates.
  @inline(__always)
  func endLine(_ i: Int, _ owner: Int, _ answer: SmoothLine.Answer) {
    answers.pointer[i] = answer
    lists[owner].count += answer.count
  }

  @inline(__always)
  func entries(_ i: Int) -> (UnsafePointer<LineEntry>, Int) {
    let list = lists[Int(part.pointer[i])]
    return (
      UnsafePointer(list.storage.pointer + Int(start.pointer[i])), answers.pointer[i].count
    )
  }

  var entryCount: Int {
    var total = 0
    for i in 0..<count { total += answers.pointer[i].count }
    return total
  }

  /// The most entries of a line, and how many lines have more than `limit`.
  func cardinality(above limit: Int) -> (most: Int, exceeding: Int) {
    var (most, exceeding) = (0, 0)
    for i in 0..<count {
      most = max(most, answers.pointer[i].count)
      if answers.pointer[i].count > limit { exceeding += 1 }
    }
    return (most, exceeding)
  }

  /// sum_j q_j y_j of line i of this plan with other entries of the same line; `room` is zero.
  func product(
    _ i: Int, _ others: UnsafePointer<LineEntry>, _ number: Int,
    _ room: UnsafeMutablePointer<Double>
  ) -> Double {
    let (own, length) = entries(i)
    for k in 0..<length { room[Int(own[k].index)] = own[k].value }
    var sum = 0.0
    for k in 0..<number { sum += room[Int(others[k].index)] * others[k].value }
    for k in 0..<length { room[Int(own[k].index)] = 0 }
    return sum
  }

  /// Becomes a plan that was copied from this one.
  func take(_ other: LinePlan) throws(KantorError) {
    begin()
    for i in 0..<count {
      let (own, length) = other.entries(i)
      startLine(i, 0)
      let place = try reserve(0, length)
      for k in 0..<length { place[k] = own[k] }
      endLine(i, 0, other.answers.pointer[i])
    }
  }

  /// A copy of its own.
  func copied() throws(KantorError) -> LinePlan {
    let twin = try LinePlan(count: count, width: width, parts: 1)
    try twin.take(self)
    return twin
  }

  /// The entries that are not 0 times `scale`, by rows of the problem; lines are its columns if
  /// `isTransposed`.
  func sparse(scale: Double, isTransposed: Bool) throws(KantorError) -> SparsePlan {
    var plan = try SparsePlan(capacity: entryCount)
    for i in 0..<count {
      let (own, length) = entries(i)
      for k in 0..<length where own[k].value > 0 {
        let j = Int(own[k].index)
        plan.append(isTransposed ? j : i, isTransposed ? i : j, own[k].value * scale)
      }
    }
    return plan
  }
}

/// Entries of one thread's lines.
final class EntryStore {
  fileprivate var storage: Buffer<LineEntry>
  fileprivate var count = 0

  init(capacity: Int) throws(KantorError) { storage = try Buffer(count: max(capacity, 16)) }

  fileprivate func reserve(_ number: Int) throws(KantorError) -> UnsafeMutablePointer<LineEntry> {
    if count + number > storage.count {
      let (twice, overflow) = storage.count.multipliedReportingOverflow(by: 2)
      let larger = try Buffer<LineEntry>(count: max(overflow ? 0 : twice, count + number))
      larger.pointer.update(from: storage.pointer, count: count)
      storage = larger
    }
    return storage.pointer + count
  }
}
