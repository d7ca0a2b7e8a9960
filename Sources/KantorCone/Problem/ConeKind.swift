import KantorBlocks
import KantorCore
import KantorNumerics

/// The problem kind "cone": its fields and how they become a `ConeProblem`.
public enum ConeKind {
  public static let kind = ProblemKind(
    name: "cone",
    summary: "Convex cone programs: min 1/2 x'Px + q'x subject to Ax + s = b, s in K.",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  static let fields: [FieldSpec] = [
    FieldSpec(
      "P", .sparse, .input, shape: "(n, n)",
      "Symmetric positive semidefinite matrix of the objective: whole, or its upper triangle; zero "
        + "if not set."),
    FieldSpec("q", .array, .input, shape: "(n,)", ranks: [1], "Linear objective."),
    FieldSpec(
      "A", .sparse, .input, shape: "(m, n)", "Constraint matrix; no constraints if not set."),
    FieldSpec("b", .array, .input, shape: "(m,)", ranks: [1], "Right-hand side; 0 if not set."),
    FieldSpec(
      "cones", .text, .input,
      "The cones of the rows, in order, with commas between them: zero k, nonnegative k, box k, "
        + "second_order k, rotated_second_order k, exponential, power a, generalized_power d a1 "
        + "... ak, psd side; 'count *' before one repeats it."),
    FieldSpec(
      "lower", .array, .input, shape: "(r,)", ranks: [1],
      "Lower bounds of s in the r rows of boxes, -infinity allowed; needed with boxes."),
    FieldSpec(
      "upper", .array, .input, shape: "(r,)", ranks: [1],
      "Upper bounds of s in the rows of boxes, +infinity allowed; needed with boxes."),
  ]

  static func defaultMethod(_ problem: any SealedProblem) -> String { "interior_point" }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let q = try vector(fields, "q") else {
      throw KantorError(.missing, "field 'q' has not been set")
    }
    let n = q.count
    guard n >= 1 else {
      throw KantorError(.shape, "q has the shape (0,); at least one variable is needed")
    }
    let (p, pEntries) = try objective(fields, n)
    let given = try matrix(fields, "A")
    var a = given?.matrix
    let cones = try ConeList.parse(fields.text("cones") ?? "")
    let m = cones.reduce(0) { $0 + $1.rows }
    if a == nil && m == 0 { a = try SparseMatrix.zero(rows: 0, columns: n) }
    guard let a else {
      throw KantorError(.missing, "field 'A' has not been set; the cones have \(m) rows")
    }
    guard a.columns == n, a.rows == m else {
      throw KantorError(
        .shape,
        "A has the shape (\(a.rows), \(a.columns)); needed is (\(m), \(n)): the rows of the cones, "
          + "and the elements of q")
    }
    let b: Buffer<Double>
    if let given = try vector(fields, "b") { b = given } else { b = try Buffer(count: m) }
    guard b.count == m else {
      throw KantorError(.shape, "b has the shape (\(b.count),); needed is (\(m),)")
    }
    let (lower, upper) = try bounds(fields, cones, m)
    return ConeProblem(
      p: p, q: q, a: a, b: b, cones: cones, lower: lower, upper: upper, pEntries: pEntries,
      aEntries: given?.entries)
  }

  private static func vector(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> Buffer<Double>? {
    guard let tensor = fields.tensor(name) else { return nil }
    let values = try tensor.doubles()
    for i in 0..<values.count where !values.pointer[i].isFinite {
      throw KantorError(.notFinite, "\(name) is \(values.pointer[i]) at \(i)")
    }
    return values
  }

  /// A field that may be sparse or dense.
  package static func matrix(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> (matrix: SparseMatrix, entries: MatrixEntries)? {
    if let tensor = fields.tensor(name) {
      let values = try tensor.doubles()
      let matrix = try SparseInput(rows: tensor.shape[0], columns: tensor.shape[1], name: name)
        .dense(values.pointer)
      return (
        matrix,
        MatrixEntries(form: .dense, rows: matrix.rows, columns: matrix.columns, isTriangle: false)
      )
    }
    guard let given = fields.sparse(name) else { return nil }
    let input = SparseInput(rows: given.rows, columns: given.columns, name: name)
    let values = try given.values.doubles()
    let first = try Buffer<Int>(integers: given.indices, name: "\(name) indices")
    let second = try Buffer<Int>(integers: given.offsets, name: "\(name) offsets")
    let built: (matrix: SparseMatrix, places: SparsePlaces)
    switch given.format {
    case .csc:
      built = try input.compressedColumns(starts: second, indices: first, values: values)
    case .csr: built = try input.compressedRows(starts: second, indices: first, values: values)
    case .coo:
      built = try input.triplets(rowIndices: first, columnIndices: second, values: values)
    }
    return (
      built.matrix,
      MatrixEntries(
        form: .stored(pattern: built.matrix, places: built.places), rows: given.rows,
        columns: given.columns, isTriangle: false)
    )
  }

  /// The upper triangle of the field P, if it was set.
  package static func quadratic(
    _ fields: ProblemFields, _ n: Int
  ) throws(KantorError) -> SparseMatrix? {
    guard fields.tensor("P") != nil || fields.sparse("P") != nil else { return nil }
    return try objective(fields, n).0
  }

  /// The upper triangle. A matrix with entries below its diagonal has to be symmetric.
  private static func objective(
    _ fields: ProblemFields, _ n: Int
  ) throws(KantorError) -> (SparseMatrix, MatrixEntries) {
    guard let (p, entries) = try matrix(fields, "P") else {
      return (
        try SparseMatrix.zero(rows: n, columns: n), MatrixEntries.missing(rows: n, columns: n)
      )
    }
    guard p.rows == n, p.columns == n else {
      throw KantorError(
        .shape, "P has the shape (\(p.rows), \(p.columns)); needed is (\(n), \(n))")
    }
    if p.isUpperTriangular {
      // A diagonal matrix is whole.
      let triangle = MatrixEntries(
        form: entries.form, rows: n, columns: n, isTriangle: !p.isDiagonal)
      return (p, triangle)
    }
    if let (i, j) = try p.asymmetry(tolerance: 1e-12) {
      throw KantorError(
        .range,
        "P is not symmetric: its entries at (\(i), \(j)) and (\(j), \(i)) differ; give a symmetric "
          + "matrix or its upper triangle")
    }
    return (try p.upperTriangle().matrix, entries)
  }

  private static func bounds(
    _ fields: ProblemFields, _ cones: [Cone], _ m: Int
  ) throws(KantorError) -> (Buffer<Double>?, Buffer<Double>?) {
    var count = 0
    for case .box(let k) in cones { count += k }
    var sides: [Buffer<Double>] = []
    for (name, free) in [("lower", -Double.infinity), ("upper", Double.infinity)] {
      guard let tensor = fields.tensor(name) else {
        if count == 0 { continue }
        throw KantorError(.missing, "field '\(name)' has not been set; boxes have \(count) rows")
      }
      guard tensor.shape == [count] else {
        throw KantorError(
          .shape, "\(name) has the shape \(tensor.shapeText); needed is (\(count),), rows of boxes")
      }
      let given = try tensor.doubles()
      for i in 0..<count where given.pointer[i].isNaN || given.pointer[i] == -free {
        throw KantorError(
          .notFinite, "\(name) is \(given.pointer[i]) at \(i); a number or \(free) is allowed")
      }
      sides.append(try spread(given, over: cones, m, free))
    }
    guard sides.count == 2, count > 0 else { return (nil, nil) }
    for i in 0..<m where sides[0].pointer[i] > sides[1].pointer[i] {
      throw KantorError(
        .range,
        "lower is \(sides[0].pointer[i]) and upper \(sides[1].pointer[i]) in row \(i); lower must "
          + "not be larger")
    }
    return (sides[0], sides[1])
  }

  /// Values of the rows of boxes among all rows.
  private static func spread(
    _ given: Buffer<Double>, over cones: [Cone], _ m: Int, _ free: Double
  ) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: m, repeating: free)
    var (row, k) = (0, 0)
    for cone in cones {
      if case .box(let size) = cone {
        for i in 0..<size { out.pointer[row + i] = given.pointer[k + i] }
        k += size
      }
      row += cone.rows
    }
    return out
  }
}
