import KantorCore
import KantorNumerics

/// The second derivative in y of a lower level that separates into blocks of y: one product with
/// e_k in every block gives the k-th columns of all of them, so that as many products as a block
/// has variables make the whole matrix. Its inverse preconditions conjugate gradients.
final class BlockHessian {
  private let oracle: BilevelOracle
  private let problem: BilevelProblem
  private let size: Int
  private let matrices: Buffer<Double>
  private let unit: Buffer<Double>
  private let image: Buffer<Double>
  private let spectrum: SymmetricSpectrum
  private let room: Buffer<Double>
  private(set) var isThere = false

  /// Larger blocks are left to the pairs of conjugate gradients.
  static let largest = 64

  /// nil where the lower level has one block only, or blocks too large.
  static func make(_ oracle: BilevelOracle) throws(KantorError) -> BlockHessian? {
    let problem = oracle.problem
    guard problem.blocks > 1, problem.blockSize <= largest else { return nil }
    return try BlockHessian(oracle)
  }

  private init(_ oracle: BilevelOracle) throws(KantorError) {
    self.oracle = oracle
    problem = oracle.problem
    size = problem.blockSize
    matrices = try Buffer(count: try checkedProduct(problem.ny, size, of: "blocks"))
    unit = try Buffer(count: problem.n)
    image = try Buffer(count: problem.n)
    spectrum = try SymmetricSpectrum(order: size)
    room = try Buffer(count: size)
  }

  /// The inverse at w, eigenvalues made positive; false where products are not to be had.
  func refresh(_ w: UnsafePointer<Double>) throws(KantorError) -> Bool {
    let (nx, count) = (problem.nx, problem.blocks)
    isThere = false
    for k in 0..<size {
      for b in 0..<count { unit.pointer[nx + b * size + k] = 1 }
      defer { for b in 0..<count { unit.pointer[nx + b * size + k] = 0 } }
      guard try oracle.innerProduct(w, times: unit.pointer, image.pointer) else { return false }
      for b in 0..<count {
        let matrix = matrices.pointer + b * size * size
        for i in 0..<size { matrix[i * size + k] = image.pointer[nx + b * size + i] }
      }
    }
    for b in 0..<count {
      guard invert(matrices.pointer + b * size * size) else { return false }
    }
    isThere = true
    return true
  }

  private func invert(_ matrix: UnsafeMutablePointer<Double>) -> Bool {
    for i in 0..<size {
      for j in 0..<i {
        let mean = 0.5 * (matrix[i * size + j] + matrix[j * size + i])
        matrix[i * size + j] = mean
        matrix[j * size + i] = mean
      }
    }
    guard spectrum.decompose(matrix) else { return false }
    var largest = 0.0
    for e in 0..<size { largest = max(largest, abs(spectrum.values.pointer[e])) }
    let least = max(1e-10 * largest, 1e-300)
    spectrum.assemble(into: matrix) { 1 / max(abs($0), least) }
    for i in 0..<size {
      for j in 0..<i { matrix[j * size + i] = matrix[i * size + j] }
    }
    return true
  }

  /// v <- inverse times v, over y.
  func apply(_ v: UnsafeMutablePointer<Double>) {
    for b in 0..<problem.blocks {
      let (part, matrix) = (v + b * size, matrices.pointer + b * size * size)
      for i in 0..<size {
        var sum = 0.0
        for j in 0..<size { sum += matrix[i * size + j] * part[j] }
        room.pointer[i] = sum
      }
      for i in 0..<size { part[i] = room.pointer[i] }
    }
  }

  /// Refuses a lower level that couples the blocks it was said to have: f_yy times a vector in the
  /// first block has to vanish in the others.
  static func refuseCoupled(
    _ oracle: BilevelOracle, at w: UnsafePointer<Double>
  ) throws(KantorError) {
    let problem = oracle.problem
    let (nx, ny, size) = (problem.nx, problem.ny, problem.blockSize)
    guard problem.blocks > 1 else { return }
    let (v, image) = (try Buffer<Double>(count: problem.n), try Buffer<Double>(count: problem.n))
    var stream = RandomStream(seed: 1, stream: 78)
    for j in 0..<size { v.pointer[nx + j] = stream.uniform() + 0.5 }
    guard try oracle.innerProduct(w, times: v.pointer, image.pointer) else { return }
    var (inside, outside, place) = (0.0, 0.0, 0)
    for j in 0..<ny {
      let entry = abs(image.pointer[nx + j])
      if j < size {
        inside = max(inside, entry)
      } else if entry > outside {
        (outside, place) = (entry, j)
      }
    }
    guard outside > 1e-4 * max(inside, 1e-8) else { return }
    throw KantorError(
      .unsupported,
      "blocks is \(problem.blocks), but f couples y at 0..<\(size), the first block, with y at "
        + "\(place); blocks have to be independent for a given x")
  }
}
