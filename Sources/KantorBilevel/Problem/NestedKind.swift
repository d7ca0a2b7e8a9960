import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics

/// The problem kind "nested": its fields and how they become a `NestedProblem`.
public enum NestedKind {
  public static let kind = ProblemKind(
    name: "nested",
    summary: "Programs over the answer of another problem: min F(x, z(x)) over x, where z(x) "
      + "solves a problem of another kind whose data depend on x.",
    fields: fields, seal: seal, defaultMethod: { _ in ImplicitProgramming.spec.name })

  static let upperMembers: [Functions.Member] = [
    .value, .gradient, .valueGradient, .map, .jacobian, .jacobianTransposeProduct,
  ]
  static let mapMembers: [Functions.Member] = [.map, .jacobian, .jacobianTransposeProduct]

  static let fields: [FieldSpec] =
    [
      FieldSpec(
        "upper", .functions, .input, choices: upperMembers.map(\.rawValue),
        "F of the joined vector (x, z): value and gradient, or value_gradient; map for G <= 0 and "
          + "H = 0, with jacobian (rows, nx + nz) or jacobian_transpose_product."),
      FieldSpec(
        "lower", .problem, .input,
        "The lower problem, of any kind, with a method whose results have derivatives. Its fields "
          + "are the ones at x = 0 where lower_matrix is set, and give the shapes where lower_map "
          + "is."),
      FieldSpec(
        "lower_fields", .text, .input,
        "Names of the lower problem's fields that depend on x, with commas between them."),
      FieldSpec(
        "lower_matrix", .sparse, .input, shape: "(r, nx)",
        "M: the r numbers of those fields, one field after another, are those of the lower problem "
          + "plus M x. Arrays count in row-major order, sparse matrices by their stored values."),
      FieldSpec(
        "lower_map", .functions, .input, choices: mapMembers.map(\.rawValue),
        "In the place of lower_matrix: map gives the r numbers for x, jacobian_transpose_product "
          + "or jacobian (r, nx) its derivative. It is called with x before every lower solve for "
          + "it."),
      FieldSpec(
        "answers", .text, .input,
        "Names of the lower result's fields that make up z, one after another, with commas between "
          + "them."),
      FieldSpec("answer_size", .int, .input, "Numbers of all answers together, nz."),
    ] + BilevelKind.fields.filter { leaderFields.contains($0.name) }

  private static let leaderFields = [
    "start_x", "x_lower", "x_upper", "x_set", "x_size", "upper_rows", "upper_equalities",
  ]

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let lower = fields.problem("lower") else {
      throw KantorError(.missing, "field 'lower' has not been set")
    }
    guard lower.spec.hasDerivatives else {
      throw KantorError(
        .unsupported,
        "the lower problem's method '\(lower.spec.kind)/\(lower.spec.name)' has no derivatives of "
          + "its results, which are needed here")
    }
    let startX = try BilevelKind.vector(fields, "start_x")
    let bounds = try BilevelKind.bounds(fields, "x", startX.count)
    let leader = LeaderSet(
      try BilevelKind.xSet(fields, startX.count, bounds), bounds: bounds)
    let parts = try parts(fields, lower)
    let dependence = try dependence(fields, lower, parts, startX.count)
    let answers = try answers(fields, lower)
    guard let nz = try BilevelKind.count(fields, "answer_size") else {
      throw KantorError(.missing, "field 'answer_size' has not been set")
    }
    guard nz >= 1 else { throw KantorError(.range, "answer_size is 0; 1 or more is needed") }
    _ = try checkedSum(startX.count, nz, of: "x and z")
    let upper = try upper(fields)
    return NestedProblem(
      lower: lower, parts: parts, dependence: dependence, answers: answers, nz: nz,
      upper: upper, rows: try BilevelKind.rows(fields, "upper", upper), startX: startX,
      leader: leader)
  }

  private static func names(
    _ fields: ProblemFields, _ field: String
  ) throws(KantorError) -> [String] {
    guard let text = fields.text(field) else {
      throw KantorError(.missing, "field '\(field)' has not been set")
    }
    var names: [String] = []
    for piece in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = String(piece.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      guard !name.isEmpty else {
        throw KantorError(
          .range, "field '\(field)' is '\(text.prefix(60))'; names with commas between are needed")
      }
      guard !names.contains(name) else {
        throw KantorError(.range, "field '\(field)' has the name '\(name.prefix(60))' twice")
      }
      names.append(name)
    }
    return names
  }

  private static func parts(
    _ fields: ProblemFields, _ lower: Subproblem
  ) throws(KantorError) -> [NestedProblem.Part] {
    let problem = lower.problem
    var parts: [NestedProblem.Part] = []
    for name in try names(fields, "lower_fields") {
      guard problem.kind.fields.contains(where: { $0.name == name }) else {
        throw unknownName(
          "lower_fields: field of a \(problem.kind.name) problem", name,
          among: problem.kind.fields.map(\.name))
      }
      let value: FieldValue
      do throws(KantorError) { value = try problem.get(name) } catch {
        throw KantorError(
          error.code, "lower_fields: \(error.message) in the lower problem; its shape is needed")
      }
      parts.append(try part(name, value))
    }
    return parts
  }

  private static func part(
    _ name: String, _ value: FieldValue
  ) throws(KantorError) -> NestedProblem.Part {
    let form: NestedProblem.Part.Form
    let base: Buffer<Double>
    switch value {
    case .real(let number): (form, base) = (.number, try Buffer([number]))
    case .array(let tensor): (form, base) = (.array(shape: tensor.shape), try tensor.doubles())
    case .sparse(let matrix): (form, base) = (.sparse(matrix), try matrix.values.doubles())
    case .int, .text, .functions, .problem:
      throw KantorError(
        .type,
        "lower_fields: '\(name)' is of type \(value.type.rawValue); numbers and arrays of numbers "
          + "can depend on x")
    }
    guard base.count > 0 else {
      throw KantorError(.shape, "lower_fields: '\(name)' is empty in the lower problem")
    }
    return NestedProblem.Part(name: name, form: form, base: base)
  }

  private static func dependence(
    _ fields: ProblemFields, _ lower: Subproblem, _ parts: [NestedProblem.Part], _ nx: Int
  ) throws(KantorError) -> NestedProblem.Dependence {
    var rows = 0
    for part in parts { rows = try checkedSum(rows, part.base.count, of: "lower_fields") }
    let needed = "(\(rows), \(nx)): the numbers of lower_fields, and the elements of start_x"
    let matrix = try ConeKind.matrix(fields, "lower_matrix")?.matrix
    if let functions = fields.functions("lower_map") {
      guard matrix == nil else {
        throw KantorError(.unsupported, "lower_matrix and lower_map are both set; one is allowed")
      }
      guard functions.map != nil,
        functions.jacobian != nil || functions.jacobianTransposeProduct != nil
      else {
        throw KantorError(
          .missing,
          "field 'lower_map' needs map, and jacobian_transpose_product or jacobian; it has "
            + functions.offered.map(\.rawValue).joined(separator: ", "))
      }
      return .functions(functions)
    }
    guard let matrix else {
      throw KantorError(
        .missing, "neither field 'lower_matrix' nor 'lower_map' has been set; one is needed, of "
          + needed)
    }
    guard matrix.rows == rows, matrix.columns == nx else {
      throw KantorError(
        .shape, "lower_matrix has the shape (\(matrix.rows), \(matrix.columns)); needed is "
          + needed)
    }
    // Functions of the host have to know the values, and only his own map tells him.
    let hasFunctions = lower.problem.kind.fields.contains { $0.type == .functions }
    if hasFunctions, parts.contains(where: { $0.name == "parameters" }) {
      throw KantorError(
        .unsupported,
        "lower_matrix moves 'parameters', which the lower problem's functions do not see; "
          + "lower_map is needed, whose map can tell them")
    }
    return .matrix(matrix)
  }

  private static func answers(
    _ fields: ProblemFields, _ lower: Subproblem
  ) throws(KantorError) -> [String] {
    let names = try names(fields, "answers")
    let outputs = lower.spec.outputs
    for name in names {
      guard let output = outputs.first(where: { $0.name == name }) else {
        throw unknownName(
          "answers: result field of '\(lower.spec.name)'", name, among: outputs.map(\.name))
      }
      guard output.type == .real || output.type == .array else {
        throw KantorError(
          .type,
          "answers: '\(name)' is of type \(output.type.rawValue); a number or an array is needed")
      }
    }
    return names
  }

  private static func upper(_ fields: ProblemFields) throws(KantorError) -> Functions {
    guard let functions = fields.functions("upper") else {
      throw KantorError(.missing, "field 'upper' has not been set")
    }
    guard functions.valueGradient != nil || (functions.value != nil && functions.gradient != nil)
    else {
      throw KantorError(
        .missing,
        "field 'upper' needs value and gradient, or value_gradient; it has "
          + functions.offered.map(\.rawValue).joined(separator: ", "))
    }
    guard
      functions.map == nil || functions.jacobian != nil
        || functions.jacobianTransposeProduct != nil
    else {
      throw KantorError(
        .missing, "field 'upper' has a map, and neither jacobian nor jacobian_transpose_product")
    }
    return functions
  }
}
