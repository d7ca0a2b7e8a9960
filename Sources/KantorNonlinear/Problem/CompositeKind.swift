import KantorBlocks
import KantorCore

/// The problem kind "composite": its fields and how they become a `CompositeProblem`.
public enum CompositeKind {
  public static let kind = ProblemKind(
    name: "composite",
    summary: "Smooth plus simple: min f(x) + g(x), g by its proximal map.",
    fields: fields, seal: seal, defaultMethod: { _ in "accelerated_proximal_gradient" })

  static let slot = ProximalSlot("term")

  static let fields: [FieldSpec] =
    [
      FieldSpec(
        "functions", .functions, .input,
        choices: ["value", "gradient", "value_gradient", "prox"],
        "f and f', as value and gradient or as value_gradient; prox, where g is none of the named "
          + "terms."),
      FieldSpec("start", .array, .input, shape: "(n,)", ranks: [1], "Where to start."),
    ] + slot.fields("The function g")

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let functions = fields.functions("functions") else {
      throw KantorError(.missing, "field 'functions' has not been set")
    }
    guard functions.valueGradient != nil || (functions.value != nil && functions.gradient != nil)
    else {
      throw KantorError(
        .missing,
        "the functions have no 'value_gradient', and not both of 'value' and 'gradient'")
    }
    guard functions.prox == nil || fields.text(slot.name) == nil else {
      throw KantorError(
        .unsupported,
        "the functions have 'prox', and field 'term' names another g; one of them is needed")
    }
    let start = try BoundBox.start(fields)
    let term =
      functions.prox == nil ? try slot.read(fields, count: start.count) : nil
    return CompositeProblem(functions: functions, start: start, term: term)
  }
}

/// min f(x) + g(x), f smooth and g with a proximal map: validated.
public final class CompositeProblem: SealedProblem {
  public let n: Int
  public let functions: Functions
  public let start: Buffer<Double>
  /// g; nil where the functions have `prox`.
  public let term: ProximalChoice?

  init(functions: Functions, start: Buffer<Double>, term: ProximalChoice?) {
    n = start.count
    self.functions = functions
    self.start = start
    self.term = term
  }
}
