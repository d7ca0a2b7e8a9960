import KantorBlocks
import KantorCore
import KantorNumerics

/// A program whose psd cones are split into cones of the cliques of their patterns.
///
/// Rows of a psd cone where neither A nor b has an entry keep s = 0. So S is a sum of psd matrices,
/// one for each clique of a chordal pattern that contains the others. An entry belongs to the
/// topmost clique that has it; every clique below takes its part through a further variable v:
///     S_clique = [b - Ax, in the topmost] + v_clique - sum of v of the children.
/// z of the program is that of the cliques, completed (`ChordalCompletion`).
///
/// Source: M. Fukuda, M. Kojima, K. Murota, K. Nakata, "Exploiting sparsity in semidefinite
/// programming via matrix completion I", SIAM J. Optim. 11 (2001); S. Kim, M. Kojima, M. Mevissen,
/// M. Yamashita, "Exploiting sparsity in linear and nonlinear matrix inequalities via positive
/// semidefinite matrix completion", Math. Program. 129 (2011).
struct ChordalSplit {
  let problem: ConeProblem
  private let original: ConeProblem
  private let cones: [Split]
  /// The row of the split program that has a row of the original; -1 for rows without entries and
  /// for rows of split cones, which may have several.
  private let target: Buffer<Int32>

  private struct Split {
    let cone: Int
    let side: Int
    let tree: CliqueTree
    /// First row of each clique.
    var rows: [Int] = []
  }

  /// Cones of a smaller side are left whole.
  private static let leastSide = 12

  /// Nil where no cone can be split so that the program gets cheaper than `work`.
  init?(
    _ original: ConeProblem, below work: Double, _ interruption: Interruption
  ) throws(KantorError) {
    let used = try Self.usedRows(original)
    var cones: [Split] = []
    var cost = 0.0
    for (k, cone) in original.cones.enumerated() {
      guard case .psd(let side) = cone else { continue }
      let rows = Double(cone.rows)
      guard side >= Self.leastSide,
        let tree = try Self.tree(side, used.pointer + original.rowStarts[k], interruption),
        tree.cliques.count > 1
      else {
        cost += rows * rows * rows / 3
        continue
      }
      cost += 2 * tree.work
      cones.append(Split(cone: k, side: side, tree: tree))
    }
    guard !cones.isEmpty, cost < work else { return nil }
    self.original = original
    target = try Buffer(count: original.m, repeating: -1)
    (problem, self.cones) = try Self.split(original, cones, target)
  }

  /// 1 for rows with an entry of A or b.
  private static func usedRows(_ problem: ConeProblem) throws(KantorError) -> Buffer<UInt8> {
    let used = try Buffer<UInt8>(count: problem.m)
    for k in 0..<problem.a.count where problem.a.values.pointer[k] != 0 {
      used.pointer[Int(problem.a.indices.pointer[k])] = 1
    }
    for i in 0..<problem.m where problem.b.pointer[i] != 0 { used.pointer[i] = 1 }
    return used
  }

  private static func tree(
    _ side: Int, _ used: UnsafePointer<UInt8>, _ interruption: Interruption
  ) throws(KantorError) -> CliqueTree? {
    var count = 0
    for at in 0..<(side * (side + 1) / 2) where used[at] != 0 { count += 1 }
    // The diagonal always belongs to the pattern.
    let starts = try Buffer<Int>(count: side + 1)
    let indices = try Buffer<Int32>(count: count + side)
    var (t, at) = (0, 0)
    for j in 0..<side {
      for i in 0...j {
        if used[at] != 0 || i == j {
          indices.pointer[t] = Int32(truncatingIfNeeded: i)
          t += 1
        }
        at += 1
      }
      starts.pointer[j + 1] = t
    }
    // What lies beyond the last entry is not looked at.
    let pattern = SparseMatrix(
      rows: side, columns: side, starts: starts, indices: indices,
      values: try Buffer(count: count + side))
    return try CliqueTree(pattern, interruption)
  }

  // MARK: The split program

  /// Entries of A, b and the cones as they come.
  private struct Assembly {
    var rows: [Int] = []
    var columns: [Int] = []
    var values: [Double] = []
    var cones: [Cone] = []
    var m = 0
    var n: Int

    mutating func add(_ i: Int, _ j: Int, _ x: Double) {
      rows.append(i)
      columns.append(j)
      values.append(x)
    }
  }

  private static func split(
    _ original: ConeProblem, _ given: [Split], _ target: Buffer<Int32>
  ) throws(KantorError) -> (ConeProblem, [Split]) {
    var assembly = Assembly(n: original.n)
    var splits = given
    var next = 0
    for (k, cone) in original.cones.enumerated() {
      let start = original.rowStarts[k]
      if next < splits.count, splits[next].cone == k {
        link(&splits[next], start, target, &assembly)
        next += 1
        continue
      }
      for i in 0..<cone.rows { target.pointer[start + i] = Int32(assembly.m + i) }
      assembly.cones.append(cone)
      assembly.m += cone.rows
    }
    for j in 0..<original.n {
      for k in original.a.starts.pointer[j]..<original.a.starts.pointer[j + 1] {
        let row = Int(target.pointer[Int(original.a.indices.pointer[k])])
        if row >= 0 { assembly.add(row, j, original.a.values.pointer[k]) }
      }
    }
    return (try finish(original, target, assembly), splits)
  }

  /// Rows and variables of the cliques of one cone. `target` gets the topmost clique's row.
  private static func link(
    _ split: inout Split, _ start: Int, _ target: Buffer<Int32>, _ assembly: inout Assembly
  ) {
    // The variable that takes an entry of a clique to its parent.
    for clique in split.tree.cliques {
      let vertices = members(clique)
      let inSeparator = Set(clique.separator)
      split.rows.append(assembly.m)
      assembly.cones.append(.psd(side: vertices.count))
      for (b, j) in vertices.enumerated() {
        for a in 0...b {
          let i = vertices[a]
          let row = assembly.m
          assembly.m += 1
          guard inSeparator.contains(i), inSeparator.contains(j) else {
            target.pointer[start + j * (j + 1) / 2 + i] = Int32(truncatingIfNeeded: row)
            continue
          }
          let up = split.rows[clique.parent]
          assembly.add(row, assembly.n, -1)
          assembly.add(up + place(split.tree.cliques[clique.parent], i, j), assembly.n, 1)
          assembly.n += 1
        }
      }
    }
  }

  /// All vertices, ascending.
  private static func members(_ clique: CliqueTree.Clique) -> [Int] {
    (clique.separator + clique.own).sorted()
  }

  /// Place of the entry (i, j) in the triangle of a clique that has both.
  private static func place(_ clique: CliqueTree.Clique, _ i: Int, _ j: Int) -> Int {
    func rank(_ v: Int) -> Int {
      below(clique.separator, v) + below(clique.own, v)
    }
    let b = rank(j)
    return b * (b + 1) / 2 + rank(i)
  }

  /// How many of an ascending list are less than v.
  private static func below(_ list: [Int], _ v: Int) -> Int {
    var (low, high) = (0, list.count)
    while low < high {
      let middle = (low + high) / 2
      if list[middle] < v { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static func finish(
    _ original: ConeProblem, _ target: Buffer<Int32>, _ assembly: Assembly
  ) throws(KantorError) -> ConeProblem {
    let (n, m) = (assembly.n, assembly.m)
    let a = try SparseInput(rows: m, columns: n, name: "A").triplets(
      rowIndices: try Buffer(assembly.rows), columnIndices: try Buffer(assembly.columns),
      values: try Buffer(assembly.values)
    ).matrix
    let q = try Buffer<Double>(count: n)
    q.pointer.update(from: original.q.pointer, count: original.n)
    let b = try Buffer<Double>(count: m)
    let hasBoxes = original.lower != nil
    let lower = try Buffer<Double>(count: hasBoxes ? m : 0, repeating: -.infinity)
    let upper = try Buffer<Double>(count: hasBoxes ? m : 0, repeating: .infinity)
    for i in 0..<original.m where target.pointer[i] >= 0 {
      let row = Int(target.pointer[i])
      b.pointer[row] = original.b.pointer[i]
      if let low = original.lower, let high = original.upper {
        lower.pointer[row] = low.pointer[i]
        upper.pointer[row] = high.pointer[i]
      }
    }
    let starts = try Buffer<Int>(count: n + 1, repeating: original.p.count)
    starts.pointer.update(from: original.p.starts.pointer, count: original.n + 1)
    let p = SparseMatrix(
      rows: n, columns: n, starts: starts, indices: try original.p.indices.copy(),
      values: try original.p.values.copy())
    return ConeProblem(
      p: p, q: q, a: a, b: b, cones: assembly.cones, lower: hasBoxes ? lower : nil,
      upper: hasBoxes ? upper : nil)
  }

  // MARK: The way back

  func back(_ inner: ConeProposal) throws(KantorError) -> ConeProposal {
    let x = try Buffer<Double>(copying: inner.x.pointer, count: original.n)
    let s = try Buffer<Double>(count: original.m)
    let z = try Buffer<Double>(count: original.m)
    for i in 0..<original.m where target.pointer[i] >= 0 {
      s.pointer[i] = inner.s.pointer[Int(target.pointer[i])]
      z.pointer[i] = inner.z.pointer[Int(target.pointer[i])]
    }
    // Entries of several cliques: s is their sum, z their mean, as all should be the same.
    let share = try Buffer<Int32>(count: original.m, repeating: 1)
    for split in cones {
      let start = original.rowStarts[split.cone]
      for (k, clique) in split.tree.cliques.enumerated() {
        Self.forEachShared(clique) { at, entry in
          let row = split.rows[k] + at
          s.pointer[start + entry] += inner.s.pointer[row]
          z.pointer[start + entry] += inner.z.pointer[row]
          share.pointer[start + entry] += 1
        }
      }
      for i in start..<original.rowStarts[split.cone + 1] {
        z.pointer[i] /= Double(share.pointer[i])
      }
      try ChordalCompletion(side: split.side, tree: split.tree).complete(z.pointer + start)
    }
    var outer = ConeProposal(
      claim: inner.claim, x: x, s: s, z: z, figures: inner.figures, tolerance: inner.tolerance)
    outer.reusable = inner.reusable
    return outer
  }

  /// Visits what a clique has in common with its parent: the place in the clique's triangle and in
  /// the whole one.
  private static func forEachShared(_ clique: CliqueTree.Clique, _ visit: (Int, Int) -> Void) {
    let vertices = members(clique)
    let inSeparator = Set(clique.separator)
    var at = 0
    for (b, j) in vertices.enumerated() {
      for i in vertices[0...b] {
        if inSeparator.contains(i), inSeparator.contains(j) { visit(at, j * (j + 1) / 2 + i) }
        at += 1
      }
    }
  }
}
