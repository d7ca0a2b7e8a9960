import CKantorKernels
import KantorCore

/// The result of a Monge gap: its fields and its derivative.
struct MongeGapResult: Sendable {
  let problem: MapProblem
  let certificate: MongeGapCertificate
  let f: Buffer<Double>
  let g: Buffer<Double>
  let epsilon: Double
  let form: GapForm
  let least: Double
  let status: Status
  let tolerance: Double
  /// Of the transport value, in the convention with KL.
  let value: Result.Derivative

  func result(_ spec: MethodSpec, _ run: Run) -> Result {
    var fields = ResultFields()
    fields.add("objective", certificate.value)
    fields.add("pairing_cost", certificate.pairingCost)
    fields.add("transport_value", certificate.transportValue)
    fields.certify("lower_bound", certificate.lower)
    fields.certify("upper_bound", certificate.upper)
    fields.certify("gap", certificate.gap)
    fields.certify("relative_gap", certificate.relativeGap)
    fields.certify("marginal_residual", certificate.marginalResidual)
    fields.add("epsilon", epsilon)
    fields.add("least_value", least)
    fields.add("mass", problem.transport.mass)
    fields.add(
      "message",
      "\(status.name): gap \(shortText(certificate.value)) within "
        + "[\(shortText(certificate.lower)), \(shortText(certificate.upper))], marginal residual "
        + "\(shortText(certificate.marginalResidual)), tolerance \(shortText(tolerance))")
    fields.add("potential_source", Tensor(f))
    fields.add("potential_target", Tensor(g))
    return Result(spec: spec, status: status, fields: fields, derivative: derivative)
  }

  /// Fields of the map and what they are in the transport problem.
  private static let names = [
    "points": ["points_source"], "images": ["points_target"], "cost": ["cost"],
    "weights": ["weights_source", "weights_target"],
  ]

  private func derivative(
    _ cotangents: [String: Tensor], _ wanted: [String]
  ) throws(KantorError) -> [String: Tensor] {
    let isPoints = problem.transport.geometry.isPoints
    let fields = (isPoints ? ["points", "images"] : ["cost"]) + ["weights"]
    for name in wanted where !fields.contains(name) {
      throw KantorError(
        .name, "no gradient with respect to '\(name.prefix(60))'; this problem has "
          + fields.joined(separator: ", "))
    }
    let scale = try EnvelopeCotangent.scalar(cotangents)
    let minus = Tensor(try Buffer([-scale]), shape: [])
    let inner = try value(["objective": minus], wanted.flatMap { Self.names[$0] ?? [] })
    var out: [String: Tensor] = [:]
    for name in wanted {
      var sum: Buffer<Double>?
      var shape: [Int] = []
      for part in Self.names[name] ?? [] {
        guard let tensor = inner[part] else { continue }
        let values = try tensor.doubles()
        shape = tensor.shape
        if let sum { for k in 0..<sum.count { sum.pointer[k] += values.pointer[k] } }
        sum = sum ?? values
      }
      guard let sum else { continue }
      try addPairs(name, scale, sum)
      out[name] = Tensor(sum, shape: shape)
    }
    return out
  }

  /// The derivative of sum a_i c(x_i, T(x_i)), and of the entropy of the weights.
  private func addPairs(
    _ name: String, _ scale: Double, _ out: Buffer<Double>
  ) throws(KantorError) {
    let (n, a) = (problem.n, problem.weights)
    switch name {
    case "weights":
      let cost = try CheckedCost(problem.transport.geometry)
      let mass = problem.transport.mass
      for i in 0..<n {
        out.pointer[i] += scale * cost.entry(i, i)
        guard epsilon > 0, form == .shannon else { continue }
        var (input, log) = (a.pointer[i], 0.0)
        kn_log_f64(&input, &log, 1)
        out.pointer[i] += scale * epsilon * (2 * mass - 3 - 2 * log)
      }
    case "cost":
      for i in 0..<n { out.pointer[i * n + i] += scale * a.pointer[i] }
    default:
      guard let cost = CostDerivative(problem.transport.geometry) else { return }
      for i in 0..<n {
        let weight = scale * a.pointer[i]
        cost.add(
          i, i, weight, name == "points" ? out.pointer : nil, name == "images" ? out.pointer : nil)
      }
    }
  }
}
