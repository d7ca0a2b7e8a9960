import KantorCore
import KantorNumerics

/// The problem kind "multimarginal": couplings of K measures.
public enum MultimarginalKind {
  public static let kind = ProblemKind(
    name: "multimarginal",
    summary: "Couple K measures at least cost: min <P, C> over plans with K given marginals.",
    fields: [
      FieldSpec(
        "sizes", .array, .input, shape: "(K,)", ranks: [1],
        "How many points each measure has; not needed where a cost has the rank K."),
      FieldSpec(
        "weights", .array, .input, shape: "(N,)", ranks: [1],
        "Masses >= 0, one measure after the other, of equal totals; uniform if not set."),
      FieldSpec(
        "cost", .array, .input, shape: "(n_1 ... n_K,) or (n_1, ..., n_K)", ranks: [1, 2, 3, 4],
        "Cost of each tuple of points, the last measure fastest; at most 10^8 of them."),
      FieldSpec(
        "edges", .array, .input, shape: "(E, 2)", ranks: [2],
        "Instead of a cost, pairs of measures (from 0) whose costs are added; for points all pairs "
          + "if not set. A tree needs no tensor."),
      FieldSpec(
        "edge_costs", .array, .input, shape: "(M,)", ranks: [1],
        "The costs along the edges, one row-major matrix after the other."),
      FieldSpec(
        "edge_weights", .array, .input, shape: "(E,)", ranks: [1],
        "Factors > 0 of the costs along the edges; 1 if not set."),
      FieldSpec(
        "points", .array, .input, shape: "(N, d) or (N,)", ranks: [1, 2],
        "Instead of edge_costs: the points of all measures, one measure after the other."),
      FieldSpec(
        "metric", .text, .input, choices: Metric.allCases.map(\.rawValue),
        "Cost of a pair of points, as in problems of the kind transport."),
      FieldSpec(
        "power", .real, .input, "Exponent p > 0 of the metric 'power': |x - y|^p; 2 by default."),
    ],
    seal: seal, defaultMethod: { _ in "multimarginal_sinkhorn" })

  static let maxCells = 100_000_000
  static let maxMeasures = 100_000

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    let cost = fields.tensor("cost")
    let sizes = try sizes(fields, cost)
    let total = try total(sizes)
    let (weights, mass) = try weights(fields, sizes, total)
    if let cost {
      let others = ["edges", "edge_costs", "edge_weights", "points"]
      for name in others where fields.tensor(name) != nil {
        throw KantorError(.state, "both 'cost' and '\(name)' were set; one or the other is needed")
      }
      let cells = try cells(sizes)
      guard cost.count == cells else {
        throw KantorError(
          .shape, "cost has the shape \(cost.shapeText); needed are \(cells) elements, the product "
            + "of the sizes")
      }
      return MultimarginalProblem(
        sizes: sizes, weights: weights, mass: mass, edges: [], form: .tensor(try tensor(cost)),
        cells: cells, costShape: cost.shape, pointsShape: [], hasPoints: false)
    }
    let edges = try edges(fields, sizes, total)
    let points = fields.tensor("points")
    if isTree(edges, sizes.count) {
      return MultimarginalProblem(
        sizes: sizes, weights: weights, mass: mass, edges: edges, form: .tree, cells: 0,
        costShape: [], pointsShape: points?.shape ?? [], hasPoints: points != nil)
    }
    let cells = try cells(sizes)
    return MultimarginalProblem(
      sizes: sizes, weights: weights, mass: mass, edges: edges,
      form: .tensor(try formed(edges, sizes, cells)), cells: cells, costShape: [],
      pointsShape: points?.shape ?? [], hasPoints: points != nil)
  }

  // MARK: Sizes and weights

  private static func sizes(
    _ fields: ProblemFields, _ cost: Tensor?
  ) throws(KantorError) -> [Int] {
    guard let t = fields.tensor("sizes") else {
      guard let cost, cost.rank >= 2 else {
        throw KantorError(.missing, "field 'sizes' has not been set")
      }
      guard !cost.shape.contains(0) else {
        throw KantorError(.shape, "cost has the shape \(cost.shapeText); it must not be empty")
      }
      return cost.shape
    }
    let values = try whole(t, "sizes", 1, Double(TransportKind.maxPoints))
    guard values.count >= 2, values.count <= maxMeasures else {
      throw KantorError(
        .shape, "sizes has the shape \(t.shapeText); 2 to \(maxMeasures) measures are allowed")
    }
    guard cost == nil || cost?.rank == 1 || cost?.shape == values else {
      throw KantorError(
        .shape, "cost has the shape \(cost?.shapeText ?? ""); needed is "
          + Tensor.shapeText(values))
    }
    return values
  }

  private static func whole(
    _ t: Tensor, _ name: String, _ low: Double, _ high: Double
  ) throws(KantorError) -> [Int] {
    let values = try t.doubles()
    var out: [Int] = []
    for k in 0..<values.count {
      let x = values.pointer[k]
      guard x.isFinite else { throw KantorError(.notFinite, "\(name) is \(x) at \(k)") }
      guard x >= low, x <= high, x == x.rounded() else {
        throw KantorError(
          .range,
          "\(name) is \(x) at \(k); a whole number in [\(Int(low)), \(Int(high))] is needed")
      }
      out.append(Int(x))
    }
    return out
  }

  private static func total(_ sizes: [Int]) throws(KantorError) -> Int {
    var total = 0
    for n in sizes { total += n }
    guard total <= TransportKind.maxPoints else {
      throw KantorError(.tooLarge, "sizes sum to \(total); at most \(TransportKind.maxPoints)")
    }
    return total
  }

  private static func cells(_ sizes: [Int]) throws(KantorError) -> Int {
    var cells = 1.0
    for n in sizes { cells *= Double(n) }
    guard cells <= Double(maxCells) else {
      throw KantorError(
        .tooLarge, "the tensor of costs has \(shortText(cells)) cells; at most \(maxCells) are "
          + "allowed. Costs along a tree of edges need no tensor")
    }
    return Int(cells)
  }

  private static func weights(
    _ fields: ProblemFields, _ sizes: [Int], _ total: Int
  ) throws(KantorError) -> (Buffer<Double>, Double) {
    let given = fields.tensor("weights")
    if let given, given.shape != [total] {
      throw KantorError(
        .shape, "weights has the shape \(given.shapeText); needed is (\(total),), the sum of the "
          + "sizes")
    }
    let weights: Buffer<Double>
    if let given {
      weights = try given.doubles()
    } else {
      weights = try Buffer(count: total, repeating: 1)
    }
    let tolerance = given?.type == .f32 ? 1e-6 : 1e-9
    var (start, mass) = (0, 1.0)
    for (k, n) in sizes.enumerated() {
      let own = try MeasureWeights.normalise(
        weights.pointer + start, n, "weights of measure \(k)")
      if k == 0, given != nil { mass = own }
      guard given == nil || abs(own - mass) <= tolerance * max(own, mass) else {
        throw KantorError(
          .range, "the masses differ: measure 0 has \(mass), measure \(k) has \(own); they must "
            + "agree to \(tolerance) of the larger")
      }
      for i in start..<start + n { weights.pointer[i] *= mass }
      start += n
    }
    return (weights, mass)
  }

  // MARK: Costs

  private static func tensor(
    _ cost: Tensor
  ) throws(KantorError) -> MultimarginalProblem.UnsafeTensor {
    let base: UnsafePointer<Double>
    let owner: AnyObject?
    if cost.type == .f64, cost.isRowMajor {
      base = UnsafePointer(cost.base.assumingMemoryBound(to: Double.self))
      owner = cost.owner
    } else {
      let copy = try cost.doubles()
      (base, owner) = (UnsafePointer(copy.pointer), copy)
    }
    try refuseInfinite(base, cost.count, "cost")
    return MultimarginalProblem.UnsafeTensor(base: base, owner: owner)
  }

  private static func refuseInfinite(
    _ values: UnsafePointer<Double>, _ count: Int, _ name: String
  ) throws(KantorError) {
    for k in 0..<count where !(abs(values[k]) <= 1e290) {
      throw KantorError(
        .notFinite, "\(name) is \(values[k]) at element \(k); finite numbers are needed")
    }
  }

  private static func edges(
    _ fields: ProblemFields, _ sizes: [Int], _ total: Int
  ) throws(KantorError) -> [MultimarginalProblem.Edge] {
    let (points, costs) = (fields.tensor("points"), fields.tensor("edge_costs"))
    guard points != nil || costs != nil else {
      throw KantorError(.missing, "field 'cost', 'edge_costs' or 'points' has not been set")
    }
    guard points == nil || costs == nil else {
      throw KantorError(
        .state, "both 'points' and 'edge_costs' were set; one or the other is needed")
    }
    let pairs = try pairs(fields, sizes.count, isNeeded: points == nil)
    let factors = try factors(fields, pairs.count)
    var edges: [MultimarginalProblem.Edge] = []
    if let points {
      let geometry = try PointPieces(fields, points, sizes, total)
      for (e, pair) in pairs.enumerated() {
        edges.append(
          MultimarginalProblem.Edge(
            u: pair.0, v: pair.1, geometry: try geometry.between(pair.0, pair.1),
            weight: factors[e]))
      }
      return edges
    }
    guard let costs else { return [] }
    let values = try costs.doubles()
    var used = 0
    for (e, pair) in pairs.enumerated() {
      let (n, m) = (sizes[pair.0], sizes[pair.1])
      let end = used + (try checkedProduct(n, m, of: "edge_costs"))
      guard end <= values.count else {
        throw KantorError(
          .shape, "edge_costs has \(values.count) elements; edge \(e) needs those up to \(end)")
      }
      let block = Tensor(
        type: .f64, shape: [n, m], strides: [m, 1],
        base: UnsafeMutableRawPointer(values.pointer + used), owner: values)
      edges.append(
        MultimarginalProblem.Edge(
          u: pair.0, v: pair.1, geometry: .dense(block), weight: factors[e]))
      used = end
    }
    guard used == values.count else {
      throw KantorError(
        .shape, "edge_costs has \(values.count) elements; the edges need \(used)")
    }
    try refuseInfinite(values.pointer, values.count, "edge_costs")
    return edges
  }

  private static func pairs(
    _ fields: ProblemFields, _ count: Int, isNeeded: Bool
  ) throws(KantorError) -> [(Int, Int)] {
    var pairs: [(Int, Int)] = []
    guard let t = fields.tensor("edges") else {
      guard !isNeeded else { throw KantorError(.missing, "field 'edges' has not been set") }
      // More would not fit a tensor.
      guard count <= 64 else {
        throw KantorError(
          .tooLarge, "all pairs of \(count) measures have no tree; set 'edges'")
      }
      for u in 0..<count { for v in (u + 1)..<max(count, u + 1) { pairs.append((u, v)) } }
      return pairs
    }
    guard t.shape[1] == 2 else {
      throw KantorError(.shape, "edges has the shape \(t.shapeText); (E, 2) is needed")
    }
    let ends = try whole(t, "edges", 0, Double(count - 1))
    for e in 0..<ends.count / 2 {
      guard ends[2 * e] != ends[2 * e + 1] else {
        throw KantorError(.range, "edge \(e) joins measure \(ends[2 * e]) with itself")
      }
      pairs.append((ends[2 * e], ends[2 * e + 1]))
    }
    guard pairs.count <= 4 * maxMeasures else {
      throw KantorError(.tooLarge, "there are \(pairs.count) edges; at most \(4 * maxMeasures)")
    }
    return pairs
  }

  private static func factors(
    _ fields: ProblemFields, _ count: Int
  ) throws(KantorError) -> [Double] {
    guard let t = fields.tensor("edge_weights") else { return [Double](repeating: 1, count: count) }
    guard t.shape == [count] else {
      throw KantorError(
        .shape, "edge_weights has the shape \(t.shapeText); needed is (\(count),)")
    }
    let values = try t.doubles()
    for e in 0..<count {
      let w = values.pointer[e]
      guard w.isFinite else { throw KantorError(.notFinite, "edge_weights is \(w) at \(e)") }
      guard w > 0 else {
        throw KantorError(.range, "edge_weights is \(w) at \(e); positive factors are needed")
      }
    }
    return Array(values.span)
  }

  /// Whether the edges join all measures without a cycle.
  private static func isTree(_ edges: [MultimarginalProblem.Edge], _ count: Int) -> Bool {
    guard edges.count == count - 1 else { return false }
    var parent = Array(0..<count)
    func root(_ k: Int) -> Int {
      var k = k
      while parent[k] != k {
        parent[k] = parent[parent[k]]
        k = parent[k]
      }
      return k
    }
    for edge in edges {
      let (p, q) = (root(edge.u), root(edge.v))
      if p == q { return false }
      parent[p] = q
    }
    return true
  }

  /// The tensor of a graph with cycles, or of one in several pieces.
  private static func formed(
    _ edges: [MultimarginalProblem.Edge], _ sizes: [Int], _ cells: Int
  ) throws(KantorError) -> MultimarginalProblem.UnsafeTensor {
    let out = try Buffer<Double>(count: cells)
    var strides = [Int](repeating: 1, count: sizes.count)
    for k in stride(from: sizes.count - 2, through: 0, by: -1) {
      strides[k] = strides[k + 1] * sizes[k + 1]
    }
    for edge in edges {
      let cost = try CheckedCost(edge.geometry)
      let matrix = try Buffer<Double>(count: cost.n * cost.m)
      for i in 0..<cost.n {
        for j in 0..<cost.m { matrix.pointer[i * cost.m + j] = edge.weight * cost.entry(i, j) }
      }
      let (su, sv, nu, nv) = (strides[edge.u], strides[edge.v], sizes[edge.u], sizes[edge.v])
      for c in 0..<cells { out.pointer[c] += matrix.pointer[(c / su % nu) * nv + c / sv % nv] }
    }
    return MultimarginalProblem.UnsafeTensor(base: UnsafePointer(out.pointer), owner: out)
  }
}

/// The points of the measures, cut out of one array.
private struct PointPieces {
  let values: Buffer<Double>
  let sizes: [Int]
  let first: [Int]
  let dimension: Int
  let metric: Metric
  let power: Double

  init(
    _ fields: ProblemFields, _ t: Tensor, _ sizes: [Int], _ total: Int
  ) throws(KantorError) {
    let (n, d) = try TransportKind.extent(t, "points")
    guard n == total else {
      throw KantorError(
        .shape, "points has the shape \(t.shapeText); \(total) points are needed, the sum of the "
          + "sizes")
    }
    metric = Metric(rawValue: fields.text("metric") ?? "sqeuclidean") ?? .sqeuclidean
    power = fields.real("power") ?? 2
    guard power > 0 else {
      throw KantorError(.range, "field 'power' is \(power); a positive exponent is needed")
    }
    values = try TransportKind.finite(t, "points", metric)
    self.sizes = sizes
    dimension = d
    var first = [0]
    for n in sizes { first.append(first[first.count - 1] + n) }
    self.first = first
  }

  func between(_ u: Int, _ v: Int) throws(KantorError) -> Geometry {
    let d = dimension
    return try .points(
      x: try Buffer(copying: values.pointer + first[u] * d, count: sizes[u] * d), n: sizes[u],
      y: try Buffer(copying: values.pointer + first[v] * d, count: sizes[v] * d), m: sizes[v],
      dimension: d, metric: metric, power: power)
  }
}
