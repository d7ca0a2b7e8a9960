import KantorCore

/// Derivatives of the caller's functions against differences: what disagrees, worst first.
public struct DerivativeReport: Sendable {
  public enum Function: Int, Sendable {
    case gradient = 0
    case jacobian, hessian, jacobianProduct, jacobianTransposeProduct, hessianProduct

    var name: String {
      switch self {
      case .gradient: return "gradient"
      case .jacobian: return "jacobian"
      case .hessian: return "hessian"
      case .jacobianProduct: return "jacobian_product"
      case .jacobianTransposeProduct: return "jacobian_transpose_product"
      case .hessianProduct: return "hessian_product"
      }
    }
    var isMatrix: Bool { self == .jacobian || self == .hessian }
  }

  public struct Entry: Sendable {
    public var function: Function
    public var row: Int
    /// -1 of vectors.
    public var column: Int
    public var given: Double
    public var estimated: Double
    /// |given - estimated| over max(1, |given|, |estimated|), less what rounding explains.
    public var error: Double
    public var isDeclared = true

    var place: String {
      function.isMatrix ? "\(function.name)[\(row), \(column)]" : "\(function.name)[\(row)]"
    }
  }

  /// Entries that were compared.
  public internal(set) var compared = 0
  /// Those that disagree, worst first; at most `kept` of them.
  public internal(set) var entries: [Entry] = []
  public internal(set) var disagreeing = 0
  /// Entries that are not 0 outside a declared pattern; they count as disagreeing.
  public internal(set) var outside = 0
  /// Declared entries that were 0 at both points that were looked at.
  public internal(set) var alwaysZero = 0
  public internal(set) var largestError = 0.0
  /// Functions that could not be evaluated, and why.
  public internal(set) var complaint: String?
  /// Variables that no difference can be taken in.
  public internal(set) var fixed = 0
  static let kept = 20
  static let tolerance = 1e-4

  mutating func take(_ entry: Entry) {
    compared += 1
    if !(entry.error <= largestError) { largestError = entry.error }
    guard !(entry.error <= Self.tolerance) else { return }
    disagreeing += 1
    if !entry.isDeclared { outside += 1 }
    let at = entries.firstIndex { $0.error < entry.error } ?? entries.count
    if at < Self.kept { entries.insert(entry, at: at) }
    if entries.count > Self.kept { entries.removeLast() }
  }

  /// One line.
  var message: String {
    if let complaint { return "the functions cannot be evaluated: \(complaint)" }
    guard let worst = entries.first else {
      return "\(compared) derivatives agree with differences; largest error "
        + shortText(largestError)
    }
    return "\(disagreeing) of \(compared) derivatives disagree with differences; worst is "
      + "\(worst.place): given \(shortText(worst.given)), difference \(shortText(worst.estimated))"
  }

  /// A line for each bad entry.
  var text: String {
    var lines = [message]
    for entry in entries {
      lines.append(
        "  \(entry.place): given \(shortText(entry.given)), difference "
          + "\(shortText(entry.estimated)), error \(shortText(entry.error))"
          + (entry.isDeclared ? "" : ", outside the declared pattern"))
    }
    if disagreeing > entries.count { lines.append("  and \(disagreeing - entries.count) more") }
    if alwaysZero > 0 {
      lines.append("  \(alwaysZero) declared entries are 0 at both points that were looked at")
    }
    if fixed > 0 { lines.append("  \(fixed) fixed variables were left out") }
    return lines.joined(separator: "\n")
  }
}

/// The check of derivatives as a result that callers can read.
public enum DerivativeCheckResult {
  static let outputs: [FieldSpec] = [
    FieldSpec("report", .text, .output, "What disagrees, a line for each entry, worst first."),
    FieldSpec("compared", .int, .output, "Entries that were compared."),
    FieldSpec("disagreeing", .int, .output, "Entries that disagree."),
    FieldSpec("outside_pattern", .int, .output, "Those of them outside the declared pattern."),
    FieldSpec("always_zero", .int, .output, "Declared entries that are 0 at two points."),
    FieldSpec(
      "largest_error", .real, .certificate,
      "Largest |given - difference| over max(1, |given|, |difference|), less rounding."),
    FieldSpec(
      "functions", .array, .output, shape: "(k,)",
      "Of the worst entries: 0 gradient, 1 jacobian, 2 hessian, 3 jacobian_product, 4 "
        + "jacobian_transpose_product, 5 hessian_product."),
    FieldSpec("rows", .array, .output, shape: "(k,)", "Their rows."),
    FieldSpec("columns", .array, .output, shape: "(k,)", "Their columns; -1 of vectors."),
    FieldSpec("given", .array, .output, shape: "(k,)", "What the functions say."),
    FieldSpec("estimated", .array, .output, shape: "(k,)", "What differences say."),
  ]

  /// - Parameter x: where to look; nil: near the start, at a point without special zeros.
  public static func make(
    _ problem: any SealedProblem, kind: ProblemKind, x: Tensor?, settings: Settings?
  ) throws(KantorError) -> Result {
    let nonlinear: NonlinearProblem
    if let given = problem as? NonlinearProblem {
      nonlinear = given
    } else if let given = problem as? LeastSquaresProblem {
      nonlinear = try given.asProgram()
    } else {
      throw KantorError(
        .unsupported,
        "the problem is of the kind \(kind.name); derivatives of nonlinear and least_squares "
          + "problems can be checked")
    }
    let spec = MethodSpec(
      name: "check_derivatives", kind: kind.name, summary: "Derivatives against differences.",
      source: "", guarantee: "", options: [], outputs: outputs, usesWarmStart: false,
      hasDerivatives: false)
    let run = try (settings ?? Settings(method: nil)).run(for: spec)
    let check = try DerivativeCheck(nonlinear, monitor: run.monitor, seed: run.seed)
    let report = try check.run(at: x)
    let stop = run.monitor.stop
    let isFine = report.disagreeing == 0 && report.complaint == nil
    let status = stop ?? (report.complaint != nil ? .callbackError : isFine ? .solved : .stalled)
    return Result(spec: spec, status: status, fields: try fields(report, run.monitor))
  }

  private static func fields(
    _ report: DerivativeReport, _ monitor: Monitor
  ) throws(KantorError) -> ResultFields {
    var fields = ResultFields()
    fields.add("message", report.message)
    fields.add("report", report.text)
    fields.add("compared", report.compared)
    fields.add("disagreeing", report.disagreeing)
    fields.add("outside_pattern", report.outside)
    fields.add("always_zero", report.alwaysZero)
    fields.certify("largest_error", report.largestError)
    let entries = report.entries
    fields.add("functions", Tensor(try Buffer(entries.map { Int64($0.function.rawValue) })))
    fields.add("rows", Tensor(try Buffer(entries.map { Int64($0.row) })))
    fields.add("columns", Tensor(try Buffer(entries.map { Int64($0.column) })))
    fields.add("given", Tensor(try Buffer(entries.map(\.given))))
    fields.add("estimated", Tensor(try Buffer(entries.map(\.estimated))))
    fields.add("seconds", monitor.seconds)
    return fields
  }
}

extension LeastSquaresProblem {
  /// Residuals as rows, without an objective.
  func asProgram() throws(KantorError) -> NonlinearProblem {
    let free = try Buffer<Double>(count: m, repeating: .infinity)
    return try NonlinearProblem(
      functions: functions, start: start, lower: box.lower, upper: box.upper,
      constraintUpper: free, jacobianPattern: pattern)
  }
}
