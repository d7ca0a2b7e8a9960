import KantorCore

/// Steps of given length along a running mean of directions: x <- P_X(x - eta m / |m|),
/// m <- beta m + (1 - beta) d, with eta falling as 1 / sqrt(1 + k / 500) and halved when the mean
/// keeps turning back.
///
/// Source: A. Cutkosky, H. Mehta, "Momentum improves normalized SGD" (2020).
final class NormalisedMomentum {
  private let problem: BilevelProblem
  private let m: Buffer<Double>
  private let before: Buffer<Double>
  private let beta: Double
  private let decays: Bool
  private(set) var eta: Double
  private var k = 0
  private var turns: [Bool] = []

  private static let checkEvery = 20

  /// `eta` 0 takes 0.06 sqrt(nx) (1 + median |x|).
  init(
    _ problem: BilevelProblem, at x: UnsafePointer<Double>, eta: Double, beta: Double = 0.9,
    decays: Bool = true
  ) throws(KantorError) {
    self.problem = problem
    self.beta = beta
    self.decays = decays
    m = try Buffer(count: problem.nx)
    before = try Buffer(count: problem.nx)
    let sizes = (0..<problem.nx).map { abs(x[$0]) }.sorted()
    let median = sizes.isEmpty ? 0 : sizes[sizes.count / 2]
    self.eta = eta > 0 ? eta : 0.06 * Double(problem.nx).squareRoot() * (1 + median)
  }

  func step(_ x: UnsafeMutablePointer<Double>, along d: UnsafePointer<Double>) {
    let nx = problem.nx
    var square = 0.0
    for i in 0..<nx {
      m.pointer[i] = k == 0 ? d[i] : beta * m.pointer[i] + (1 - beta) * d[i]
      square += m.pointer[i] * m.pointer[i]
    }
    k += 1
    if decays, k % Self.checkEvery == 0 { watch() }
    guard square > 0, square.isFinite else { return }
    let now = decays ? eta / (1 + Double(k) / 500).squareRoot() : eta
    let scale = now / square.squareRoot()
    for i in 0..<nx { x[i] -= scale * m.pointer[i] }
    problem.projectX(x)
  }

  /// Halves the step when three of five looks find the mean turned against the last one.
  private func watch() {
    var (product, a, b) = (0.0, 0.0, 0.0)
    for i in 0..<problem.nx {
      product += m.pointer[i] * before.pointer[i]
      a += m.pointer[i] * m.pointer[i]
      b += before.pointer[i] * before.pointer[i]
      before.pointer[i] = m.pointer[i]
    }
    guard a > 0, b > 0 else { return }
    turns.append(product < -0.2 * (a * b).squareRoot())
    if turns.count > 5 { turns.removeFirst() }
    if turns.filter({ $0 }).count >= 3 {
      eta *= 0.5
      turns = []
    }
  }
}

/// The mean of about the last quarter of a sequence of vectors whose length is not known before.
final class TailAverage {
  private let count: Int
  private var blocks: [(sum: Buffer<Double>, size: Int)] = []
  private var capacity = 1
  private static let most = 16

  init(count: Int) throws(KantorError) {
    self.count = count
    for _ in 0..<Self.most { blocks.append((try Buffer(count: count), 0)) }
  }

  private var current = 0

  func add(_ x: UnsafePointer<Double>) {
    if blocks[current].size == capacity {
      if current + 1 == Self.most { merge() } else { current += 1 }
    }
    let sum = blocks[current].sum.pointer
    for i in 0..<count { sum[i] += x[i] }
    blocks[current].size += 1
  }

  /// Pairs of blocks become one; half of the places are free again.
  private func merge() {
    for k in 0..<(Self.most / 2) {
      let (a, b) = (blocks[2 * k], blocks[2 * k + 1])
      for i in 0..<count { a.sum.pointer[i] += b.sum.pointer[i] }
      blocks.swapAt(k, 2 * k)
      blocks[k].size = a.size + b.size
    }
    for k in (Self.most / 2)..<Self.most {
      blocks[k].sum.fill(0)
      blocks[k].size = 0
    }
    capacity *= 2
    current = Self.most / 2
  }

  /// Writes the mean; leaves `out` alone where nothing was added.
  func read(into out: UnsafeMutablePointer<Double>) {
    let total = blocks.reduce(0) { $0 + $1.size }
    guard total > 0 else { return }
    var (taken, first) = (blocks[current].size, current)
    while taken < total / 4, first > 0 {
      first -= 1
      taken += blocks[first].size
    }
    for i in 0..<count { out[i] = 0 }
    for k in first...current {
      for i in 0..<count { out[i] += blocks[k].sum.pointer[i] }
    }
    for i in 0..<count { out[i] /= Double(max(taken, 1)) }
  }
}

/// Means over windows of a stochastic iteration, for its stopping test.
final class WindowedProgress {
  private let count: Int
  private let length: Int
  private let sum: Buffer<Double>
  private var steps = 0
  private var values = 0.0
  private var seen = 0
  private var best = Double.infinity
  private var withoutProgress = 0
  /// Largest entry of the mean direction of the last window.
  private(set) var mean = Double.infinity

  init(count: Int, length: Int) throws(KantorError) {
    self.count = count
    self.length = length
    sum = try Buffer(count: count)
  }

  /// A value of NaN is not counted. True when the mean value has not fallen over three windows.
  func add(_ d: UnsafePointer<Double>, value: Double) -> Bool {
    for i in 0..<count { sum.pointer[i] += d[i] }
    steps += 1
    if value.isFinite {
      values += value
      seen += 1
    }
    guard steps == length else { return false }
    mean = 0
    for i in 0..<count {
      mean = max(mean, abs(sum.pointer[i]) / Double(length))
      sum.pointer[i] = 0
    }
    let average = seen > 0 ? values / Double(seen) : .nan
    if average < best - 1e-4 * abs(best) || best == .infinity {
      best = average
      withoutProgress = 0
    } else {
      withoutProgress += 1
    }
    (steps, values, seen) = (0, 0, 0)
    return withoutProgress >= 3
  }
}
