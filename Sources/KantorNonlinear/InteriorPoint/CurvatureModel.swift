import KantorCore

/// An approximation of the Hessian of the Lagrangian that learns from its gradients.
protocol CurvatureModel: AnyObject {
  var updates: Int { get }
  /// A multiple of the identity again.
  func reset(_ scale: Double)
  /// Remembers the gradient of the Lagrangian at the old point with the new multipliers; `model`
  /// still has the old derivatives.
  func leave(_ model: ScaledModel, sigma: Double, y: UnsafePointer<Double>)
  /// Learns from the step from `old` to `new`, at which `model` has derivatives now.
  func arrive(
    _ model: ScaledModel, sigma: Double, y: UnsafePointer<Double>, old: UnsafePointer<Double>,
    new: UnsafePointer<Double>)
  /// Puts itself in the model's place for the Hessian.
  func fill(_ model: ScaledModel)
}

extension CurvatureModel {
  func gradient(
    _ model: ScaledModel, _ sigma: Double, _ y: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) {
    for k in 0..<model.count { out[k] = sigma * model.gradient.pointer[k] }
    model.addTransposed(y, into: out)
  }
}
