import KantorCatalog
import KantorCore

/// Nested problems: a quadratic program whose linear term is learned, also with a row on x and its
/// answer, and a transport problem whose cost is.
enum NestedSpecimens {
  static let all = KindSpecimens(ordinary: [projection, limited, transport])

  /// Half of |z - target|^2 after x, and 0.05 |x|^2.
  private static func distance(nx: Int, _ target: [Double], scale: Double = 1) -> Functions {
    var functions = Functions()
    functions.valueGradient = { w, value, gradient in
      value[0] = 0
      for i in 0..<nx {
        value[0] += 0.05 * w[i] * w[i]
        gradient[i] = 0.1 * w[i]
      }
      for (j, t) in target.enumerated() {
        let apart = w[nx + j] - t
        value[0] += 0.5 * scale * apart * apart
        gradient[nx + j] = scale * apart
      }
      return 0
    }
    return functions
  }

  private static func specimen(
    _ name: String, _ words: [String: String], size: Int64, start: [Double], rows: [[Double]],
    upper: Functions, lower: @escaping @Sendable () throws -> Subproblem
  ) -> Specimen {
    let nx = start.count
    var made = Specimen(
      name: name,
      data: .other(
        kind: "nested",
        arrays: [
          .init("start_x", [nx], start),
          .init("lower_matrix", [rows.count, nx], rows.flatMap { $0 }),
        ], words: words))
    made.functions = ["upper": upper]
    made.integers = ["answer_size": size]
    made.parts = ["lower": lower]
    return made
  }

  private static func problem(
    _ kind: String, _ arrays: [(String, [Double], [Int])], words: [String: String] = [:]
  ) throws -> Problem {
    let problem = Problem(kind: try Catalog.standard.kind(kind))
    for (name, numbers, shape) in arrays {
      try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
    }
    for (name, word) in words { try problem.set(name, .text(word)) }
    return problem
  }

  /// min z'Pz / 2 - x'z on the simplex.
  private static let projection = specimen(
    "a program on the simplex", ["lower_fields": "q", "answers": "x"], size: 3,
    start: [0.1, 0, 0], rows: [[-1, 0, 0], [0, -1, 0], [0, 0, -1]],
    upper: distance(nx: 3, [0.5, 0.3, 0.2]), lower: simplexProgram)

  /// The first entry of x and the first of the answer are at most 0.6 together.
  private static var limited: Specimen {
    var upper = distance(nx: 3, [0.5, 0.3, 0.2])
    upper.map = { w, out in
      out[0] = w[0] + w[3] - 0.6
      return 0
    }
    upper.jacobian = { _, out in
      for j in 0..<6 { out[j] = j == 0 || j == 3 ? 1 : 0 }
      return 0
    }
    var made = specimen(
      "a row on x and its answer", ["lower_fields": "q", "answers": "x"], size: 3,
      start: [0.1, 0, 0], rows: [[-1, 0, 0], [0, -1, 0], [0, 0, -1]], upper: upper,
      lower: simplexProgram)
    made.integers["upper_rows"] = 1
    return made
  }

  @Sendable private static func simplexProgram() throws -> Subproblem {
    let lower = try problem(
      "cone",
      [
        ("P", [2, 0.5, 0, 0.5, 1, 0, 0, 0, 3], [3, 3]), ("q", [0, 0.2, 0.1], [3]),
        ("A", [1, 1, 1, -1, 0, 0, 0, -1, 0, 0, 0, -1], [4, 3]), ("b", [1, 0, 0, 0], [4]),
      ], words: ["cones": "zero 1, nonnegative 3"])
    return try Catalog.standard.subproblem(lower, method: nil, settings: nil)
  }

  /// Entropic transport whose cost is a sum of two tables.
  private static let transport = specimen(
    "a learned cost", ["lower_fields": "cost", "answers": "plan"], size: 12, start: [0, 0],
    rows: (0..<12).map { [Double($0 % 5) / 4, Double($0 % 7) / 6] },
    upper: distance(nx: 2, (0..<12).map { Double(1 + $0 % 3) / 24 }, scale: 100)
  ) {
    let lower = try problem("transport", [("cost", (0..<12).map { Double($0 % 4) / 4 }, [3, 4])])
    let method = try Catalog.standard.method("sinkhorn")
    let settings = Settings(method: method.spec)
    try settings.set("epsilon", .real(0.3))
    return try Catalog.standard.subproblem(lower, method: nil, settings: settings)
  }
}
