import KantorCore

/// Saddle points and games from data, and certificates of games.
enum BilinearSpecimens {
  private static func specimen(
    _ name: String, _ kind: String, _ arrays: [Specimen.Field], words: [String: String] = [:],
    reals: [String: Double] = [:]
  ) -> Specimen {
    Specimen(name: name, data: .other(kind: kind, arrays: arrays, words: words, reals: reals))
  }

  static let all = KindSpecimens(
    ordinary: [
      specimen(
        "a linear program", "bilinear",
        [.init("K", [2, 2], [1, 1, 1, 3]), .init("c", [2], [-1, -2]), .init("b", [2], [4, 6])],
        words: ["g": "nonnegative", "h": "nonnegative"]),
      specimen(
        "a lasso", "bilinear",
        [
          .init("K", [6, 9], TransportSpecimens.numbers(54, 31)),
          .init("b", [9], TransportSpecimens.numbers(9, 32)), .init("g_weight", [], [0.1]),
        ], words: ["g": "l1"], reals: ["mu": 1]),
      specimen(
        "a quadratic game on balls", "bilinear",
        [
          .init("K", [5, 4], TransportSpecimens.numbers(20, 33)),
          .init("c", [5], TransportSpecimens.numbers(5, 34)),
          .init("P", [5, 5], (0..<25).map { $0 % 6 == 0 ? 1 + Double($0) / 10 : 0.1 }),
        ], words: ["g": "l2_ball", "h": "linf_ball"], reals: ["mu": 0.5]),
    ],
    extreme: [
      specimen(
        "one variable each", "bilinear",
        [.init("K", [1, 1], [2]), .init("c", [1], [1]), .init("b", [1], [1])],
        reals: ["mu": 1]),
      specimen(
        "no coupling", "bilinear", [.init("K", [2, 1], [0, 0]), .init("c", [2], [1, -1])],
        words: ["g": "simplex", "h": "linf_ball"]),
    ])

  static let games = KindSpecimens(
    ordinary: [
      specimen(
        "a dense game", "matrix_game",
        [.init("payoff", [20, 30], TransportSpecimens.numbers(600, 35))]),
      specimen(
        "two moves each", "matrix_game", [.init("payoff", [2, 2], [3, -2, -1, 2])]),
    ],
    extreme: [
      specimen("one move each", "matrix_game", [.init("payoff", [1, 1], [5])]),
      specimen("all payoffs alike", "matrix_game", [.init("payoff", [2, 3], [1, 1, 1, 1, 1, 1])]),
      specimen(
        "paper, scissors, stone", "matrix_game",
        [.init("payoff", [3, 3], [0, -1, 1, 1, 0, -1, -1, 1, 0])]),
      specimen("a move that is best", "matrix_game", [.init("payoff", [2, 3], [4, 2, 5, 1, 0, 3])]),
    ])

  static let certificates = KindSpecimens(
    ordinary: [
      specimen(
        "bounds", "game_certificate",
        [
          .init("curvature", [2], [1, 2]), .init("coupling", [2, 2], [0, 3, 0.1, 0]),
          .init("smoothness", [2], [2, 2]),
        ]),
      sampled,
    ],
    extreme: [
      specimen("a constant derivative", "game_certificate", [.init("jacobian", [1, 1], [2])]),
      specimen(
        "a coupling that goes one way", "game_certificate",
        [.init("curvature", [2], [1, 1]), .init("coupling", [2, 2], [0, 1000, 0, 0])]),
    ],
    infeasible: [
      specimen(
        "too much coupling", "game_certificate",
        [.init("curvature", [2], [1, 1]), .init("coupling", [2, 2], [0, 3, 1, 0])])
    ])

  private static var sampled: Specimen {
    var functions = Functions()
    functions.jacobian = { x, out in
      (out[0], out[1], out[2], out[3]) = (2 + x[0] * x[0], x[1], -0.1 * x[0], 1)
      return 0
    }
    var specimen = self.specimen(
      "a region", "game_certificate",
      [.init("lower", [2], [-1, -1]), .init("upper", [2], [1, 1])])
    specimen.functions = ["functions": functions]
    return specimen
  }
}
