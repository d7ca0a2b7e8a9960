import KantorCore
import KantorNumerics

/// Two spaces whose weights the plan may miss: only a part of the mass is moved, or missing the
/// weights has a price.
public final class RelaxedGromovProblem: SealedProblem {
  /// Structures, costs and weights, which keep their totals.
  public let spaces: GromovProblem
  /// Caps with a total, or penalties on products of marginals (`RelaxedGromovKinds`).
  public let terms: RelaxedTerms
  public let targetMass: Double

  public var n: Int { spaces.n }
  public var m: Int { spaces.m }
  public var a: Buffer<Double> { spaces.a }
  public var b: Buffer<Double> { spaces.b }
  public var sourceMass: Double { spaces.mass }
  /// What masses are compared with.
  public var mass: Double { max(sourceMass, targetMass) }
  public var isPartial: Bool { terms.total != nil }

  public init(_ spaces: GromovProblem, _ terms: RelaxedTerms) {
    self.spaces = spaces
    self.terms = terms
    targetMass = RelaxedProblem.total(spaces.b)
  }
}

/// The problem kind "partial_gromov": the best way to match a given part of two spaces.
public enum PartialGromovKind {
  public static let kind = ProblemKind(
    name: "partial_gromov",
    summary: "Match a part of two spaces by their inner structure: min (1 - alpha) <M, P> + alpha "
      + "sum L(C_ik, D_jl) P_ij P_kl, P 1 <= a, P' 1 <= b, |P| = s.",
    fields: fields, seal: seal, defaultMethod: { _ in "gromov_partial" })

  static let fields: [FieldSpec] = RelaxedGromovFields.spaces + [
    FieldSpec(
      "mass", .real, .input,
      "s, the mass to match: more than 0, at most the smaller total of the weights, which is the "
        + "default."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let spaces = try GromovKind.spaces(fields, keepsMasses: true)
    let total = try PartialKind.total(fields, a: spaces.a, b: spaces.b)
    let cap = MarginalPenalty(.cap, strength: .infinity)
    return RelaxedGromovProblem(spaces, RelaxedTerms(source: cap, target: cap, total: total))
  }
}

/// The problem kind "unbalanced_gromov": spaces whose weights may be missed at a price.
public enum UnbalancedGromovKind {
  public static let kind = ProblemKind(
    name: "unbalanced_gromov",
    summary: "Match spaces whose masses may differ: min (1 - alpha) <M, P> + alpha sum L(C_ik, "
      + "D_jl) P_ij P_kl + rho KL(p x p | a x a) + rho KL(q x q | b x b), p = P 1, q = P' 1.",
    fields: fields, seal: seal, defaultMethod: { _ in "gromov_unbalanced" })

  static let fields: [FieldSpec] = RelaxedGromovFields.spaces + [
    FieldSpec(
      "strength_source", .real, .input,
      "rho > 0 of the sources' marginal, in units of the loss."),
    FieldSpec(
      "strength_target", .real, .input, "The same of the targets'; strength_source if not set."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let spaces = try GromovKind.spaces(fields, keepsMasses: true)
    guard let given = fields.real("strength_source") else {
      throw KantorError(
        .missing, "field 'strength_source' has not been set; a strength rho > 0 is needed")
    }
    let source = try UnbalancedKind.strength(given, "strength_source")
    let target = try UnbalancedKind.strength(
      fields.real("strength_target") ?? given, "strength_target")
    return RelaxedGromovProblem(
      spaces,
      RelaxedTerms(
        source: MarginalPenalty(.kl, strength: source),
        target: MarginalPenalty(.kl, strength: target)))
  }
}

/// Fields of both kinds.
enum RelaxedGromovFields {
  private static let weights = ["weights_source", "weights_target"]

  static let spaces: [FieldSpec] = GromovKind.fields.filter { !weights.contains($0.name) } + [
    FieldSpec(
      "weights_source", .array, .input, shape: "(n,)", ranks: [1],
      "Masses a >= 0 of the sources; uniform with total 1 if not set."),
    FieldSpec(
      "weights_target", .array, .input, shape: "(m,)", ranks: [1],
      "Masses b >= 0 of the targets, of any total; uniform with total 1 if not set."),
  ]
}
