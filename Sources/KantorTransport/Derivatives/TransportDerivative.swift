import KantorCore

enum TransportDerivative {
  static func exact(_ problem: TransportProblem, plan: SparsePlan, f: Buffer<Double>, g: Buffer<Double>) -> Result.Derivative? { nil }
  static func entropic(_ problem: TransportProblem, epsilon: Double, f: Buffer<Double>, g: Buffer<Double>) -> Result.Derivative? { nil }
}
