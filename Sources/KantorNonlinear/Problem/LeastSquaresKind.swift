import KantorBlocks
import KantorCore

/// The problem kind "least_squares": its fields and how they become a `LeastSquaresProblem`.
public enum LeastSquaresKind {
  public static let kind = ProblemKind(
    name: "least_squares",
    summary: "Nonlinear least squares: min 1/2 sum s^2 rho((r_i(x) / s)^2), lower <= x <= upper.",
    fields: fields, seal: seal, defaultMethod: { _ in "levenberg_marquardt" })

  static let fields: [FieldSpec] = [
    FieldSpec(
      "functions", .functions, .input,
      choices: ["map", "jacobian", "jacobian_product", "jacobian_transpose_product"],
      "map: the residuals r(x). jacobian: r'(x), row-major, or the entries of jacobian_pattern in "
        + "their order; or both products; else finite differences take its place."),
    FieldSpec(
      "start", .array, .input, shape: "(n,)", ranks: [1],
      "Where to start; moved inside the bounds if it is not."),
    FieldSpec("residual_count", .int, .input, "Number m of residuals, 1 or more."),
    FieldSpec(
      "lower", .array, .input, shape: "(n,)", ranks: [1],
      "Lower bounds, -infinity allowed; none if not set."),
    FieldSpec(
      "upper", .array, .input, shape: "(n,)", ranks: [1],
      "Upper bounds, +infinity allowed; none if not set."),
    FieldSpec(
      "loss", .text, .input, choices: RobustLoss.Shape.allCases.map(\.rawValue),
      "rho: linear (z; if not set), soft_l1 (2 (sqrt(1 + z) - 1)), huber (z up to 1, then 2 sqrt(z)"
        + " - 1), cauchy (log(1 + z)), arctan (arctan z)."),
    FieldSpec(
      "loss_scale", .real, .input,
      "s > 0: residuals much larger than it count as outliers, except with linear; 1 if not set."),
    FieldSpec(
      "jacobian_pattern", .sparse, .input, shape: "(m, n)",
      "Entries that the Jacobian may have; dense if not set. Values do not matter, a dense array's "
        + "zeros apart."),
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let functions = fields.functions("functions") else {
      throw KantorError(.missing, "field 'functions' has not been set")
    }
    guard functions.map != nil else {
      throw KantorError(.missing, "the functions have no 'map', the residuals")
    }
    guard (functions.jacobianProduct == nil) == (functions.jacobianTransposeProduct == nil) else {
      throw KantorError(
        .missing,
        "the functions have one of 'jacobian_product' and 'jacobian_transpose_product'; both are "
          + "needed, or none")
    }
    let start = try BoundBox.start(fields)
    guard let count = fields.int("residual_count") else {
      throw KantorError(.missing, "field 'residual_count' has not been set")
    }
    guard count >= 1, let m = Int(exactly: count) else {
      throw KantorError(.range, "residual_count is \(count); 1 or more is needed")
    }
    let scale = fields.real("loss_scale") ?? 1
    guard scale > 0 else {
      throw KantorError(.range, "loss_scale is \(scale); a number > 0 is needed")
    }
    let shape = RobustLoss.Shape(rawValue: fields.text("loss") ?? "linear") ?? .linear
    let pattern = try pattern(fields, rows: m, columns: start.count)
    if pattern != nil, functions.jacobian == nil, functions.jacobianProduct != nil {
      throw KantorError(
        .unsupported,
        "jacobian_pattern is for 'jacobian' or for finite differences; the functions have products")
    }
    return LeastSquaresProblem(
      functions: functions, residuals: m, start: start,
      box: try BoundBox(fields, count: start.count), loss: RobustLoss(shape, scale: scale),
      pattern: pattern)
  }

  private static func pattern(
    _ fields: ProblemFields, rows: Int, columns: Int
  ) throws(KantorError) -> FunctionPattern? {
    let name = "jacobian_pattern"
    let sparse = fields.sparse(name).map { [$0.rows, $0.columns] }
    guard let shape = fields.tensor(name)?.shape ?? sparse else { return nil }
    guard shape == [rows, columns] else {
      throw KantorError(
        .shape,
        "\(name) has the shape \(Tensor.shapeText(shape)); needed is (\(rows), \(columns)): "
          + "residuals and elements of start")
    }
    return try FunctionPattern(fields, name)
  }
}
