import KantorBlocks
import KantorCore

/// The problem kind "saddle": min over x, max over y of f(x) + phi(x, y) + g(x) - h(y).
public enum SaddleKind {
  public static let kind = ProblemKind(
    name: "saddle",
    summary: "Saddle points: min over x, max over y of f(x) + phi(x, y) + g(x) - h(y), by "
      + "gradients.",
    fields: fields, seal: seal, defaultMethod: InclusionKind.defaultMethod)

  private static let members: [Functions.Member] = [
    .value, .gradient, .valueGradient, .batchGradient, .hessian, .prox, .parameterGradient,
    .parameterValue,
  ]

  private static let primalMembers: [Functions.Member] = [.value, .gradient, .valueGradient]

  static let fields: [FieldSpec] =
    [
      FieldSpec(
        "functions", .functions, .input, choices: members.map(\.rawValue),
        "phi over the joined vector (x, y): its 'gradient' in x and y (or 'value_gradient', or "
          + "'batch_gradient' of a finite sum), its 'value' if the objective is wanted, its "
          + "'hessian' for local minimax points, 'prox' if g + h is the caller's, "
          + "'parameter_gradient' (n + m, p), of the gradient, for derivatives of the solution, "
          + "and 'parameter_value' (p,) for those of the objective."),
      FieldSpec(
        "primal", .functions, .input, choices: primalMembers.map(\.rawValue),
        "f, smooth, of x alone: its 'gradient' (or 'value_gradient'), and its 'value' if the "
          + "objective is wanted. Need not be set: f may be part of phi."),
      FieldSpec(
        "mu", .real, .input,
        "Strong concavity: phi(x, y) + mu |y|^2/2 is concave in y for all x; 0 if not set."),
      FieldSpec(
        "start_x", .array, .input, shape: "(n,)", ranks: [1], "x to start from; gives n."),
      FieldSpec(
        "start_y", .array, .input, shape: "(m,)", ranks: [1], "y to start from; gives m."),
      FieldSpec(
        "components", .int, .input,
        "Number of components of which phi is the mean; needed with 'batch_gradient'."),
    ] + ProximalSlot("prox_x").fields("The term g", takesHost: true)
    + ProximalSlot("prox_y").fields("The term h", takesHost: true)
    + InclusionFields.shared

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let read = InclusionFields(fields: fields)
    let given = try read.functions()
    let (x, y) = (try read.start("start_x"), try read.start("start_y"))
    let n = try checkedSum(x.count, y.count, of: "x and y")
    let start = try Buffer<Double>(count: n)
    start.pointer.update(from: x.pointer, count: x.count)
    (start.pointer + x.count).update(from: y.pointer, count: y.count)
    withExtendedLifetime((x, y)) {}
    let components = try read.components()
    try check(given, components)
    let functions = operatorOf(given, n, split: x.count, parameters: read.parameters)
    let primal = fields.functions("primal")
    guard primal == nil || primal?.gradient != nil || primal?.valueGradient != nil else {
      throw KantorError(
        .missing, "primal: the functions offer neither 'gradient' nor 'value_gradient'")
    }
    let strength = fields.real("mu") ?? 0
    guard strength >= 0 else {
      throw KantorError(.range, "mu is \(strength); a number >= 0 is needed")
    }
    let isHost =
      given.prox != nil && fields.text("prox_x") == nil && fields.text("prox_y") == nil
    let term =
      isHost
      ? try read.term("prox_x", n: n, hasHostProx: true)
      : try read.term([("prox_x", x.count), ("prox_y", y.count)], hasHostProx: false)
    return InclusionProblem(
      form: .saddle(split: x.count), functions: functions, hostFunctions: given,
      components: components, term: term, start: start, lipschitz: try read.lipschitz(),
      comonotone: fields.real("comonotone"), parameters: read.parameters, primal: primal,
      strength: strength)
  }

  private static func check(_ functions: Functions, _ components: Int) throws(KantorError) {
    let isWhole = functions.gradient != nil || functions.valueGradient != nil
    guard isWhole || functions.batchGradient != nil else {
      throw KantorError(
        .missing,
        "the functions offer none of 'gradient', 'value_gradient' and 'batch_gradient'")
    }
    guard components > 0 || functions.batchGradient == nil else {
      throw KantorError(
        .missing, "field 'components' has not been set; 'batch_gradient' needs it")
    }
    guard components == 0 || functions.batchGradient != nil else {
      throw KantorError(
        .missing,
        "components is \(components), and the functions do not offer 'batch_gradient'")
    }
  }

  /// F = (phi_x, -phi_y).
  private static func operatorOf(
    _ given: Functions, _ n: Int, split: Int, parameters: Int
  ) -> Functions {
    var functions = Functions()
    functions.owner = given.owner
    functions.prox = given.prox
    let flip: @Sendable (Functions.Out) -> Void = { out in
      for i in split..<n { out[i] = -out[i] }
    }
    if let cross = given.parameterGradient {
      functions.parameterJacobian = { x, out in
        var none = 0.0
        let code = cross(x, 1, &none, out)
        for e in (split * parameters)..<(n * parameters) { out[e] = -out[e] }
        return code
      }
    }
    if let gradient = given.gradient {
      functions.map = { x, out in
        let code = gradient(x, out)
        flip(out)
        return code
      }
    } else if let joint = given.valueGradient {
      functions.map = { x, out in
        var value = Double.nan
        let code = joint(x, &value, out)
        flip(out)
        return code
      }
    }
    if let batch = given.batchGradient {
      functions.batchMap = { x, indices, count, out in
        let code = batch(x, indices, count, out)
        flip(out)
        return code
      }
    }
    return functions
  }
}
