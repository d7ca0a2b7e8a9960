import KantorBlocks
import KantorCore

/// How the fields of the lower problem depend on x: their numbers for an x, and products with the
/// transposed derivative.
final class NestedDependence {
  typealias Point = UnsafePointer<Double>

  private let problem: NestedProblem
  private let calls: NestedCalls
  private let evaluator: Evaluator?
  private var room: Buffer<Double>?

  init(_ problem: NestedProblem, _ calls: NestedCalls) throws(KantorError) {
    self.problem = problem
    self.calls = calls
    if case .functions(let functions) = problem.dependence {
      evaluator = try Evaluator(
        functions, variables: problem.nx, rows: problem.partCount, monitor: calls.monitor)
    } else {
      evaluator = nil
    }
  }

  /// The fields for x, one after the other; false where they are not defined.
  func place(_ x: Point, into fields: Buffer<Double>) throws(KantorError) -> Bool {
    switch problem.dependence {
    case .matrix(let matrix):
      var next = fields.pointer
      for part in problem.parts {
        next.update(from: part.base.pointer, count: part.base.count)
        next += part.base.count
      }
      matrix.multiply(x, into: fields.pointer)
      return true
    case .functions(let functions):
      guard let evaluator, calls.permit() else { return false }
      calls.counts.maps += 1
      let outcome = try evaluator.call(
        .map, functions.map, at: x, into: fields.pointer, count: problem.partCount)
      return calls.fine(outcome, evaluator, "lower_map")
    }
  }

  /// gradient <- gradient + (d fields / dx)' v; false where that is not defined.
  func pull(
    _ x: Point, _ v: Buffer<Double>, addTo gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    switch problem.dependence {
    case .matrix(let matrix):
      matrix.multiplyTransposed(v.pointer, into: gradient)
      return true
    case .functions(let functions):
      guard let evaluator, calls.permit() else { return false }
      calls.counts.mapDerivatives += 1
      if let product = functions.jacobianTransposeProduct {
        return try add(product, evaluator, x, v, gradient)
      }
      return try addDense(functions, evaluator, x, v, gradient)
    }
  }

  private func add(
    _ product: @escaping Functions.Product, _ evaluator: Evaluator, _ x: Point,
    _ v: Buffer<Double>, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let out = try Buffer<Double>(count: problem.nx)
    let outcome = try evaluator.call(
      .jacobianTransposeProduct, product, at: x, times: v.pointer,
      vectorCount: problem.partCount, into: out.pointer, count: problem.nx)
    guard calls.fine(outcome, evaluator, "lower_map") else { return false }
    for i in 0..<problem.nx { gradient[i] += out.pointer[i] }
    return true
  }

  private func addDense(
    _ functions: Functions, _ evaluator: Evaluator, _ x: Point, _ v: Buffer<Double>,
    _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    let (nx, rows) = (problem.nx, problem.partCount)
    let dense = try matrix()
    let outcome = try evaluator.call(
      .jacobian, functions.jacobian, at: x, into: dense.pointer, count: dense.count)
    guard calls.fine(outcome, evaluator, "lower_map") else { return false }
    for r in 0..<rows {
      for i in 0..<nx { gradient[i] += v.pointer[r] * dense.pointer[r * nx + i] }
    }
    return true
  }

  private func matrix() throws(KantorError) -> Buffer<Double> {
    if let room { return room }
    let made = try Buffer<Double>(
      count: try checkedProduct(problem.partCount, problem.nx, of: "lower_map"))
    room = made
    return made
  }
}
