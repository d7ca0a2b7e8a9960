import KantorCore

/// The problem kind "doubly_stochastic": matrices with row and column sums 1, as projections of
/// given matrices or as functions of parameters, a batch at a time.
public enum DoublyStochasticKind {
  public static let kind = ProblemKind(
    name: "doubly_stochastic",
    summary: "Matrices whose rows and columns sum to 1: projections and parametrisations, batched.",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  static let fields: [FieldSpec] = [
    FieldSpec(
      "matrices", .array, .input, shape: "(b, n, n) or (n, n)", ranks: [2, 3],
      "Square matrices to project, to normalise or to decompose; a leading axis is a batch."),
    FieldSpec(
      "parameters", .array, .input, shape: "(b, p) or (p,)", ranks: [1, 2],
      "Parameters of matrices, instead of matrices; how many is said by the method."),
    FieldSpec(
      "size", .int, .input, "Rows n of a matrix made from parameters, where p leaves it open."),
    FieldSpec(
      "factors", .array, .input, shape: "(q,)", ranks: [1],
      "Sizes of the factors of a Kronecker product, each from 1 to 6."),
    FieldSpec(
      "permutations", .array, .input, shape: "(k, n)", ranks: [2],
      "Permutations to mix: the entry (k, i) is the column of row i. All n! if not set."),
  ]

  static let largestSize = 20_000

  static func defaultMethod(_ problem: any SealedProblem) -> String {
    guard let problem = problem as? DoublyStochasticProblem, problem.matrices == nil else {
      return "birkhoff_projection"
    }
    if !problem.factors.isEmpty { return "kronecker_product" }
    if problem.permutations != nil { return "permutation_mixture" }
    return [1, 2, 6, 24, 120, 720].contains(problem.width) ? "permutation_mixture"
      : "spectral_sphere"
  }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let matrices = fields.tensor("matrices")
    let parameters = fields.tensor("parameters")
    guard matrices == nil || parameters == nil else {
      throw KantorError(
        .state, "both 'matrices' and 'parameters' were set; a problem has one or the other")
    }
    guard let given = matrices ?? parameters else {
      throw KantorError(.missing, "field 'matrices' or 'parameters' has not been set")
    }
    let name = matrices == nil ? "parameters" : "matrices"
    guard given.count >= 1 else {
      throw KantorError(
        .shape, "\(name) have the shape \(given.shapeText); they must not be empty")
    }
    var size = try ownSize(fields)
    if matrices != nil {
      let (n, m) = (given.shape[given.rank - 2], given.shape[given.rank - 1])
      guard n == m else {
        throw KantorError(
          .shape, "matrices have the shape \(given.shapeText); square ones are needed")
      }
      guard n <= largestSize else {
        throw KantorError(.tooLarge, "matrices have \(n) rows; at most \(largestSize) are allowed")
      }
      guard size == nil || size == n else {
        throw KantorError(.shape, "size is \(size ?? 0), but the matrices have \(n) rows")
      }
      size = n
    }
    let permutations = try permutations(fields, &size)
    let values = try finite(given, name)
    return DoublyStochasticProblem(
      matrices: matrices == nil ? nil : values, parameters: matrices == nil ? values : nil,
      shape: given.shape, size: size, factors: try factors(fields),
      permutations: permutations, permutationCount: fields.tensor("permutations")?.shape[0] ?? 0)
  }

  private static func ownSize(_ fields: ProblemFields) throws(KantorError) -> Int? {
    guard case .int(let size)? = fields.values["size"] else { return nil }
    guard size >= 1, size <= Int64(largestSize) else {
      throw KantorError(.range, "field 'size' is \(size); 1 to \(largestSize) is allowed")
    }
    return Int(size)
  }

  private static func finite(
    _ t: Tensor, _ name: String
  ) throws(KantorError) -> Buffer<Double> {
    let values = try t.doubles()
    for k in 0..<values.count {
      // Squares of larger numbers overflow.
      guard abs(values.pointer[k]) <= 1e100 else {
        throw KantorError(
          .notFinite, "\(name): element \(k) is \(values.pointer[k]); at most 1e100 is allowed")
      }
    }
    return values
  }

  private static func factors(_ fields: ProblemFields) throws(KantorError) -> [Int] {
    guard let t = fields.tensor("factors") else { return [] }
    guard t.count >= 1 else { throw KantorError(.shape, "factors must not be empty") }
    let values = try t.doubles()
    var sizes: [Int] = []
    var n = 1
    for k in 0..<t.count {
      let value = values.pointer[k]
      guard value.isFinite else {
        throw KantorError(.notFinite, "factors: \(value) at \(k); whole numbers 1 to 6 are allowed")
      }
      guard value >= 1, value <= 6, value == value.rounded() else {
        throw KantorError(.range, "factors: \(value) at \(k); whole numbers 1 to 6 are allowed")
      }
      sizes.append(Int(value))
      n *= Int(value)
      guard n <= largestSize else {
        throw KantorError(.tooLarge, "factors: their product exceeds \(largestSize)")
      }
    }
    return sizes
  }

  private static func permutations(
    _ fields: ProblemFields, _ size: inout Int?
  ) throws(KantorError) -> Buffer<Int64>? {
    guard let t = fields.tensor("permutations") else { return nil }
    let (count, n) = (t.shape[0], t.shape[1])
    guard count >= 1, n >= 1, n <= largestSize else {
      throw KantorError(
        .shape, "permutations have the shape \(t.shapeText); 1 to \(largestSize) columns are "
          + "allowed, and at least one row")
    }
    guard size == nil || size == n else {
      throw KantorError(.shape, "permutations have \(n) columns, but n is \(size ?? 0)")
    }
    size = n
    let values = try t.doubles()
    let out = try Buffer<Int64>(count: values.count)
    let seen = try Buffer<Int64>(count: n, repeating: -1)
    for k in 0..<count {
      for i in 0..<n {
        let value = values.pointer[k * n + i]
        guard value >= 0, value < Double(n), value == value.rounded(),
          seen.pointer[Int(value)] != Int64(k)
        else {
          throw KantorError(
            .range, "permutations: row \(k) has \(value) at \(i); each of 0 to \(n - 1) is needed "
              + "once")
        }
        seen.pointer[Int(value)] = Int64(k)
        out.pointer[k * n + i] = Int64(value)
      }
    }
    return out
  }
}
