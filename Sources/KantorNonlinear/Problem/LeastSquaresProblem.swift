import KantorBlocks
import KantorCore
import KantorNumerics

/// min 1/2 sum_i s^2 rho((r_i(x) / s)^2) subject to lower <= x <= upper: validated.
public final class LeastSquaresProblem: SealedProblem {
  /// Where derivatives come from.
  public enum JacobianSource: Sendable {
    case entries, products, differences
  }

  public let n: Int
  public let m: Int
  public let functions: Functions
  /// Inside the bounds.
  public let start: Buffer<Double>
  /// Entries of the start that lay outside their bounds.
  public let moved: Int
  public let box: BoundBox
  public let loss: RobustLoss
  /// nil: the Jacobian is dense.
  public let pattern: FunctionPattern?
  public let source: JacobianSource

  init(
    functions: Functions, residuals: Int, start: Buffer<Double>, box: BoundBox, loss: RobustLoss,
    pattern: FunctionPattern?
  ) {
    n = start.count
    m = residuals
    self.functions = functions
    moved = box.project(start.pointer)
    self.start = start
    self.box = box
    self.loss = loss
    self.pattern = pattern
    if functions.jacobian != nil {
      source = .entries
    } else if functions.jacobianProduct != nil {
      source = .products
    } else {
      source = .differences
    }
  }
}
