import KantorBlocks
import KantorCore

/// The problem kind "bilevel": its fields and how they become a `BilevelProblem`.
public enum BilevelKind {
  public static let kind = ProblemKind(
    name: "bilevel",
    summary: "Bilevel programs: min F(x, y) over x, where y minimises f(x, y) for that x.",
    fields: fields, seal: seal, defaultMethod: defaultMethod)

  /// What is read of either bundle.
  static let members: [Functions.Member] = [
    .value, .gradient, .valueGradient, .map, .jacobian, .jacobianProduct,
    .jacobianTransposeProduct, .hessian, .hessianProduct, .batchValue, .batchGradient,
    .batchHessianProduct,
  ]

  static let fields: [FieldSpec] = [
    FieldSpec(
      "upper", .functions, .input, choices: members.map(\.rawValue),
      "F of the joined vector (x, y): value and gradient, or value_gradient, or the batch "
        + "functions of a sum; map for G <= 0 and H = 0."),
    FieldSpec(
      "lower", .functions, .input, choices: members.map(\.rawValue),
      "f of the joined vector (x, y), as 'upper'; hessian_product or hessian for its second "
        + "derivative, which is differenced if missing; map for g <= 0 and h = 0."),
    FieldSpec(
      "lower_product", .functions, .input, choices: [Functions.Member.hessianProduct.rawValue],
      "The hessian_product of 'lower' for vectors in y, where only the part of y of the answer is "
        + "read and the rest may be 0: saves the cross derivatives inside lower solves. Optional."),
    FieldSpec("start_x", .array, .input, shape: "(nx,)", ranks: [1], "Start of x; gives nx."),
    FieldSpec("start_y", .array, .input, shape: "(ny,)", ranks: [1], "Start of y; gives ny."),
    FieldSpec(
      "x_lower", .array, .input, shape: "(nx,)", ranks: [1],
      "Lower bounds of x, -infinity allowed; none if not set."),
    FieldSpec(
      "x_upper", .array, .input, shape: "(nx,)", ranks: [1],
      "Upper bounds of x, +infinity allowed; none if not set."),
    FieldSpec(
      "y_lower", .array, .input, shape: "(ny,)", ranks: [1],
      "Lower bounds of y in the lower level; none if not set."),
    FieldSpec(
      "y_upper", .array, .input, shape: "(ny,)", ranks: [1],
      "Upper bounds of y in the lower level; none if not set."),
    FieldSpec(
      "x_set", .text, .input, choices: ["box", "ball", "simplex"],
      "Set of x: its bounds alone (box), |x| <= x_size (ball), or x >= 0 with sum x_size "
        + "(simplex); the latter two go without bounds."),
    FieldSpec("x_size", .real, .input, "Radius of the ball or sum of the simplex; 1 if not set."),
    FieldSpec("upper_rows", .int, .input, "Rows of the upper 'map'; needed with one."),
    FieldSpec("lower_rows", .int, .input, "Rows of the lower 'map'; needed with one."),
    FieldSpec(
      "upper_equalities", .int, .input,
      "How many of the upper rows, the last ones, are equations; 0 if not set."),
    FieldSpec(
      "lower_equalities", .int, .input,
      "How many of the lower rows, the last ones, are equations; 0 if not set."),
    FieldSpec(
      "upper_components", .int, .input,
      "Components of F as a finite sum (a mean); needed with its batch functions."),
    FieldSpec(
      "lower_components", .int, .input,
      "Components of f as a finite sum (a mean); needed with its batch functions."),
    FieldSpec(
      "blocks", .int, .input,
      "Equal parts of y into which the lower level separates for a given x: f is a sum of "
        + "functions of x and one part each. Components of a finite sum are then in the order of "
        + "the blocks, as many for each. 1 if not set."),
  ]

  static func defaultMethod(_ problem: any SealedProblem) -> String { "adaptive" }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let startX = try vector(fields, "start_x")
    let startY = try vector(fields, "start_y")
    guard startY.count >= 1 else {
      throw KantorError(.shape, "start_y has the shape (0,); at least one variable is needed")
    }
    _ = try checkedSum(startX.count, startY.count, of: "x and y")
    let xBounds = try bounds(fields, "x", startX.count)
    let yBounds = try bounds(fields, "y", startY.count)
    let upper = try level(fields, "upper")
    let lower = try level(fields, "lower")
    let set = try xSet(fields, startX.count, xBounds)
    let product = fields.functions("lower_product")
    guard product == nil || product?.hessianProduct != nil else {
      throw KantorError(.missing, "field 'lower_product' needs hessian_product")
    }
    let blocks = try blocks(fields, startY.count, [("lower", lower), ("upper", upper)])
    return BilevelProblem(
      upper: upper, lower: lower, startX: startX, startY: startY, xBounds: xBounds,
      yBounds: yBounds, xSet: set, lowerProduct: product, blocks: blocks)
  }

  private static func blocks(
    _ fields: ProblemFields, _ ny: Int, _ levels: [(name: String, level: BilevelProblem.Level)]
  ) throws(KantorError) -> Int {
    guard let blocks = try count(fields, "blocks") else { return 1 }
    guard blocks >= 1, ny % blocks == 0 else {
      throw KantorError(
        .range, "blocks is \(blocks); a divisor of the size of start_y, \(ny), is needed")
    }
    for (name, level) in levels where level.components % blocks != 0 {
      throw KantorError(
        .range, "\(name)_components is \(level.components); a multiple of blocks, \(blocks), is "
          + "needed")
    }
    guard blocks == 1 || levels[0].level.rows == 0 else {
      throw KantorError(
        .unsupported, "blocks is \(blocks) and lower_rows \(levels[0].level.rows); lower levels "
          + "with rows have no blocks")
    }
    return blocks
  }

  static func vector(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> Buffer<Double> {
    guard let tensor = fields.tensor(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let values = try tensor.doubles()
    for i in 0..<values.count where !values.pointer[i].isFinite {
      throw KantorError(.notFinite, "\(name) is \(values.pointer[i]) at \(i)")
    }
    return values
  }

  static func bounds(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> (Buffer<Double>, Buffer<Double>) {
    var sides: [Buffer<Double>] = []
    for (side, none) in [("lower", -Double.infinity), ("upper", Double.infinity)] {
      let field = "\(name)_\(side)"
      guard let tensor = fields.tensor(field) else {
        sides.append(try Buffer(count: count, repeating: none))
        continue
      }
      guard tensor.shape == [count] else {
        throw KantorError(
          .shape, "\(field) has the shape \(tensor.shapeText); needed is (\(count),), as start_"
            + "\(name) has")
      }
      let given = try tensor.doubles()
      for i in 0..<count where given.pointer[i].isNaN || given.pointer[i] == -none {
        throw KantorError(
          .notFinite, "\(field) is \(given.pointer[i]) at \(i); a number or \(none) is allowed")
      }
      sides.append(given)
    }
    for i in 0..<count where sides[0].pointer[i] > sides[1].pointer[i] {
      throw KantorError(
        .range,
        "\(name)_lower is \(sides[0].pointer[i]) and \(name)_upper \(sides[1].pointer[i]) at \(i);"
          + " the lower bound must not be larger")
    }
    return (sides[0], sides[1])
  }

  /// A count that is not negative; nil if not set.
  static func count(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> Int? {
    guard let given = fields.int(name) else { return nil }
    guard given >= 0, given < 1 << 40 else {
      throw KantorError(.range, "\(name) is \(given); 0 or more is needed, below 2^40")
    }
    return Int(given)
  }

  private static func level(
    _ fields: ProblemFields, _ name: String
  ) throws(KantorError) -> BilevelProblem.Level {
    guard let functions = fields.functions(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let components = try count(fields, name + "_components") ?? 0
    let hasBatches = functions.batchValue != nil || functions.batchGradient != nil
    if hasBatches, components == 0 {
      throw KantorError(
        .missing, "field '\(name)' has batch functions; '\(name)_components' has to be set")
    }
    let summed = components > 0
    let value =
      functions.value != nil || functions.valueGradient != nil
      || (summed && functions.batchValue != nil)
    let gradient =
      functions.gradient != nil || functions.valueGradient != nil
      || (summed && functions.batchGradient != nil)
    guard value, gradient else {
      let offered = functions.offered.map(\.rawValue).joined(separator: ", ")
      throw KantorError(
        .missing,
        "field '\(name)' needs value and gradient, or value_gradient; it has "
          + (offered.isEmpty ? "nothing" : offered))
    }
    let rows = try rows(fields, name, functions)
    return BilevelProblem.Level(
      functions: functions, rows: rows.count, equalities: rows.equalities, components: components)
  }

  /// How many rows the map of a level has, and how many of them, the last ones, are equations.
  static func rows(
    _ fields: ProblemFields, _ name: String, _ functions: Functions
  ) throws(KantorError) -> (count: Int, equalities: Int) {
    let rows = try count(fields, name + "_rows")
    let equalities = try count(fields, name + "_equalities") ?? 0
    if functions.map == nil {
      guard rows ?? 0 == 0, equalities == 0 else {
        throw KantorError(
          .missing, "field '\(name)' has no map, but \(name)_rows or \(name)_equalities is not 0")
      }
      return (0, 0)
    }
    guard let rows else {
      throw KantorError(
        .missing, "field '\(name)_rows' has not been set; the map of '\(name)' needs it")
    }
    guard equalities <= rows else {
      throw KantorError(
        .range, "\(name)_equalities is \(equalities); \(name)_rows is \(rows)")
    }
    return (rows, equalities)
  }

  static func xSet(
    _ fields: ProblemFields, _ nx: Int, _ bounds: (Buffer<Double>, Buffer<Double>)
  ) throws(KantorError) -> BilevelProblem.XSet {
    let name = fields.text("x_set") ?? "box"
    if name == "box" {
      if fields.real("x_size") != nil {
        throw KantorError(.unsupported, "x_size is for x_set 'ball' and 'simplex'")
      }
      return .box
    }
    let size = fields.real("x_size") ?? 1
    guard size > 0 else { throw KantorError(.range, "x_size is \(size); it must be positive") }
    for i in 0..<nx where bounds.0.pointer[i].isFinite || bounds.1.pointer[i].isFinite {
      throw KantorError(
        .unsupported, "x has a bound at \(i) and x_set is '\(name)'; one of them is allowed")
    }
    if name == "simplex", nx == 0 {
      throw KantorError(.shape, "x_set is 'simplex'; start_x needs at least one element")
    }
    return name == "ball" ? .ball(size) : .simplex(size)
  }
}
