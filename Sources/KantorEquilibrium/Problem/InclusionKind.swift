import KantorBlocks
import KantorCore

/// The problem kind "inclusion": find x with 0 in F(x) + dg(x).
public enum InclusionKind {
  public static let kind = ProblemKind(
    name: "inclusion",
    summary: "Variational inequalities and monotone inclusions: 0 in F(x) + dg(x).",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  static let fields: [FieldSpec] =
    [
      FieldSpec(
        "functions", .functions, .input,
        choices: InclusionFields.members.map(\.rawValue),
        "F as 'map' (n numbers at x), or as 'batch_map' (mean of the listed components at x), or "
          + "both; 'prox' if g is the host's. For derivatives of the solution 'jacobian' (n, n), "
          + "else by differences, and 'parameter_jacobian' (n, p)."),
      FieldSpec(
        "start", .array, .input, shape: "(n,)", ranks: [1], "Point to start from; gives n."),
      FieldSpec(
        "components", .int, .input,
        "Number of components of which F is the mean; needed with 'batch_map'."),
    ] + ProximalSlot("prox").fields("The term g", takesHost: true) + InclusionFields.shared

  /// Long sums that the host calls cocoercive pay for sampling, and what it calls nonmonotone has
  /// one method that is proven; everything else goes by the one that needs the fewest calls of F.
  static func defaultMethod(_ sealed: any SealedProblem) -> String {
    guard let problem = sealed as? InclusionProblem else { return "golden_ratio" }
    let r = problem.comonotone ?? 0
    if r > 0, problem.components >= 1000 { return "variance_reduced_halpern" }
    return r < 0 ? "fast_extragradient" : "golden_ratio"
  }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let read = InclusionFields(fields: fields)
    let functions = try read.functions()
    let start = try read.start("start")
    let components = try read.components()
    try checkFunctions(functions, components)
    let term = try read.term("prox", n: start.count, hasHostProx: functions.prox != nil)
    return InclusionProblem(
      form: .inclusion, functions: functions, hostFunctions: functions, components: components,
      term: term, start: start, lipschitz: try read.lipschitz(),
      comonotone: fields.real("comonotone"), parameters: read.parameters,
      boundShapes: try read.boundShapes(term))
  }

  static func checkFunctions(_ functions: Functions, _ components: Int) throws(KantorError) {
    guard functions.map != nil || functions.batchMap != nil else {
      throw KantorError(.missing, "the functions offer neither 'map' nor 'batch_map'")
    }
    guard components > 0 || functions.batchMap == nil else {
      throw KantorError(.missing, "field 'components' has not been set; 'batch_map' needs it")
    }
    guard components == 0 || functions.batchMap != nil else {
      throw KantorError(
        .missing, "components is \(components), and the functions do not offer 'batch_map'")
    }
  }
}
