import KantorCore
import KantorNumerics

/// Positive semidefinite matrices of side k as scaled triangles, with the Nesterov-Todd scaling
/// W z = R'ZR, where S = L1 L1', Z = L2 L2', L2'L1 = U Lambda V', R = L1 V Lambda^-1/2: it takes
/// both S and Z to Lambda. Directions are kept in this scaled form too, where ds + dz = -c.
///
/// Source: M. J. Todd, K. C. Toh, R. H. Tutuncu, "On the Nesterov-Todd direction in semidefinite
/// programming", SIAM J. Optim. 8 (1998).
final class SemidefiniteBlock: ConeBlock {
  let side: Int
  /// R R', by columns: H takes X to (RR') X (RR').
  let gram: Buffer<Double>
  /// Its inverse.
  let inverseGram: Buffer<Double>
  let kernels: SquareKernels
  /// R, and Q = R^-T.
  let r: Buffer<Double>
  let q: Buffer<Double>
  private let lambda: Buffer<Double>
  /// c and dz of the direction at hand, scaled.
  private let target: Buffer<Double>
  private let direction: Buffer<Double>
  private let work: [Buffer<Double>]
  private var slots = 0..<0

  init(row: Int, side: Int) throws(KantorError) {
    self.side = side
    let size = try checkedProduct(side, side, of: "psd cone")
    kernels = try SquareKernels(order: side)
    gram = try Buffer(count: size)
    inverseGram = try Buffer(count: size)
    r = try Buffer(count: size)
    q = try Buffer(count: size)
    target = try Buffer(count: size)
    direction = try Buffer(count: size)
    lambda = try Buffer(count: side)
    var work: [Buffer<Double>] = []
    for _ in 0..<4 { work.append(try Buffer(count: size)) }
    self.work = work
    super.init(row: row, count: side * (side + 1) / 2)
    resetScaling()
  }

  override var degree: Int { side }
  override var needsCommonScale: Bool { true }

  override func start(_ s: Entries, _ z: Entries) {
    for i in 0..<count { (s[i], z[i]) = (0, 0) }
    shift(s, 1, isDual: false)
    shift(z, 1, isDual: true)
  }

  override func margin(_ v: Given, isDual: Bool) -> (least: Double, sum: Double) {
    let a = work[0].pointer
    unpack(v, a)
    let least = kernels.leastEigenvalue(a)
    // The trace stands for the sum: it is the same for matrices that are inside.
    var sum = 0.0
    for i in 0..<side { sum += v[i * (i + 3) / 2] }
    return (least, max(sum, 0))
  }

  override func shift(_ v: Entries, _ t: Double, isDual: Bool) {
    for i in 0..<side { v[i * (i + 3) / 2] += t }
  }

  /// Both triangles.
  private func unpack(_ v: Given, _ out: Entries) {
    let (k, half) = (side, 0.5.squareRoot())
    var p = 0
    for j in 0..<k {
      for i in 0..<j {
        let x = v[p] * half
        out[j &* k &+ i] = x
        out[i &* k &+ j] = x
        p &+= 1
      }
      out[j &* k &+ j] = v[p]
      p &+= 1
    }
  }

  /// The symmetric part.
  private func pack(_ a: Given, _ out: Entries) {
    let (k, half) = (side, 0.5.squareRoot())
    var p = 0
    for j in 0..<k {
      for i in 0..<j {
        out[p] = half * (a[j &* k &+ i] + a[i &* k &+ j])
        p &+= 1
      }
      out[p] = a[j &* k &+ j]
      p &+= 1
    }
  }

  // MARK: Scaling

  override func resetScaling() {
    for v in [gram, inverseGram, r, q] {
      v.fill(0)
      for i in 0..<side { v.pointer[i * side + i] = 1 }
    }
    lambda.fill(1)
  }

  override func updateScaling(_ s: Given, _ z: Given, mu: Double, dual: Bool) -> Bool {
    let (l1, l2) = (work[0].pointer, work[1].pointer)
    let (product, u) = (work[2].pointer, work[3].pointer)
    unpack(s, l1)
    unpack(z, l2)
    guard kernels.cholesky(l1), kernels.cholesky(l2) else { return false }
    kernels.multiply(l2, turned: true, by: l1, into: product)
    guard spectralScaling(product, l1, l2) || singularScaling(product, u, l1, l2) else {
      return false
    }
    kernels.multiply(r.pointer, by: r.pointer, turnedRight: true, into: gram.pointer)
    kernels.multiply(q.pointer, by: q.pointer, turnedRight: true, into: inverseGram.pointer)
    return true
  }

  /// R and Q from the eigenvectors V of P'P = V Lambda^2 V', P = L2'L1: R = L1 V Lambda^-1/2,
  /// Q = L2 P V Lambda^-3/2. False where squaring loses too much.
  private func spectralScaling(_ product: Entries, _ l1: Entries, _ l2: Entries) -> Bool {
    let (k, v, l) = (side, gram.pointer, lambda.pointer)
    guard k > SquareKernels.smallOrder else { return false }
    kernels.multiply(product, turned: true, by: product, into: v)
    guard kernels.eigenvectors(v, values: l), l[0] > Self.leastRatio * l[k - 1] else {
      return false
    }
    for i in 0..<k { l[i] = l[i].squareRoot() }
    kernels.multiply(product, by: v, into: inverseGram.pointer)
    kernels.multiply(l1, by: v, into: r.pointer)
    kernels.multiply(l2, by: inverseGram.pointer, into: q.pointer)
    for j in 0..<k {
      let root = 1 / l[j].squareRoot()
      let cube = root / l[j]
      for i in 0..<k {
        r.pointer[j &* k &+ i] *= root
        q.pointer[j &* k &+ i] *= cube
      }
    }
    return true
  }

  /// Eigenvalues of P'P below this part of the largest are found by singular values of P.
  private static let leastRatio = 1e-10

  /// R = L1 V Lambda^-1/2, Q = L2 U Lambda^-1/2.
  private func singularScaling(
    _ product: Entries, _ u: Entries, _ l1: Entries, _ l2: Entries
  ) -> Bool {
    let (k, vt, l) = (side, gram.pointer, lambda.pointer)
    guard kernels.singularValues(product, u: u, s: l, vt: vt) else { return false }
    for i in 0..<k where !(l[i] > 0 && l[i].isFinite) { return false }
    kernels.multiply(l1, by: vt, turnedRight: true, into: r.pointer)
    kernels.multiply(l2, by: u, into: q.pointer)
    for j in 0..<k {
      let root = 1 / l[j].squareRoot()
      for i in 0..<k {
        r.pointer[j &* k &+ i] *= root
        q.pointer[j &* k &+ i] *= root
      }
    }
    return true
  }

  /// out = F' X F, or F X F' with `turned`.
  private func sandwich(_ f: Given, _ v: Given, turned: Bool, _ spare: Entries, into out: Entries) {
    unpack(v, out)
    kernels.multiply(out, by: f, turnedRight: turned, into: spare)
    kernels.multiply(f, turned: !turned, by: spare, into: out)
  }

  override func apply(_ v: Given, into out: Entries) { sandwich(gram, v, out) }

  override func applyInverse(_ v: Given, into out: Entries) { sandwich(inverseGram, v, out) }

  private func sandwich(_ g: Buffer<Double>, _ v: Given, _ out: Entries) {
    let (a, b) = (work[0].pointer, work[1].pointer)
    sandwich(g.pointer, v, turned: false, a, into: b)
    pack(b, out)
  }

  /// Scaled, s is Lambda.
  override func affine(_ c: Entries, s: Given) {
    super.affine(c, s: s)
    target.fill(0)
    for i in 0..<side { target.pointer[i &* side &+ i] = lambda.pointer[i] }
  }

  override func combined(
    _ c: Entries, s: Given, z: Given, ds: Given, dz: Given, weight: Double, sigmaMu: Double
  ) {
    let (k, l, t, b) = (side, lambda.pointer, target.pointer, direction.pointer)
    let (a, spare, d) = (work[0].pointer, work[1].pointer, work[2].pointer)
    for e in 0..<(k * k) { a[e] = -(b[e] + t[e]) }
    // d = sym(a b) - sigma mu I, then lambda \ d.
    kernels.multiply(a, by: b, into: d)
    for j in 0..<k {
      for i in 0...j {
        var x = 0.5 * weight * (d[j &* k &+ i] + d[i &* k &+ j])
        if i == j { x -= sigmaMu }
        x *= 2 / (l[i] + l[j])
        t[j &* k &+ i] = x
        t[i &* k &+ j] = x
      }
    }
    kernels.multiply(t, by: r.pointer, turnedRight: true, into: spare)
    kernels.multiply(r.pointer, by: spare, into: d)
    pack(d, c)
    for i in 0..<count { c[i] += s[i] }
    for i in 0..<k { t[i &* k &+ i] += l[i] }
  }

  // MARK: Steps

  override func step(s: Given, z: Given, ds: Given, dz: Given, limit: Double) -> Double {
    let (k, b, t) = (side, direction.pointer, target.pointer)
    let (a, spare) = (work[0].pointer, work[1].pointer)
    sandwich(r.pointer, dz, turned: false, spare, into: b)
    for e in 0..<(k * k) { a[e] = -(b[e] + t[e]) }
    let first = longest(a)
    a.update(from: b, count: k * k)
    return min(limit, first, longest(a))
  }

  /// Largest t with Lambda + t A inside.
  private func longest(_ a: Entries) -> Double {
    let (k, l, root) = (side, lambda.pointer, work[2].pointer)
    for i in 0..<k { root[i] = 1 / l[i].squareRoot() }
    for j in 0..<k {
      for i in 0..<k { a[j &* k &+ i] *= root[i] * root[j] }
    }
    let least = kernels.leastEigenvalue(a)
    if least.isNaN { return 0 }
    return least < 0 ? -1 / least : .infinity
  }

  override func barrier(_ s: Given, _ z: Given) -> Double {
    var sum = 0.0
    for v in [s, z] {
      let a = work[0].pointer
      unpack(v, a)
      guard kernels.cholesky(a) else { return .infinity }
      for i in 0..<side { sum -= 2 * safeLog(a[i * side + i]) }
    }
    return sum
  }

  // MARK: The sparse system

  override func append(
    _ assembly: inout SymmetricAssembly, at: Int, extra: Int
  ) throws(KantorError) {
    slots = try assembly.appendTriangle(at: at, order: count)
  }

  override func write(_ system: KKTSystem, at: Int) {
    let (k, g, root) = (side, gram.pointer, 2.0.squareRoot())
    var slot = slots.lowerBound
    // Column (c, d), row (a, b) of the symmetric Kronecker product.
    for d in 0..<k {
      for c in 0...d {
        let last = d * (d + 1) / 2 + c
        var place = 0
        for b in 0...d {
          for a in 0...b {
            if place > last { break }
            let (ac, bd) = (g[c &* k &+ a], g[d &* k &+ b])
            var x = ac * bd
            if a != b && c != d {
              x += g[d &* k &+ a] * g[c &* k &+ b]
            } else if a != b || c != d {
              x *= root
            }
            system.set(slot, -x)
            slot += 1
            place += 1
          }
        }
      }
    }
  }
}
