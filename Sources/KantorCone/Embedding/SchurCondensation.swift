import KantorCore
import KantorNumerics

/// How the system of a program with psd cones is condensed to a small dense one, [M F'; F -Q],
/// with M_ij = <B_i, G B_j G> summed over the psd cones, and what other cones add to it.
///
/// - By variables (programs in inequality form): z is eliminated; M belongs to the variables and
///   has P and A'H^-1 A of the other cones too, B_i to column i of A, G = (RR')^-1, and F are the
///   equations.
/// - By rows (programs in standard form, where each entry of a psd matrix is a variable of its
///   own, outside P): x and z of the psd rows are eliminated; M belongs to the other rows and has
///   H of their cones too, B_i to row i, G = RR', F are the columns of the other variables, and Q
///   their part of P.
///
/// Source: K. Fujisawa, M. Kojima, K. Nakata, "Exploiting sparsity in primal-dual interior-point
/// methods for semidefinite programming", Math. Program. 79 (1997).
struct SchurCondensation {
  let byRows: Bool
  /// Order of M and number of rows of F.
  let order: Int
  let border: Int
  /// By rows: the variable of each psd row and its coefficient, by internal row; -1 elsewhere.
  let variable: Buffer<Int32>
  let coefficient: Buffer<Double>
  /// By rows: whether a variable is an entry of a matrix; else its place in F, from 0, or -1.
  let place: Buffer<Int32>
  /// Multiplications that an iteration takes, and a factorisation of the whole system.
  var work = 0.0
  var wholeWork = 0.0
  /// By rows: pairs of other rows that meet in the column of a psd row.
  var pairs = 0
  /// Whether M is too large to be made: `SchurIteration`.
  var iterates = false

  /// The cheaper one that is possible and pays, or nil.
  static func best(_ form: EmbeddingForm) throws(KantorError) -> SchurCondensation? {
    var whole = 0.0
    for case let matrix as SemidefiniteBlock in form.blocks {
      let rows = Double(matrix.count)
      whole += rows * rows * rows / 3
    }
    guard whole > 0 else { return nil }
    let others = form.blocks.first { $0 is SemidefiniteBlock }?.row ?? form.m
    let equations = form.blocks.first.map { $0.degree == 0 ? $0.count : 0 } ?? 0
    let rows = try byRows(form, others: others)
    let products = work(form)
    let byVariables = cost(form.n + equations) + products
    let byRows = rows.map { cost($0.order + $0.border) + products } ?? .infinity
    guard min(byVariables, byRows) < Self.advantage * whole, min(byVariables, byRows) < 1e14 else {
      return nil
    }
    if var rows, byRows <= byVariables {
      (rows.work, rows.wholeWork) = (byRows, whole)
      let iteration = rows.iterationWork(form)
      if iteration < Self.iterationPays * byRows { (rows.work, rows.iterates) = (iteration, true) }
      return rows
    }
    let none = try Buffer<Int32>(count: 0)
    return SchurCondensation(
      byRows: false, order: form.n, border: equations, variable: none,
      coefficient: try Buffer(count: 0), place: none, work: byVariables, wholeWork: whole)
  }

  /// The same with M and its factor.
  var direct: SchurCondensation {
    var other = self
    (other.iterates, other.work) = (false, Self.cost(order + border))
    return other
  }

  /// Multiplications of an iteration by conjugate gradients; infinity where it is not possible.
  private func iterationWork(_ form: EmbeddingForm) -> Double {
    guard border == 0, Double(pairs) < 1e8 else { return .infinity }
    var (sum, columns, entries) = (0.0, 0.0, Double(form.a.count + pairs))
    for block in form.blocks {
      guard let matrix = block as? SemidefiniteBlock else {
        if block.degree > 0 && !(block is NonnegativeBlock) { return .infinity }
        continue
      }
      guard matrix.side > SquareKernels.smallOrder else { return .infinity }
      let (k, rank) = (Double(matrix.side), Double(SpectralPart.mostRank(matrix.side)))
      columns += rank * k
      sum += Self.steps * (4 * k + 8 * rank) * k * k
      entries += 3 * rank * k * k
    }
    return sum + columns * entries + columns * columns * columns / 3
  }

  /// Many short loops are slower than a factorisation of as many multiplications.
  private static let iterationPays = 0.12
  /// Steps of conjugate gradients in an iteration, an estimate.
  private static let steps = 60.0

  /// The whole system has more than the psd blocks, and its factor is slower than a dense one.
  private static let advantage = 2.0

  /// Multiplications of the dense factor.
  private static func cost(_ order: Int) -> Double {
    let t = Double(order)
    return t * t * t / 3
  }

  /// Multiplications of the products with the matrices, an upper estimate.
  private static func work(_ form: EmbeddingForm) -> Double {
    var sum = 0.0
    for case let matrix as SemidefiniteBlock in form.blocks {
      let side = Double(matrix.side)
      let inside = matrix.row..<(matrix.row + matrix.count)
      var (entries, active) = (0.0, 0.0)
      for j in 0..<form.n {
        let before = entries
        for k in form.a.starts.pointer[j]..<form.a.starts.pointer[j + 1]
        where inside.contains(Int(form.a.indices.pointer[k])) { entries += 1 }
        if entries > before { active += 1 }
      }
      let dense = 4 * active * side * side * side + active * active * side * side / 2
      sum += min(1.5 * entries * entries, dense) + 30 * side * side * side
    }
    return sum
  }

  /// Nil unless each psd row has one entry, in a column that no other psd row and not P uses.
  private static func byRows(
    _ form: EmbeddingForm, others: Int
  ) throws(KantorError) -> SchurCondensation? {
    let variable = try Buffer<Int32>(count: form.m, repeating: -1)
    let coefficient = try Buffer<Double>(count: form.m)
    let place = try Buffer<Int32>(count: form.n)
    var border = 0
    let a = form.a
    for j in 0..<form.n {
      var found = -1
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1] {
        let i = Int(a.indices.pointer[k])
        // Psd rows come after all others.
        guard i >= others, a.values.pointer[k] != 0 else { continue }
        if found >= 0 || variable.pointer[i] >= 0 { return nil }
        found = i
        variable.pointer[i] = Int32(truncatingIfNeeded: j)
        coefficient.pointer[i] = a.values.pointer[k]
      }
      if found >= 0 {
        place.pointer[j] = -1
      } else {
        place.pointer[j] = Int32(truncatingIfNeeded: border)
        border += 1
      }
    }
    var pairs = 0
    for i in others..<form.m {
      guard variable.pointer[i] >= 0 else { return nil }
      let j = Int(variable.pointer[i])
      var count = 0
      for k in a.starts.pointer[j]..<a.starts.pointer[j + 1]
      where Int(a.indices.pointer[k]) < others { count += 1 }
      pairs = pairs &+ count * (count + 1) / 2
    }
    for j in 0..<form.n {
      for k in form.p.starts.pointer[j]..<form.p.starts.pointer[j + 1] {
        let i = Int(form.p.indices.pointer[k])
        if form.p.values.pointer[k] != 0, place.pointer[i] < 0 || place.pointer[j] < 0 {
          return nil
        }
      }
    }
    return SchurCondensation(
      byRows: true, order: others, border: border, variable: variable, coefficient: coefficient,
      place: place, pairs: pairs)
  }
}
