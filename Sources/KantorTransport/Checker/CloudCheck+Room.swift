import CKantorKernels
import KantorCore
import KantorNumerics

/// One side of a `CloudCheck` in sorted order, with the figures of its blocks.
package struct SortedSide: Sendable {
  package let weight: Buffer<Double>
  package let potential: Buffer<Double>
  /// potential / eps + log weight.
  package let exponent: Buffer<Double>
  package let blocks: [Tier]
  private let epsilon: Double

  package struct Tier: Sendable {
    package let mass: Buffer<Double>
    /// log of the mean of exp(potential / eps) under the weights; -infinity without mass.
    package let mean: Buffer<Double>
    /// Largest potential on mass.
    package let highest: Buffer<Double>
  }

  package init(
    _ points: CheckedBlocks, _ weights: Buffer<Double>, _ potentials: Buffer<Double>,
    _ epsilon: Double
  ) throws(KantorError) {
    let count = points.count
    weight = try Buffer(count: count)
    potential = try Buffer(count: count)
    self.epsilon = epsilon
    for place in 0..<count {
      let i = Int(points.order.pointer[place])
      weight.pointer[place] = weights.pointer[i]
      potential.pointer[place] = potentials.pointer[i]
    }
    exponent = try EntropicCheck.exponents(weight, potential, epsilon)
    var blocks: [Tier] = []
    for tier in 0..<points.tiers.count {
      blocks.append(try Self.tier(points, tier, weight, potential, exponent))
    }
    self.blocks = blocks
  }

  private static func tier(
    _ points: CheckedBlocks, _ tier: Int, _ weight: Buffer<Double>, _ potential: Buffer<Double>,
    _ exponent: Buffer<Double>
  ) throws(KantorError) -> Tier {
    let count = points.tiers[tier].count
    let mass = try Buffer<Double>(count: count)
    let mean = try Buffer<Double>(count: count)
    let highest = try Buffer<Double>(count: count, repeating: -.infinity)
    for block in 0..<count {
      let range = points.range(tier, block)
      for i in range where weight.pointer[i] > 0 {
        mass.pointer[block] += weight.pointer[i]
        highest.pointer[block] = max(highest.pointer[block], potential.pointer[i])
      }
      mean.pointer[block] = kn_logsumexp_f64(
        exponent.pointer + range.lowerBound, Int64(range.count))
    }
    let logs = try Buffer<Double>(count: count)
    kn_log_f64(mass.pointer, logs.pointer, Int64(count))
    for block in 0..<count {
      mean.pointer[block] =
        mass.pointer[block] > 0 ? mean.pointer[block] - logs.pointer[block] : -.infinity
    }
    return Tier(mass: mass, mean: mean, highest: highest)
  }

  /// The largest potential / eps in a block of the lowest tier.
  package func high(_ block: Int) -> Double { blocks[0].highest.pointer[block] / epsilon }
}

extension CloudCheck {
  /// What one thread gathers of the targets, and rows of costs and of the plan on them.
  final class Room: @unchecked Sendable {
    let stride: Int
    let coordinate: Buffer<Double>
    let exponent: Buffer<Double>
    /// -infinity without mass, so that such targets bound nothing.
    let potential: Buffer<Double>
    let cost: Buffer<Double>
    let plan: Buffer<Double>
    let sums: Buffer<Double>
    var point: [Double]
    var count = 0
    var leastSkipped = Double.infinity
    private var runs: [Range<Int>] = []
    private let dimension: Int

    init(_ m: Int, _ d: Int) throws(KantorError) {
      stride = m
      dimension = d
      coordinate = try Buffer(count: try checkedProduct(m, d, of: "points_target"))
      exponent = try Buffer(count: m)
      potential = try Buffer(count: m)
      cost = try Buffer(count: m)
      plan = try Buffer(count: m)
      sums = try Buffer(count: m)
      point = [Double](repeating: 0, count: d)
    }

    func start() {
      count = 0
      leastSkipped = .infinity
      runs.removeAll(keepingCapacity: true)
    }

    func add(_ range: Range<Int>, _ y: CheckedBlocks, _ target: SortedSide) {
      let (first, size) = (range.lowerBound, range.count)
      for k in 0..<dimension {
        (coordinate.pointer + k * stride + count).update(
          from: y.coordinate.pointer + k * y.count + first, count: size)
      }
      (exponent.pointer + count).update(from: target.exponent.pointer + first, count: size)
      for j in 0..<size {
        let hasMass = target.weight.pointer[first + j] > 0
        potential.pointer[count + j] = hasMass ? target.potential.pointer[first + j] : -.infinity
        sums.pointer[count + j] = 0
      }
      runs.append(range)
      count += size
    }

    /// Adds the sums of the gathered targets to their places.
    func scatter(_ columns: UnsafeMutablePointer<Double>) {
      var place = 0
      for range in runs {
        for j in range {
          columns[j] += sums.pointer[place]
          place += 1
        }
      }
    }
  }
}
