import Glibc
import KantorCore
import KantorNumerics

/// Derivative products of the objective at a stationary plan, by the envelope theorem: the plan
/// itself need not be differentiated. At plans where the linearised problem has several dual
/// solutions (matchings above all), those with respect to the weights are one choice of several.
struct GromovDerivative: Sendable {
  private let problem: GromovProblem
  private let model: GromovProposal.Model
  private let plan: Buffer<Double>
  private let f: Buffer<Double>
  private let g: Buffer<Double>
  /// E(P) - <M, P>
  private let alphaDerivative: Double

  init(
    _ problem: GromovProblem, _ model: GromovProposal.Model, plan: Buffer<Double>,
    _ certificate: GromovCertificate
  ) {
    self.problem = problem
    self.model = model
    self.plan = plan
    f = certificate.f
    g = certificate.g
    alphaDerivative = certificate.quadraticCost - certificate.linearCost
  }

  private var fields: [String] {
    let fields = ["structure_source", "structure_target", "weights_source", "weights_target"]
    return problem.cost == nil ? fields : fields + ["cost", "alpha"]
  }

  func products(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    for name in cotangents.keys.sorted() where name != "objective" {
      throw KantorError(
        .name, "no derivative of the result field '\(name.prefix(60))'; cotangents may be given "
          + "for objective")
    }
    for name in wanted where !fields.contains(name) {
      throw KantorError(
        .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
          + fields.joined(separator: ", "))
    }
    let scale = try scalar(cotangents["objective"])
    var out: [String: Tensor] = [:]
    for name in wanted { out[name] = try gradient(name, scale) }
    return out
  }

  private func scalar(_ tensor: Tensor?) throws(KantorError) -> Double {
    guard let tensor else { return 0 }
    guard tensor.shape == [] || tensor.shape == [1] else {
      throw KantorError(
        .shape, "the cotangent of 'objective' has the shape \(tensor.shapeText); needed is () or "
          + "(1,)")
    }
    let values = try tensor.doubles()
    let value = values[0]
    guard value.isFinite else {
      throw KantorError(.notFinite, "the cotangent of 'objective' is \(value) at element 0")
    }
    return value
  }

  private func gradient(_ name: String, _ scale: Double) throws(KantorError) -> Tensor {
    let (n, m) = (problem.n, problem.m)
    switch name {
    case "structure_source":
      return Tensor(try structureGradient(ofSource: true, scale), shape: [n, n])
    case "structure_target":
      return Tensor(try structureGradient(ofSource: false, scale), shape: [m, m])
    case "cost":
      let out = try plan.copy()
      for k in 0..<out.count { out.pointer[k] *= scale * (1 - problem.alpha) }
      return Tensor(out, shape: [n, m])
    case "alpha":
      return Tensor(try Buffer([scale * alphaDerivative]), shape: [])
    default:
      return Tensor(try weightsGradient(ofSource: name == "weights_source", scale))
    }
  }

  /// dF/dw is the potential; the entropy adds epsilon (mass - 1), because its reference a b^T has
  /// the mass of both.
  private func weightsGradient(
    ofSource: Bool, _ scale: Double
  ) throws(KantorError) -> Buffer<Double> {
    let (own, other) = ofSource ? (f, g) : (g, f)
    let out = try own.copy()
    var shift = 0.0
    switch model {
    case .balanced: shift = centring(own, other, ofSource: ofSource)
    case .entropic(let epsilon):
      shift = centring(own, other, ofSource: ofSource) + epsilon * (problem.mass - 1)
    // The value does not depend on the targets' weights, and g is 0.
    case .semirelaxed: break
    }
    for i in 0..<out.count { out.pointer[i] = scale * (out.pointer[i] + shift) }
    return out
  }

  /// (f + t, g - t) is the same dual point; that with <a, f> = <b, g> is given.
  private func centring(
    _ own: Buffer<Double>, _ other: Buffer<Double>, ofSource: Bool
  ) -> Double {
    let (w, v) = ofSource ? (problem.a, problem.b) : (problem.b, problem.a)
    var difference = CompensatedSum()
    for i in 0..<own.count { difference.add(w.pointer[i] * own.pointer[i]) }
    for j in 0..<other.count { difference.add(-v.pointer[j] * other.pointer[j]) }
    return -0.5 * difference.value / problem.mass
  }

  /// With L = f1(x) + f2(y) - x h2(y): dF/dC = alpha (f1'(C) o (p p^T) - P h2(D) P^T) and
  /// dF/dD = alpha (f2'(D) o (q q^T) - h2'(D) o (P^T C P)), p and q the plan's marginals.
  private func structureGradient(
    ofSource: Bool, _ scale: Double
  ) throws(KantorError) -> Buffer<Double> {
    let count = ofSource ? problem.n : problem.m
    let isSquare = problem.loss == .square
    let inner = try ofSource ? h2() : problem.source
    let product = try sandwich(inner, ofSource: ofSource)
    let structure = ofSource ? problem.source : problem.target
    let w = try marginal(ofSource: ofSource)
    let factor = scale * problem.alpha
    for i in 0..<count {
      for k in 0..<count {
        let place = i * count + k
        let (x, pair) = (structure.pointer[place], w.pointer[i] * w.pointer[k])
        let moved = x + StructureLoss.shift
        let (own, cross): (Double, Double)
        if ofSource {
          (own, cross) = (isSquare ? 2 * x : log(moved) + x / moved - 1, 1)
        } else {
          (own, cross) = isSquare ? (2 * x, 2) : (1, 1 / moved)
        }
        product.pointer[place] = factor * (own * pair - cross * product.pointer[place])
      }
    }
    return product
  }

  private func h2() throws(KantorError) -> Buffer<Double> {
    let out = try problem.target.copy()
    for k in 0..<out.count {
      let y = out.pointer[k]
      out.pointer[k] = problem.loss == .square ? 2 * y : log(y + StructureLoss.shift)
    }
    return out
  }

  /// P B P^T for the source, P^T B P for the target.
  private func sandwich(
    _ inner: Buffer<Double>, ofSource: Bool
  ) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    let p = MatrixView(plan.pointer, rows: n, columns: m)
    let left = ofSource ? p : p.transposed
    let middle = MatrixView(inner.pointer, rows: left.columns, columns: left.columns)
    let half = try Buffer<Double>(count: left.rows * left.columns)
    let out = try Buffer<Double>(count: left.rows * left.rows)
    let engine = try MatrixProduct()
    try engine.multiply(left, middle, into: half.pointer)
    try engine.multiply(
      MatrixView(half.pointer, rows: left.rows, columns: left.columns), left.transposed,
      into: out.pointer)
    withExtendedLifetime((inner, half)) {}
    return out
  }

  private func marginal(ofSource: Bool) throws(KantorError) -> Buffer<Double> {
    let (n, m) = (problem.n, problem.m)
    let out = try Buffer<Double>(count: ofSource ? n : m)
    for i in 0..<n {
      for j in 0..<m { out.pointer[ofSource ? i : j] += plan.pointer[i * m + j] }
    }
    return out
  }

}
