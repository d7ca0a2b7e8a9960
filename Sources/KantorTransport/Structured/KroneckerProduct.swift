import KantorCore
import KantorNumerics

/// **Solves** H = U_1 x ... x U_q (Kronecker), each U_i a mixture of all n_i! permutations: a
/// doubly stochastic matrix of n = n_1 ... n_q rows from sum n_i! parameters, for each of a batch.
///
/// **Method** The product itself.
///
/// **Symbols** n_i the field `factors`; the parameters of U_1 come first, in lexicographic order
/// of the permutations (for n_i = 2: identity, swap).
///
/// **Iteration** H <- H x U_i.
///
/// **Stops when** the product is done.
///
/// **Guarantee** Doubly stochastic up to rounding, whatever the parameters.
///
/// **Cost** n^2 (1 + 1/n_q^2 + ...) multiplications for H; the derivative q times as much.
///
/// **Reference** zhou2026kromhc. Deviation: any factors up to 6, not only 2.
public enum KroneckerProduct: DoublyStochasticMethod {
  public static let spec = describe(
    name: "kronecker_product",
    summary: "Kronecker product of small mixtures of permutations, batched.",
    source: "W. Zhou, Y. Gu, G. Iacovides and D. Mandic, KromHC: manifold-constrained "
      + "hyper-connections with Kronecker-product residual matrices (2026)",
    guarantee: "Row and column sums are 1 and entries non-negative within the tolerance.",
    options: [toleranceOption(1e-12)])

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let theta = try problem.needParameters(spec.name)
    let product = try KroneckerFactors(problem)
    let (n, batch, width) = (product.n, problem.batch, problem.width)
    let h = try Buffer<Double>(count: try checkedProduct(batch, n * n, of: "matrices"))
    let room = product.room
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(run.threads, batch), room, of: "workspace"))
    let (ts, hs, rooms) = (theta.pointer, h.pointer, scratch.pointer)
    defer { withExtendedLifetime(scratch) {} }
    let monitor = run.monitor
    BatchLoop(run).run(
      batch, work: 4 * n * n + 20 * width, progress: { _ in monitor.check(iteration: 1) }
    ) { part, first, end, _ in
      for b in first..<end {
        product.form(ts + b * width, hs + b * n * n, rooms + part * room)
      }
    }
    let threads = run.threads
    return MatrixProposal(
      n: n, matrices: h, form: .sums, tolerance: run.options.real("tolerance"),
      pull: { (cotangent) throws(KantorError) in
        let out = try Buffer<Double>(count: theta.count)
        let scratch = try Buffer<Double>(
          count: try checkedProduct(min(threads, batch), room, of: "derivative"))
        defer { withExtendedLifetime(scratch) {} }
        let (ts, bars, outs, rooms) = (
          theta.pointer, cotangent.pointer, out.pointer, scratch.pointer
        )
        BatchLoop(monitor: Monitor(), threads: threads).run(
          batch, work: 8 * n * n * product.sizes.count, progress: { _ in nil }
        ) { part, first, end, _ in
          for b in first..<end {
            product.pull(
              ts + b * width, bars + b * n * n, outs + b * width, rooms + part * room)
          }
        }
        withExtendedLifetime((theta, cotangent)) {}
        return out
      })
  }
}

/// The factors of one product; scratch memory is the caller's.
struct KroneckerFactors: @unchecked Sendable {
  let sizes: [Int]
  let n: Int
  private let lists: [Buffer<Int64>]

  init(_ problem: DoublyStochasticProblem) throws(KantorError) {
    sizes = problem.factors
    guard !sizes.isEmpty else {
      throw KantorError(.missing, "'kronecker_product' needs the field 'factors'")
    }
    n = sizes.reduce(1, *)
    let needed = sizes.reduce(0) { $0 + PermutationList.count($1) }
    guard problem.width == needed else {
      throw KantorError(
        .shape, "there are \(problem.width) parameters; these factors need \(needed), the sum of "
          + "their factorials")
    }
    guard problem.size == nil || problem.size == n else {
      throw KantorError(
        .shape, "the product of the factors is \(n), but size is \(problem.size ?? 0)")
    }
    var lists: [Buffer<Int64>] = []
    for size in sizes { lists.append(try PermutationList.all(size)) }
    self.lists = lists
  }

  private var weightCount: Int { sizes.reduce(0) { $0 + PermutationList.count($1) } }
  private var entryCount: Int { sizes.reduce(0) { $0 + $1 * $1 } }
  /// weights, factors, their cotangents, and two matrices of the size of the product.
  var room: Int { weightCount + 2 * entryCount + 2 * n * n }

  private func factors(_ theta: UnsafePointer<Double>, _ room: UnsafeMutablePointer<Double>) {
    var (weights, entries) = (room, room + weightCount)
    var theta = theta
    for (size, list) in zip(sizes, lists) {
      let count = PermutationList.count(size)
      MixtureTerm(n: size, count: count, permutations: list.pointer).form(theta, weights, entries)
      theta += count
      weights += count
      entries += size * size
    }
  }

  func form(
    _ theta: UnsafePointer<Double>, _ h: UnsafeMutablePointer<Double>,
    _ room: UnsafeMutablePointer<Double>
  ) {
    factors(theta, room)
    var factor = room + weightCount
    let other = room + weightCount + 2 * entryCount
    var rows = 1
    h[0] = 1
    for size in sizes {
      for k in 0..<rows * rows { other[k] = h[k] }
      let next = rows * size
      for i in 0..<rows {
        for j in 0..<rows {
          let value = other[i * rows + j]
          for a in 0..<size {
            let out = h + (i * size + a) * next + j * size
            for b in 0..<size { out[b] = value * factor[a * size + b] }
          }
        }
      }
      factor += size * size
      rows = next
    }
  }

  /// The cotangent of each factor: <bar, H> with all other factors summed out, one at a time from
  /// the right; then through its softmax.
  func pull(
    _ theta: UnsafePointer<Double>, _ bar: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ room: UnsafeMutablePointer<Double>
  ) {
    factors(theta, room)
    let entries = room + weightCount
    let bars = entries + entryCount
    let (left, rest) = (bars + entryCount, bars + entryCount + n * n)
    // Products of the factors before the k-th, formed again for each k, small as they are.
    for k in 0..<n * n { rest[k] = bar[k] }
    var rows = n
    var offset = entryCount
    for k in stride(from: sizes.count - 1, through: 0, by: -1) {
      let size = sizes[k]
      offset -= size * size
      rows /= size
      prefix(k, entries, left)
      let factor = entries + offset
      let own = bars + offset
      for c in 0..<size * size { own[c] = 0 }
      // rest is (rows size) x (rows size); contract it with the prefix, and with the factor.
      let wide = rows * size
      for i in 0..<rows {
        for j in 0..<rows {
          let weight = left[i * rows + j]
          var kept = 0.0
          for a in 0..<size {
            for b in 0..<size {
              let value = rest[(i * size + a) * wide + j * size + b]
              own[a * size + b] += weight * value
              kept += factor[a * size + b] * value
            }
          }
          // Its place was read already: blocks come in order.
          left[i * rows + j] = kept
        }
      }
      for c in 0..<rows * rows { rest[c] = left[c] }
    }
    softmax(room, bars, out)
  }

  private func prefix(
    _ k: Int, _ entries: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
  ) {
    // In place from the last block to the first: block (i, j) of the next product lies at or
    // beyond its own place.
    var (rows, offset) = (1, 0)
    out[0] = 1
    for size in sizes.prefix(k) {
      let next = rows * size
      for i in stride(from: rows - 1, through: 0, by: -1) {
        for a in stride(from: size - 1, through: 0, by: -1) {
          for j in stride(from: rows - 1, through: 0, by: -1) {
            let value = out[i * rows + j]
            for b in stride(from: size - 1, through: 0, by: -1) {
              out[(i * size + a) * next + j * size + b] = value * entries[offset + a * size + b]
            }
          }
        }
      }
      offset += size * size
      rows = next
    }
  }

  private func softmax(
    _ weights: UnsafePointer<Double>, _ bars: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) {
    var (w, b, o) = (weights, bars, out)
    for (size, list) in zip(sizes, lists) {
      let count = PermutationList.count(size)
      MixtureTerm(n: size, count: count, permutations: list.pointer).pull(w, b, o)
      w += count
      b += size * size
      o += count
    }
  }
}
