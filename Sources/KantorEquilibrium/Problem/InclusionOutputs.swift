import KantorCore

/// The outputs that every method of the engine has.
enum InclusionOutputs {
  static let certificate: [FieldSpec] = [
    FieldSpec(
      "residual", .real, .certificate,
      "norm(x - prox(x - F(x))), with the whole F; 0 at solutions alone."),
    FieldSpec(
      "relative_residual", .real, .certificate, "residual over 1 + norm(F(start))."),
    FieldSpec(
      "tangent_residual", .real, .certificate,
      "Least norm of F(x) + v over v in dg(x); for points inside boxes, orthants and simplices."),
    FieldSpec(
      "gap", .real, .certificate,
      "Largest <F(x), x - u> + g(x) - g(u) over u, where it is finite and g* is known: on bounded "
        + "sets. If F is monotone, it bounds the largest <F(u), x - u>; for saddle points the "
        + "duality gap."),
    FieldSpec(
      "violation", .real, .certificate,
      "Distance of x from the set, or its largest violation of one of the set's conditions."),
  ]

  static let objective = FieldSpec(
    "objective", .real, .output, "The residual, whose least value is 0.")
  static let point = FieldSpec("x", .array, .output, shape: "(n,)", "The point.")
  static let image = FieldSpec("operator", .array, .output, shape: "(n,)", "F(x).")
}
