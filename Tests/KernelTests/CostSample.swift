import CKantorKernels
import Glibc

/// A random cost of any kind with its memory, and the same cost by scalar arithmetic.
final class CostSample {
  let kind: Int
  let n, m, dimension: Int
  private let dense64: GuardedMemory<Double>
  private let dense32: GuardedMemory<Float>
  private let x64, y64: GuardedMemory<Double>
  private let x32, y32: GuardedMemory<Float>
  private(set) var kernel = kn_cost()

  static let kinds = [
    KN_COST_DENSE_F64, KN_COST_DENSE_F32, KN_COST_SQEUCLIDEAN, KN_COST_EUCLIDEAN, KN_COST_L1,
    KN_COST_POWER, KN_COST_COSINE,
  ]
  static let denseKinds = 2

  /// All values are representable in f32, so that both precisions see the same data. Every third
  /// column's point repeats a row's, so that distances of 0 occur.
  init(
    kind: Int, n: Int, m: Int, dimension: Int = 2, power: Double = 1.5, forbidden: Double = 0,
    padding: Int = 3, seed: UInt64 = 0
  ) {
    var sequence = Sequence64(seed &+ UInt64(kind * 1_000_003 + n * 1009 + m * 31 + dimension))
    (self.kind, self.n, self.m, self.dimension) = (kind, n, m, dimension)
    let leading = m + padding
    // The last row ends with its last column.
    let dense = (0..<((n - 1) * leading + m)).map { _ in
      sequence.happens(forbidden) ? Double.infinity : Double(Float(sequence.uniform()))
    }
    dense64 = GuardedMemory(dense)
    dense32 = GuardedMemory(dense.map { Float($0) })
    let scale = 1 / Double(dimension).squareRoot()
    let x = (0..<(n * dimension)).map { _ in Double(Float(scale * sequence.uniform(-0.5, 0.5))) }
    let stride = (m + 15) / 16 * 16
    var y = (0..<(dimension * stride)).map { _ in
      Double(Float(scale * sequence.uniform(-0.5, 0.5)))
    }
    for j in Swift.stride(from: 0, to: m, by: 3) {
      for k in 0..<dimension { y[k * stride + j] = x[(j % n) * dimension + k] }
    }
    x64 = GuardedMemory(x)
    y64 = GuardedMemory(y)
    x32 = GuardedMemory(x.map { Float($0) })
    y32 = GuardedMemory(y.map { Float($0) })
    kernel = kn_cost(
      kind: Int32(kind), dimension: Int32(dimension), rows: Int64(n), columns: Int64(m),
      dense64: dense64.start, dense32: dense32.start, leading: Int64(leading),
      x64: x64.start, y64: y64.start, x32: x32.start, y32: y32.start, stride: Int64(stride),
      power: power)
  }

  subscript(_ i: Int, _ j: Int) -> Double {
    if kind < Self.denseKinds { return dense64[i * Int(kernel.leading) + j] }
    var square = 0.0, absolute = 0.0, product = 0.0
    for k in 0..<dimension {
      let (x, y) = (x64[i * dimension + k], y64[k * Int(kernel.stride) + j])
      square += (x - y) * (x - y)
      absolute += abs(x - y)
      product += x * y
    }
    switch kind {
    case KN_COST_SQEUCLIDEAN: return square
    case KN_COST_EUCLIDEAN: return square.squareRoot()
    case KN_COST_L1: return absolute
    case KN_COST_POWER: return pow(square.squareRoot(), kernel.power)
    default: return 1 - product
    }
  }

  /// Exactly as much scratch memory as the header asks for.
  func scratch() -> GuardedMemory<UInt8> {
    GuardedMemory(count: Int(kn_sweep_scratch(Int64(m))), filledWith: 0xFF)
  }
}
