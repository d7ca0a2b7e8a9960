/// Which lines of a plan a capacity counts entries in.
public enum LineSide: String, Sendable, CaseIterable {
  /// One line per target: entries of a column.
  case columns
  /// One line per source: entries of a row.
  case rows
}

/// Quadratic regularisation with a capacity: gamma/2 |P|^2, at most `limit` entries in each line.
public struct SmoothTerm: Sendable {
  public var gamma: Double
  public var limit: Int
  public var side: LineSide

  public init(gamma: Double, limit: Int, side: LineSide) {
    self.gamma = gamma
    self.limit = limit
    self.side = side
  }
}
