import KantorCore
import KantorNumerics

/// One draw of blocks and of components of each, of both levels: gradients and products of the
/// mean over them, or of the whole functions where a level is no sum.
final class BlockBatch {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let seed: UInt64
  private let samples: Int
  /// Blocks in a draw.
  let size: Int
  private(set) var blocks: [Int] = []
  private var order: [Int]
  private var lower: Buffer<Int64>?
  private var upper: Buffer<Int64>?

  /// What an entry of y of a gradient has to be multiplied by to be that of the block's own
  /// function: means are over the blocks at hand.
  let lowerFactor: Double
  let upperFactor: Double

  init(_ oracle: BilevelOracle, blocks given: Int, samples: Int, seed: UInt64) {
    self.oracle = oracle
    problem = oracle.problem
    self.seed = seed
    self.samples = samples
    let count = problem.blocks
    let wanted = given > 0 ? given : max(8, count / 5)
    size = oracle.offersBatches(.lower) && samples > 0 ? min(wanted, count) : count
    order = Array(0..<count)
    lowerFactor = Double(size)
    upperFactor = Double(oracle.offersBatches(.upper) && samples > 0 ? size : count)
  }

  /// The draw of step k.
  func draw(_ k: Int) throws(KantorError) {
    var stream = RandomStream(seed: seed, stream: 0x424C_4F43 << 32 ^ UInt64(k))
    for i in 0..<order.count { order[i] = i }
    if size < order.count {
      for i in 0..<size { order.swapAt(i, i + stream.index(below: order.count - i)) }
    }
    blocks = Array(order[0..<size])
    lower = try components(.lower, &stream)
    upper = try components(.upper, &stream)
  }

  private func components(
    _ level: BilevelLevel, _ stream: inout RandomStream
  ) throws(KantorError) -> Buffer<Int64>? {
    guard oracle.offersBatches(level), samples > 0 else { return nil }
    let each = problem.level(level).components / problem.blocks
    let taken = min(samples, each)
    let indices = try Buffer<Int64>(count: try checkedProduct(size, taken, of: "batch"))
    for (k, block) in blocks.enumerated() {
      for j in 0..<taken {
        let one = taken == each ? j : stream.index(below: each)
        indices.pointer[k * taken + j] = Int64(block * each + one)
      }
    }
    return indices
  }

  func gradient(
    _ level: BilevelLevel, _ w: Buffer<Double>, _ out: Buffer<Double>
  ) throws(KantorError) -> Bool {
    guard let indices = level == .lower ? lower : upper else {
      return try oracle.gradient(level, w.pointer, out.pointer)
    }
    return try oracle.batchGradient(level, w.pointer, indices, out.pointer)
  }

  func product(
    _ w: Buffer<Double>, times v: Buffer<Double>, _ out: Buffer<Double>
  ) throws(KantorError) -> Bool {
    guard let lower else {
      return try oracle.hessianProduct(
        .lower, w.pointer, times: v.pointer, out.pointer)
    }
    return try oracle.batchHessianProduct(
      .lower, w.pointer, lower, times: v.pointer, out.pointer)
  }

  func value(_ w: Buffer<Double>) throws(KantorError) -> Double {
    guard let upper else { return try oracle.value(.upper, w.pointer) }
    return try oracle.batchValue(.upper, w.pointer, upper)
  }
}
