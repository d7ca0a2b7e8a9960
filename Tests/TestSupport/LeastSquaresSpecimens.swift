import Glibc
import KantorCore

/// Least-squares problems, with a Jacobian, by products, and with neither.
enum LeastSquaresSpecimens {
  private static func specimen(
    _ name: String, _ functions: Functions, residuals: Int, _ arrays: [Specimen.Field],
    words: [String: String] = [:], reals: [String: Double] = [:]
  ) -> Specimen {
    var made = Specimen(
      name: name,
      data: .other(kind: "least_squares", arrays: arrays, words: words, reals: reals))
    made.functions = ["functions": functions]
    made.integers = ["residual_count": Int64(residuals)]
    return made
  }

  /// 10 (y - x^2), 1 - x.
  private static var valley: Functions {
    var functions = Functions()
    functions.map = { x, out in
      out[0] = 10 * (x[1] - x[0] * x[0])
      out[1] = 1 - x[0]
      return 0
    }
    return functions
  }

  private static var valleyWithJacobian: Functions {
    var functions = valley
    functions.jacobian = { x, out in
      out[0] = -20 * x[0]
      out[1] = 10
      out[2] = -1
      out[3] = 0
      return 0
    }
    return functions
  }

  private static var valleyWithProducts: Functions {
    var functions = valley
    functions.jacobianProduct = { x, v, out in
      out[0] = -20 * x[0] * v[0] + 10 * v[1]
      out[1] = -v[0]
      return 0
    }
    functions.jacobianTransposeProduct = { x, w, out in
      out[0] = -20 * x[0] * w[0] - w[1]
      out[1] = 10 * w[0]
      return 0
    }
    return functions
  }

  /// a exp(-b t) fitted to points with one gross error.
  private static var decay: Functions {
    let times = (0..<12).map { 0.25 * Double($0) }
    let values = times.enumerated().map { (k, t) in
      3 * exp(-1.2 * t) + 0.01 * sin(9 * t) + (k == 7 ? 2.0 : 0)
    }
    var functions = Functions()
    functions.map = { x, out in
      for (i, t) in times.enumerated() { out[i] = x[0] * exp(-x[1] * t) - values[i] }
      return 0
    }
    functions.jacobian = { x, out in
      for (i, t) in times.enumerated() {
        out[2 * i] = exp(-x[1] * t)
        out[2 * i + 1] = -t * x[0] * exp(-x[1] * t)
      }
      return 0
    }
    return functions
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "Rosenbrock's valley", valleyWithJacobian, residuals: 2, [.init("start", [2], [-1.2, 1])]),
      specimen(
        "Rosenbrock's valley by products", valleyWithProducts, residuals: 2,
        [.init("start", [2], [-1.2, 1])]),
      specimen(
        "Rosenbrock's valley without derivatives, with bounds", valley, residuals: 2,
        [.init("start", [2], [-1.2, 1]), .init("upper", [2], [0.6, 5])]),
      specimen(
        "a decay with an outlier", decay, residuals: 12, [.init("start", [2], [1, 0.3])],
        words: ["loss": "soft_l1"], reals: ["loss_scale": 0.1]),
    ])
}
