import KantorCore
import KantorNumerics

/// k normal laws, validated.
public final class GaussianProblem: SealedProblem, @unchecked Sendable {
  public let means: Buffer<Double>
  public let covariances: Buffer<Double>
  public let count: Int
  public let dimension: Int
  public let lambda: Buffer<Double>

  init(
    means: Buffer<Double>, covariances: Buffer<Double>, count: Int, dimension: Int,
    lambda: Buffer<Double>
  ) {
    self.means = means
    self.covariances = covariances
    self.count = count
    self.dimension = dimension
    self.lambda = lambda
  }

  func mean(_ k: Int) -> UnsafeMutablePointer<Double> { means.pointer + k * dimension }
  func covariance(_ k: Int) -> UnsafeMutablePointer<Double> {
    covariances.pointer + k * dimension * dimension
  }
}

/// Reading of means and covariances.
enum GaussianFields {
  /// Square matrices of finite numbers.
  static func covariances(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> Tensor {
    guard let t = fields.tensor(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let d = t.shape[t.rank - 1]
    guard t.shape[t.rank - 2] == d, t.count >= 1 else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); square matrices are needed")
    }
    try refuseBad(try t.doubles(), name)
    return t
  }

  static func means(
    _ fields: ProblemFields, _ name: String, _ shape: [Int]
  ) throws(KantorError) -> Buffer<Double> {
    guard let t = fields.tensor(name) else { return try Buffer(count: shape.reduce(1, *)) }
    guard t.shape == shape else {
      throw KantorError(
        .shape, "\(name) has the shape \(t.shapeText); needed is \(Tensor.shapeText(shape))")
    }
    let values = try t.doubles()
    try refuseBad(values, name)
    return values
  }

  private static func refuseBad(_ values: Buffer<Double>, _ name: String) throws(KantorError) {
    for i in 0..<values.count where !(abs(values.pointer[i]) <= 1e150) {
      throw KantorError(
        .notFinite, "\(name) is \(values.pointer[i]) at element \(i); at most 1e150 is allowed")
    }
  }

  /// Makes every matrix exactly symmetric, which has to be so nearly, and positive semidefinite.
  /// The least eigenvalues of those that are singular to rounding, nil for the others.
  static func validate(
    _ covariances: Buffer<Double>, _ count: Int, _ d: Int, name: (Int) -> String
  ) throws(KantorError) -> [Double?] {
    var all: [Double?] = []
    for k in 0..<count {
      let s = covariances.pointer + k * d * d
      var size = 0.0
      for i in 0..<d * d { size = max(size, abs(s[i])) }
      for i in 0..<d {
        for j in 0..<i where abs(s[i * d + j] - s[j * d + i]) > 1e-6 * size {
          throw KantorError(
            .range, "\(name(k)) is not symmetric: \(s[i * d + j]) at (\(i), \(j)), "
              + "\(s[j * d + i]) at (\(j), \(i))")
        }
        for j in 0..<i {
          let mean = 0.5 * (s[i * d + j] + s[j * d + i])
          (s[i * d + j], s[j * d + i]) = (mean, mean)
        }
      }
      // Cholesky's factor of a matrix made smaller settles it without eigenvalues.
      let bound = 4e-14 * Double(d) * Double(d) * size
      if try UpperFactor(s, order: d, shift: -bound) != nil {
        all.append(nil)
        continue
      }
      let eigen = try SymmetricEigen(s, count: d)
      guard eigen.values.pointer[0] >= -1e-7 * size else {
        throw KantorError(
          .range, "\(name(k)) has the eigenvalue \(eigen.values.pointer[0]); covariances have "
            + "no negative ones")
      }
      let least = eigen.values.pointer[0]
      let isDefinite = least > 1e-14 * Double(d) * eigen.values.pointer[d - 1]
      all.append(isDefinite ? nil : least)
    }
    return all
  }
}
