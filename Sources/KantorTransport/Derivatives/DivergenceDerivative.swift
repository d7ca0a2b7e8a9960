import KantorCore

extension TransportDerivative {
  /// Of a Sinkhorn divergence: each of its three entropic problems is differentiated, and what
  /// belongs to both sides of a symmetric problem is added up.
  static func divergence(
    _ problem: TransportProblem, epsilon: Double, cross: DivergenceSolver.Part,
    source: DivergenceSolver.Part, target: DivergenceSolver.Part, tolerance: Double
  ) -> Result.Derivative {
    { (cotangents, wanted) throws(KantorError) in
      let fields = DerivativeRequest.fields(problem)
        + (problem.geometry.isPoints ? [] : ["cost_source", "cost_target"])
      let request = try DerivativeRequest(
        problem, cotangents, wanted, fields: fields,
        outputs: ["objective", "transport_cost", "potential_source", "potential_target"])
      var sum = GradientSum(wanted)
      try sum.add(
        try derivative(cross, epsilon, tolerance)(
          cotangents, wanted.filter { !["cost_source", "cost_target"].contains($0) }))
      try addWithin(source, epsilon, tolerance, request, "source", &sum)
      try addWithin(target, epsilon, tolerance, request, "target", &sum)
      return sum.tensors
    }
  }

  private static func derivative(
    _ part: DivergenceSolver.Part, _ epsilon: Double, _ tolerance: Double
  ) -> Result.Derivative {
    entropic(part.problem, epsilon: epsilon, f: part.f, g: part.g, tolerance: tolerance)
  }

  /// -V/2 of the measure on `side` with itself, and minus its potential.
  private static func addWithin(
    _ part: DivergenceSolver.Part, _ epsilon: Double, _ tolerance: Double,
    _ request: DerivativeRequest, _ side: String, _ sum: inout GradientSum
  ) throws(KantorError) {
    let half = try Buffer<Double>([-0.5 * request.scalar("objective")])
    var cotangents = ["objective": Tensor(half)]
    if let given = request.array("potential_\(side)") {
      let half = try given.copy()
      for k in 0..<half.count { half.pointer[k] *= -0.5 }
      cotangents["potential_source"] = Tensor(half)
      cotangents["potential_target"] = Tensor(half)
    }
    let names = ["weights", "points"].filter { request.wants("\($0)_\(side)") }
    var wanted = names.flatMap { ["\($0)_source", "\($0)_target"] }
    if request.wants("cost_\(side)") { wanted.append("cost") }
    guard !wanted.isEmpty else { return }
    let parts = try derivative(part, epsilon, tolerance)(cotangents, wanted)
    for name in names {
      for end in ["source", "target"] {
        if let tensor = parts["\(name)_\(end)"] { try sum.add("\(name)_\(side)", tensor) }
      }
    }
    if let tensor = parts["cost"] { try sum.add("cost_\(side)", tensor) }
  }
}

/// Gradients by name, added up.
struct GradientSum {
  private let wanted: [String]
  private(set) var tensors: [String: Tensor] = [:]

  init(_ wanted: [String]) { self.wanted = wanted }

  mutating func add(_ parts: [String: Tensor]) throws(KantorError) {
    for (name, tensor) in parts { try add(name, tensor) }
  }

  mutating func add(_ name: String, _ tensor: Tensor) throws(KantorError) {
    let total = try tensor.doubles()
    if let before = tensors[name] {
      let values = try before.doubles()
      for k in 0..<total.count { total.pointer[k] += values.pointer[k] }
    }
    tensors[name] = Tensor(total, shape: tensor.shape)
  }
}
