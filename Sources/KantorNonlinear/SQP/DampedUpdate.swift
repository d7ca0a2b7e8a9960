/// Powell's damped BFGS update of a dense matrix.
enum DampedUpdate {
  typealias Numbers = UnsafeMutablePointer<Double>

  /// B (n x n, symmetric) after a step `move` with the change `change` of the gradient, which is
  /// drawn towards B `move` where its curvature is below a fifth of B's. `image` is overwritten.
  static func apply(
    _ b: Numbers, _ n: Int, move: Numbers, change: Numbers, image: Numbers
  ) {
    var (model, curvature) = (0.0, 0.0)
    for i in 0..<n {
      var sum = 0.0
      let row = b + i * n
      for j in 0..<n { sum += row[j] * move[j] }
      image[i] = sum
      model += sum * move[i]
      curvature += change[i] * move[i]
    }
    guard model > 1e-300, curvature.isFinite else { return }
    if curvature < 0.2 * model {
      let theta = 0.8 * model / (model - curvature)
      for j in 0..<n { change[j] = theta * change[j] + (1 - theta) * image[j] }
      curvature = theta * curvature + (1 - theta) * model
    }
    guard curvature > 1e-300 else { return }
    for i in 0..<n {
      let (p, q) = (image[i] / model, change[i] / curvature)
      let row = b + i * n
      for j in 0...i { row[j] += q * change[j] - p * image[j] }
    }
    for i in 0..<n { for j in 0..<i { b[j * n + i] = b[i * n + j] } }
  }
}
