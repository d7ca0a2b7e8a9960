import KantorCore

/// Order of elimination for a factorisation.
public enum EliminationOrder: Sendable {
  case minimumDegree
  case natural
  /// Element k is eliminated k-th.
  case given(Buffer<Int32>)
}

/// How a factor is stored and computed. `automatic` goes by the work per entry of the factor.
public enum FactorForm: Sendable { case automatic, simplicial, panels }

/// All that can be known about the LDL' factor of a symmetric matrix from its pattern: the order of
/// elimination, the pattern of the factor, and where each value goes. Made once; any number of
/// factors, on any threads, may work from it.
public final class LDLAnalysis: Sendable {
  public let count: Int
  /// Column k of the factor belongs to row and column `permutation[k]` of the matrix.
  public let permutation: Buffer<Int32>
  /// Entries of L below its diagonal; panels may store some more, which are zero.
  public let factorEntries: Int
  /// Multiplications of one factorisation.
  public let work: Double
  /// Number of values that the matrix has.
  public let valueCount: Int
  let simplicial: SimplicialPattern?
  let panels: PanelPattern?
  /// The permuted upper triangle; of its values only the places count.
  let upper: SparseMatrix
  /// Where each entry of `upper` stands in the caller's values.
  let source: Buffer<Int32>

  public var usesPanels: Bool { panels != nil }

  /// `matrix` is an upper triangle; entries below the diagonal are refused. Diagonal entries may be
  /// missing. Throws nothing but errors; nil when interrupted.
  public init?(
    _ matrix: SparseMatrix, order: EliminationOrder = .minimumDegree,
    form: FactorForm = .automatic, interruption: Interruption = .never
  ) throws(KantorError) {
    let n = matrix.columns
    guard matrix.rows == n, matrix.isUpperTriangular else {
      throw KantorError(.shape, "factorisation: the matrix is not a square upper triangle")
    }
    count = n
    valueCount = matrix.count
    var permutation: Buffer<Int32>
    switch order {
    case .natural: permutation = try Self.identity(n)
    case .given(let given): permutation = try Self.checked(given, n)
    case .minimumDegree:
      guard
        let found = try ApproximateMinimumDegree.order(matrix, interruption: interruption)
      else { return nil }
      permutation = found
    }
    // A postorder costs no fill and puts subtrees side by side.
    var permuted = try matrix.permutedSymmetric(permutation)
    var tree = try EliminationTree(permuted.matrix)
    let postorder = try tree.postorder()
    if !Self.isIdentity(postorder) {
      permutation = try Self.compose(permutation, postorder)
      permuted = try matrix.permutedSymmetric(permutation)
      tree = try EliminationTree(permuted.matrix)
    }
    guard let counts = try tree.columnCounts(permuted.matrix, interruption: interruption) else {
      return nil
    }
    var (entries, products) = (0, 0.0)
    for j in 0..<n {
      let (sum, overflow) = entries.addingReportingOverflow(counts.pointer[j])
      guard !overflow else { throw KantorError(.tooLarge, "the factor does not fit in memory") }
      entries = sum
      products += Double(counts.pointer[j]) * Double(counts.pointer[j] + 3) / 2
    }
    factorEntries = entries
    work = products
    if Self.wantsPanels(form, n: n, entries: entries, work: products) {
      let groups = try SupernodeTree(tree: tree, counts: counts)
      if !Self.isIdentity(groups.order) {
        permutation = try Self.compose(permutation, groups.order)
        permuted = try matrix.permutedSymmetric(permutation)
        tree = try EliminationTree(permuted.matrix)
      }
      source = try Self.inverted(permuted.places)
      guard
        let pattern = try PanelPattern(
          permuted.matrix, groups: groups.first, tree: tree, source: source,
          interruption: interruption)
      else { return nil }
      (panels, simplicial) = (pattern, nil)
    } else {
      source = try Self.inverted(permuted.places)
      guard
        let pattern = try SimplicialPattern(
          permuted.matrix, tree, counts: counts, interruption: interruption)
      else { return nil }
      (panels, simplicial) = (nil, pattern)
    }
    upper = permuted.matrix
    self.permutation = permutation
  }

  /// Below some work per entry the dense blocks are too small to make up for finding them.
  private static func wantsPanels(
    _ form: FactorForm, n: Int, entries: Int, work: Double
  ) -> Bool {
    switch form {
    case .simplicial: return false
    case .panels: return true
    case .automatic: return work > 8 * Double(entries + n)
    }
  }

  private static func identity(_ n: Int) throws(KantorError) -> Buffer<Int32> {
    let out = try Buffer<Int32>(count: n)
    for k in 0..<n { out.pointer[k] = Int32(truncatingIfNeeded: k) }
    return out
  }

  private static func isIdentity(_ order: Buffer<Int32>) -> Bool {
    for k in 0..<order.count where Int(order.pointer[k]) != k { return false }
    return true
  }

  private static func checked(
    _ order: Buffer<Int32>, _ n: Int
  ) throws(KantorError) -> Buffer<Int32> {
    guard order.count == n else {
      throw KantorError(.shape, "order of elimination: \(order.count) entries; \(n) are needed")
    }
    let seen = try Buffer<UInt8>(count: n)
    for k in 0..<n {
      let i = Int(order.pointer[k])
      guard i >= 0, i < n, seen.pointer[i] == 0 else {
        throw KantorError(
          .range, "order of elimination: entry \(k) is \(i); it has to be a permutation")
      }
      seen.pointer[i] = 1
    }
    return try order.copy()
  }

  private static func compose(
    _ outer: Buffer<Int32>, _ inner: Buffer<Int32>
  ) throws(KantorError) -> Buffer<Int32> {
    let out = try Buffer<Int32>(count: outer.count)
    for k in 0..<outer.count { out.pointer[k] = outer.pointer[Int(inner.pointer[k])] }
    return out
  }

  private static func inverted(_ places: Buffer<Int32>) throws(KantorError) -> Buffer<Int32> {
    let out = try Buffer<Int32>(count: places.count)
    for k in 0..<places.count {
      out.pointer[Int(places.pointer[k])] = Int32(truncatingIfNeeded: k)
    }
    return out
  }
}
