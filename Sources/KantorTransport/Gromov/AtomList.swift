import KantorCore
import KantorNumerics

/// A plan as a mean of a dense plan and of vertices of the polytope, for pairwise steps: the mass
/// of the worst of them moves to a new vertex, so that what is wrong inside a face can leave it.
struct AtomList {
  /// One of the plans that the mean is made of; nil for the dense one.
  typealias Place = Int?

  private let base: Buffer<Double>
  private let baseProduct: Buffer<Double>
  /// K(X) - K(A) of the last difference.
  let product: Buffer<Double>
  private var baseWeight = 1.0
  private var vertices: [SparsePlan] = []
  private var weights: [Double] = []

  /// Vertices after which the mean becomes the dense plan: they are memory.
  static let most = 256
  /// Weights below this are rounding.
  private static let least = 1e-14

  init(plan: Buffer<Double>, product: Buffer<Double>) throws(KantorError) {
    base = try plan.copy()
    baseProduct = try product.copy()
    self.product = try Buffer(count: plan.count)
  }

  var isFull: Bool { vertices.count >= Self.most }

  /// The plan with the largest <G, A>, this number, and its weight.
  func worst(
    _ model: GromovModel, _ gradient: Buffer<Double>
  ) -> (place: Place, slope: Double, weight: Double) {
    var found: (Place, Double, Double) = (nil, -.infinity, 0)
    if baseWeight > 0 { found = (nil, GromovModel.inner(gradient, base), baseWeight) }
    for k in vertices.indices {
      let slope = model.inner(gradient, vertices[k])
      if slope > found.1 { found = (k, slope, weights[k]) }
    }
    return found
  }

  /// Writes K(X) - K(A) for the vertex X with its product at hand; false when the solve is to stop.
  func difference(
    _ model: GromovModel, from place: Place, _ vertexProduct: Buffer<Double>
  ) throws(KantorError) -> Bool {
    if let place {
      guard try model.cross(vertices[place], into: product) else { return false }
    } else {
      product.pointer.update(from: baseProduct.pointer, count: product.count)
    }
    for e in 0..<product.count {
      product.pointer[e] = vertexProduct.pointer[e] - product.pointer[e]
    }
    return true
  }

  /// <D, K(D)> for the last difference D = X - A.
  func curvature(_ model: GromovModel, from place: Place, to vertex: SparsePlan) -> Double {
    let back = place.map { model.inner(product, vertices[$0]) } ?? GromovModel.inner(product, base)
    return model.inner(product, vertex) - back
  }

  /// P += t (X - A), and the weights with it.
  mutating func move(
    _ plan: Buffer<Double>, _ m: Int, from place: Place, to vertex: SparsePlan, _ t: Double
  ) {
    func add(_ sparse: SparsePlan, _ factor: Double) {
      for e in 0..<sparse.count {
        let at = Int(sparse.rows.pointer[e]) * m + Int(sparse.columns.pointer[e])
        plan.pointer[at] = max(0, plan.pointer[at] + factor * sparse.values.pointer[e])
      }
    }
    add(vertex, t)
    if let known = vertices.firstIndex(where: { Self.isSame($0, vertex) }) {
      weights[known] += t
    } else {
      vertices.append(vertex)
      weights.append(t)
    }
    guard let place else {
      baseWeight -= t
      if baseWeight < Self.least { baseWeight = 0 }
      for e in 0..<plan.count { plan.pointer[e] = max(0, plan.pointer[e] - t * base.pointer[e]) }
      return
    }
    add(vertices[place], -t)
    weights[place] -= t
    if weights[place] < Self.least {
      vertices.remove(at: place)
      weights.remove(at: place)
    }
  }

  private static func isSame(_ p: SparsePlan, _ q: SparsePlan) -> Bool {
    guard p.count == q.count else { return false }
    for e in 0..<p.count
    where p.rows.pointer[e] != q.rows.pointer[e] || p.columns.pointer[e] != q.columns.pointer[e] {
      return false
    }
    return true
  }
}
