import KantorCore
import KantorNumerics

/// **Solves** H = J + Z U diag(tanh s) V' Z': rows and columns that sum to 1 and a spectral norm
/// of at most 1, with entries of either sign, from (n - 1)^2 parameters, for each of a batch.
///
/// **Method** The product itself, U and V by the Cayley transform.
///
/// **Symbols** m = n - 1; J = 1 1'/n; Z the n x m Helmert basis of what is orthogonal to 1;
/// U = (I + A)^-1 (I - A), V likewise, A skew-symmetric with the entries gamma tanh(p) above the
/// diagonal. The parameters are the m (m - 1)/2 of U, row by row, those of V, and the m of s.
///
/// **Iteration** none.
///
/// **Stops when** the product is done.
///
/// **Guarantee** Sums of 1 up to rounding; |H|_2 = 1, because 1 is a singular vector with the value
/// 1 and all others are |tanh s| < 1. H is not doubly stochastic where an entry is negative.
///
/// **Cost** some 10 n^3 operations.
///
/// **Reference** liu2026beyond.
public enum SpectralSphere: DoublyStochasticMethod {
  public static let spec = describe(
    name: "spectral_sphere",
    summary: "Unit row and column sums and spectral norm 1, entries of either sign, batched.",
    source: "Z. Liu, H. Zhang and A. Li, Beyond the Birkhoff polytope: "
      + "spectral-sphere-constrained hyper-connections (2026)",
    guarantee: "Row and column sums are 1 within the tolerance, and the spectral norm is at most "
      + "1 + norm_residual.",
    options: [
      toleranceOption(1e-12),
      OptionSpec(
        "gamma", .real(1, min: 0, max: 1e6),
        "Largest entry of the skew-symmetric matrices behind the two rotations."),
    ],
    outputs: [
      FieldSpec(
        "norm_residual", .real, .certificate,
        "A bound (a power of ten) of how far a spectral norm of the batch exceeds 1.")
    ])

  package static func propose(
    _ problem: DoublyStochasticProblem, _ run: Run
  ) throws(KantorError) -> MatrixProposal {
    let parameters = try problem.needParameters(spec.name)
    let (width, batch) = (problem.width, problem.batch)
    let m = Int(Double(width).squareRoot().rounded())
    guard m * m == width else {
      throw KantorError(
        .shape, "\(width) parameters: their number must be a square, (n - 1)^2")
    }
    let n = m + 1
    guard problem.size == nil || problem.size == n else {
      throw KantorError(
        .shape, "\(width) parameters are those of n = \(n), but size is \(problem.size ?? 0)")
    }
    let h = try Buffer<Double>(count: try checkedProduct(batch, n * n, of: "matrices"))
    let gamma = run.options.real("gamma")
    let room = SphereStep.room(n)
    let scratch = try Buffer<Double>(
      count: try checkedProduct(min(run.threads, batch), room, of: "workspace"))
    let (ps, hs, rooms) = (parameters.pointer, h.pointer, scratch.pointer)
    defer { withExtendedLifetime(scratch) {} }
    let monitor = run.monitor
    BatchLoop(run).run(
      batch, work: 10 * n * n * n, progress: { _ in monitor.check(iteration: 1) }
    ) { part, first, end, _ in
      let step = SphereStep(n: n, gamma: gamma, room: rooms + part * room)
      for b in first..<end { step.form(ps + b * width, hs + b * n * n) }
    }
    let threads = run.threads
    return MatrixProposal(
      n: n, matrices: h, form: .signed, tolerance: run.options.real("tolerance"),
      pull: { (cotangent) throws(KantorError) in
        let out = try Buffer<Double>(count: parameters.count)
        let scratch = try Buffer<Double>(
          count: try checkedProduct(min(threads, batch), room, of: "derivative"))
        defer { withExtendedLifetime(scratch) {} }
        let (ps, bars, outs, rooms) = (
          parameters.pointer, cotangent.pointer, out.pointer, scratch.pointer
        )
        BatchLoop(monitor: Monitor(), threads: threads).run(
          batch, work: 30 * n * n * n, progress: { _ in nil }
        ) { part, first, end, _ in
          let step = SphereStep(n: n, gamma: gamma, room: rooms + part * room)
          for b in first..<end {
            step.pull(ps + b * width, bars + b * n * n, outs + b * width)
          }
        }
        withExtendedLifetime((parameters, cotangent)) {}
        return out
      })
  }
}

/// One matrix, on a thread's own memory.
private struct SphereStep {
  typealias In = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>
  let n: Int
  let m: Int
  let gamma: Double
  private let z: Out
  private let halves: (u: Out, v: Out)
  private let rotations: (u: Out, v: Out)
  private let scratch: (Out, Out, Out)
  private let levels: Out

  static func room(_ n: Int) -> Int { 8 * n * n + n }

  init(n: Int, gamma: Double, room: Out) {
    let size = n * n
    self.n = n
    m = n - 1
    self.gamma = gamma
    z = room
    halves = (room + size, room + 2 * size)
    rotations = (room + 3 * size, room + 4 * size)
    scratch = (room + 5 * size, room + 6 * size, room + 7 * size)
    levels = room + 8 * size
    for i in 0..<n {
      for k in 0..<m {
        let norm = 1 / (Double(k + 1) * Double(k + 2)).squareRoot()
        z[i * m + k] = i <= k ? norm : i == k + 1 ? -Double(k + 1) * norm : 0
      }
    }
  }

  private var skewCount: Int { m * (m - 1) / 2 }

  /// (I + A)^-1 and U = 2 (I + A)^-1 - I.
  private func rotate(_ p: In, _ half: Out, _ rotation: Out) {
    let a = scratch.0
    for k in 0..<m * m { a[k] = 0 }
    var k = 0
    for i in 0..<m {
      a[i * m + i] = 1
      for j in (i + 1)..<max(m, i + 1) {
        let value = gamma * tanh(p[k])
        (a[i * m + j], a[j * m + i]) = (value, -value)
        k += 1
      }
    }
    SquareProducts.invert(a, half, m)
    for k in 0..<m * m { rotation[k] = 2 * half[k] }
    for i in 0..<m { rotation[i * m + i] -= 1 }
  }

  private func tanh(_ x: Double) -> Double {
    // Through exp of a negative number: no overflow.
    let t = Double.exp(-2 * abs(x))
    let value = abs(x) < 1e-4 ? abs(x) * (1 - x * x / 3) : (1 - t) / (1 + t)
    return x < 0 ? -value : value
  }

  private func prepare(_ p: In) {
    rotate(p, halves.u, rotations.u)
    rotate(p + skewCount, halves.v, rotations.v)
    for k in 0..<m { levels[k] = tanh(p[2 * skewCount + k]) }
  }

  func form(_ p: In, _ h: Out) {
    prepare(p)
    let (scaled, w, half) = scratch
    for i in 0..<m {
      for k in 0..<m { scaled[i * m + k] = rotations.u[i * m + k] * levels[k] }
    }
    SquareProducts.multiplyByTransposed(scaled, rotations.v, w, m, m, m)
    SquareProducts.multiply(z, w, half, n, m, m)
    SquareProducts.multiplyByTransposed(half, z, h, n, m, n)
    let mean = 1 / Double(n)
    for k in 0..<n * n { h[k] += mean }
  }

  func pull(_ p: In, _ bar: In, _ out: Out) {
    prepare(p)
    // wbar = Z' bar Z, in the place of z's use of scratch.1.
    let (one, wbar, two) = scratch
    SquareProducts.multiply(bar, z, one, n, n, m)
    SquareProducts.multiplyTransposed(z, one, wbar, n, m, m)
    // ubar = wbar V D, and the levels: diag(U' wbar V).
    SquareProducts.multiply(wbar, rotations.v, one, m, m, m)
    for k in 0..<m {
      var sum = 0.0
      for i in 0..<m { sum += rotations.u[i * m + k] * one[i * m + k] }
      out[2 * skewCount + k] = sum * (1 - levels[k] * levels[k])
    }
    for i in 0..<m {
      for k in 0..<m { one[i * m + k] *= levels[k] }
    }
    skew(p, one, halves.u, two, out)
    // vbar = wbar' U D.
    SquareProducts.multiplyTransposed(wbar, rotations.u, one, m, m, m)
    for i in 0..<m {
      for k in 0..<m { one[i * m + k] *= levels[k] }
    }
    skew(p + skewCount, one, halves.v, two, out + skewCount)
  }

  /// abar = -2 half' ubar half', then its skew-symmetric part.
  private func skew(_ p: In, _ ubar: Out, _ half: In, _ room: Out, _ out: Out) {
    SquareProducts.multiplyTransposed(half, ubar, room, m, m, m)
    SquareProducts.multiplyByTransposed(room, half, ubar, m, m, m)
    var k = 0
    for i in 0..<m {
      for j in (i + 1)..<max(m, i + 1) {
        let t = tanh(p[k])
        out[k] = -2 * (ubar[i * m + j] - ubar[j * m + i]) * gamma * (1 - t * t)
        k += 1
      }
    }
  }
}
