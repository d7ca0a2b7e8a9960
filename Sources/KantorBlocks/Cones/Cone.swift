/// One factor of the product of cones that the slack s lies in.
///
/// | case | rows | set |
/// | --- | --- | --- |
/// | zero | k | s = 0 |
/// | nonnegative | k | s >= 0 |
/// | box | k | lower <= s <= upper, row by row; either side may be infinite |
/// | secondOrder | k | s_0 >= norm(s_1, ..., s_{k-1}) |
/// | rotatedSecondOrder | k | 2 s_0 s_1 >= norm(s_2, ...)^2, s_0, s_1 >= 0 |
/// | exponential | 3 | s_1 > 0, s_1 exp(s_0 / s_1) <= s_2, and the closure |
/// | power | 3 | s_0^a s_1^(1-a) >= abs(s_2), s_0, s_1 >= 0 |
/// | generalizedPower | k + d | prod s_i^{a_i} >= norm(the last d), the first k >= 0 |
/// | psd | k (k + 1) / 2 | upper triangle by columns, off-diagonals times sqrt 2, of a psd matrix |
public enum Cone: Sendable, Equatable {
  case zero(Int)
  case nonnegative(Int)
  case box(Int)
  case secondOrder(Int)
  case rotatedSecondOrder(Int)
  case exponential
  case power(Double)
  case generalizedPower(exponents: [Double], tail: Int)
  case psd(side: Int)

  /// Number of rows; the parser has seen to it that this does not overflow.
  public var rows: Int {
    switch self {
    case .zero(let k), .nonnegative(let k), .box(let k), .secondOrder(let k),
      .rotatedSecondOrder(let k):
      return k
    case .exponential, .power: return 3
    case .generalizedPower(let exponents, let tail): return exponents.count + tail
    case .psd(let side): return side * (side + 1) / 2
    }
  }

  /// True for zero, nonnegative and box: everything that linear and quadratic programs need.
  public var isLinear: Bool {
    switch self {
    case .zero, .nonnegative, .box: return true
    default: return false
    }
  }

  public var isSymmetric: Bool {
    switch self {
    case .exponential, .power, .generalizedPower: return false
    default: return true
    }
  }

  public var name: String {
    switch self {
    case .zero: return "zero"
    case .nonnegative: return "nonnegative"
    case .box: return "box"
    case .secondOrder: return "second_order"
    case .rotatedSecondOrder: return "rotated_second_order"
    case .exponential: return "exponential"
    case .power: return "power"
    case .generalizedPower: return "generalized_power"
    case .psd: return "psd"
    }
  }
}
