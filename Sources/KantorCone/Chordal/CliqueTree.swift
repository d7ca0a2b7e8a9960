import KantorCore
import KantorNumerics

/// The cliques of a chordal pattern that contains a given one, as a tree in which the cliques with
/// a common vertex are connected: what a clique shares with its parent is its separator.
///
/// The pattern is that of a Cholesky factor in minimum-degree order; cliques are merged where the
/// program with the larger one is cheaper to solve.
///
/// Source: L. Vandenberghe, M. S. Andersen, "Chordal graphs and semidefinite optimization", Found.
/// Trends Optim. 1 (2015); merging: M. Garstka, M. Cannon, P. Goulart, "A clique graph based
/// merging strategy for decomposable SDPs", IFAC-PapersOnLine 53 (2020).
struct CliqueTree {
  struct Clique {
    /// Vertices that the parent has too, and the others; ascending.
    var separator: [Int]
    var own: [Int]
    /// Place of the parent in the list, before this one; -1 for a root.
    var parent: Int

    var size: Int { separator.count + own.count }
  }

  /// Parents before their children.
  let cliques: [Clique]

  /// Multiplications that a factorisation of the program takes, roughly.
  var work: Double {
    cliques.reduce(0) { $0 + Self.work($1.size, $1.separator.count) }
  }

  /// Rows of a clique, and unknowns that link it to its parent, eliminated together.
  private static func work(_ size: Int, _ separator: Int) -> Double {
    let rows = Double(size * (size + 1) / 2)
    let links = Double(separator * (separator + 1) / 2)
    return rows * rows * (rows / 3 + links) + rows * links * links
  }

  /// Nil when the chordal pattern is too full to be of use, or the host asked to stop. `upper` is
  /// the upper triangle of the pattern.
  init?(_ upper: SparseMatrix, _ interruption: Interruption) throws(KantorError) {
    guard let analysis = try LDLAnalysis(upper, interruption: interruption) else { return nil }
    let side = upper.columns
    guard Double(analysis.factorEntries) < Self.fullest * Double(side) * Double(side) else {
      return nil
    }
    cliques = Self.sorted(
      Self.merged(Self.maximal(upper, analysis.permutation)), analysis.permutation)
  }

  /// Entries of the factor, relative to the square of the side, from which on nothing is gained.
  private static let fullest = 0.35

  /// A clique in the making: vertices by their place in the order of elimination.
  private struct Part {
    var separator: [Int]
    var own: [Int]
    var parent = -1
  }

  /// The maximal cliques: a column of the factor with its rows, unless a child's has it all.
  private static func maximal(_ upper: SparseMatrix, _ permutation: Buffer<Int32>) -> [Part] {
    let n = upper.columns
    var place = [Int](repeating: 0, count: n)
    for k in 0..<n { place[Int(permutation.pointer[k])] = k }
    var below = [[Int]](repeating: [], count: n)
    for j in 0..<n {
      for k in upper.starts.pointer[j]..<upper.starts.pointer[j + 1] {
        let (a, b) = (place[Int(upper.indices.pointer[k])], place[j])
        if a != b { below[min(a, b)].append(max(a, b)) }
      }
    }
    var children = [[Int]](repeating: [], count: n)
    var seen = [Int](repeating: -1, count: n)
    var owner = [Int](repeating: -1, count: n)
    var parts: [Part] = []
    for p in 0..<n {
      // The rows of the column: its own and those of its children.
      var rows: [Int] = []
      seen[p] = p
      for q in below[p] where seen[q] != p {
        seen[q] = p
        rows.append(q)
      }
      for child in children[p] {
        for q in below[child] where seen[q] != p {
          seen[q] = p
          rows.append(q)
        }
      }
      rows.sort()
      if let inside = children[p].first(where: { below[$0].count == rows.count + 1 }) {
        owner[p] = owner[inside]
        parts[owner[p]].own.append(p)
        parts[owner[p]].separator = rows
      } else {
        owner[p] = parts.count
        parts.append(Part(separator: rows, own: [p]))
      }
      below[p] = rows
      if let up = rows.first { children[up].append(p) }
    }
    for k in 0..<parts.count {
      if let next = parts[k].separator.first { parts[k].parent = owner[next] }
    }
    return parts
  }

  /// Takes cliques into their parents where that costs less; leaves first.
  private static func merged(_ parts: [Part]) -> [Part] {
    var parts = parts
    var heir = Array(0..<parts.count)
    func find(_ k: Int) -> Int {
      var k = k
      while heir[k] != k { k = heir[k] }
      return k
    }
    for k in depthFirst(parts).reversed() where parts[k].parent >= 0 {
      let up = find(parts[k].parent)
      let (a, b) = (parts[k], parts[up])
      let (s, t) = (a.separator.count, b.separator.count)
      let (small, large) = (s + a.own.count, t + b.own.count)
      let apart = work(small, s) + work(large, t)
      guard work(large + a.own.count, t) <= apart else { continue }
      parts[up].own += a.own
      parts[k].own = []
      heir[k] = up
    }
    for k in 0..<parts.count where parts[k].parent >= 0 { parts[k].parent = find(parts[k].parent) }
    return parts
  }

  /// Parents before their children.
  private static func depthFirst(_ parts: [Part]) -> [Int] {
    var children = [[Int]](repeating: [], count: parts.count)
    var order: [Int] = []
    for (k, part) in parts.enumerated() {
      if part.parent >= 0 { children[part.parent].append(k) } else { order.append(k) }
    }
    var next = 0
    while next < order.count {
      order += children[order[next]]
      next += 1
    }
    return order
  }

  /// Without the empty ones, vertices by the caller's numbers.
  private static func sorted(_ parts: [Part], _ permutation: Buffer<Int32>) -> [Clique] {
    var place = [Int](repeating: -1, count: parts.count)
    var cliques: [Clique] = []
    for k in depthFirst(parts) where !parts[k].own.isEmpty {
      place[k] = cliques.count
      cliques.append(
        Clique(
          separator: parts[k].separator.map { Int(permutation.pointer[$0]) }.sorted(),
          own: parts[k].own.map { Int(permutation.pointer[$0]) }.sorted(),
          parent: parts[k].parent < 0 ? -1 : place[parts[k].parent]))
    }
    return cliques
  }
}
