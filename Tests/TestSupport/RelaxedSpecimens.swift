/// Problems of the kinds "unbalanced_transport" and "partial_transport" of every shape that their
/// methods may meet.
public enum RelaxedSpecimens {
  public static var unbalanced: KindSpecimens {
    KindSpecimens(
      ordinary: ["kl", "l2", "tv"].flatMap { ordinary(penalty: $0) },
      extreme: ["kl", "l2", "tv"].flatMap { extreme(penalty: $0) },
      differentiable: [
        "weights_source", "weights_target", "cost", "points_source", "points_target",
      ])
  }

  public static var partial: KindSpecimens {
    KindSpecimens(
      ordinary: ordinary(penalty: nil), extreme: extreme(penalty: nil),
      infeasible: [
        specimen(
          "forbidden pairs", nil, cost: [.infinity, .infinity, 1, 0], 2, 2, a: [0.5, 0.5],
          b: [0.5, 0.5], reals: ["mass": 0.75])
      ],
      differentiable: [
        "weights_source", "weights_target", "cost", "points_source", "points_target",
      ])
  }

  private static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.numbers(count, seed)
  }

  private static func weights(_ count: Int, _ seed: UInt64) -> [Double] {
    TransportSpecimens.weights(count, seed)
  }

  /// Of a penalty, or partial without one.
  private static func specimen(
    _ name: String, _ penalty: String?, cost: [Double]? = nil, points: ([Double], [Double])? = nil,
    _ n: Int, _ m: Int, a: [Double]? = nil, b: [Double]? = nil, metric: String? = nil,
    fixed: String? = nil, reals: [String: Double] = [:]
  ) -> Specimen {
    var arrays: [Specimen.Field] = []
    var words: [String: String] = [:]
    if let cost { arrays.append(.init("cost", [n, m], cost)) }
    if let (x, y) = points {
      arrays.append(.init("points_source", [n, x.count / n], x))
      arrays.append(.init("points_target", [m, y.count / m], y))
      words["metric"] = metric ?? "sqeuclidean"
    }
    if let a { arrays.append(.init("weights_source", [n], a)) }
    if let b { arrays.append(.init("weights_target", [m], b)) }
    if let penalty { words["penalty"] = penalty }
    if let fixed { words["fixed_side"] = fixed }
    return Specimen(
      name: name + (penalty.map { ", " + $0 } ?? ""),
      data: .other(
        kind: penalty == nil ? "partial_transport" : "unbalanced_transport", arrays: arrays,
        words: words, reals: reals))
  }

  private static func ordinary(penalty: String?) -> [Specimen] {
    let rho = ["strength_source": 0.5, "strength_target": 0.8]
    return [
      specimen(
        "dense, any weights", penalty, cost: numbers(40 * 55, 1), 40, 55, a: weights(40, 2),
        b: weights(55, 3).map { 1.4 * $0 }, reals: penalty == nil ? ["mass": 0.7] : rho),
      specimen(
        "dense, uniform square", penalty, cost: numbers(48 * 48, 4), 48, 48,
        reals: penalty == nil ? ["mass": 0.5] : ["strength_source": 0.3]),
      specimen(
        "space, any weights", penalty, points: (numbers(90, 7), numbers(123, 8)), 30, 41,
        a: weights(30, 9).map { 0.5 * $0 }, b: weights(41, 10), metric: "l1",
        reals: penalty == nil ? ["mass": 0.4] : rho),
      specimen(
        "plane, one side fixed", penalty, points: (numbers(70, 11), numbers(80, 12)), 35, 40,
        a: weights(35, 13), b: weights(40, 14).map { 1.2 * $0 },
        fixed: penalty == nil ? nil : "source",
        reals: penalty == nil ? [:] : ["strength_target": 0.6]),
    ]
  }

  private static func extreme(penalty: String?) -> [Specimen] {
    let rho = penalty == nil ? [:] : ["strength_source": 1.5]
    func with(_ mass: Double) -> [String: Double] { penalty == nil ? ["mass": mass] : rho }
    return [
      specimen("one pair", penalty, cost: [2], 1, 1, a: [3], b: [2], reals: with(1)),
      specimen(
        "one source", penalty, cost: [1, 2, 3], 1, 3, b: [0.5, 0.25, 0.5], reals: with(0.75)),
      specimen(
        "zero weights", penalty, cost: numbers(30, 20), 6, 5, a: [0, 0.5, 0, 0.25, 0.25, 0],
        b: [0, 0, 0.75, 0.75, 0], reals: with(0.6)),
      specimen("equal costs", penalty, cost: [1, 1, 1, 1], 2, 2, reals: with(0.5)),
      specimen("all costs 0", penalty, cost: [0, 0, 0, 0], 2, 2, reals: with(0.5)),
      specimen(
        "points on top of each other", penalty, points: ([1, 2, 1, 2], [1, 2, 1, 2]), 2, 2,
        reals: with(0.25)),
      specimen(
        "forbidden pairs", penalty, cost: [0, .infinity, 1, 0.5], 2, 2, reals: with(0.9)),
      specimen(
        "all that there is", penalty, cost: numbers(12, 21), 3, 4, a: weights(3, 22),
        b: weights(4, 23), reals: with(1)),
    ]
  }
}
