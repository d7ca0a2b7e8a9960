import KantorCore

/// Solves: find an order of elimination for a symmetric pattern that keeps its factor sparse.
/// Method: approximate minimum degree on the quotient graph.
/// Symbols: A_i neighbours of variable i that are variables; E_i those that are elements (variables
///   eliminated before, each standing for the clique L_e that its elimination made); weight[i] the
///   number of indistinguishable variables that i stands for, 0 once it stands for none; external
///   degree: how many variables lie in A_i and the cliques of E_i, outside i.
/// Iteration: eliminate p of least degree; L_p = A_p and the cliques of E_p, which p absorbs. For
///   each i in L_p drop what L_p covers from A_i and E_i, bound its degree by
///   |A_i| + |L_p \ i| + sum over e in E_i of |L_e \ L_p|, where the last terms come from one pass
///   over all lists of L_p; absorb elements that lie inside L_p; eliminate with p those i to which
///   nothing else is adjacent; merge those with equal lists.
/// Stops when: every variable is ordered. Variables with more than 10 sqrt(n) neighbours are left
///   out and put last, because each would otherwise take part in nearly every step.
/// Guarantee: a permutation; the degrees are upper bounds of the true external degrees.
/// Cost: bounded by O(n nnz); in practice a small multiple of the entries of the pattern. Memory:
///   twice the pattern and eight words per variable.
/// Reference: P. R. Amestoy, T. A. Davis, I. S. Duff, "An approximate minimum degree ordering
///   algorithm", SIAM J. Matrix Anal. Appl. 17 (1996).
struct ApproximateMinimumDegree {
  private let n: Int
  /// Lists of all live variables and elements; of a variable first its elements, then variables.
  private var lists: Buffer<Int32>
  private var spare: Buffer<Int32>
  private var used = 0
  private let start: Buffer<Int>
  private let length: Buffer<Int32>
  private let elementCount: Buffer<Int32>
  /// Negative while the variable is marked as a member of the clique under construction.
  private let weight: Buffer<Int32>
  private let degree: Buffer<Int32>
  /// 0 for a dead element; else compared with `stamp`.
  private let mark: Buffer<Int>
  private var stamp = 1
  /// What took in an absorbed variable or element; -1 for those on their own.
  private let owner: Buffer<Int32>
  /// Doubly linked lists of variables by degree.
  private let head: Buffer<Int32>
  private let next: Buffer<Int32>
  private let previous: Buffer<Int32>
  private let bucket: Buffer<Int32>
  private let hash: Buffer<Int32>
  private var least = 0
  private var ordered = 0

  /// The order: its k-th element is eliminated k-th. `upper` holds the upper triangle of the
  /// pattern; the diagonal is ignored.
  static func order(
    _ upper: SparseMatrix, interruption: Interruption = .never
  ) throws(KantorError) -> Buffer<Int32>? {
    var state = try ApproximateMinimumDegree(upper)
    return try state.run(interruption)
  }

  private init(_ upper: SparseMatrix) throws(KantorError) {
    n = upper.columns
    let (first, row) = (upper.starts.pointer, upper.indices.pointer)
    start = try Buffer(count: n + 1)
    length = try Buffer(count: n)
    for j in 0..<n {
      for k in first[j]..<first[j &+ 1] where Int(row[k]) != j {
        length.pointer[j] &+= 1
        length.pointer[Int(row[k])] &+= 1
      }
    }
    for i in 0..<n {
      start.pointer[i] = used
      used += Int(length.pointer[i])
    }
    let capacity = try checkedProduct(used / 4 + n + 16, 5, of: "ordering")
    lists = try Buffer(count: capacity)
    spare = try Buffer(count: capacity)
    elementCount = try Buffer(count: n)
    weight = try Buffer(count: n, repeating: 1)
    degree = try Buffer(count: n)
    mark = try Buffer(count: n, repeating: 1)
    owner = try Buffer(count: n, repeating: -1)
    head = try Buffer(count: n + 1, repeating: -1)
    next = try Buffer(count: n, repeating: -1)
    previous = try Buffer(count: n, repeating: -1)
    bucket = try Buffer(count: n, repeating: -1)
    hash = try Buffer(count: n)
    let fill = try Buffer<Int>(copying: start.pointer, count: n)
    for j in 0..<n {
      for k in first[j]..<first[j &+ 1] where Int(row[k]) != j {
        let i = Int(row[k])
        lists.pointer[fill.pointer[j]] = row[k]
        lists.pointer[fill.pointer[i]] = Int32(truncatingIfNeeded: j)
        fill.pointer[j] &+= 1
        fill.pointer[i] &+= 1
      }
    }
  }

  private mutating func run(_ interruption: Interruption) throws(KantorError) -> Buffer<Int32>? {
    let dense = denseDegree()
    let pivots = try Buffer<Int32>(count: n)
    let late = try Buffer<Int32>(count: n)
    var (pivotCount, lateCount) = (0, 0)
    for i in 0..<n {
      degree.pointer[i] = length.pointer[i]
      if length.pointer[i] > dense {
        // Weight 0: nobody counts it as a neighbour.
        weight.pointer[i] = 0
        late.pointer[lateCount] = Int32(truncatingIfNeeded: i)
        lateCount += 1
        ordered += 1
      } else {
        insert(i)
      }
    }
    while ordered < n {
      if pivotCount & 255 == 255, interruption.beat() { return nil }
      while head.pointer[least] < 0 { least &+= 1 }
      let pivot = Int(head.pointer[least])
      remove(pivot)
      pivots.pointer[pivotCount] = Int32(truncatingIfNeeded: pivot)
      pivotCount += 1
      if used + Int(degree.pointer[pivot]) > lists.count {
        try compact(room: Int(degree.pointer[pivot]))
      }
      eliminate(pivot)
    }
    late.pointer.sorted(count: lateCount) { [length] in
      (length.pointer[Int($0)], $0) < (length.pointer[Int($1)], $1)
    }
    return try permutation(pivots, pivotCount, late, lateCount)
  }

  /// Degree above which a variable is put last: 10 sqrt(n), or less where a few columns with far
  /// more neighbours than the others would have their long lists read again and again. That is
  /// common in programs with many more rows than unknowns.
  ///
  /// Deviation: the paper has the first bound only.
  private func denseDegree() -> Int32 {
    let usual = max(16, min(Double(n), 10 * Double(n).squareRoot()))
    let total = Double(used)
    let low = max(16, 16 * total / Double(max(n, 1)))
    guard low < usual else { return Int32(usual) }
    var (count, reading) = (0.0, 0.0)
    for i in 0..<n where Double(length.pointer[i]) > low {
      count += 1
      reading += Double(length.pointer[i]) * Double(length.pointer[i])
    }
    // Among themselves those columns may fill in; that must not cost more than it saves.
    return Int32(reading > 50 * total && count * count < total ? low : usual)
  }

  private mutating func eliminate(_ p: Int) {
    let first = used
    let own = weight.pointer[p]
    ordered += Int(own)
    weight.pointer[p] = -own
    var size = gather(p)
    subtract(first)
    size -= reduce(p, first)
    degree.pointer[p] = size
    mergeEqual(first)
    restore(p, first, size)
    let kept = used - first
    start.pointer[p] = first
    length.pointer[p] = Int32(truncatingIfNeeded: kept)
    elementCount.pointer[p] = 0
    weight.pointer[p] = own
    if kept == 0 { mark.pointer[p] = 0 }
  }

  /// L_p at the end of the lists; its members leave the degree lists and get negative weights.
  private mutating func gather(_ p: Int) -> Int32 {
    let (list, weights) = (lists.pointer, weight.pointer)
    let elements = Int(elementCount.pointer[p])
    var place = start.pointer[p]
    let end = place + Int(length.pointer[p])
    var size: Int32 = 0
    for k in 0...elements {
      var (from, to) = (place, end)
      if k < elements {
        let e = Int(list[place])
        place &+= 1
        from = start.pointer[e]
        to = from + Int(length.pointer[e])
        owner.pointer[e] = Int32(truncatingIfNeeded: p)
        mark.pointer[e] = 0
      }
      while from < to {
        let i = Int(list[from])
        from &+= 1
        let members = weights[i]
        guard members > 0 else { continue }
        size &+= members
        weights[i] = -members
        list[used] = Int32(truncatingIfNeeded: i)
        used &+= 1
        remove(i)
      }
    }
    mark.pointer[p] = 1
    return size
  }

  /// mark[e] = stamp + |L_e \ L_p| for every element next to a member of L_p.
  private mutating func subtract(_ first: Int) {
    let (list, marks) = (lists.pointer, mark.pointer)
    stamp &+= n &+ 1
    for k in first..<used {
      let i = Int(list[k])
      let members = Int(-weight.pointer[i])
      let from = start.pointer[i]
      for q in from..<(from &+ Int(elementCount.pointer[i])) {
        let e = Int(list[q])
        if marks[e] >= stamp {
          marks[e] &-= members
        } else if marks[e] != 0 {
          marks[e] = Int(degree.pointer[e]) &+ stamp &- members
        }
      }
    }
  }

  /// New lists, degrees and hashes of the members of L_p. The weight eliminated along with p.
  private mutating func reduce(_ p: Int, _ first: Int) -> Int32 {
    let list = lists.pointer
    var along: Int32 = 0
    for k in first..<used {
      let i = Int(list[k])
      let from = start.pointer[i]
      let elements = Int(elementCount.pointer[i])
      let end = from &+ Int(length.pointer[i])
      var (put, outside, sum) = (from, 0, 0)
      for q in from..<(from &+ elements) {
        let e = Int(list[q])
        guard mark.pointer[e] != 0 else { continue }
        let rest = mark.pointer[e] &- stamp
        if rest > 0 {
          outside &+= rest
          list[put] = list[q]
          put &+= 1
          sum &+= e
        } else {
          owner.pointer[e] = Int32(truncatingIfNeeded: p)
          mark.pointer[e] = 0
        }
      }
      let variables = put
      for q in (from &+ elements)..<end {
        let j = Int(list[q])
        guard weight.pointer[j] > 0 else { continue }
        outside &+= Int(weight.pointer[j])
        list[put] = list[q]
        put &+= 1
        sum &+= j
      }
      if put == from {
        along &-= weight.pointer[i]
        ordered &-= Int(weight.pointer[i])
        weight.pointer[i] = 0
        owner.pointer[i] = Int32(truncatingIfNeeded: p)
        continue
      }
      degree.pointer[i] = min(degree.pointer[i], Int32(clamping: outside))
      // p goes in front of the elements. Room is there: i lost p itself or an element that p took.
      list[put] = list[variables]
      list[variables] = list[from]
      list[from] = Int32(truncatingIfNeeded: p)
      elementCount.pointer[i] = Int32(truncatingIfNeeded: variables &- from &+ 1)
      length.pointer[i] = Int32(truncatingIfNeeded: put &- from &+ 1)
      hash.pointer[i] = Int32(truncatingIfNeeded: sum % n)
    }
    return along
  }

  /// Members of L_p with equal lists become one.
  private mutating func mergeEqual(_ first: Int) {
    let (list, chain) = (lists.pointer, next.pointer)
    for k in first..<used {
      let i = Int(list[k])
      guard weight.pointer[i] < 0 else { continue }
      let h = Int(hash.pointer[i])
      chain[i] = bucket.pointer[h]
      bucket.pointer[h] = Int32(truncatingIfNeeded: i)
    }
    stamp &+= n &+ 1
    for k in first..<used {
      let member = Int(list[k])
      guard weight.pointer[member] < 0 else { continue }
      let h = Int(hash.pointer[member])
      var i = Int(bucket.pointer[h])
      bucket.pointer[h] = -1
      while i >= 0 && chain[i] >= 0 {
        stamp &+= 1
        let (from, size) = (start.pointer[i], Int(length.pointer[i]))
        for q in (from &+ 1)..<(from &+ size) { mark.pointer[Int(list[q])] = -stamp }
        var (before, j) = (i, Int(chain[i]))
        while j >= 0 {
          if isEqual(j, to: i) {
            weight.pointer[i] &+= weight.pointer[j]
            weight.pointer[j] = 0
            owner.pointer[j] = Int32(truncatingIfNeeded: i)
            chain[before] = chain[j]
          } else {
            before = j
          }
          j = Int(chain[j])
        }
        // Elements must look alive again, and older than any later stamp.
        for q in (from &+ 1)..<(from &+ size) { mark.pointer[Int(list[q])] = 1 }
        i = Int(chain[i])
      }
    }
  }

  private func isEqual(_ j: Int, to i: Int) -> Bool {
    guard length.pointer[i] == length.pointer[j],
      elementCount.pointer[i] == elementCount.pointer[j]
    else { return false }
    let from = start.pointer[j]
    for q in (from &+ 1)..<(from &+ Int(length.pointer[j]))
    where mark.pointer[Int(lists.pointer[q])] != -stamp { return false }
    return true
  }

  /// Closes L_p over what is left of it and files its members by their new degrees.
  private mutating func restore(_ p: Int, _ first: Int, _ size: Int32) {
    let list = lists.pointer
    let left = Int32(truncatingIfNeeded: n - ordered)
    var put = first
    for k in first..<used {
      let i = Int(list[k])
      guard weight.pointer[i] < 0 else { continue }
      let members = -weight.pointer[i]
      weight.pointer[i] = members
      degree.pointer[i] = max(0, min(degree.pointer[i] &+ size &- members, left &- members))
      insert(i)
      list[put] = Int32(truncatingIfNeeded: i)
      put &+= 1
    }
    used = put
  }

  private mutating func insert(_ i: Int) {
    let d = Int(degree.pointer[i])
    let old = head.pointer[d]
    next.pointer[i] = old
    previous.pointer[i] = -1
    if old >= 0 { previous.pointer[Int(old)] = Int32(truncatingIfNeeded: i) }
    head.pointer[d] = Int32(truncatingIfNeeded: i)
    least = min(least, d)
  }

  private mutating func remove(_ i: Int) {
    let (before, after) = (previous.pointer[i], next.pointer[i])
    if after >= 0 { previous.pointer[Int(after)] = before }
    if before >= 0 {
      next.pointer[Int(before)] = after
    } else {
      head.pointer[Int(degree.pointer[i])] = after
    }
  }

  /// Moves the live lists together, into more memory if `room` asks for it.
  private mutating func compact(room: Int) throws(KantorError) {
    var live = 0
    for i in 0..<n where isLive(i) { live += Int(length.pointer[i]) }
    if live + room > spare.count {
      spare = try Buffer(count: try checkedProduct(live + room, 2, of: "ordering"))
    }
    var put = 0
    for i in 0..<n where isLive(i) {
      let size = Int(length.pointer[i])
      (spare.pointer + put).update(from: lists.pointer + start.pointer[i], count: size)
      start.pointer[i] = put
      put += size
    }
    used = put
    swap(&lists, &spare)
  }

  private func isLive(_ i: Int) -> Bool {
    owner.pointer[i] < 0 && weight.pointer[i] > 0 && mark.pointer[i] != 0
  }

  private func permutation(
    _ pivots: Buffer<Int32>, _ pivotCount: Int, _ late: Buffer<Int32>, _ lateCount: Int
  ) throws(KantorError) -> Buffer<Int32> {
    // rank[p] = 1 + the step in which p was the pivot.
    let rank = try Buffer<Int32>(count: n)
    for k in 0..<pivotCount { rank.pointer[Int(pivots.pointer[k])] = Int32(k + 1) }
    let next = try Buffer<Int>(count: pivotCount + 2)
    let step = try Buffer<Int32>(count: n)
    for k in 0..<lateCount { step.pointer[Int(late.pointer[k])] = -1 }
    for i in 0..<n where step.pointer[i] == 0 {
      var top = i
      while rank.pointer[top] == 0 { top = Int(owner.pointer[top]) }
      let found = rank.pointer[top]
      // The path is shortened, so that chains of mergers are walked once.
      var k = i
      while rank.pointer[k] == 0 {
        rank.pointer[k] = found
        k = Int(owner.pointer[k])
      }
      step.pointer[i] = found
      next.pointer[Int(found)] += 1
    }
    for k in 0...pivotCount { next.pointer[k + 1] += next.pointer[k] }
    let order = try Buffer<Int32>(count: n)
    for i in 0..<n where step.pointer[i] > 0 {
      let slot = Int(step.pointer[i]) - 1
      order.pointer[next.pointer[slot]] = Int32(truncatingIfNeeded: i)
      next.pointer[slot] += 1
    }
    for k in 0..<lateCount { order.pointer[n - lateCount + k] = late.pointer[k] }
    return order
  }
}

extension UnsafeMutablePointer where Pointee == Int32 {
  func sorted(count: Int, by less: (Int32, Int32) -> Bool) {
    var view = UnsafeMutableBufferPointer(start: self, count: count)
    view.sort(by: less)
  }
}
