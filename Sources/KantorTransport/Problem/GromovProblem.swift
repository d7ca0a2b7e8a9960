import KantorCore
import KantorNumerics

/// How unlike two entries of the structure matrices are: L(x, y) = f1(x) + f2(y) - h1(x) h2(y),
/// the form that lets sums over four indices be matrix products.
public enum StructureLoss: String, Sendable, CaseIterable {
  /// (x - y)^2
  case square
  /// x log(x / y) - x + y, with `shift` added to both numbers inside the logarithms.
  case kl

  /// Keeps the logarithm of a structure of 0 finite.
  static let shift = 1e-18
}

/// Two spaces, each a structure matrix with weights, and what matching them costs; validated.
///
///     (1 - alpha) <M, P> + alpha sum_ijkl L(C_ik, D_jl) P_ij P_kl
///
/// over couplings P of the weights, C (n x n) the structure of the source, D (m x m) that of the
/// target, M (n x m) the cost of features.
public final class GromovProblem: SealedProblem {
  public let source: Buffer<Double>
  public let target: Buffer<Double>
  public let cost: Buffer<Double>?
  public let alpha: Double
  public let loss: StructureLoss
  /// Weights, their masses made equal unless they are to be kept; its costs mean nothing.
  public let marginals: TransportProblem
  /// Both structures are symmetric up to rounding, so that one product serves for two.
  public let isSymmetric: Bool

  public var n: Int { marginals.n }
  public var m: Int { marginals.m }
  public var a: Buffer<Double> { marginals.a }
  public var b: Buffer<Double> { marginals.b }
  public var mass: Double { marginals.mass }

  /// Entries of C - C^T below this, relative to the largest entry, are rounding.
  private static let symmetryTolerance = 1e-13

  public init(
    source: Buffer<Double>, n: Int, target: Buffer<Double>, m: Int, cost: Buffer<Double>? = nil,
    alpha: Double = 1, loss: StructureLoss = .square, a: Buffer<Double>? = nil,
    b: Buffer<Double>? = nil, massTolerance: Double = 1e-9, keepsMasses: Bool = false
  ) throws(KantorError) {
    _ = try checkedProduct(n, m, of: "plan")
    self.source = source
    self.target = target
    self.cost = cost
    self.alpha = alpha
    self.loss = loss
    let geometry = Geometry.dense(try Self.oneRow(n, m))
    marginals = keepsMasses
      ? try TransportProblem(
        keepingMasses: geometry, a: a, b: b, isFlat: (source: false, target: false))
      : try TransportProblem(geometry: geometry, a: a, b: b, massTolerance: massTolerance)
    isSymmetric = Self.isSymmetric(source, n) && Self.isSymmetric(target, m)
  }

  /// A matrix of zeros whose rows are all the same memory.
  private static func oneRow(_ n: Int, _ m: Int) throws(KantorError) -> Tensor {
    let row = try Buffer<Double>(count: m)
    return Tensor(
      type: .f64, shape: [n, m], strides: [0, 1], base: UnsafeMutableRawPointer(row.pointer),
      owner: row)
  }

  private static func isSymmetric(_ matrix: Buffer<Double>, _ n: Int) -> Bool {
    let c = matrix.pointer
    var (largest, difference) = (0.0, 0.0)
    for i in 0..<n {
      for j in 0...i {
        let (x, y) = (c[i * n + j], c[j * n + i])
        largest = max(largest, abs(x), abs(y))
        difference = max(difference, abs(x - y))
      }
    }
    return difference <= symmetryTolerance * largest
  }
}
