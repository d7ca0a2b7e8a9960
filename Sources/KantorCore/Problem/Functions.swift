/// Functions of the host as one bundle: a member for each thing that may be computed, nil where
/// the host does not offer it.
///
/// Every member returns 0 when it has written its output, a positive number when the point lies
/// outside its domain, a negative one to end the solve. Points and outputs are contiguous; a point
/// is not to be written to.
public struct Functions: Sendable {
  public typealias Point = UnsafePointer<Double>
  public typealias Out = UnsafeMutablePointer<Double>
  public typealias Indices = UnsafePointer<Int64>

  public typealias At = @Sendable (_ x: Point, _ out: Out) -> Int32
  public typealias AtTwo = @Sendable (_ x: Point, _ first: Out, _ second: Out) -> Int32
  public typealias Product = @Sendable (_ x: Point, _ v: Point, _ out: Out) -> Int32
  public typealias Second =
    @Sendable (_ x: Point, _ sigma: Double, _ y: Point, _ out: Out) -> Int32
  public typealias SecondProduct =
    @Sendable (_ x: Point, _ sigma: Double, _ y: Point, _ v: Point, _ out: Out) -> Int32
  public typealias Complex =
    @Sendable (_ re: Point, _ im: Point, _ outRe: Out, _ outIm: Out) -> Int32
  public typealias Batch =
    @Sendable (_ x: Point, _ indices: Indices, _ count: Int, _ out: Out) -> Int32
  public typealias BatchProduct =
    @Sendable (_ x: Point, _ indices: Indices, _ count: Int, _ v: Point, _ out: Out) -> Int32
  public typealias Step = @Sendable (_ x: Point, _ step: Double, _ out: Out) -> Int32

  /// f(x), one number.
  public var value: At?
  /// f'(x), as many numbers as x has.
  public var gradient: At?
  /// f(x) and f'(x) in one call.
  public var valueGradient: AtTwo?
  /// c(x), a vector: constraints, residuals, or an operator.
  public var map: At?
  /// c'(x): the values of the declared pattern, or rows x columns, row-major.
  public var jacobian: At?
  /// c'(x) v.
  public var jacobianProduct: Product?
  /// c'(x)^T w.
  public var jacobianTransposeProduct: Product?
  /// sigma f''(x) + sum_i y_i c_i''(x): the values of the declared pattern, or n x n, row-major.
  public var hessian: Second?
  /// The same times v.
  public var hessianProduct: SecondProduct?
  /// f and c at a complex point, for complex-step derivatives.
  public var valueComplex: Complex?
  public var mapComplex: Complex?
  /// Means over the listed components of a finite sum.
  public var batchValue: Batch?
  public var batchGradient: Batch?
  public var batchMap: Batch?
  public var batchHessianProduct: BatchProduct?
  /// argmin over u of step g(u) + |u - x|^2 / 2.
  public var prox: Step?
  /// Derivatives with respect to p parameters of the host: of the gradient of the Lagrangian
  /// (n x p, with sigma and y as in `hessian`), and of c (rows x p); both row-major.
  public var parameterGradient: Second?
  public var parameterJacobian: At?
  /// Those of f, p numbers.
  public var parameterValue: At?
  /// Whoever has to be told when the functions are needed no more; kept as long as they are.
  public var owner: (any Sendable & AnyObject)?

  public init() {}

  /// What a bundle may hold, in the order of the C struct; raw values are its names there.
  public enum Member: String, CaseIterable, Sendable {
    case value, gradient
    case valueGradient = "value_gradient"
    case map, jacobian
    case jacobianProduct = "jacobian_product"
    case jacobianTransposeProduct = "jacobian_transpose_product"
    case hessian
    case hessianProduct = "hessian_product"
    case valueComplex = "value_complex"
    case mapComplex = "map_complex"
    case batchValue = "batch_value"
    case batchGradient = "batch_gradient"
    case batchMap = "batch_map"
    case batchHessianProduct = "batch_hessian_product"
    case prox
    case parameterGradient = "parameter_gradient"
    case parameterJacobian = "parameter_jacobian"
    case parameterValue = "parameter_value"
  }

  /// The members that are there.
  public var offered: [Member] { Member.allCases.filter { has($0) } }

  public func has(_ member: Member) -> Bool {
    switch member {
    case .value: return value != nil
    case .gradient: return gradient != nil
    case .valueGradient: return valueGradient != nil
    case .map: return map != nil
    case .jacobian: return jacobian != nil
    case .jacobianProduct: return jacobianProduct != nil
    case .jacobianTransposeProduct: return jacobianTransposeProduct != nil
    case .hessian: return hessian != nil
    case .hessianProduct: return hessianProduct != nil
    case .valueComplex: return valueComplex != nil
    case .mapComplex: return mapComplex != nil
    case .batchValue: return batchValue != nil
    case .batchGradient: return batchGradient != nil
    case .batchMap: return batchMap != nil
    case .batchHessianProduct: return batchHessianProduct != nil
    case .prox: return prox != nil
    case .parameterGradient: return parameterGradient != nil
    case .parameterJacobian: return parameterJacobian != nil
    case .parameterValue: return parameterValue != nil
    }
  }
}
