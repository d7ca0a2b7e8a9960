import KantorCore

/// The problem kind "gromov": its fields and how they become a `GromovProblem`.
public enum GromovKind {
  public static let kind = ProblemKind(
    name: "gromov",
    summary: "Match two spaces by their inner structure: min (1 - alpha) <M, P> + alpha sum "
      + "L(C_ik, D_jl) P_ij P_kl.",
    fields: fields, seal: seal, defaultMethod: { _ in "gromov_conditional_gradient" })

  static let fields: [FieldSpec] = [
    FieldSpec(
      "structure_source", .array, .input, shape: "(n, n)", ranks: [2],
      "C: distances, similarities or adjacency among the sources; need not be symmetric."),
    FieldSpec(
      "structure_target", .array, .input, shape: "(m, m)", ranks: [2],
      "D: the same among the targets."),
    FieldSpec(
      "cost", .array, .input, shape: "(n, m)", ranks: [2],
      "M: cost of matching the features of a source with those of a target (fused problems)."),
    FieldSpec(
      "alpha", .real, .input,
      "Weight of the structures in [0, 1]; 1 - alpha is that of the cost. 1/2 by default if a cost "
        + "is set, else 1."),
    FieldSpec(
      "loss", .text, .input, choices: StructureLoss.allCases.map(\.rawValue),
      "L: square, (x - y)^2 (default), or kl, x log(x/y) - x + y, for structures >= 0."),
    FieldSpec(
      "weights_source", .array, .input, shape: "(n,)", ranks: [1],
      "Masses a >= 0 of the sources; uniform with total 1 (or the targets' total) if not set."),
    FieldSpec(
      "weights_target", .array, .input, shape: "(m,)", ranks: [1],
      "Masses b >= 0 of the targets, of the same total as the sources' to 1e-9 (f32: 1e-6). "
        + "Semi-relaxed methods do not use them."),
  ]

  /// The product of squares and masses must not overflow.
  private static let largest = 1e100

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    try spaces(fields, keepsMasses: false)
  }

  /// The two spaces, with masses that have to agree or may differ.
  static func spaces(
    _ fields: ProblemFields, keepsMasses: Bool
  ) throws(KantorError) -> GromovProblem {
    let loss = StructureLoss(rawValue: fields.text("loss") ?? "square") ?? .square
    let (source, n) = try structure(fields, "structure_source", loss)
    let (target, m) = try structure(fields, "structure_target", loss)
    let cost = try cost(fields, n, m)
    let alpha = fields.real("alpha") ?? (cost == nil ? 1 : 0.5)
    guard alpha >= 0 && alpha <= 1 else {
      throw KantorError(.range, "field 'alpha' is \(alpha); a number in [0, 1] is needed")
    }
    guard cost != nil || alpha == 1 else {
      throw KantorError(
        .missing,
        "field 'cost' has not been set; alpha = \(alpha) gives it a part in the objective")
    }
    let tolerance = [fields.tensor("weights_source"), fields.tensor("weights_target")]
      .contains { $0?.type == .f32 } ? 1e-6 : 1e-9
    return try GromovProblem(
      source: source, n: n, target: target, m: m, cost: cost, alpha: alpha, loss: loss,
      a: try weights(fields, "weights_source", n), b: try weights(fields, "weights_target", m),
      massTolerance: tolerance, keepsMasses: keepsMasses)
  }

  private static func structure(
    _ fields: ProblemFields, _ name: String, _ loss: StructureLoss
  ) throws(KantorError) -> (Buffer<Double>, Int) {
    guard let t = fields.tensor(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let n = t.shape[0]
    guard n >= 1, t.shape[1] == n else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); a square matrix is needed")
    }
    guard n <= TransportKind.maxPoints else {
      throw KantorError(
        .tooLarge, "\(name) has the shape \(t.shapeText); at most \(TransportKind.maxPoints)")
    }
    let values = try finite(t, name)
    if loss == .kl {
      for k in 0..<values.count where values.pointer[k] < 0 {
        throw KantorError(
          .range, "\(name) is \(values.pointer[k]) at (\(k / n), \(k % n)); the loss kl needs "
            + "structures >= 0")
      }
    }
    return (values, n)
  }

  private static func cost(
    _ fields: ProblemFields, _ n: Int, _ m: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard let t = fields.tensor("cost") else { return nil }
    guard t.shape == [n, m] else {
      throw KantorError(.shape, "cost has the shape \(t.shapeText); needed is (\(n), \(m))")
    }
    return try finite(t, "cost")
  }

  private static func finite(_ t: Tensor, _ name: String) throws(KantorError) -> Buffer<Double> {
    let values = try t.doubles()
    for k in 0..<values.count where !(abs(values.pointer[k]) <= largest) {
      throw KantorError(
        .notFinite, "\(name) is \(values.pointer[k]) at (\(k / t.shape[1]), \(k % t.shape[1])); "
          + "finite numbers up to 1e100 are allowed")
    }
    return values
  }

  private static func weights(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> Buffer<Double>? {
    guard let t = fields.tensor(name) else { return nil }
    guard t.shape[0] == count else {
      throw KantorError(.shape, "\(name) has the shape \(t.shapeText); needed is (\(count),)")
    }
    return try t.doubles()
  }
}
