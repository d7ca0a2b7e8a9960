import CKantorKernels
import KantorCore
import KantorNumerics

/// Sweeps over a tensor of costs. The last measures are taken together so that rows are long
/// enough for vectors; P is never stored.
final class TensorSweep: MultimarginalSweep {
  private let problem: MultimarginalProblem
  private let cost: UnsafePointer<Double>
  private let monitor: Monitor
  private let parallel: Parallel
  private var epsilon = 1.0
  /// Measures before those of a row, the length of a row, and steps of the measures inside it.
  private let heads: Int
  private let length: Int
  private let rows: Int
  private let steps: [Int]
  private let tail: Buffer<Double>
  private let plan: Buffer<Double>
  private let sums: Buffer<Double>
  private let width: Int

  private static let shortest = 64
  private static let longest = 1 << 16
  private static let blockCells = 1 << 22

  init(
    _ problem: MultimarginalProblem, _ cost: UnsafePointer<Double>, _ run: Run
  ) throws(KantorError) {
    self.problem = problem
    self.cost = cost
    monitor = run.monitor
    let useful = max(1, min(problem.cells / RowBlocks.pairsPerThread, 1024))
    var (heads, length) = (problem.count - 1, problem.sizes[problem.count - 1])
    while heads > 0, length < Self.shortest, length * problem.sizes[heads - 1] <= Self.longest {
      heads -= 1
      length *= problem.sizes[heads]
    }
    self.heads = heads
    self.length = length
    rows = problem.cells / length
    parallel = Parallel(threads: min(run.threads, useful, max(1, rows)))
    var steps = [Int](repeating: 1, count: problem.count)
    for k in stride(from: problem.count - 2, through: heads, by: -1) {
      steps[k] = steps[k + 1] * problem.sizes[k + 1]
    }
    self.steps = steps
    tail = try Buffer(count: length)
    plan = try Buffer(count: length * parallel.threads)
    width = max(length, problem.sizes[0..<heads].max() ?? 1)
    sums = try Buffer(count: width * parallel.threads)
  }

  func set(_ epsilon: Double, _ h: Buffer<Double>) { self.epsilon = epsilon }

  func run(_ h: Buffer<Double>) throws(KantorError) -> Double? {
    var error = CompensatedSum()
    for k in 0..<problem.count {
      let first = problem.first[k]
      guard pass(k, h) else { return nil }
      var isBad = false
      for i in 0..<problem.sizes[k] where problem.weights.pointer[first + i] > 0 {
        let (a, s) = (problem.weights.pointer[first + i], sums.pointer[i])
        error.add(abs(s - a))
        guard s > 1e-300, s < .infinity else {
          isBad = true
          continue
        }
        h.pointer[first + i] += Double.log(a / s)
      }
      if isBad { try rescue(k, h) }
    }
    return error.value
  }

  /// Where sums under- or overflowed: with the largest exponent taken out.
  private func rescue(_ k: Int, _ h: Buffer<Double>) throws(KantorError) {
    let soft = try softMinimum(k, h)
    for i in 0..<problem.sizes[k] {
      let a = problem.weights.pointer[problem.first[k] + i]
      if a > 0 { h.pointer[problem.first[k] + i] = Double.log(a) + soft.pointer[i] / epsilon }
    }
  }

  /// The marginal of measure k, in the first places of `sums`.
  private func pass(_ k: Int, _ h: Buffer<Double>) -> Bool {
    fillTail(h)
    sums.fill(0)
    let isTail = k >= heads
    let (length, inverse, base) = (length, 1 / epsilon, tail.pointer)
    let blockRows = max(parallel.threads, Self.blockCells / length)
    var begin = 0
    while begin < rows {
      let count = min(blockRows, rows - begin)
      parallel.forEach(count) { part, first, end in
        let p = plan.pointer + part * length
        let out = sums.pointer + part * width
        var index = Indices(begin + first, problem, heads)
        for row in (begin + first)..<(begin + end) {
          let head = index.sum(h.pointer)
          if head > -.infinity {
            let c = cost + row * length
            for j in 0..<length { p[j] = head + base[j] - c[j] * inverse }
            kn_exp_f64(p, p, Int64(length))
            if isTail {
              for j in 0..<length { out[j] += p[j] }
            } else {
              out[index.position[k]] += total(p)
            }
          }
          index.advance()
        }
      }
      begin += count
      if begin < rows, monitor.heartbeat() != nil { return false }
    }
    for part in 1..<max(parallel.threads, 1) where parallel.threads > 1 {
      for j in 0..<width { sums.pointer[j] += sums.pointer[part * width + j] }
    }
    if isTail { gather(k) }
    return true
  }

  /// Sums over a row that holds several measures, brought together for one of them.
  private func gather(_ k: Int) {
    let (n, step) = (problem.sizes[k], steps[k])
    guard n < length else { return }
    for i in 0..<n { plan.pointer[i] = 0 }
    for j in 0..<length { plan.pointer[j / step % n] += sums.pointer[j] }
    for i in 0..<n { sums.pointer[i] = plan.pointer[i] }
  }

  private func fillTail(_ h: Buffer<Double>) {
    tail.fill(0)
    for k in heads..<problem.count {
      let (n, step, own) = (problem.sizes[k], steps[k], h.pointer + problem.first[k])
      for j in 0..<length { tail.pointer[j] += own[j / step % n] }
    }
  }

  private func total(_ p: UnsafePointer<Double>) -> Double {
    typealias Lanes = SIMD8<Double>
    var sum = Lanes.zero
    var j = 0
    while j &+ 8 <= length {
      sum += UnsafeRawPointer(p + j).loadUnaligned(as: Lanes.self)
      j &+= 8
    }
    var out = sum.sum()
    while j < length {
      out += p[j]
      j &+= 1
    }
    return out
  }

  func softMinimum(_ k: Int, _ h: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let (n, inverse, isTail) = (problem.sizes[k], 1 / epsilon, k >= heads)
    let others = try h.copy()
    for i in problem.first[k]..<problem.first[k + 1] { others.pointer[i] = 0 }
    fillTail(others)
    let top = try Buffer<Double>(count: n, repeating: -.infinity)
    let sum = try Buffer<Double>(count: n)
    for round in 0..<2 {
      var index = Indices(0, problem, heads)
      for row in 0..<rows {
        let (head, c) = (index.sum(others.pointer), cost + row * length)
        for j in 0..<length {
          let i = isTail ? j / steps[k] % n : index.position[k]
          let e = head + tail.pointer[j] - c[j] * inverse
          if round == 0 {
            top.pointer[i] = max(top.pointer[i], e)
          } else if e > -.infinity {
            sum.pointer[i] += Double.exp(e - top.pointer[i])
          }
        }
        index.advance()
      }
    }
    for i in 0..<n { sum.pointer[i] = -epsilon * (top.pointer[i] + Double.log(sum.pointer[i])) }
    return sum
  }

  func costs() throws(KantorError) -> (mean: Double, least: Double) {
    let logs = try Buffer<Double>(count: problem.points)
    kn_log_f64(problem.weights.pointer, logs.pointer, Int64(logs.count))
    fillTail(logs)
    kn_exp_f64(tail.pointer, tail.pointer, Int64(length))
    var (sum, weight, least) = (0.0, 0.0, Double.infinity)
    var index = Indices(0, problem, heads)
    let pause = max(1, Self.blockCells / length)
    for row in 0..<rows {
      let (factor, c) = (Double.exp(index.sum(logs.pointer)), cost + row * length)
      for j in 0..<length {
        let w = factor * tail.pointer[j]
        sum += w * c[j]
        weight += w
        least = c[j] < least ? c[j] : least
      }
      index.advance()
      if row % pause == pause - 1, monitor.heartbeat() != nil { break }
    }
    return (weight > 0 ? sum / weight : 0, least)
  }
}

/// The points of the measures before a row, counted up with the last of them fastest.
private struct Indices {
  private(set) var position: [Int]
  private let sizes: [Int]
  private let first: [Int]

  init(_ row: Int, _ problem: MultimarginalProblem, _ heads: Int) {
    position = [Int](repeating: 0, count: heads)
    sizes = Array(problem.sizes[0..<heads])
    first = Array(problem.first[0..<heads])
    var rest = row
    for k in stride(from: heads - 1, through: 0, by: -1) {
      position[k] = rest % sizes[k]
      rest /= sizes[k]
    }
  }

  func sum(_ h: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for k in 0..<position.count { sum += h[first[k] + position[k]] }
    return sum
  }

  mutating func advance() {
    var k = position.count - 1
    while k >= 0 {
      position[k] += 1
      if position[k] < sizes[k] { return }
      position[k] = 0
      k -= 1
    }
  }
}
