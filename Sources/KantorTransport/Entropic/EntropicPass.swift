import KantorCore

/// What ended a pass over the pairs.
enum PassOutcome {
  case complete
  case interrupted
  /// A row or a column with mass has no allowed partner.
  case forbidden
}

/// A pass over the pairs: from `gamma` to `phi` with exact rows, and to the column sums of that
/// plan. Full passes see every pair, stored ones those that were kept.
protocol EntropicPass: AnyObject {
  func run(_ state: EntropicState) -> PassOutcome
  /// Makes columns exact whose sums a plain logarithm cannot give.
  func mendColumns(_ state: EntropicState)
}

extension EntropicPass {
  func mendColumns(_ state: EntropicState) {}
}
