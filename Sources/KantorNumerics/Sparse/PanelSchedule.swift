import CKantorKernels
import KantorCore

/// Which panels are done by which thread alone (whole subtrees), and which by all together.
struct PanelSchedule: Sendable {
  /// Multiplications below which threads cost more than they bring.
  static var leastWork: Double { 2e7 }
  /// From here on a panel is worth sharing, and worth looking at the host in between.
  static var largePanel: Double { 2e6 }

  /// Subtrees [begin, end) of every thread.
  let subtrees: [[Range<Int>]]
  /// Runs of the other panels; a large panel is a run of its own.
  let top: [Range<Int>]

  init(_ panels: PanelPattern, threads: Int) throws(KantorError) {
    let count = panels.count
    let total = try Buffer<Double>(copying: panels.work.pointer, count: count)
    let begin = try Buffer<Int32>(count: count)
    for s in 0..<count { begin.pointer[s] = Int32(truncatingIfNeeded: s) }
    for s in 0..<count {
      let p = Int(panels.parent.pointer[s])
      guard p >= 0 else { continue }
      total.pointer[p] += total.pointer[s]
      begin.pointer[p] = min(begin.pointer[p], begin.pointer[s])
    }
    var own = [[Range<Int>]](repeating: [], count: threads)
    let isOwned = try Buffer<UInt8>(count: count)
    if threads > 1 {
      let all = panels.work.span.reduce(0, +)
      let limit = all / Double(4 * threads)
      var load = [Double](repeating: 0, count: threads)
      // A subtree is taken whole where it is small enough and its parent's is not.
      var s = count - 1
      while s >= 0 {
        guard total.pointer[s] <= limit else {
          s -= 1
          continue
        }
        let range = Int(begin.pointer[s])..<(s + 1)
        let least = load.indices.min { load[$0] < load[$1] } ?? 0
        own[least].append(range)
        load[least] += total.pointer[s]
        for k in range { isOwned.pointer[k] = 1 }
        s = range.lowerBound - 1
      }
    }
    subtrees = own
    var runs: [Range<Int>] = []
    var isOpen = false
    for s in 0..<count {
      if isOwned.pointer[s] == 1 {
        isOpen = false
      } else if panels.work.pointer[s] > Self.largePanel {
        runs.append(s..<(s + 1))
        isOpen = false
      } else if isOpen, let last = runs.popLast() {
        runs.append(last.lowerBound..<(s + 1))
      } else {
        runs.append(s..<(s + 1))
        isOpen = true
      }
    }
    top = runs
  }
}

/// One factorisation by panels.
struct PanelRun: @unchecked Sendable {
  let panels: PanelPattern
  let kernel: kn_panels
  let store: FactorStore
  let values: UnsafePointer<Double>
  let rule: kn_pivot_rule
  let parallel: Parallel

  /// False when interrupted.
  func subtrees(_ schedule: PanelSchedule, _ interruption: Interruption) -> Bool {
    for t in 0..<store.counts.count { store.counts.pointer[t] = kn_pivot_count() }
    guard parallel.threads > 1 else { return true }
    parallel.forEach(parallel.threads) { _, first, end in
      for thread in first..<end {
        for range in schedule.subtrees[thread] {
          guard small(range, thread: thread, { interruption.shouldStop() }) else { return }
        }
      }
    }
    return !interruption.beat()
  }

  func top(_ schedule: PanelSchedule, _ interruption: Interruption) -> Bool {
    for range in schedule.top {
      let s = range.lowerBound
      if range.count == 1, panels.work.pointer[s] > PanelSchedule.largePanel {
        guard large(s, interruption) else { return false }
      } else {
        guard small(range, thread: 0, { interruption.beat() }) else { return false }
      }
    }
    return true
  }

  private func small(_ range: Range<Int>, thread: Int, _ shouldStop: () -> Bool) -> Bool {
    var (kernel, memory, rule) = (kernel, store.panels, rule)
    var s = Int64(range.lowerBound)
    let end = Int64(range.upperBound)
    while s < end {
      s = kn_panels_factor(
        &kernel, values, &memory, &rule, store.counts.pointer + thread, s, end,
        LDLFactor.budget, store.maps[thread].pointer, store.scratch[thread].pointer)
      if s < end, shouldStop() { return false }
    }
    return true
  }

  /// A panel whose rows are shared by all threads. The cuts fall between tiles.
  private func large(_ s: Int, _ interruption: Interruption) -> Bool {
    var (kernel, memory, rule) = (kernel, store.panels, rule)
    let (panel, rows, width) = (Int64(s), panels.rowCount(s), panels.width(s))
    let map = store.maps[0].pointer
    kn_panel_begin(&kernel, values, &memory, panel, map)
    var update = panels.updateStarts.pointer[s]
    let last = panels.updateStarts.pointer[s + 1]
    while update < last {
      let end = batch(from: update, to: last)
      forRows(0, rows) { part, begin, stop in
        var (kernel, memory) = (self.kernel, self.store.panels)
        kn_panel_update(
          &kernel, &memory, panel, Int64(update), Int64(end), Int64(begin), Int64(stop),
          store.maps[0].pointer, store.scratch[part].pointer)
      }
      update = end
      if interruption.beat() { return false }
    }
    let square = store.scratch[0].pointer
    kn_panel_diagonal(&kernel, &memory, &rule, store.counts.pointer, panel, square)
    forRows(width, rows) { _, begin, stop in
      var (kernel, memory) = (self.kernel, self.store.panels)
      kn_panel_below(
        &kernel, &memory, panel, Int64(begin), Int64(stop), store.scratch[0].pointer)
    }
    return !interruption.beat()
  }

  private func batch(from first: Int, to last: Int) -> Int {
    var (work, u) = (0.0, first)
    let most = Double(LDLFactor.budget) * Double(8 * parallel.threads)
    while u < last && work < most {
      let q = Int(panels.updateSource.pointer[u])
      work +=
        Double(panels.rowCount(q) - Int(panels.updateRow.pointer[u]))
        * Double(panels.updateCount.pointer[u]) * Double(panels.width(q))
      u += 1
    }
    return u
  }

  private func forRows(
    _ first: Int, _ end: Int, _ body: @escaping (_ part: Int, _ begin: Int, _ stop: Int) -> Void
  ) {
    guard first < end else { return }
    let tile = 24
    let tiles = (end - first + tile - 1) / tile
    parallel.forEach(tiles) { part, from, to in
      guard from < to else { return }
      body(part, first + from * tile, min(end, first + to * tile))
    }
  }
}
