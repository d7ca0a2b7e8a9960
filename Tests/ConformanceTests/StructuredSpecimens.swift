import KantorCatalog
import KantorCore

/// A problem of any kind, for the behaviour that all methods share. Every method of a kind other
/// than "transport" takes at least one of these.
struct KindSpecimen: Sendable, CustomStringConvertible {
  enum Value: Sendable {
    case array([Double], [Int])
    case text(String)
    case int(Int64)
    case real(Double)
  }
  let kind: String
  let name: String
  let fields: [String: Value]
  /// A result field with a derivative, and the field of the problem it is taken with respect to.
  var derivative: (output: String, input: String)?

  var description: String { "\(kind): \(name)" }

  /// The problem; `change` may replace the numbers of an array field before it is set.
  func problem(
    changing change: (String, inout [Double]) -> Void = { _, _ in }
  ) throws -> Problem {
    let problem = Problem(kind: try Catalog.standard.kind(kind))
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      switch value {
      case .array(var numbers, let shape):
        change(name, &numbers)
        try problem.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
      case .text(let text): try problem.set(name, .text(text))
      case .int(let k): try problem.set(name, .int(k))
      case .real(let x): try problem.set(name, .real(x))
      }
    }
    return problem
  }

  static let all: [KindSpecimen] = doublyStochastic + cone

  /// Numbers in [-1, 1) that are the same every time.
  static func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) * 0x1p-30 - 1
    }
  }

  private static let doublyStochastic: [KindSpecimen] = {
    let kind = "doubly_stochastic"
    let pull = ("doubly_stochastic", "matrices")
    return [
      KindSpecimen(
        kind: kind, name: "a batch of matrices",
        fields: ["matrices": .array(numbers(5 * 36, 1).map { 3 * $0 }, [5, 6, 6])],
        derivative: pull),
      KindSpecimen(
        kind: kind, name: "a matrix of one entry", fields: ["matrices": .array([0.5], [1, 1])],
        derivative: pull),
      KindSpecimen(
        kind: kind, name: "a larger matrix",
        fields: ["matrices": .array(numbers(1600, 2).map { 4 * $0 }, [40, 40])],
        derivative: pull),
      KindSpecimen(
        kind: kind, name: "parameters of 3 x 3",
        fields: ["parameters": .array(numbers(24, 3), [4, 6])],
        derivative: ("doubly_stochastic", "parameters")),
      KindSpecimen(
        kind: kind, name: "parameters of a sphere",
        fields: ["parameters": .array(numbers(27, 4), [3, 9])],
        derivative: ("doubly_stochastic", "parameters")),
      KindSpecimen(
        kind: kind, name: "parameters of factors",
        fields: [
          "parameters": .array(numbers(20, 5), [2, 10]), "factors": .array([2, 3, 2], [3]),
        ],
        derivative: ("doubly_stochastic", "parameters")),
      KindSpecimen(
        kind: kind, name: "matrices that are doubly stochastic",
        fields: [
          "matrices": .array(
            [
              0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.5,
              1, 0, 0, 0, 0.25, 0.75, 0, 0.75, 0.25,
            ],
            [2, 3, 3])
        ]),
    ]
  }()

  private static let cone: [KindSpecimen] = [
    KindSpecimen(
      kind: "cone", name: "a quadratic program",
      fields: [
        "P": .array([2, 0.5, 0, 0.5, 1, 0, 0, 0, 1], [3, 3]), "q": .array([-1, 1, -2], [3]),
        "A": .array([1, 1, 1, -1, 0, 0, 0, -1, 0, 0, 0, -1], [4, 3]),
        "b": .array([1, 0, 0, 0], [4]), "cones": .text("zero 1, nonnegative 3"),
      ]),
    KindSpecimen(
      kind: "cone", name: "a linear program",
      fields: [
        "q": .array([-2, -3], [2]), "A": .array([1, 1, 1, 3, -1, 0, 0, -1], [4, 2]),
        "b": .array([4, 6, 0, 0], [4]), "cones": .text("nonnegative 4"),
      ]),
  ]
}
