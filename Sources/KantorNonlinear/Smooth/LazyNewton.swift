import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** min f(x), f twice differentiable, not necessarily convex.
///
/// **Method** Newton's with cubic regularisation where a Hessian and its spectrum serve for several
/// iterations: gradients are new each time, second derivatives only every m-th. Between, an
/// iteration costs two products with a matrix.
///
/// **Symbols** g_k gradient; H the Hessian at z, the point of the last renewal; m the `period`; M
/// strength of the cubic term; H = V diag(l) V'.
///
/// **Iteration**
/// 1. Every m iterations: z = x_k, H = f''(z), its spectrum.
/// 2. d = argmin g_k'd + d'Hd/2 + M |d|^3 / 6, by the root r of |(H + M r/2 I)^-1 g_k| = r.
/// 3. f(x_k + d) at most the value of that model: x_{k+1} = x_k + d, M <- M / 2. Else M <- 2 M, and
///    after three times with an old H, H is renewed.
///
/// **Stops when** the largest entry of g, over max(1, that), is at most `tolerance`.
///
/// **Guarantee** With M of the order of m times the Lipschitz constant of f'': a gradient of eps
/// after O(sqrt(m) eps^(-3/2)) iterations, each m-th with a Hessian; for convex f the gap is O(m /
/// k^2). Between renewals convergence is linear with a factor that tends to 0, over a renewal
/// superlinear. With m = n the arithmetic is less than that of m = 1 by sqrt(n).
///
/// **Cost** A spectrum of order n every m iterations, 2 n^2 multiplications per step tried, one
/// gradient per iteration, one value per step tried.
///
/// **Reference** doikov2023second.
///
/// Deviation: M is found by comparing f with the model at every step, where the paper compares over
/// a whole period; H is renewed early when steps fail.
public enum LazyNewton: NonlinearMethod {
  public static let spec = MethodSpec(
    name: "lazy_newton", kind: NonlinearKind.kind.name,
    summary: "Cubic Newton method that uses each Hessian for several iterations.",
    source: "N. Doikov, E. M. Chayti, M. Jaggi, Second-order optimization with lazy Hessians "
      + "(2023)",
    guarantee: "Scaled gradient within the tolerance; a minimum where f is convex.",
    options: options, outputs: SmoothOutputs.all + outputs,
    usesWarmStart: true, hasDerivatives: true)

  static let options: [OptionSpec] =
    SmoothOptions.shared(iterations: 10_000) + [
      OptionSpec(
        "period", .int(5, min: 0, max: 1_000_000),
        "m: iterations that a Hessian is used for; 0 for as many as there are variables."),
      OptionSpec(
        "cubic", .real(1, min: 1e-12, max: 1e12), "M at the start.", advanced: true),
    ]

  static let outputs: [FieldSpec] = [
    FieldSpec("decompositions", .int, .output, "Hessians whose spectrum was computed.")
  ]

  public static func propose(
    _ problem: NonlinearProblem, _ run: Run
  ) throws(KantorError) -> NonlinearProposal {
    try SmoothIterate.check(problem, spec.name)
    let iterate = try SmoothIterate(problem, run)
    try ShiftedHessian.check(iterate.oracle, spec.name)
    let solve = try LazyNewtonSolve(iterate)
    if try iterate.begin() {
      while try iterate.goesOn() {
        guard try solve.renewIfDue(), try solve.advance() else { break }
      }
    }
    iterate.show("decompositions", solve.decompositions)
    return try iterate.propose()
  }
}

/// The spectrum that is kept, and the steps made from it.
private final class LazyNewtonSolve {
  private let iterate: SmoothIterate
  private let spectrum: SymmetricSpectrum
  private let whole: Buffer<Double>
  /// V'g, and V'd.
  private let turned: Buffer<Double>
  private let part: Buffer<Double>
  private let period: Int
  private var cubic: Double
  private var age = 0
  private(set) var decompositions = 0

  private static let mostTrials = 60
  private static let patience = 3
  private static let leastCubic = 1e-40

  init(_ iterate: SmoothIterate) throws(KantorError) {
    self.iterate = iterate
    let n = iterate.n
    spectrum = try SymmetricSpectrum(order: n)
    whole = try Buffer(count: try checkedProduct(n, n, of: "Hessian"))
    turned = try Buffer(count: n)
    part = try Buffer(count: n)
    let given = iterate.run.options.int("period")
    period = given > 0 ? given : n
    cubic = iterate.run.options.real("cubic")
  }

  func renewIfDue() throws(KantorError) -> Bool {
    if decompositions > 0, age < period { return true }
    return try renew()
  }

  private func renew() throws(KantorError) -> Bool {
    let n = iterate.n
    let outcome = try iterate.oracle.hessian(
      at: iterate.x.pointer, sigma: 1, y: iterate.none.pointer)
    guard case .fine = outcome else { return false }
    let matrix = try iterate.oracle.hessianMatrix()
    if let dense = matrix.dense {
      whole.pointer.update(from: dense.pointer, count: n * n)
    } else if let sparse = matrix.sparse {
      whole.fill(0)
      for j in 0..<n {
        for k in sparse.starts.pointer[j]..<sparse.starts.pointer[j + 1] {
          let i = Int(sparse.indices.pointer[k])
          whole.pointer[i * n + j] = sparse.values.pointer[k]
          whole.pointer[j * n + i] = sparse.values.pointer[k]
        }
      }
    }
    decompositions += 1
    age = 0
    return spectrum.decompose(whole.pointer)
  }

  func advance() throws(KantorError) -> Bool {
    var failures = 0
    for _ in 0..<Self.mostTrials {
      let model = findStep()
      guard model.isFinite, model <= 0, !iterate.isStuck else {
        // An old Hessian may say that nothing can be gained.
        guard age > 0, try renew() else { return false }
        continue
      }
      guard let f = try iterate.trial() else { return false }
      let slack = SmoothIterate.rounding * abs(iterate.value)
      if f <= iterate.value + model + slack {
        guard let taken = try iterate.accept() else { return false }
        if taken {
          cubic = max(Self.leastCubic, cubic / 2)
          age += 1
          return true
        }
      }
      cubic *= 2
      failures += 1
      if failures == Self.patience, age > 0 {
        guard try renew() else { return false }
      }
    }
    return false
  }

  /// d into the iterate's step; the value of the model there, less f(x).
  private func findStep() -> Double {
    let (n, l, v) = (iterate.n, spectrum.values.pointer, spectrum.vectors.pointer)
    let (g, t, d) = (iterate.gradient.pointer, turned.pointer, part.pointer)
    for k in 0..<n { t[k] = dotProduct(v + k * n, g, n) }
    let r = root(l, t, n)
    let shift = 0.5 * cubic * r
    var length = 0.0
    for k in 0..<n {
      let h = l[k] + shift
      d[k] = h > 0 ? -t[k] / h : 0
      length += d[k] * d[k]
    }
    // The hard case: g has no part along the least eigenvector, and the rest is too short.
    if l[0] < 0, length < r * r * (1 - 1e-8) {
      d[0] = (r * r - (length - d[0] * d[0])).squareRoot() * (t[0] > 0 ? -1 : 1)
      length = r * r
    }
    for j in 0..<n { iterate.step.pointer[j] = 0 }
    var model = 0.0
    for k in 0..<n {
      model += t[k] * d[k] + 0.5 * l[k] * d[k] * d[k]
      let row = v + k * n
      for j in 0..<n { iterate.step.pointer[j] += d[k] * row[j] }
    }
    return model + cubic * length * length.squareRoot() / 6
  }

  /// The root r of |(diag(l) + M r/2)^-1 t| = r, from below: by bisection and Newton's method on
  /// 1 / |d(r)| - 1 / r, which is nearly linear.
  private func root(_ l: UnsafePointer<Double>, _ t: UnsafePointer<Double>, _ n: Int) -> Double {
    let floor = max(0, -2 * l[0] / cubic)
    var size = 0.0
    for k in 0..<n { size += t[k] * t[k] }
    // |d| <= |t| / (l_0 + M r/2) bounds the root from above.
    var (low, high) = (floor, floor + (2 * size.squareRoot() / cubic).squareRoot())
    var r = high
    for _ in 0..<100 {
      var (length, slope) = (0.0, 0.0)
      for k in 0..<n {
        let h = l[k] + 0.5 * cubic * r
        guard h > 0 else {
          length = .infinity
          break
        }
        let q = t[k] / h
        length += q * q
        slope += q * q / h
      }
      let size = length.squareRoot()
      if size > r { low = r } else { high = r }
      if abs(size - r) <= 1e-12 * r || high - low <= 1e-15 * high { break }
      var next = 0.5 * (low + high)
      if size.isFinite, size > 0 {
        let value = 1 / size - 1 / r
        let derivative = 0.5 * cubic * slope / (length * size) + 1 / (r * r)
        let newton = r - value / derivative
        if newton > low && newton < high { next = newton }
      }
      r = next
    }
    return r
  }
}
