import KantorCore

/// Calls of the host's functions, by what was asked for.
public struct BilevelCounts: Sendable {
  public var upperValues = 0
  public var upperGradients = 0
  public var lowerValues = 0
  public var lowerGradients = 0
  public var products = 0
  /// Values of a `map` and its derivatives.
  public var maps = 0
  public var jacobians = 0
  /// Components of finite sums that were asked for.
  public var samples = 0
  /// All calls; what `max_evaluations` limits.
  public var calls = 0
  /// Whether a second derivative came from differences of gradients.
  public var differenced = false

  public init() {}

  public mutating func add(_ other: BilevelCounts) {
    upperValues += other.upperValues
    upperGradients += other.upperGradients
    lowerValues += other.lowerValues
    lowerGradients += other.lowerGradients
    products += other.products
    maps += other.maps
    jacobians += other.jacobians
    samples += other.samples
    calls += other.calls
    differenced = differenced || other.differenced
  }

  public var fields: ResultFields {
    var fields = ResultFields()
    fields.add("evaluations", calls)
    fields.add("upper_values", upperValues)
    fields.add("upper_gradients", upperGradients)
    fields.add("lower_values", lowerValues)
    fields.add("lower_gradients", lowerGradients)
    fields.add("hessian_products", products)
    fields.add("constraint_values", maps)
    fields.add("constraint_jacobians", jacobians)
    fields.add("samples", samples)
    fields.add("hessian", differenced ? "differenced" : "offered")
    return fields
  }

  public static let specs: [FieldSpec] = [
    FieldSpec("evaluations", .int, .output, "Calls of the problem's functions by the method."),
    FieldSpec("upper_values", .int, .output, "Values of F among them."),
    FieldSpec("upper_gradients", .int, .output, "Gradients of F among them."),
    FieldSpec("lower_values", .int, .output, "Values of f among them."),
    FieldSpec("lower_gradients", .int, .output, "Gradients of f among them."),
    FieldSpec("hessian_products", .int, .output, "Hessian products among them."),
    FieldSpec("constraint_values", .int, .output, "Values of constraints among them."),
    FieldSpec("constraint_jacobians", .int, .output, "Jacobians of constraints among them."),
    FieldSpec("samples", .int, .output, "Components of finite sums that were asked for."),
    FieldSpec(
      "hessian", .text, .output,
      "Where second derivatives came from: 'offered' by the problem, or 'differenced'."),
  ]
}
