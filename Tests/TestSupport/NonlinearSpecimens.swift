import KantorCore

/// Nonlinear programs: dense with all derivatives, without second ones, without any, sparse.
enum NonlinearSpecimens {
  private static func specimen(
    _ name: String, _ functions: Functions, _ arrays: [Specimen.Field],
    bounds: [Specimen.Field] = []
  ) -> Specimen {
    var made = Specimen(name: name, data: .other(kind: "nonlinear", arrays: arrays))
    made.functions = ["functions": functions]
    made.bounds = bounds
    return made
  }

  /// (1 - x)^2 + 100 (y - x^2)^2.
  private static var valley: Functions {
    var functions = Functions()
    functions.value = { x, out in
      let a = x[1] - x[0] * x[0]
      out[0] = (1 - x[0]) * (1 - x[0]) + 100 * a * a
      return 0
    }
    return functions
  }

  private static var valleyWithGradient: Functions {
    var functions = valley
    functions.gradient = { x, out in
      let a = x[1] - x[0] * x[0]
      out[0] = -2 * (1 - x[0]) - 400 * a * x[0]
      out[1] = 200 * a
      return 0
    }
    return functions
  }

  private static var valleyWithHessian: Functions {
    var functions = valleyWithGradient
    functions.hessian = { x, sigma, _, out in
      out[0] = sigma * (2 - 400 * (x[1] - 3 * x[0] * x[0]))
      out[1] = -400 * sigma * x[0]
      out[2] = out[1]
      out[3] = 200 * sigma
      return 0
    }
    return functions
  }

  private static var valleyWithProducts: Functions {
    var functions = valleyWithGradient
    functions.hessianProduct = { x, sigma, _, v, out in
      let across = -400 * sigma * x[0]
      out[0] = sigma * (2 - 400 * (x[1] - 3 * x[0] * x[0])) * v[0] + across * v[1]
      out[1] = across * v[0] + 200 * sigma * v[1]
      return 0
    }
    return functions
  }

  /// The same with the row x^2 + y^2.
  private static var disc: Functions {
    var functions = valleyWithGradient
    functions.map = { x, out in
      out[0] = x[0] * x[0] + x[1] * x[1]
      return 0
    }
    functions.jacobian = { x, out in
      out[0] = 2 * x[0]
      out[1] = 2 * x[1]
      return 0
    }
    return functions
  }

  private static var discWithHessian: Functions {
    var functions = disc
    functions.hessian = { x, sigma, y, out in
      out[0] = sigma * (2 - 400 * (x[1] - 3 * x[0] * x[0])) + 2 * y[0]
      out[1] = -400 * sigma * x[0]
      out[2] = out[1]
      out[3] = 200 * sigma + 2 * y[0]
      return 0
    }
    return functions
  }

  /// |x|^2 / 2 - sum of x_i / (i + 1), and a sum of squares as an equation.
  private static let side = 9
  private static var sphere: Functions {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = (0..<side).reduce(0) { $0 + 0.5 * x[$1] * x[$1] - x[$1] / Double($1 + 1) }
      return 0
    }
    functions.gradient = { x, out in
      for k in 0..<side { out[k] = x[k] - 1 / Double(k + 1) }
      return 0
    }
    functions.map = { x, out in
      out[0] = (0..<side).reduce(0) { $0 + x[$1] * x[$1] }
      return 0
    }
    functions.jacobian = { x, out in
      for k in 0..<side { out[k] = 2 * x[k] }
      return 0
    }
    functions.hessian = { _, sigma, y, out in
      for k in 0..<side * side { out[k] = 0 }
      for k in 0..<side { out[k * (side + 1)] = sigma + 2 * y[0] }
      return 0
    }
    return functions
  }

  /// +-x, and x as rows.
  private static func line(_ slope: Double, rows: Int) -> Functions {
    var functions = Functions()
    functions.value = { x, out in
      out[0] = slope * x[0]
      return 0
    }
    functions.gradient = { _, out in
      out[0] = slope
      return 0
    }
    functions.map = { x, out in
      for k in 0..<rows { out[k] = x[0] }
      return 0
    }
    functions.jacobian = { _, out in
      for k in 0..<rows { out[k] = 1 }
      return 0
    }
    functions.hessian = { _, _, _, out in
      out[0] = 0
      return 0
    }
    return functions
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "a valley in a disc", discWithHessian,
        [.init("start", [2], [-1.2, 1]), .init("constraint_upper", [1], [1.5])]),
      specimen(
        "the same without second derivatives", disc,
        [.init("start", [2], [-1.2, 1]), .init("constraint_upper", [1], [1.5])]),
      specimen(
        "a valley with bounds, without derivatives", valley,
        [.init("start", [2], [-1.2, 1]), .init("upper", [2], [0.5, 2])]),
      specimen(
        "a valley without constraints, with second derivatives", valleyWithHessian,
        [.init("start", [2], [-1.2, 1])]),
      specimen(
        "a sphere", sphere,
        [.init("start", [side], (0..<side).map { 0.3 + 0.05 * Double($0) })],
        bounds: [.init("constraint_lower", [1], [1]), .init("constraint_upper", [1], [1])]),
    ],
    extreme: [
      specimen(
        "a valley without constraints, by products", valleyWithProducts,
        [.init("start", [2], [-1.2, 1])]),
      specimen(
        "no constraints", valleyWithGradient, [.init("start", [2], [-1.2, 1])]),
      specimen(
        "fixed variables", valleyWithGradient, [.init("start", [2], [3, 1])],
        bounds: [.init("lower", [2], [0.5, 0.25]), .init("upper", [2], [0.5, 0.25])]),
    ],
    infeasible: [
      specimen(
        "affine rows that contradict each other", line(1, rows: 2), [.init("start", [1], [3])],
        bounds: [
          .init("constraint_lower", [2], [1, -.infinity]),
          .init("constraint_upper", [2], [.infinity, 0]), .init("linear_rows", [2], [1, 1]),
        ])
    ],
    unbounded: [
      specimen(
        "an objective that falls for ever", line(-1, rows: 1), [.init("start", [1], [1])],
        bounds: [.init("constraint_lower", [1], [0])])
    ],
    differentiable: ["upper", "constraint_upper"], refusals: [.unsupported, .missing])
}
