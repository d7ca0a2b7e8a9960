import KantorCore

/// What a method of this engine proposes. `InclusionCheck` decides what it is worth.
public struct InclusionProposal: Sendable {
  package var x: Buffer<Double>
  /// Method-specific figures, shown as they are.
  package var figures = ResultFields()
  /// Largest relative residual of a solved result.
  package var tolerance: Double
  /// What spoke against further iterations, or against the assumptions of the method.
  package var evidence: String?
  /// What one of the host's functions did wrong.
  package var complaint: String?
  /// A point that is said to show that solutions are far away, if there are any.
  package var farPoint: Buffer<Double>?
  /// True when the host ended the solve from within a function, and is not to be called again.
  package var hostEnded = false
  /// True when x is said to be a local minimax point, which is then certified too.
  package var claimsMinimax = false
}

/// A method for inclusions: proposes x.
public protocol InclusionMethod: Sendable {
  static var template: MethodTemplate { get }
  static func propose(
    _ problem: InclusionProblem, _ run: Run
  ) throws(KantorError) -> InclusionProposal
}

/// The entry of a method in the catalogue but for its kind: games and saddle points are solved by
/// the methods for inclusions.
public struct MethodTemplate: Sendable {
  let name: String
  let summary: String
  let source: String
  let guarantee: String
  let options: [OptionSpec]
  let outputs: [FieldSpec]
  /// Outputs of the engine that the method never has.
  var without: [String] = []
}
