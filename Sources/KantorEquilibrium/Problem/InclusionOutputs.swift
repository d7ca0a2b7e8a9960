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
    FieldSpec(
      "solution_distance", .real, .certificate,
      "Where there seems to be no solution: if F is monotone, none is nearer to the start."),
    FieldSpec(
      "displacement", .array, .output, shape: "(n,)",
      "The element of (F + dg)(p) at a far point p that says so; iterates run against it."),
  ]

  /// Those that depend on what the caller posed.
  static func own(_ kind: ProblemKind) -> [FieldSpec] {
    let image = FieldSpec("operator", .array, .output, shape: "(n,)", "F(x).")
    let residual = FieldSpec(
      "objective", .real, .output, "The residual, whose least value is 0.")
    switch kind.name {
    case SaddleKind.kind.name:
      return [
        FieldSpec(
          "objective", .real, .output,
          "f(x) + phi(x, y) where the functions offer it, else the residual."),
        FieldSpec("x", .array, .output, shape: "(n,)", "The minimising point."),
        FieldSpec("y", .array, .output, shape: "(m,)", "The maximising point."),
        FieldSpec(
          "operator", .array, .output, shape: "(n + m,)", "Gradient in x, and less that in y."),
        FieldSpec(
          "primal_evaluations", .int, .output,
          "Calls of the gradient of f; 0 where it was not set."),
      ]
    case GameKind.kind.name:
      return [
        residual,
        FieldSpec(
          "x", .array, .output, shape: "(n,)", "Strategies of all players, one after the other."),
        FieldSpec(
          "player_residuals", .array, .output, shape: "(players,)",
          "The residual's parts of the players."),
        FieldSpec(
          "player_regrets", .array, .output, shape: "(players,)",
          "Largest <gradient, x - u> over u in the player's set: what it can gain by changing its "
            + "own strategy is at most this for convex costs, and exactly this for linear ones; "
            + "NaN where not bounded."),
        image,
      ]
    default:
      return [
        residual, FieldSpec("x", .array, .output, shape: "(n,)", "The point."), image,
      ]
    }
  }
}
