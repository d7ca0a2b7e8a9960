import KantorCore

/// A batch of square matrices, or of parameters of such matrices, validated.
public final class DoublyStochasticProblem: SealedProblem {
  /// batch x n x n, row-major.
  public let matrices: Buffer<Double>?
  /// batch x width.
  public let parameters: Buffer<Double>?
  /// Shape of the one of the two that was given; gradients have the same.
  public let shape: [Int]
  public let batch: Int
  /// Parameters of one matrix.
  public let width: Int
  /// n, where it is known from the matrices, the permutations or the field `size`.
  public let size: Int?
  /// Sizes of the factors of a Kronecker product.
  public let factors: [Int]
  /// Rows are permutations of 0..<size: entry i is the column of row i.
  public let permutations: Buffer<Int64>?
  public let permutationCount: Int

  init(
    matrices: Buffer<Double>?, parameters: Buffer<Double>?, shape: [Int], size: Int?,
    factors: [Int], permutations: Buffer<Int64>?, permutationCount: Int
  ) {
    self.matrices = matrices
    self.parameters = parameters
    self.shape = shape
    self.size = size
    self.factors = factors
    self.permutations = permutations
    self.permutationCount = permutationCount
    if matrices == nil {
      batch = shape.count == 2 ? shape[0] : 1
      width = shape[shape.count - 1]
    } else {
      batch = shape.count == 3 ? shape[0] : 1
      width = 0
    }
  }

  public var inputName: String { matrices == nil ? "parameters" : "matrices" }

  /// The matrices and their size, for the methods that work on matrices.
  func needMatrices(
    _ method: String
  ) throws(KantorError) -> (values: Buffer<Double>, n: Int) {
    guard let matrices, let size else {
      throw KantorError(
        .unsupported, "'\(method)' works on matrices; the field 'matrices' has not been set")
    }
    return (matrices, size)
  }

  func needParameters(_ method: String) throws(KantorError) -> Buffer<Double> {
    guard let parameters else {
      throw KantorError(
        .unsupported, "'\(method)' works on parameters; the field 'parameters' has not been set")
    }
    return parameters
  }
}
