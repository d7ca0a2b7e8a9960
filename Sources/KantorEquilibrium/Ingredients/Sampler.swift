import KantorBlocks
import KantorCore
import KantorNumerics

/// Draws components of a finite sum, the same ones for the same seed.
final class Sampler {
  private let oracle: Oracle
  private var stream: RandomStream
  private let components: Int
  let batch: Int
  let indices: Buffer<Int64>

  /// - Parameter batch: components drawn at a time, with replacement.
  init(_ oracle: Oracle, batch: Int, seed: UInt64) throws(KantorError) {
    self.oracle = oracle
    components = oracle.problem.components
    self.batch = min(batch, max(components, 1))
    indices = try Buffer(count: self.batch)
    stream = RandomStream(seed: seed, stream: 0x5649)
  }

  func draw() {
    for k in 0..<batch { indices.pointer[k] = Int64(stream.index(below: components)) }
  }

  func chance(_ probability: Double) -> Bool { stream.uniform() < probability }

  /// Mean of the components that were drawn last.
  func mean(
    at z: UnsafePointer<Double>, into f: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Evaluation {
    try oracle.mean(at: z, over: indices, count: batch, into: f)
  }

  static func need(_ problem: InclusionProblem, _ method: String) throws(KantorError) {
    guard problem.components > 0 else {
      throw KantorError(
        .unsupported, "'\(method)' takes finite sums: the functions have to offer 'batch_map'")
    }
  }
}

/// Slopes of the components of a finite sum around the start.
struct ComponentProbe {
  /// mean |dF_i|^2 / |dx|^2 and mean |dF_i|^2 / <dF, dx>, the largest of a few directions; the
  /// second is infinite when F does not grow along dx.
  private(set) var meanSquare = 0.0
  private(set) var cocoercive = 0.0
  private static let directions = 2

  /// nil when the host ends the solve.
  init?(
    _ oracle: Oracle, _ z: Buffer<Double>, _ f: Buffer<Double>, seed: UInt64
  ) throws(KantorError) {
    let (n, count) = (oracle.n, oracle.problem.components)
    var stream = RandomStream(seed: seed, stream: 0x5650)
    let moved = try Buffer<Double>(count: n)
    let (a, b) = (try Buffer<Double>(count: n), try Buffer<Double>(count: n))
    let index = try Buffer<Int64>(count: 1)
    defer { withExtendedLifetime((moved, a, b, index)) {} }
    let length = 1e-3 * max(1, Vectors.norm(z.pointer, n))
    for direction in 0..<Self.directions {
      for i in 0..<n { moved.pointer[i] = direction == 0 ? -f.pointer[i] : stream.uniform() - 0.5 }
      let size = Vectors.norm(moved.pointer, n)
      guard size > 0 else { continue }
      for i in 0..<n { moved.pointer[i] = z.pointer[i] + length / size * moved.pointer[i] }
      var (squares, inner) = (0.0, 0.0)
      for k in 0..<count {
        index.pointer[0] = Int64(k)
        guard case .fine = try oracle.mean(at: z.pointer, over: index, count: 1, into: a.pointer),
          case .fine = try oracle.mean(at: moved.pointer, over: index, count: 1, into: b.pointer)
        else {
          if oracle.monitor.stop != nil { return nil }
          continue
        }
        let d = Vectors.distance(a.pointer, b.pointer, n)
        squares += d * d
        inner += Vectors.dot(b.pointer, minus: a.pointer, moved.pointer, minus: z.pointer, n)
      }
      squares /= Double(count)
      inner /= Double(count)
      meanSquare = max(meanSquare, squares / (length * length))
      cocoercive = max(cocoercive, inner > 0 ? squares / inner : .infinity)
    }
    if !(meanSquare > 0) { meanSquare = 1 }
    if !(cocoercive > 0) { cocoercive = 1 }
  }
}
