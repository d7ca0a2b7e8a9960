import KantorCore
import KantorNumerics

/// min f(x) subject to lower <= x <= upper, constraintLower <= c(x) <= constraintUpper: the
/// caller's functions and data, validated.
///
/// Multipliers: L = f + y'c - zLower'x + zUpper'x, so that y_i >= 0 where a row's upper bound is
/// active and y_i <= 0 where its lower one is; both z are >= 0.
public final class NonlinearProblem: SealedProblem {
  public let n: Int
  /// Rows of c.
  public let m: Int
  public let functions: Functions
  /// Inside the bounds.
  public let start: Buffer<Double>
  /// Entries of the caller's start that lay outside the bounds.
  public let projected: Int
  /// -infinity and +infinity where there is no bound.
  public let lower: Buffer<Double>
  public let upper: Buffer<Double>
  public let constraintLower: Buffer<Double>
  public let constraintUpper: Buffer<Double>
  /// (m, n); nil: the host writes dense matrices, row-major.
  public let jacobianPattern: FunctionPattern?
  /// The upper triangle of (n, n), from the lower one that was given; nil: dense.
  public let hessianPattern: FunctionPattern?
  /// Nonzero where the caller says that a row of c is affine.
  public let linearRows: Buffer<UInt8>
  /// Number of parameters of the host's functions.
  public let parameters: Int

  public init(
    functions: Functions, start: Buffer<Double>, lower: Buffer<Double>? = nil,
    upper: Buffer<Double>? = nil, constraintLower: Buffer<Double>? = nil,
    constraintUpper: Buffer<Double>? = nil, jacobianPattern: FunctionPattern? = nil,
    hessianPattern: FunctionPattern? = nil, linearRows: Buffer<UInt8>? = nil, parameters: Int = 0
  ) throws(KantorError) {
    let count = start.count
    n = count
    let rows = constraintLower?.count ?? constraintUpper?.count ?? 0
    m = rows
    self.functions = functions
    func side(
      _ given: Buffer<Double>?, _ count: Int, _ free: Double
    ) throws(KantorError) -> Buffer<Double> {
      try orMake(given) { () throws(KantorError) in try Buffer(count: count, repeating: free) }
    }
    self.lower = try side(lower, count, -.infinity)
    self.upper = try side(upper, count, .infinity)
    self.constraintLower = try side(constraintLower, rows, -.infinity)
    self.constraintUpper = try side(constraintUpper, rows, .infinity)
    self.jacobianPattern = jacobianPattern
    self.hessianPattern = hessianPattern
    self.linearRows = try orMake(linearRows) { () throws(KantorError) in
      try Buffer(count: rows)
    }
    self.parameters = parameters
    let inside = try start.copy()
    var moved = 0
    for j in 0..<count {
      let x = min(max(inside.pointer[j], self.lower.pointer[j]), self.upper.pointer[j])
      if x != inside.pointer[j] { moved += 1 }
      inside.pointer[j] = x
    }
    self.start = inside
    projected = moved
    guard
      self.lower.count == n, self.upper.count == n,
      self.constraintLower.count == m, self.constraintUpper.count == m
    else { throw KantorError(.internal, "bounds of another size than their variables or rows") }
  }

  /// Whether rows or variables have bounds at all.
  public var isUnconstrained: Bool {
    guard m == 0 else { return false }
    for j in 0..<n where lower.pointer[j].isFinite || upper.pointer[j].isFinite { return false }
    return true
  }

  public func isEquality(_ i: Int) -> Bool {
    constraintLower.pointer[i] == constraintUpper.pointer[i]
  }
}
