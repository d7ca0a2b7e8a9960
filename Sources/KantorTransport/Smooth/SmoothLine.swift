import KantorCore

/// One entry of a line: its place and, in turn, x = g - C and the plan y.
struct LineEntry: BitwiseCopyable {
  var index: Int32
  var value: Double
}

/// The best distribution of a mass over one line of a plan,
///     max_y <x, y> - Omega(y),   y >= 0, sum y = mass,
/// for three forms of Omega:
///  - `limit` at least the length, `proximal` 0: gamma/2 |y|^2, solved by [x + f]_+ / gamma;
///  - a smaller `limit` k, `proximal` 0: the same with at most k entries: those of the k largest
///    x (ties: the lowest index);
///  - a smaller k, `proximal` tau > 0: the convex hull of the former plus tau/2 |y|^2. The hull is
///    gamma/2 times the squared k-support norm,
///        min { gamma/2 sum y_i^2 / theta_i : 0 <= theta <= 1, sum theta <= k },
///    so with z = x + f the solution has theta_i = clip(gamma (z_i/s - 1)/tau, 0, 1), s such that
///    sum theta = k: z_i/(gamma + tau) where theta_i = 1 ("top"), (z_i - s)/tau between ("middle").
///
/// Source: for the first two M. Blondel, V. Seguy, A. Rolet (2018) and T. Liu, J. Puigcerver,
/// M. Blondel (2023); for the k-support norm A. Argyriou, R. Foygel, N. Srebro (2012).
struct SmoothLine {
  var gamma: Double
  var proximal: Double
  var limit: Int

  /// How the solution depends on x. Entries are ordered: top, then middle.
  struct Answer {
    /// f: all x + f in the formulas above.
    var shift = 0.0
    /// Entries with a smaller x are 0.
    var level = 0.0
    var top = 0
    var middle = 0
    /// s of the middle entries.
    var cut = 0.0
    var count: Int { top + middle }
  }

  var scale: Double { gamma + proximal }

  /// Entries that are not candidates must have an x below `Answer.level`. On return the first
  /// `count` entries are those that are not 0, with y in place of x. At least one candidate.
  func solve(
    _ entries: UnsafeMutablePointer<LineEntry>, _ candidates: Int, mass: Double, guess: Double
  ) -> Answer {
    var count = candidates
    if count > limit && proximal == 0 {
      sort(entries, count)
      count = limit
    }
    if count > limit {
      let plain = threshold(entries, count, mass)
      var positives = 0
      for k in 0..<count where entries[k].value + plain > 0 { positives += 1 }
      if positives > limit {
        sort(entries, count)
        return proximalAnswer(entries, count, mass, guess)
      }
    }
    let shift = compact(entries, &count, mass)
    for k in 0..<count { entries[k].value = (entries[k].value + shift) / scale }
    return Answer(shift: shift, level: -shift, top: count, middle: 0, cut: 0)
  }

  /// y = [x + shift]_+ / gamma at the `limit` largest x; what the dual's maximiser is at given
  /// potentials.
  func truncate(
    _ entries: UnsafeMutablePointer<LineEntry>, _ candidates: Int, _ shift: Double
  ) -> Answer {
    var count = 0
    for k in 0..<candidates where entries[k].value + shift > 0 {
      entries[count] = entries[k]
      count &+= 1
    }
    if count > limit {
      sort(entries, count)
      count = limit
    }
    for k in 0..<count { entries[k].value = (entries[k].value + shift) / gamma }
    return Answer(shift: shift, level: -shift, top: count, middle: 0, cut: 0)
  }

  // MARK: Plain projection

  /// f with sum [x + f]_+ = mass * scale, by dropping what is negative until nothing is.
  private func compact(
    _ entries: UnsafeMutablePointer<LineEntry>, _ count: inout Int, _ mass: Double
  ) -> Double {
    while true {
      var sum = 0.0
      for k in 0..<count { sum += entries[k].value }
      let shift = (mass * scale - sum) / Double(count)
      var kept = 0
      for k in 0..<count where entries[k].value + shift > 0 {
        entries[kept] = entries[k]
        kept &+= 1
      }
      // Rounding may leave nothing when the mass is tiny beside x: the largest takes all.
      if kept == 0 {
        keepLargest(entries, count)
        count = 1
        return mass * scale - entries[0].value
      }
      if kept == count { return refined(entries, count, mass, shift) }
      count = kept
    }
  }

  /// The shift once more from small numbers, so that the masses add up to the last digits.
  private func refined(
    _ entries: UnsafePointer<LineEntry>, _ count: Int, _ mass: Double, _ shift: Double
  ) -> Double {
    var sum = 0.0
    for k in 0..<count { sum += entries[k].value + shift }
    return shift + (mass * scale - sum) / Double(count)
  }

  private func keepLargest(_ entries: UnsafeMutablePointer<LineEntry>, _ count: Int) {
    for k in 1..<max(count, 1) where entries[k].value > entries[0].value {
      entries[0] = entries[k]
    }
  }

  /// The same f without moving entries.
  private func threshold(
    _ entries: UnsafePointer<LineEntry>, _ count: Int, _ mass: Double
  ) -> Double {
    var (level, last) = (-Double.infinity, -1)
    while true {
      var (sum, number) = (0.0, 0)
      for k in 0..<count where entries[k].value > level {
        sum += entries[k].value
        number &+= 1
      }
      guard number > 0 else { return -level }
      let next = (sum - mass * scale) / Double(number)
      if number == last { return -next }
      (level, last) = (max(level, next), number)
    }
  }

  // MARK: Proximal form

  /// Newton's method for f inside a bracket; for each f the cut s by `cut`.
  private func proximalAnswer(
    _ entries: UnsafeMutablePointer<LineEntry>, _ count: Int, _ mass: Double, _ guess: Double
  ) -> Answer {
    var low = -entries[0].value
    var high = low + scale * mass
    var shift = guess > low && guess < high ? guess : high
    var answer = Answer()
    var inverse = 0.0
    for _ in 0..<100 {
      answer = cut(entries, count, shift, &inverse)
      let (sum, slope) = massOf(entries, answer)
      if sum > mass { high = shift } else { low = shift }
      var next = shift - (sum - mass) / slope
      if !(next > low && next < high) { next = 0.5 * (low + high) }
      guard abs(sum - mass) > 1e-15 * mass, next != shift, high - low > 0 else { break }
      shift = next
    }
    for k in 0..<answer.top { entries[k].value = (entries[k].value + answer.shift) / scale }
    for k in answer.top..<answer.count {
      entries[k].value = max(0, entries[k].value + answer.shift - answer.cut) / proximal
    }
    return answer
  }

  /// s for a given f: sum theta is piecewise linear and rising in 1/s.
  private func cut(
    _ entries: UnsafePointer<LineEntry>, _ count: Int, _ shift: Double, _ inverse: inout Double
  ) -> Answer {
    let ratio = gamma / proximal
    let last = entries[min(limit, count) - 1].value + shift
    guard count > limit, entries[limit].value + shift > 0, last > 0 else {
      var top = 0
      while top < min(limit, count) && entries[top].value + shift > 0 { top += 1 }
      return Answer(shift: shift, level: -shift, top: top, middle: 0, cut: 0)
    }
    var low = 1 / (entries[0].value + shift)
    var high = (1 + 1 / ratio) / last
    var u = inverse > low && inverse < high ? inverse : high
    var (top, end) = (0, 0)
    for _ in 0..<100 {
      var (sum, slope) = (0.0, 0.0)
      (top, end) = (0, 0)
      while end < count {
        let z = entries[end].value + shift
        let theta = ratio * (z * u - 1)
        if theta <= 0 { break }
        if theta >= 1 {
          top = end + 1
          sum += 1
        } else {
          sum += theta
          slope += ratio * z
        }
        end += 1
      }
      let excess = sum - Double(limit)
      if excess > 0 { high = u } else { low = u }
      if abs(excess) <= 1e-14 * Double(limit) { break }
      var next = slope > 0 ? u - excess / slope : 0.5 * (low + high)
      if !(next > low && next < high) { next = 0.5 * (low + high) }
      if next == u || next == low || next == high { break }
      u = next
    }
    inverse = u
    var answer = Answer(shift: shift, level: 0, top: top, middle: end - top, cut: 1 / u)
    if answer.middle > 0 {
      var sum = 0.0
      for k in top..<end { sum += entries[k].value + shift }
      answer.cut = sum / (Double(answer.middle) + Double(limit - top) / ratio)
    }
    answer.level = answer.cut - shift
    return answer
  }

  private func massOf(
    _ entries: UnsafePointer<LineEntry>, _ answer: Answer
  ) -> (sum: Double, slope: Double) {
    var (high, middle) = (0.0, 0.0)
    for k in 0..<answer.top { high += entries[k].value + answer.shift }
    for k in answer.top..<answer.count {
      middle += max(0, entries[k].value + answer.shift - answer.cut)
    }
    let response = Response(self, answer)
    return (high / scale + middle / proximal, max(response.total, 1e-300))
  }

  private func sort(_ entries: UnsafeMutablePointer<LineEntry>, _ count: Int) {
    var view = UnsafeMutableBufferPointer(start: entries, count: count)
    view.sort { $0.value != $1.value ? $0.value > $1.value : $0.index < $1.index }
  }
}

/// The derivative J of a line's solution with respect to x: with w = 1/(gamma + tau) for top
/// entries and 1/tau for middle ones,
///     J = diag(w) - 1_mid 1_mid' / D - q q' / sum q,   q = (diag(w) - 1_mid 1_mid' / D) 1.
struct Response {
  let top: Double
  let middle: Double
  /// 1/D.
  let coupling: Double
  /// q of both groups, and its sum.
  let topSum: Double
  let middleSum: Double
  let total: Double

  @inline(__always)
  init(_ line: SmoothLine, _ answer: SmoothLine.Answer) {
    top = 1 / line.scale
    topSum = top
    guard answer.middle > 0 else {
      (middle, coupling, middleSum) = (0, 0, 0)
      total = Double(answer.top) * top
      return
    }
    let rest = Double(line.limit - answer.top) / line.gamma
    let number = Double(answer.middle)
    middle = 1 / line.proximal
    coupling = 1 / (line.proximal * (number + line.proximal * rest))
    middleSum = rest / (number + line.proximal * rest)
    total = Double(answer.top) * topSum + number * middleSum
  }
}
