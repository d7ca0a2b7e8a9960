/// Result fields that every solve gives, whatever the method.
public enum CommonOutputs {
  public static let specs: [FieldSpec] = [
    FieldSpec("status", .text, .output, "Name of the status, such as 'solved'."),
    FieldSpec("message", .text, .output, "The status in one sentence."),
    FieldSpec("method", .text, .output, "The method that was used, as kind/name."),
    FieldSpec("iterations", .int, .output, "Iterations that were finished."),
    FieldSpec("seconds", .real, .output, unit: "s", "Wall-clock time of the solve."),
    FieldSpec(
      "callback_code", .int, .output,
      "What the progress hook returned; present when it stopped the solve."),
    column("iteration", "Number of the iteration"),
    column("seconds", "Seconds since the start of the solve", unit: "s"),
    column("objective", "Objective"),
    column("residual", "Residual that the stopping test looks at"),
    column("gap", "Duality gap"),
  ]

  private static func column(_ name: String, _ doc: String, unit: String = "") -> FieldSpec {
    FieldSpec(
      "trace_" + name, .array, .output, shape: "(k,)", unit: unit,
      doc + " at each of the k checks; present when the option 'trace' is on, NaN if not known.")
  }

  /// The values of one solve. A method may have given some of them itself; those win.
  public static func fields(
    of result: Result, _ monitor: Monitor
  ) throws(KantorError) -> ResultFields {
    var fields = ResultFields()
    fields.add("status", result.status.name)
    fields.add("message", result.status.sentence)
    fields.add("method", "\(result.spec.kind)/\(result.spec.name)")
    fields.add("iterations", monitor.iterations)
    fields.add("seconds", monitor.seconds)
    if monitor.callbackCode != 0 { fields.add("callback_code", Int(monitor.callbackCode)) }
    if monitor.keepsTrace { try fields.add(monitor.trace) }
    return fields
  }
}
