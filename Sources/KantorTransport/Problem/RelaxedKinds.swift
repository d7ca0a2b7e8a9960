import KantorCore

/// The problem kind "unbalanced_transport": transport whose marginals may be missed at a price.
public enum UnbalancedKind {
  public static let kind = ProblemKind(
    name: "unbalanced_transport",
    summary: "Move mass between measures whose masses may differ: min <P, C> + D(P 1 | a) + "
      + "D(P' 1 | b).",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  static let fields: [FieldSpec] = RelaxedFields.measures + [
    FieldSpec(
      "penalty", .text, .input, choices: ["kl", "l2", "tv"],
      "D(r | a): kl, rho sum r log(r/a) - r + a (default); l2, rho/2 |r - a|^2; tv, "
        + "rho |r - a|_1."),
    FieldSpec(
      "strength_source", .real, .input,
      "rho > 0 of the sources' marginal, in units of the cost (l2: of the cost over the mass)."),
    FieldSpec(
      "strength_target", .real, .input, "The same of the targets'; strength_source if not set."),
    FieldSpec(
      "fixed_side", .text, .input, choices: ["none", "source", "target"],
      "Side whose marginal has to be met exactly, whatever its strength; none by default."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let base = try RelaxedFields.base(fields)
    let form = MarginalPenalty.Form(rawValue: fields.text("penalty") ?? "kl") ?? .kl
    let fixed = fields.text("fixed_side") ?? "none"
    let given = fields.real("strength_source")
    guard let first = fixed == "source" ? fields.real("strength_target") : given else {
      let name = fixed == "source" ? "strength_target" : "strength_source"
      throw KantorError(.missing, "field '\(name)' has not been set; a strength rho > 0 is needed")
    }
    let source = try strength(given ?? first, "strength_source")
    let target = try strength(fields.real("strength_target") ?? first, "strength_target")
    return RelaxedProblem(
      base,
      RelaxedTerms(
        source: MarginalPenalty(fixed == "source" ? .fixed : form, strength: source),
        target: MarginalPenalty(fixed == "target" ? .fixed : form, strength: target)))
  }

  static func strength(_ value: Double, _ name: String) throws(KantorError) -> Double {
    guard value > 0, value < 1e100 else {
      throw KantorError(.range, "field '\(name)' is \(value); a strength in (0, 1e100) is needed")
    }
    return value
  }

  private static func defaultMethod(_ problem: any SealedProblem) -> String {
    guard let terms = (problem as? RelaxedProblem)?.terms else { return "unbalanced_sinkhorn" }
    let forms = [terms.source.form, terms.target.form]
    if forms.contains(.tv) { return "unbalanced_simplex" }
    return forms.contains(.fixed) ? "unbalanced_sinkhorn" : "unbalanced_active_set"
  }
}

/// The problem kind "partial_transport": the best way to move a given part of the mass.
public enum PartialKind {
  public static let kind = ProblemKind(
    name: "partial_transport",
    summary: "Move the mass s, no more of a source or target than it has: min <P, C>, P 1 <= a, "
      + "P' 1 <= b, |P| = s.",
    fields: fields, seal: seal, defaultMethod: { _ in "partial_simplex" })

  static let fields: [FieldSpec] = RelaxedFields.measures + [
    FieldSpec(
      "mass", .real, .input,
      "s, the mass to move: more than 0, at most the smaller total of the weights, which is the "
        + "default."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let base = try RelaxedFields.base(fields)
    let total = try total(fields, a: base.a, b: base.b)
    let cap = MarginalPenalty(.cap, strength: .infinity)
    return RelaxedProblem(base, RelaxedTerms(source: cap, target: cap, total: total))
  }

  /// The mass to move between two measures.
  static func total(
    _ fields: ProblemFields, a: Buffer<Double>, b: Buffer<Double>
  ) throws(KantorError) -> Double {
    let most = min(RelaxedProblem.total(a), RelaxedProblem.total(b))
    let total = fields.real("mass") ?? most
    // Sums of weights are known up to rounding, and so is "all of it".
    guard total > 0, total <= most * (1 + 1e-9) else {
      throw KantorError(
        .range, "field 'mass' is \(total); more than 0 and at most \(most), the smaller total of "
          + "the weights, can be moved")
    }
    return min(total, most)
  }
}

/// Fields of both kinds.
enum RelaxedFields {
  private static let shared = ["cost", "points_source", "points_target", "metric", "power"]

  static let measures: [FieldSpec] = TransportKind.fields.filter { shared.contains($0.name) } + [
    FieldSpec(
      "weights_source", .array, .input, shape: "(n,)", ranks: [1],
      "Masses a >= 0 of the sources; uniform with total 1 if not set."),
    FieldSpec(
      "weights_target", .array, .input, shape: "(m,)", ranks: [1],
      "Masses b >= 0 of the targets, of any total; uniform with total 1 if not set."),
  ]

  static func base(_ fields: ProblemFields) throws(KantorError) -> TransportProblem {
    let geometry = try TransportKind.geometry(fields)
    return try TransportProblem(
      keepingMasses: geometry,
      a: try TransportKind.weights(fields, "weights_source", geometry.n),
      b: try TransportKind.weights(fields, "weights_target", geometry.m),
      isFlat: (
        fields.tensor("points_source")?.rank == 1, fields.tensor("points_target")?.rank == 1
      ))
  }
}
