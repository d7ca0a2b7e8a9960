import KantorCore

/// A point of an augmented Lagrangian's model that can be gone back to without new values.
final class AugmentedState {
  private let numbers: Buffer<Double>
  private var value = 0.0

  init(_ model: AugmentedModel) throws(KantorError) {
    let (n, m) = (model.n, model.m)
    numbers = try Buffer(count: try checkedSum(3 * n, 3 * m, of: "variables and rows"))
  }

  func keep(_ model: AugmentedModel, _ x: UnsafeMutablePointer<Double>) {
    value = model.value
    each(model, x) { mine, other, count in mine.update(from: other, count: count) }
  }

  /// One Jacobian is asked for. False when the host does not give it any more; all but the Jacobian
  /// is as it was then.
  func restore(
    _ model: AugmentedModel, _ x: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Bool {
    model.value = value
    each(model, x) { mine, other, count in other.update(from: mine, count: count) }
    guard case .fine = try model.derivativesOfRows(x) else { return false }
    return true
  }

  private func each(
    _ model: AugmentedModel, _ x: UnsafeMutablePointer<Double>,
    _ copy: (UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
  ) {
    var next = numbers.pointer
    let (n, m) = (model.n, model.m)
    for part in [x, model.slope, model.gradient] {
      copy(next, part, n)
      next += n
    }
    for part in [model.y, model.weight, model.c] {
      copy(next, part, m)
      next += m
    }
  }
}
