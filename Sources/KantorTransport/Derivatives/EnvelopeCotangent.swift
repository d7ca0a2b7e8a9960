import KantorCore

/// Cotangents of results whose value alone is differentiated.
enum EnvelopeCotangent {
  /// The cotangent of the objective, the only one there is.
  static func scalar(_ cotangents: [String: Tensor]) throws(KantorError) -> Double {
    var scale = 0.0
    for (name, tensor) in cotangents {
      guard name == "objective" else {
        throw KantorError(
          .name, "no derivative of the result field '\(name.prefix(60))'; cotangents may be "
            + "given for objective")
      }
      guard tensor.count == 1 else {
        throw KantorError(
          .shape, "the cotangent of 'objective' has the shape \(tensor.shapeText); needed is ()")
      }
      let values = try tensor.doubles()
      scale = withExtendedLifetime(values) { values.pointer[0] }
      guard scale.isFinite else {
        throw KantorError(.notFinite, "the cotangent of 'objective' is \(scale)")
      }
    }
    return scale
  }
}
