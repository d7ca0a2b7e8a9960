import KantorCore

/// min f(x) subject to c(x) <= 0 (leading rows), c(x) = 0 (trailing rows), lower <= x <= upper.
///
/// What is not defined at a point shows as +infinity or false. Pointers are those of the solver.
protocol SmoothProgram: AnyObject {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  var count: Int { get }
  var rows: Int { get }
  var equalities: Int { get }
  var lower: Buffer<Double> { get }
  var upper: Buffer<Double> { get }
  /// f and c.
  func evaluate(_ x: Point, _ c: Out) throws(KantorError) -> Double
  /// f' and c', rows x count, at the point that was evaluated last and accepted.
  func differentiate(_ x: Point, _ g: Out, _ j: Out) throws(KantorError) -> Bool
  /// f'' + sum of y_i c_i'', count x count; false where it is not offered.
  func hessian(_ x: Point, _ y: Point, _ h: Out) throws(KantorError) -> Bool
  /// Whether to go on.
  var isStopped: Bool { get }
}

extension SmoothProgram {
  func hessian(_ x: Point, _ y: Point, _ h: Out) throws(KantorError) -> Bool { false }

  /// Largest violation of the rows.
  func violation(_ c: Point) -> Double {
    var worst = 0.0
    for i in 0..<rows { worst = max(worst, i < rows - equalities ? c[i] : abs(c[i])) }
    return worst
  }

  /// Sum of the violations.
  func violations(_ c: Point) -> Double {
    var sum = 0.0
    for i in 0..<rows { sum += i < rows - equalities ? max(c[i], 0) : abs(c[i]) }
    return sum
  }
}
