import KantorCore

/// Steps s of conjugate gradients with the lower Hessian K and their products q = K s, and the
/// approximation of the inverse of K that they make: a preconditioner for the systems with nearly
/// the same matrix that follow, those of the lower level's Newton steps and of the adjoint. Small
/// lower levels make an estimate of K of them, large ones keep the last.
///
/// Source: J. L. Morales, J. Nocedal, "Automatic preconditioning by limited memory quasi-Newton
/// updating" (2000).
final class CurvaturePairs {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  private let count: Int
  private let memory: Int
  private var steps: [Buffer<Double>] = []
  private var products: [Buffer<Double>] = []
  private var next = 0
  /// Pairs of the system at hand: the preconditioner does not change while it is used.
  private var fresh: [(s: Buffer<Double>, q: Buffer<Double>)] = []
  private var spare: [(s: Buffer<Double>, q: Buffer<Double>)] = []
  /// The pairs in use, oldest first, with 1 / s.q in the free variables.
  private var used: [(place: Int, rho: Double)] = []
  private var weights: [Double] = []
  private var scale = 1.0
  /// In the place of the scale where the lower level has blocks.
  private let blocks: BlockHessian?
  /// In the place of all that where the lower level is small.
  private let estimate: HessianEstimate?
  private var usesEstimate = false
  private var lastSteps = Int.max
  private let isFree: Buffer<Bool>
  private var isSeparate = false

  /// Pairs beyond this number do not pay for their products.
  static let most = 60

  init(_ oracle: BilevelOracle) throws(KantorError) {
    count = oracle.problem.ny
    blocks = try BlockHessian.make(oracle)
    let count = self.count
    let isSmall = count <= AdjointSystem.smallOrder
    memory = isSmall ? count : Self.most
    estimate = isSmall && blocks == nil ? try HessianEstimate(oracle) : nil
    isFree = try Buffer(count: count)
  }

  /// Whether the pairs say that the matrix is positive definite in all variables: as many
  /// independent steps, with S'KS positive definite. They make its inverse then.
  func areComplete() throws(KantorError) -> Bool {
    guard blocks == nil, memory == count, steps.count == count else { return false }
    let root = try Buffer<Double>(count: count * count)
    func product(_ i: Int, _ j: Int) -> Double {
      let (s, q) = (steps[i].pointer, products[j].pointer)
      var sum = 0.0
      for k in 0..<count { sum += s[k] * q[k] }
      return sum
    }
    // Cholesky's factor; what is left of a pivot says how independent the step is.
    for j in 0..<count {
      for i in j..<count {
        var sum = 0.5 * (product(i, j) + product(j, i))
        let whole = sum
        for k in 0..<j { sum -= root.pointer[i * count + k] * root.pointer[j * count + k] }
        if i == j {
          guard sum > 1e-8 * whole, whole > 0 else { return false }
          root.pointer[j * count + j] = sum.squareRoot()
        } else {
          root.pointer[i * count + j] = sum / root.pointer[j * count + j]
        }
      }
    }
    return true
  }

  /// Whether the last system took one step: the next had better not start from its answer, whose
  /// residual takes a product too.
  var areSharp: Bool { usesEstimate && lastSteps <= 1 }

  /// Takes up the free variables of a system at w.
  func prepare(_ free: UnsafePointer<Bool>, at w: Point) throws(KantorError) {
    if let blocks, lastSteps > 3 { isSeparate = try blocks.refresh(w) }
    if isSeparate {
      // The pairs of other points would only blur what the blocks tell exactly.
      (steps, products, next) = ([], [], 0)
    }
    isFree.pointer.update(from: free, count: count)
    used = []
    if let estimate {
      usesEstimate = try estimate.prepare(free, at: w)
      if usesEstimate { return }
    }
    let total = steps.count
    for k in 0..<total {
      let place = total < memory ? k : (next + k) % memory
      let (s, q) = (steps[place].pointer, products[place].pointer)
      var (sq, ss, qq) = (0.0, 0.0, 0.0)
      for j in 0..<count where free[j] {
        sq += s[j] * q[j]
        ss += s[j] * s[j]
        qq += q[j] * q[j]
      }
      guard sq > 1e-10 * (ss * qq).squareRoot(), qq > 0 else { continue }
      used.append((place, 1 / sq))
      scale = sq / qq
    }
    weights = [Double](repeating: 0, count: used.count)
  }

  /// out <- M r in the free variables, where M is about the inverse of K; 0 elsewhere.
  func apply(_ r: Point, _ out: Out) {
    for j in 0..<count { out[j] = isFree.pointer[j] ? r[j] : 0 }
    if let estimate, usesEstimate {
      estimate.apply(out)
      return
    }
    guard !used.isEmpty || isSeparate else { return }
    for k in stride(from: used.count - 1, through: 0, by: -1) {
      let (s, q) = (steps[used[k].place].pointer, products[used[k].place].pointer)
      var sum = 0.0
      for j in 0..<count { sum += s[j] * out[j] }
      weights[k] = used[k].rho * sum
      for j in 0..<count { out[j] -= weights[k] * q[j] }
      mask(out)
    }
    if let blocks, isSeparate {
      blocks.apply(out)
      mask(out)
    } else {
      for j in 0..<count { out[j] *= scale }
    }
    for k in 0..<used.count {
      let (s, q) = (steps[used[k].place].pointer, products[used[k].place].pointer)
      var sum = 0.0
      for j in 0..<count { sum += q[j] * out[j] }
      let weight = weights[k] - used[k].rho * sum
      for j in 0..<count { out[j] += weight * s[j] }
      mask(out)
    }
  }

  private func mask(_ out: Out) {
    for j in 0..<count where !isFree.pointer[j] { out[j] = 0 }
  }

  /// Takes up the matrix in the free variables that was found; false where there is no use for it.
  func adopt(_ found: Point, leading: Int, free: [Int]) throws(KantorError) -> Bool {
    guard let estimate else { return false }
    try estimate.adopt(found, leading: leading, free: free)
    return true
  }

  /// Notes a step and its product, for systems to come.
  func note(_ s: Point, _ q: Point) throws(KantorError) {
    guard fresh.count < memory else { return }
    let pair: (s: Buffer<Double>, q: Buffer<Double>)
    if let old = spare.popLast() {
      pair = old
    } else {
      pair = (try Buffer(count: count), try Buffer(count: count))
    }
    pair.s.pointer.update(from: s, count: count)
    pair.q.pointer.update(from: q, count: count)
    fresh.append(pair)
  }

  /// Ends a system: its pairs take the places of the oldest.
  func commit() {
    lastSteps = fresh.count
    estimate?.learn(fresh, isFree.pointer)
    for pair in fresh {
      if steps.count < memory {
        steps.append(pair.s)
        products.append(pair.q)
        next = steps.count % memory
      } else {
        spare.append((steps[next], products[next]))
        steps[next] = pair.s
        products[next] = pair.q
        next = (next + 1) % memory
      }
    }
    fresh = []
  }
}
