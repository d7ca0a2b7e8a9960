import KantorCore
import KantorNumerics

/// Running estimates H_i of the second derivatives f_yy of the blocks, from batches, and their
/// inverses with eigenvalues made positive.
final class BlockMatrices {
  private let problem: BilevelProblem
  private let batch: BlockBatch
  private let alpha: Double
  private let correction: Double
  private let size: Int
  private let matrices: Buffer<Double>
  private let unit: Buffer<Double>
  private let image: Buffer<Double>
  private let old: Buffer<Double>
  private let room: Buffer<Double>
  private let spectrum: SymmetricSpectrum

  init(
    _ problem: BilevelProblem, _ batch: BlockBatch, alpha: Double, correction: Double
  ) throws(KantorError) {
    self.problem = problem
    self.batch = batch
    self.alpha = alpha
    self.correction = correction
    size = problem.blockSize
    guard size <= BlockHessian.largest else {
      throw KantorError(
        .tooLarge, "adjoint_form 'matrix' takes blocks of up to \(BlockHessian.largest) variables; "
          + "these have \(size), for which there is 'vector'")
    }
    matrices = try Buffer(count: try checkedProduct(problem.ny, size, of: "blocks"))
    unit = try Buffer(count: problem.n)
    image = try Buffer(count: problem.n)
    old = try Buffer(count: problem.n)
    room = try Buffer(count: size * size)
    spectrum = try SymmetricSpectrum(order: size)
  }

  /// The estimates of the sampled blocks; `anew` tells which begin.
  func update(
    at w: Buffer<Double>, _ before: Buffer<Double>, anew: [Bool]
  ) throws(KantorError) -> Bool {
    let nx = problem.nx
    for k in 0..<size {
      for b in batch.blocks { unit.pointer[nx + b * size + k] = 1 }
      defer { for b in batch.blocks { unit.pointer[nx + b * size + k] = 0 } }
      guard try batch.product(w, times: unit, image), try batch.product(before, times: unit, old)
      else { return false }
      for (place, b) in batch.blocks.enumerated() {
        let matrix = matrices.pointer + b * size * size
        for i in 0..<size {
          let at = nx + b * size + i
          let q = batch.lowerFactor * image.pointer[at]
          let qOld = batch.lowerFactor * old.pointer[at]
          if anew[place] {
            matrix[i * size + k] = q
          } else {
            matrix[i * size + k] +=
              alpha * (q - matrix[i * size + k]) + correction * (q - qOld)
          }
        }
      }
    }
    return true
  }

  /// v_i <- H_i^-1 F_y; eigenvalues below a thousandth of the curvature are raised to it.
  func solve(
    _ block: Int, _ gradient: UnsafePointer<Double>, _ v: UnsafeMutablePointer<Double>,
    curvature: Double
  ) {
    let (matrix, at) = (matrices.pointer + block * size * size, problem.nx + block * size)
    for i in 0..<size {
      for j in 0..<size {
        room.pointer[i * size + j] = 0.5 * (matrix[i * size + j] + matrix[j * size + i])
      }
    }
    guard spectrum.decompose(room.pointer) else { return }
    for i in 0..<size { v[at + i] = 0 }
    for e in 0..<size {
      let vector = spectrum.vectors.pointer + e * size
      var sum = 0.0
      for i in 0..<size { sum += vector[i] * batch.upperFactor * gradient[at + i] }
      sum /= max(spectrum.values.pointer[e], 1e-3 * curvature)
      for i in 0..<size { v[at + i] += sum * vector[i] }
    }
  }
}
