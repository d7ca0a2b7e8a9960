import KantorCore
import KantorNumerics

/// The problem kind "nonlinear": its fields and how they become a `NonlinearProblem`.
public enum NonlinearKind {
  public static let kind = ProblemKind(
    name: "nonlinear",
    summary: "Smooth programs given by functions: min f(x) subject to bounds of x and of c(x).",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  /// Numbers at least this large stand for infinity in bounds.
  public static let infinity = 1e19

  /// Members of the bundle that are read.
  static let members: [Functions.Member] = [
    .value, .gradient, .valueGradient, .map, .jacobian, .jacobianProduct,
    .jacobianTransposeProduct, .hessian, .hessianProduct, .valueComplex, .mapComplex,
    .parameterGradient, .parameterJacobian, .parameterValue,
  ]

  static let fields: [FieldSpec] = [
    FieldSpec(
      "functions", .functions, .input, choices: members.map(\.rawValue),
      "f as value or value_gradient, c as map, and derivatives as far as there are; sparse ones as "
        + "values of the patterns, dense ones row-major. The Hessian is that of sigma f + y'c: the "
        + "lower triangle's pattern, or n x n."),
    FieldSpec(
      "start", .array, .input, shape: "(n,)", ranks: [1],
      "Where to start; moved inside the bounds if it is not."),
    FieldSpec(
      "lower", .array, .input, shape: "(n,)", ranks: [1],
      "Lower bounds of x; -infinity if not set, or where at most -1e19."),
    FieldSpec(
      "upper", .array, .input, shape: "(n,)", ranks: [1],
      "Upper bounds of x; +infinity if not set, or where at least 1e19."),
    FieldSpec(
      "constraint_lower", .array, .input, shape: "(m,)", ranks: [1],
      "Lower bounds of c(x), -infinity allowed; equal to the upper ones for equations."),
    FieldSpec(
      "constraint_upper", .array, .input, shape: "(m,)", ranks: [1],
      "Upper bounds of c(x), +infinity allowed."),
    FieldSpec(
      "jacobian_pattern", .sparse, .input, shape: "(m, n)",
      "Where c' has entries; the values are not read. The host's Jacobian is written in the order "
        + "of these entries; repeated ones are added up. Dense if not set."),
    FieldSpec(
      "hessian_pattern", .sparse, .input, shape: "(n, n)",
      "The same for the lower triangle of the Hessian of the Lagrangian."),
    FieldSpec(
      "linear_rows", .array, .input, shape: "(m,)", ranks: [1],
      "Nonzero where a row of c is affine, which is believed; none if not set."),
    FieldSpec(
      "parameters", .array, .input, shape: "(p,)", ranks: [1],
      "Parameters that the functions depend on, for derivatives of the solution; the functions "
        + "have to know them by themselves."),
  ]

  static func defaultMethod(_ problem: any SealedProblem) -> String { "interior_point" }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let functions = fields.functions("functions") else {
      throw KantorError(.missing, "field 'functions' has not been set")
    }
    guard functions.value != nil || functions.valueGradient != nil else {
      throw KantorError(
        .missing, "functions have neither 'value' nor 'value_gradient'; one of them is needed")
    }
    guard let start = try vector(fields, "start", nil) else {
      throw KantorError(.missing, "field 'start' has not been set")
    }
    let n = start.count
    guard n >= 1 else {
      throw KantorError(.shape, "start has the shape (0,); at least one variable is needed")
    }
    for j in 0..<n where !start.pointer[j].isFinite {
      throw KantorError(.notFinite, "start is \(start.pointer[j]) at \(j)")
    }
    let sides = try bounds(fields, "lower", "upper", n, "the elements of start")
    let m = try rows(fields)
    guard m == nil || functions.map != nil else {
      throw KantorError(
        .missing, "functions have no 'map', but there are bounds for \(m ?? 0) rows of it")
    }
    if m == nil, functions.map != nil {
      throw KantorError(
        .missing,
        "field 'constraint_lower' or 'constraint_upper' has not been set; the rows of 'map' need "
          + "bounds")
    }
    let count = m ?? 0
    let rowSides = try bounds(
      fields, "constraint_lower", "constraint_upper", count, "the rows of the other fields")
    let jacobian = try pattern(fields, "jacobian_pattern", count, n)
    let hessian = try pattern(fields, "hessian_pattern", n, n)
    return try NonlinearProblem(
      functions: functions, start: start, lower: sides.lower, upper: sides.upper,
      constraintLower: rowSides.lower, constraintUpper: rowSides.upper, jacobianPattern: jacobian,
      hessianPattern: hessian, linearRows: try linear(fields, count),
      parameters: fields.tensor("parameters")?.count ?? 0)
  }

  /// The number of rows, from whatever tells it first; nil when nothing does.
  private static func rows(_ fields: ProblemFields) throws(KantorError) -> Int? {
    for name in ["constraint_lower", "constraint_upper"] {
      if let tensor = fields.tensor(name) { return tensor.count }
    }
    return nil
  }

  private static func vector(
    _ fields: ProblemFields, _ name: String, _ count: Int?, _ why: String = ""
  ) throws(KantorError) -> Buffer<Double>? {
    guard let tensor = fields.tensor(name) else { return nil }
    if let count, tensor.count != count {
      throw KantorError(
        .shape, "\(name) has the shape \(tensor.shapeText); needed is (\(count),): \(why)")
    }
    return try tensor.doubles()
  }

  /// Bounds with infinities in place of huge numbers, and equal where rounding crossed them.
  private static func bounds(
    _ fields: ProblemFields, _ low: String, _ high: String, _ count: Int, _ why: String
  ) throws(KantorError) -> (lower: Buffer<Double>, upper: Buffer<Double>) {
    let lower = try Buffer<Double>(count: count, repeating: -.infinity)
    let upper = try Buffer<Double>(count: count, repeating: .infinity)
    for (name, side, free) in [(low, lower, -Double.infinity), (high, upper, Double.infinity)] {
      guard let given = try vector(fields, name, count, why) else { continue }
      for i in 0..<count {
        let b = given.pointer[i]
        guard !b.isNaN, b != -free else {
          throw KantorError(.notFinite, "\(name) is \(b) at \(i); a number or \(free) is allowed")
        }
        side.pointer[i] = abs(b) >= infinity && (b < 0) == (free < 0) ? free : b
      }
    }
    for i in 0..<count where lower.pointer[i] > upper.pointer[i] {
      let (a, b) = (lower.pointer[i], upper.pointer[i])
      guard a - b <= 1e-12 * max(1, abs(a), abs(b)) else {
        throw KantorError(
          .range, "\(low) is \(a) and \(high) \(b) at \(i); the lower bound must not be larger")
      }
      lower.pointer[i] = b
    }
    return (lower, upper)
  }

  private static func pattern(
    _ fields: ProblemFields, _ name: String, _ rows: Int, _ columns: Int
  ) throws(KantorError) -> FunctionPattern? {
    let shape = fields.tensor(name)?.shape ?? fields.sparse(name).map { [$0.rows, $0.columns] }
    guard let given = shape else { return nil }
    guard given == [rows, columns] else {
      throw KantorError(
        .shape, "\(name) has the shape \(Tensor.shapeText(given)); needed is (\(rows), \(columns))")
    }
    let isTriangle = name == "hessian_pattern"
    let pattern = try FunctionPattern(fields, name, transposed: isTriangle)
    if isTriangle, !pattern.matrix.isUpperTriangular {
      throw KantorError(
        .range, "\(name) has entries above the diagonal; give the lower triangle only")
    }
    return pattern
  }

  private static func linear(
    _ fields: ProblemFields, _ count: Int
  ) throws(KantorError) -> Buffer<UInt8>? {
    guard let given = try vector(fields, "linear_rows", count, "the rows of 'map'") else {
      return nil
    }
    let out = try Buffer<UInt8>(count: count)
    for i in 0..<count { out.pointer[i] = given.pointer[i] != 0 ? 1 : 0 }
    return out
  }
}
