import KantorBlocks
import KantorCore

/// The problem kind "game": a Nash equilibrium of N players, each with a convex cost in its own
/// variables.
public enum GameKind {
  public static let kind = ProblemKind(
    name: "game",
    summary: "Nash equilibria of N players by the gradients of their costs in their own variables.",
    fields: fields, seal: seal, defaultMethod: InclusionKind.defaultMethod)

  static let fields: [FieldSpec] =
    [
      FieldSpec(
        "functions", .functions, .input,
        choices: InclusionFields.members.map(\.rawValue),
        "'map': for each player in turn the gradient of its cost in its own variables, n numbers "
          + "in all; 'batch_map' if the costs are means; 'prox' if the terms are the caller's. For "
          + "derivatives of the equilibrium 'jacobian' (n, n), else by differences, and "
          + "'parameter_jacobian' (n, p)."),
      FieldSpec(
        "start", .array, .input, shape: "(n,)", ranks: [1],
        "Strategies of all players, one after the other, to start from."),
      FieldSpec(
        "players", .array, .input, shape: "() or (players,)", ranks: [0, 1],
        "Number of variables of each player; one number if all have the same."),
      FieldSpec(
        "components", .int, .input,
        "Number of components of which the costs are means; needed with 'batch_map'."),
    ]
    + ProximalSlot("prox")
    .fields("The players' terms, each of its own variables", takesHost: true)
    .filter { $0.name != "prox_blocks" } + InclusionFields.shared

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let read = InclusionFields(fields: fields)
    let functions = try read.functions()
    let start = try read.start("start")
    let components = try read.components()
    try InclusionKind.checkFunctions(functions, components)
    guard let players = try read.sizes("players", n: start.count) else {
      throw KantorError(.missing, "field 'players' has not been set")
    }
    let isHost = functions.prox != nil && fields.text("prox") == nil
    let term = try read.term(
      "prox", n: start.count, sizes: isHost ? [start.count] : players, hasHostProx: isHost)
    return InclusionProblem(
      form: .game(sizes: players), functions: functions, hostFunctions: functions,
      components: components, term: term, start: start, lipschitz: try read.lipschitz(),
      comonotone: fields.real("comonotone"), parameters: read.parameters,
      boundShapes: try read.boundShapes(term))
  }
}
