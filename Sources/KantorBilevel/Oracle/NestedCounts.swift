import KantorCore

/// What one solve may use.
struct NestedLimits: Sendable {
  /// Calls of the host's functions.
  var calls = Int.max
  var lowerSolves = Int.max
}

/// Work of one solve of a nested problem.
public struct NestedCounts: Sendable {
  public var lowerSolves = 0
  public var lowerIterations = 0
  /// Products with the derivative of the lower result.
  public var products = 0
  public var upperValues = 0
  public var upperGradients = 0
  public var rows = 0
  public var rowDerivatives = 0
  public var maps = 0
  public var mapDerivatives = 0
  /// Calls of the host's functions; what `max_evaluations` limits.
  public var calls = 0

  var fields: ResultFields {
    var fields = ResultFields()
    fields.add("lower_solves", lowerSolves)
    fields.add("lower_iterations", lowerIterations)
    fields.add("derivative_products", products)
    fields.add("evaluations", calls)
    fields.add("upper_values", upperValues)
    fields.add("upper_gradients", upperGradients)
    fields.add("row_values", rows)
    fields.add("row_derivatives", rowDerivatives)
    fields.add("map_values", maps)
    fields.add("map_derivatives", mapDerivatives)
    return fields
  }

  static let specs: [FieldSpec] = [
    FieldSpec("lower_solves", .int, .output, "Lower solves by the method."),
    FieldSpec("lower_iterations", .int, .output, "Iterations of all of them."),
    FieldSpec(
      "derivative_products", .int, .output, "Products with derivatives of lower results."),
    FieldSpec(
      "evaluations", .int, .output,
      "Evaluations of upper and lower_map by the method: F, F with its gradient, fields, their "
        + "derivative."),
    FieldSpec("upper_values", .int, .output, "Values of F among them."),
    FieldSpec("upper_gradients", .int, .output, "Gradients of F among them."),
    FieldSpec("row_values", .int, .output, "Values of the upper rows among them."),
    FieldSpec(
      "row_derivatives", .int, .output, "Jacobians of these among them, or products for them."),
    FieldSpec("map_values", .int, .output, "Values of lower_map among them."),
    FieldSpec("map_derivatives", .int, .output, "Derivatives of lower_map among them."),
  ]
}
