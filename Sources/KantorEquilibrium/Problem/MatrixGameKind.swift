import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics

/// The problem kind "matrix_game": two players, what one gains the other loses.
public enum MatrixGameKind {
  public static let kind = ProblemKind(
    name: "matrix_game",
    summary: "Zero-sum games of two players: max over p, min over q of p'Aq on simplices.",
    fields: [
      FieldSpec(
        "payoff", .sparse, .input, shape: "(n, m)",
        "A: what the player of the rows gains from that of the columns.")
    ], seal: seal, defaultMethod: defaultMethod)

  /// Beyond this many entries a factorisation takes longer than many products.
  static let smallEntries = 1_000_000

  static func defaultMethod(_ sealed: any SealedProblem) -> String {
    guard let problem = sealed as? MatrixGameProblem, problem.payoff.count > smallEntries else {
      return "linear_program"
    }
    return "primal_dual_hybrid_gradient"
  }

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let payoff = try ConeKind.matrix(fields, "payoff")?.matrix else {
      throw KantorError(.missing, "field 'payoff' has not been set")
    }
    guard payoff.rows >= 1, payoff.columns >= 1 else {
      throw KantorError(
        .shape,
        "payoff has the shape (\(payoff.rows), \(payoff.columns)); each player needs a move")
    }
    return try MatrixGameProblem(payoff)
  }
}

/// A zero-sum game.
public final class MatrixGameProblem: SealedProblem {
  /// n x m; entries that are not stored are 0.
  package let payoff: SparseMatrix
  package let least: Double
  package let most: Double

  package init(_ payoff: SparseMatrix) throws(KantorError) {
    self.payoff = payoff
    let whole = try checkedProduct(payoff.rows, payoff.columns, of: "payoff")
    var (low, high) = (Double.infinity, -Double.infinity)
    if payoff.count < whole { (low, high) = (0, 0) }
    for k in 0..<payoff.count {
      low = min(low, payoff.values.pointer[k])
      high = max(high, payoff.values.pointer[k])
    }
    (least, most) = (low, high)
  }

  package var n: Int { payoff.rows }
  package var m: Int { payoff.columns }

  /// The player of the columns minimises, x = q, the other maximises, y = p: K = A', divided by the
  /// range of the payoffs. Where all are stored they are moved to both sides of 0 as well, which
  /// makes |K| smaller; neither changes strategies.
  func bilinear() throws(KantorError) -> BilinearProblem {
    let simplex = try ProximalLibrary.entry("simplex")
    let turned = try payoff.transposed().matrix
    let range = most - least
    let isWhole = payoff.count == n * m
    let middle = isWhole ? 0.5 * least + 0.5 * most : 0
    for k in 0..<turned.count where range > 0 {
      turned.values.pointer[k] = (turned.values.pointer[k] - middle) / range
    }
    return try BilinearProblem(
      coupling: turned, c: try Buffer(count: m), b: try Buffer(count: n), quadratic: nil, mu: 0,
      primal: ProximalChoice(entry: simplex, count: m),
      dual: ProximalChoice(entry: simplex, count: n))
  }
}
