import KantorBlocks
import KantorCore

/// min F(x, y) over x in X with G(x, y) <= 0, H(x, y) = 0, where y solves
/// min f(x, y) over l <= y <= u with g(x, y) <= 0, h(x, y) = 0: the caller's data, validated.
///
/// Functions take the joined vector w = (x, y). Rows of a `map`: inequalities first, then
/// equalities.
public final class BilevelProblem: SealedProblem {
  public typealias XSet = LeaderSet.Shape

  /// One level: its functions, and the rows of its `map`.
  public struct Level: Sendable {
    public let functions: Functions
    public let rows: Int
    /// Trailing rows that are equations.
    public let equalities: Int
    /// Components of a finite sum; 0 where the functions are no sum.
    public let components: Int
    public var inequalities: Int { rows - equalities }

    public init(functions: Functions, rows: Int, equalities: Int, components: Int) {
      self.functions = functions
      self.rows = rows
      self.equalities = equalities
      self.components = components
    }
  }

  public let nx: Int
  public let ny: Int
  public let upper: Level
  public let lower: Level
  public let startX: Buffer<Double>
  public let startY: Buffer<Double>
  public let leader: LeaderSet
  /// Infinite where there is no bound.
  public let yLower: Buffer<Double>
  public let yUpper: Buffer<Double>
  /// Products of the lower Hessian of which only the part of y is asked for.
  public let lowerProduct: Functions?
  /// Equal parts of y into which the lower level separates; 1 where it is not said to.
  public let blocks: Int
  public var blockSize: Int { ny / blocks }

  public var n: Int { nx + ny }
  public var xSet: XSet { leader.shape }
  public var xLower: Buffer<Double> { leader.lower }
  public var xUpper: Buffer<Double> { leader.upper }

  public init(
    upper: Level, lower: Level, startX: Buffer<Double>, startY: Buffer<Double>,
    xBounds: (Buffer<Double>, Buffer<Double>), yBounds: (Buffer<Double>, Buffer<Double>),
    xSet: XSet = .box, lowerProduct: Functions? = nil,
    blocks: Int = 1
  ) {
    nx = startX.count
    ny = startY.count
    self.upper = upper
    self.lower = lower
    self.startX = startX
    self.startY = startY
    leader = LeaderSet(xSet, bounds: xBounds)
    (yLower, yUpper) = yBounds
    self.lowerProduct = lowerProduct
    self.blocks = blocks
  }

  public func level(_ which: BilevelLevel) -> Level { which == .upper ? upper : lower }

  /// True when the lower level has no rows and no bounds.
  public var lowerIsFree: Bool {
    guard lower.rows == 0 else { return false }
    for j in 0..<ny where yLower.pointer[j].isFinite || yUpper.pointer[j].isFinite { return false }
    return true
  }

  /// True when one of the levels comes as a finite sum whose batches can be asked for.
  public var isStochastic: Bool {
    (upper.components > 0 && upper.functions.batchGradient != nil)
      || (lower.components > 0 && lower.functions.batchGradient != nil)
  }

  /// x <- the point of X nearest to x.
  public func projectX(_ x: UnsafeMutablePointer<Double>) { leader.project(x) }

  /// y <- the point within the bounds of y nearest to y.
  public func clampY(_ y: UnsafeMutablePointer<Double>) {
    for j in 0..<ny { y[j] = min(max(y[j], yLower.pointer[j]), yUpper.pointer[j]) }
  }
}

/// The leader's functions or the follower's.
public enum BilevelLevel: String, Sendable {
  case upper, lower
}
