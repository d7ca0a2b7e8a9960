import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics

/// **Solves** the question whether projected gradient play of N players contracts.
///
/// **Method** The small-gain certificate: block weights w in whose metric the players' gradients
/// together are strongly monotone, or a proof that there are none.
///
/// **Symbols** mu_i curvature of player i's cost in the own variables, l_ij norm of the coupling,
/// M = diag(mu) - (l_ij), N = c I - M >= 0 with c the largest mu; u, v Perron's left and right
/// vectors of N; alpha margin, beta Lipschitz constant in the metric.
///
/// **Iteration**
/// 1. mu and l from the caller, from constant derivatives, or from derivatives at random points,
///    which may be differences of gradients.
/// 2. v and u by Noda's inverse iteration on N, with a small positive matrix added where N is not
///    irreducible; several sizes of it are tried.
/// 3. w_i = u_i/v_i: then the symmetric part of W^(1/2) N W^(-1/2) has the vector sqrt(u v) for
///    Perron's, and its largest eigenvalue is that of N, below which no weights bring it.
///
/// **Stops when** both vectors are found; with sampling, at limits.
///
/// **Guarantee** alpha > 0 is verified by a factorisation with a shift. Steps below 2 alpha/beta^2
/// contract in the metric, alpha/beta^2 by sqrt(1 - alpha^2/beta^2). Where there is no certificate,
/// v >= 0 with Mv <= 0 proves it. Bounds from samples hold on all but a part of the region, with
/// the confidence asked for; outside of it nothing is proven.
///
/// **Cost** Some ten solutions of N x N systems; with sampling one derivative for each sample, or
/// 2n gradients.
///
/// **Reference** sharma2026smallgain; noda1971note.
///
/// Deviation: the weights are found in closed form, not by ascent.
public enum SmallGain {
  public static let spec = MethodSpec(
    name: "small_gain", kind: GameCertificateKind.kind.name,
    summary: "Block weights in whose metric gradient play contracts, with margin and steps, or a "
      + "proof that there are none.",
    source: "Sharma, Small-Gain Nash: certified contraction to Nash equilibria in differentiable "
      + "games; T. Noda, Note on the computation of the maximal eigenvalue of a non-negative "
      + "irreducible matrix (1971)",
    guarantee: "A margin > 0 for the bounds given, or a vector that excludes every certificate.",
    options: [
      OptionSpec(
        "samples", .int(1000, min: 1, max: 100_000_000),
        "Points of the region at which derivatives are taken."),
      OptionSpec(
        "confidence", .real(0.99, min: 0, max: 0.999_999_999),
        "Probability with which bounds from samples hold on all but the part 'uncovered' of the "
          + "region."),
      OptionSpec(
        "max_evaluations", .int(.max, min: 1, max: .max),
        "Calls of 'jacobian' or 'map' after which the solve stops."),
    ], outputs: SmallGainOutputs.fields, usesWarmStart: false, hasDerivatives: false)

  public static let entry = MethodEntry(spec: spec) { (sealed, run) throws(KantorError) in
    guard let problem = sealed as? GameCertificateProblem else {
      throw KantorError(.unsupported, "'\(spec.name)' solves problems of the kind game_certificate")
    }
    switch problem.source {
    case .bounds(let bounds):
      return try judge(bounds, SmallGainCheck(bounds), run, samples: nil, complaint: nil)
    case .matrices(let values, let count):
      let n = problem.players.reduce(0, +)
      let derivatives = try GameDerivatives(players: problem.players)
      for k in 0..<count { try derivatives.add(values.pointer + k * n * n) }
      let bounds = derivatives.bounds
      let check = SmallGainCheck(
        bounds, matrices: (values: values, count: count, players: problem.players))
      return try judge(bounds, check, run, samples: nil, complaint: nil)
    case .region(let region):
      return try sample(problem.players, region, run)
    }
  }

  private static func sample(
    _ players: [Int], _ region: GameRegion, _ run: Run
  ) throws(KantorError) -> Result {
    let sampler = try DerivativeSampler(region, run)
    let derivatives = try GameDerivatives(players: players)
    var taken = 0
    var failed = false
    for k in 0..<run.options.int("samples") {
      let outcome = try sampler.next()
      if case .undefined = outcome { failed = true }
      guard case .fine = outcome else { break }
      try derivatives.add(sampler.jacobian.pointer)
      taken = k + 1
      if run.monitor.check(iteration: taken) != nil { break }
    }
    if failed { run.monitor.end(.callbackError) }
    let bounds = derivatives.bounds
    return try judge(
      bounds, SmallGainCheck(bounds), run, samples: taken, complaint: sampler.complaint)
  }

  private static func judge(
    _ bounds: GameBounds, _ check: SmallGainCheck, _ run: Run, samples: Int?, complaint: String?
  ) throws(KantorError) -> Result {
    var proposal = SmallGainProposal(
      weights: try Buffer(count: bounds.players, repeating: 1), witness: nil)
    var certificate = SmallGainCertificate()
    if samples != 0 {
      proposal = try SmallGainProposal.find(bounds)
      certificate = try check.certify(weights: proposal.weights, witness: proposal.witness)
    }
    return try SmallGainResult.make(
      spec, bounds, proposal, certificate, run, samples: samples, complaint: complaint)
  }
}

/// Weights, or a vector that excludes them.
struct SmallGainProposal {
  var weights: Buffer<Double>
  var witness: Buffer<Double>?

  /// Weights that differ by more than this are taken only if tamer ones are worse.
  private static let wild = 1e8

  static func find(_ bounds: GameBounds) throws(KantorError) -> SmallGainProposal {
    let count = bounds.players
    let matrix = try Buffer<Double>(count: try checkedProduct(count, count, of: "players"))
    let turned = try Buffer<Double>(count: count * count)
    var (top, size) = (-Double.infinity, 0.0)
    for i in 0..<count { top = max(top, bounds.curvature[i]) }
    for i in 0..<count {
      size = max(size, top - bounds.curvature[i])
      for j in 0..<count { size = max(size, bounds.coupling[i * count + j]) }
    }
    let check = SmallGainCheck(bounds)
    var best = SmallGainProposal(weights: try Buffer(count: count, repeating: 1), witness: nil)
    var margin = try check.certify(weights: best.weights, witness: nil).margin
    // Without coupling any weights do. Additions keep weights tame where N is nearly reducible, the
    // more so the larger they are.
    for exponent in 0...12 where size > 0 {
      let added = exponent == 0 ? 0 : size * pow(0.1, Double(exponent))
      for i in 0..<count {
        for j in 0..<count {
          let own = i == j ? top - bounds.curvature[i] : bounds.coupling[i * count + j]
          matrix[i * count + j] = own + added
          turned[j * count + i] = own + added
        }
      }
      guard let v = try PerronVector.find(matrix, count),
        let u = try PerronVector.find(turned, count)
      else { continue }
      let weights = try Buffer<Double>(count: count)
      for i in 0..<count { weights[i] = u[i] / v[i] }
      let scale = weights[0]
      var (least, most) = (Double.infinity, 0.0)
      for i in 0..<count {
        weights[i] /= scale
        (least, most) = (min(least, weights[i]), max(most, weights[i]))
      }
      guard exponent > 0 || most <= wild * least else { continue }
      let found = try check.certify(weights: weights, witness: nil).margin
      if found > margin + 1e-7 * max(abs(margin), abs(found)) || margin.isNaN {
        (best.weights, margin) = (weights, found)
      }
      if best.witness == nil { best.witness = try witness(v, check) }
    }
    if best.witness == nil, !(margin > 0) { best.witness = try single(bounds, check) }
    return best
  }

  /// v without its small entries, as far as needed.
  private static func witness(
    _ v: Buffer<Double>, _ check: SmallGainCheck
  ) throws(KantorError) -> Buffer<Double>? {
    var top = 0.0
    for i in 0..<v.count { top = max(top, v[i]) }
    for cut in [0, 1e-9, 1e-6, 1e-4, 1e-2, 0.1] {
      let candidate = try Buffer<Double>(count: v.count)
      for i in 0..<v.count { candidate[i] = v[i] > cut * top ? v[i] / top : 0 }
      if try check.certify(weights: candidate, witness: candidate).isExcluded { return candidate }
    }
    return nil
  }

  /// A player whose own curvature is not positive.
  private static func single(
    _ bounds: GameBounds, _ check: SmallGainCheck
  ) throws(KantorError) -> Buffer<Double>? {
    for i in 0..<bounds.players where bounds.curvature[i] <= 0 {
      let candidate = try Buffer<Double>(count: bounds.players)
      candidate[i] = 1
      if try check.certify(weights: candidate, witness: candidate).isExcluded { return candidate }
    }
    return nil
  }
}

/// Perron's vector of a nonnegative matrix by inverse iteration: the largest ratio (Nx)_i/x_i falls
/// to the eigenvalue, quadratically.
enum PerronVector {
  /// Nil where the iteration finds no positive vector: the matrix is reducible.
  static func find(_ matrix: Buffer<Double>, _ n: Int) throws(KantorError) -> Buffer<Double>? {
    let x = try Buffer<Double>(count: n, repeating: 1)
    let factor = try Buffer<Double>(count: n * n)
    for _ in 0..<100 {
      var (low, high) = (Double.infinity, 0.0)
      for i in 0..<n {
        var sum = 0.0
        for j in 0..<n { sum += matrix[i * n + j] * x[j] }
        (low, high) = (min(low, sum / x[i]), max(high, sum / x[i]))
      }
      guard high.isFinite else { return nil }
      if high - low <= 1e-14 * high { return x }
      for e in 0..<(n * n) { factor[e] = -matrix[e] }
      for i in 0..<n { factor[i * n + i] += high * (1 + 1e-15) }
      guard solve(factor, x, n) else { return high - low <= 1e-9 * high ? x : nil }
      var top = 0.0
      for i in 0..<n { top = max(top, x[i]) }
      for i in 0..<n {
        x[i] /= top
        guard x[i] > 0, x[i].isFinite else { return nil }
      }
    }
    return x
  }

  /// x <- A^-1 x by elimination without pivots, which M-matrices do not need. False at a pivot that
  /// is not positive.
  private static func solve(_ a: Buffer<Double>, _ x: Buffer<Double>, _ n: Int) -> Bool {
    let (m, b) = (a.pointer, x.pointer)
    for k in 0..<n {
      let pivot = m[k * n + k]
      guard pivot > 0 else { return false }
      for i in (k + 1)..<max(n, k + 1) {
        let t = m[i * n + k] / pivot
        if t == 0 { continue }
        for j in (k + 1)..<n { m[i * n + j] -= t * m[k * n + j] }
        b[i] -= t * b[k]
      }
    }
    for i in stride(from: n - 1, through: 0, by: -1) {
      var sum = b[i]
      for j in (i + 1)..<max(n, i + 1) { sum -= m[i * n + j] * b[j] }
      b[i] = sum / m[i * n + i]
    }
    return true
  }
}
