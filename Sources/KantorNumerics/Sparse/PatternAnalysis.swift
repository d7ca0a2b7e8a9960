import KantorCore

/// The analysis of a pattern, kept for further solves with matrices of the same one.
public final class PatternAnalysis: Sendable {
  /// Upper triangle; its values mean nothing.
  public let pattern: SparseMatrix
  public let analysis: LDLAnalysis

  public init(pattern: SparseMatrix, analysis: LDLAnalysis) {
    self.pattern = pattern
    self.analysis = analysis
  }

  public func fits(_ other: SparseMatrix) -> Bool {
    guard pattern.columns == other.columns, pattern.count == other.count else { return false }
    for j in 0...other.columns where pattern.starts.pointer[j] != other.starts.pointer[j] {
      return false
    }
    for k in 0..<other.count where pattern.indices.pointer[k] != other.indices.pointer[k] {
      return false
    }
    return true
  }
}
