/// Normal laws for the tests of their methods.
public enum GaussianSpecimens {
  /// A A' + I / 4 with entries of A between -1 and 1.
  public static func covariance(_ d: Int, seed: UInt64) -> [Double] {
    let a = TransportSpecimens.numbers(d * d, seed).map { 2 * $0 - 1 }
    return (0..<d * d).map { at -> Double in
      let (i, j) = (at / d, at % d)
      let product = (0..<d).reduce(0.0) { $0 + a[i * d + $1] * a[j * d + $1] }
      return product + (i == j ? 0.25 : 0)
    }
  }

  static func specimen(_ kind: String, _ name: String, _ arrays: [Specimen.Field]) -> Specimen {
    Specimen(name: name, data: .other(kind: kind, arrays: arrays))
  }

  static let pairs: [Specimen] = [
    specimen(
      "gaussian_transport", "five dimensions",
      [
        .init("mean_source", [5], TransportSpecimens.numbers(5, 1)),
        .init("mean_target", [5], TransportSpecimens.numbers(5, 2)),
        .init("covariance_source", [5, 5], covariance(5, seed: 3)),
        .init("covariance_target", [5, 5], covariance(5, seed: 4)),
      ]),
    specimen(
      "gaussian_transport", "one dimension, centred",
      [.init("covariance_source", [1, 1], [4]), .init("covariance_target", [1, 1], [9])]),
  ]

  static let barycentres: [Specimen] = [
    specimen(
      "gaussian_barycentre", "three laws of four dimensions",
      [
        .init("means", [3, 4], TransportSpecimens.numbers(12, 5)),
        .init("covariances", [3, 4, 4], (6...8).flatMap { covariance(4, seed: $0) }),
        .init("weights", [3], [0.2, 0.3, 0.5]),
      ]),
    specimen(
      "gaussian_barycentre", "one law",
      [.init("covariances", [1, 2, 2], covariance(2, seed: 9))]),
  ]
}
