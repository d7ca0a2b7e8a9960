import KantorBlocks
import KantorCore
import KantorNumerics

/// The problem kind "game_certificate": do the players' gradient steps contract, in which metric,
/// and how fast?
public enum GameCertificateKind {
  public static let kind = ProblemKind(
    name: "game_certificate",
    summary: "Certificates that gradient play of N players contracts, from bounds of curvature "
      + "and coupling.",
    fields: fields, seal: seal, defaultMethod: { _ in "small_gain" })

  static let fields: [FieldSpec] = [
    FieldSpec(
      "curvature", .array, .input, shape: "(players,)", ranks: [1],
      "Lower bounds of the curvature of each cost in the player's own variables."),
    FieldSpec(
      "coupling", .array, .input, shape: "(players, players)", ranks: [2],
      "Entry (i, j): upper bound of the norm of the derivative of player i's gradient with respect "
        + "to j's variables, >= 0; the diagonal is not read."),
    FieldSpec(
      "smoothness", .array, .input, shape: "(players,)", ranks: [1],
      "Upper bounds of the curvature in the own variables; without them no steps are given."),
    FieldSpec(
      "jacobian", .array, .input, shape: "(n, n) or (k, n, n)", ranks: [2, 3],
      "In place of the bounds: the derivative of all players' gradients where it is constant, or k "
        + "matrices of whose averages it is one everywhere."),
    FieldSpec(
      "functions", .functions, .input,
      choices: [Functions.Member.jacobian, .map].map(\.rawValue),
      "In place of the bounds: 'jacobian', the derivative (n, n) at x, which is sampled; or 'map', "
        + "all players' gradients one after the other, whose differences are."),
    FieldSpec(
      "players", .array, .input, shape: "() or (players,)", ranks: [0, 1],
      "Number of variables of each player; one number if all have the same. For 'jacobian' and "
        + "'functions'; 1 if not set."),
    FieldSpec(
      "lower", .array, .input, shape: "(n,)", ranks: [1],
      "With 'functions': lower ends of the region that is sampled."),
    FieldSpec(
      "upper", .array, .input, shape: "(n,)", ranks: [1], "Upper ends of the region."),
  ]
    + ProximalSlot("prox")
    .fields("With 'functions': the players' sets, on which samples are projected")
    .filter { $0.name != "prox_blocks" }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let given = ["curvature", "jacobian", "functions"].filter { fields.values[$0] != nil }
    guard given.count == 1, let source = given.first else {
      throw KantorError(
        given.isEmpty ? .missing : .range,
        "set one of the fields 'curvature' (with 'coupling'), 'jacobian' and 'functions'; "
          + (given.isEmpty ? "none was" : given.joined(separator: ", ") + " were"))
    }
    switch source {
    case "curvature": return GameCertificateProblem(.bounds(try bounds(fields)))
    case "jacobian":
      guard let tensor = fields.tensor("jacobian"), let n = tensor.shape.last, n >= 1,
        tensor.shape[tensor.rank - 2] == n, tensor.count > 0
      else {
        throw KantorError(
          .shape,
          "jacobian has the shape \(fields.tensor("jacobian")?.shapeText ?? "()"); (n, n) or "
            + "(k, n, n) is needed")
      }
      let values = try finite(tensor, "jacobian")
      return GameCertificateProblem(
        .matrices(values, count: tensor.rank == 3 ? tensor.shape[0] : 1),
        players: try players(fields, n))
    default:
      guard let functions = fields.functions("functions"),
        functions.jacobian != nil || functions.map != nil
      else {
        throw KantorError(.missing, "the functions offer neither 'jacobian' nor 'map'")
      }
      guard let low = fields.tensor("lower"), let high = fields.tensor("upper") else {
        throw KantorError(.missing, "'functions' needs the fields 'lower' and 'upper'")
      }
      let (lower, upper) = (try finite(low, "lower"), try finite(high, "upper"))
      guard lower.count >= 1, lower.count == upper.count else {
        throw KantorError(
          .shape, "lower has \(lower.count) numbers and upper \(upper.count); n >= 1 are needed")
      }
      for i in 0..<lower.count where lower[i] > upper[i] {
        throw KantorError(
          .range, "lower[\(i)] is \(lower[i]) and upper[\(i)] is \(upper[i]): no region")
      }
      let players = try players(fields, lower.count)
      let term = try InclusionFields(fields: fields).term(
        "prox", n: lower.count, sizes: players, hasHostProx: false)
      let region = GameRegion(functions: functions, lower: lower, upper: upper, sets: term)
      return GameCertificateProblem(.region(region), players: players)
    }
  }

  private static func finite(
    _ tensor: Tensor, _ name: String
  ) throws(KantorError) -> Buffer<Double> {
    let values = try tensor.doubles()
    for i in 0..<values.count where !values[i].isFinite {
      throw KantorError(.notFinite, "\(name) is \(values[i]) at element \(i)")
    }
    return values
  }

  private static func bounds(_ fields: ProblemFields) throws(KantorError) -> GameBounds {
    guard let tensor = fields.tensor("curvature") else {
      throw KantorError(.missing, "field 'curvature' has not been set")
    }
    let curvature = try finite(tensor, "curvature")
    let count = curvature.count
    guard count >= 1 else { throw KantorError(.shape, "curvature is empty: no players") }
    guard let tensor = fields.tensor("coupling") else {
      throw KantorError(.missing, "field 'coupling' has not been set")
    }
    guard tensor.shape == [count, count] else {
      throw KantorError(
        .shape, "coupling has the shape \(tensor.shapeText); needed is (\(count), \(count))")
    }
    let coupling = try finite(tensor, "coupling")
    for i in 0..<count {
      coupling[i * count + i] = 0
      for j in 0..<count where coupling[i * count + j] < 0 {
        throw KantorError(
          .range,
          "coupling[\(i), \(j)] is \(coupling[i * count + j]); bounds of norms are >= 0")
      }
    }
    var smoothness: Buffer<Double>?
    if let tensor = fields.tensor("smoothness") {
      let values = try finite(tensor, "smoothness")
      guard values.count == count else {
        throw KantorError(
          .shape, "smoothness has the shape \(tensor.shapeText); needed is (\(count),)")
      }
      for i in 0..<count where values[i] < abs(curvature[i]) {
        throw KantorError(
          .range,
          "smoothness[\(i)] is \(values[i]), and curvature[\(i)] is \(curvature[i]): no function "
            + "has both")
      }
      smoothness = values
    }
    return GameBounds(curvature: curvature, coupling: coupling, smoothness: smoothness)
  }

  private static func players(_ fields: ProblemFields, _ n: Int) throws(KantorError) -> [Int] {
    guard let tensor = fields.tensor("players") else { return Array(repeating: 1, count: n) }
    let values = try tensor.doubles()
    var sizes: [Int] = []
    var left = n
    for k in 0..<values.count {
      guard let size = Int(exactly: values[k]), size >= 1, size <= left else {
        throw KantorError(
          .range, "players: player \(k) has \(values[k]) variables; whole numbers >= 1 with the "
            + "sum \(n) are needed")
      }
      left -= size
      sizes.append(size)
    }
    if tensor.rank == 0, let size = sizes.first, n % size == 0 {
      return Array(repeating: size, count: n / size)
    }
    guard left == 0 else {
      throw KantorError(
        .range, "players: the players have \(n - left) variables together, and \(n) exist")
    }
    return sizes
  }
}

/// Bounds of a game's derivatives on a region.
package struct GameBounds: Sendable {
  /// mu, one per player.
  package let curvature: Buffer<Double>
  /// players x players, zero diagonal.
  package let coupling: Buffer<Double>
  package let smoothness: Buffer<Double>?

  package var players: Int { curvature.count }

  package init(
    curvature: Buffer<Double>, coupling: Buffer<Double>, smoothness: Buffer<Double>?
  ) {
    self.curvature = curvature
    self.coupling = coupling
    self.smoothness = smoothness
  }
}

/// Where a game's derivatives are sampled: in a box, and of it on the players' sets.
package struct GameRegion: Sendable {
  package let functions: Functions
  package let lower: Buffer<Double>
  package let upper: Buffer<Double>
  package let sets: ProximalTerm
}

/// What is known of a game.
public final class GameCertificateProblem: SealedProblem {
  package enum Source: Sendable {
    case bounds(GameBounds)
    /// `count` matrices, row-major.
    case matrices(Buffer<Double>, count: Int)
    case region(GameRegion)
  }

  package let source: Source
  /// Variables of each player; empty where only bounds are known.
  package let players: [Int]

  package init(_ source: Source, players: [Int] = []) {
    self.source = source
    self.players = players
  }
}
