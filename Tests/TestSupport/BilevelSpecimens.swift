import KantorCore

/// Bilevel problems: a smooth lower level without bounds, one with bounds, one with a row.
enum BilevelSpecimens {
  static let all = KindSpecimens(ordinary: [
    specimen("quadratic functions", quadratic, target),
    // Bounds that hold at the answer would put it where y(x) has a kink.
    specimen("a bounded lower level", quadratic, target, bounds: [.init("y_upper", [2], [0.8, 9])]),
    specimen("a lower row", rowed, target, integers: ["lower_rows": 1]),
  ])

  private static func specimen(
    _ name: String, _ lower: Functions, _ upper: Functions, bounds: [Specimen.Field] = [],
    integers: [String: Int64] = [:]
  ) -> Specimen {
    let starts: [Specimen.Field] = [
      .init("start_x", [2], [0.5, -0.25]), .init("start_y", [2], [0.1, 0.2]),
    ]
    var made = Specimen(name: name, data: .other(kind: "bilevel", arrays: starts + bounds))
    made.functions = ["upper": upper, "lower": lower]
    made.integers = integers
    return made
  }

  /// |y - (1, 0.5)|^2 / 2 + |x|^2 / 20.
  private static var target: Functions {
    var functions = Functions()
    functions.value = { w, out in
      let (a, b) = (w[2] - 1, w[3] - 0.5)
      out[0] = 0.5 * (a * a + b * b) + 0.05 * (w[0] * w[0] + w[1] * w[1])
      return 0
    }
    functions.gradient = { w, out in
      out[0] = 0.1 * w[0]
      out[1] = 0.1 * w[1]
      out[2] = w[2] - 1
      out[3] = w[3] - 0.5
      return 0
    }
    return functions
  }

  /// y1^2 + y2^2 + y1 y2 / 2 - x1 y1 - x2 y2.
  private static var quadratic: Functions {
    var functions = Functions()
    functions.value = { w, out in
      out[0] = w[2] * w[2] + w[3] * w[3] + 0.5 * w[2] * w[3] - w[0] * w[2] - w[1] * w[3]
      return 0
    }
    functions.gradient = { w, out in
      out[0] = -w[2]
      out[1] = -w[3]
      out[2] = 2 * w[2] + 0.5 * w[3] - w[0]
      out[3] = 2 * w[3] + 0.5 * w[2] - w[1]
      return 0
    }
    functions.hessianProduct = { _, sigma, _, v, out in
      out[0] = -sigma * v[2]
      out[1] = -sigma * v[3]
      out[2] = sigma * (2 * v[2] + 0.5 * v[3] - v[0])
      out[3] = sigma * (2 * v[3] + 0.5 * v[2] - v[1])
      return 0
    }
    return functions
  }

  /// The same with y1 + y2 <= 1.
  private static var rowed: Functions {
    var functions = quadratic
    functions.map = { w, out in
      out[0] = w[2] + w[3] - 1
      return 0
    }
    functions.jacobian = { _, out in
      out[0] = 0
      out[1] = 0
      out[2] = 1
      out[3] = 1
      return 0
    }
    return functions
  }
}
