import KantorCore

/// A kind of problem with a field of every type, and methods for it that need no mathematics: for
/// tests of what surrounds methods.
public enum ToyKind {
  public final class Sealed: SealedProblem {
    public let values: Buffer<Double>
    init(_ values: Buffer<Double>) { self.values = values }
  }

  public static let kind = make("toy")

  public static func make(_ name: String) -> ProblemKind {
    ProblemKind(
      name: name, summary: "The sum of some numbers.",
      fields: [
        FieldSpec("values", .array, .input, shape: "(n,)", ranks: [1], "Numbers."),
        FieldSpec("scale", .real, .input, "A number."),
        FieldSpec("count", .int, .input, "A whole number."),
        FieldSpec("mode", .text, .input, choices: ["plain", "fancy"], "A word."),
      ],
      seal: { (fields) throws(KantorError) in
        guard let values = fields.tensor("values") else {
          throw KantorError(.missing, "field 'values' has not been set")
        }
        return Sealed(try values.doubles())
      },
      defaultMethod: { _ in "adder" })
  }

  /// Adds the values one by one, asking the monitor each time.
  public static func adder(_ name: String = "adder", kind: String = "toy") -> MethodEntry {
    let spec = MethodSpec(
      name: name, kind: kind, summary: "Adds.", source: "Folklore.", guarantee: "The sum.",
      options: [
        OptionSpec("max_iterations", .int(1000, min: 1, max: .max), "Numbers added at most.")
      ],
      outputs: [FieldSpec("objective", .real, .output, "The sum.")], usesWarmStart: false,
      hasDerivatives: false)
    return MethodEntry(spec: spec) { (problem, run) throws(KantorError) in
      guard let problem = problem as? Sealed else {
        throw KantorError(.unsupported, "not a toy")
      }
      var sum = 0.0
      for k in 0..<problem.values.count {
        sum += problem.values[k]
        if run.monitor.check(iteration: k + 1, objective: sum) != nil { break }
        if run.monitor.reachesIterationLimit(k + 1) { break }
      }
      var fields = ResultFields()
      fields.add("objective", sum)
      return Result(spec: spec, status: run.monitor.stop ?? .solved, fields: fields)
    }
  }

  public static func problem(_ values: [Double]) throws -> Problem {
    let problem = Problem(kind: kind)
    try problem.set("values", .array(Tensor(try Buffer(values))))
    return problem
  }
}
