import KantorBlocks
import KantorCore

/// A map T(z) = prox_t(z - t (F(z) + (z - c)/gamma)), whose fixed points are those of an inclusion;
/// without a center c of the inclusion at hand.
struct ForwardBackwardMap {
  let step: Double
  var center: Buffer<Double>?
  var gamma = Double.infinity

  /// T(z) into `out`, which may be F(z).
  func apply(
    _ z: Vectors.Point, _ f: Vectors.Point, _ oracle: Oracle, into out: Vectors.Out
  ) throws(KantorError) -> Evaluation {
    let n = oracle.n
    if let center {
      let c = center.pointer
      for i in 0..<n { out[i] = z[i] - step * (f[i] + (z[i] - c[i]) / gamma) }
    } else {
      for i in 0..<n { out[i] = z[i] - step * f[i] }
    }
    return try oracle.prox(out, step: step)
  }
}

/// Newton's step for z = T(z): d with (I - T') d = T(z) - z, by GMRES with differences of T, one
/// call of F and one prox for each direction.
///
/// Where steps of first order need thousands of calls, because F is ill-conditioned, GMRES needs no
/// more than there are variables, and is as good as exact then.
///
/// Source: saad1986gmres; knoll2004jacobian.
final class NewtonKrylov {
  /// Directions of the space, at most.
  let most: Int
  private let oracle: Oracle
  private let n: Int
  private var basis: [Buffer<Double>] = []
  /// Column k of `most` numbers: that of the Hessenberg matrix, rotated to a triangle.
  private var triangle: Buffer<Double>?
  private let turns: Buffer<Double>
  private let right: Buffer<Double>
  private let probe: Buffer<Double>
  private let moved: Buffer<Double>

  private static let mostDirections = 400
  private static let mostNumbers = 8_000_000
  private static let accuracy = 1e-4
  private static let difference = 1e-7

  init(_ oracle: Oracle) throws(KantorError) {
    self.oracle = oracle
    n = oracle.n
    most = min(n, Self.mostDirections, max(20, Self.mostNumbers / n))
    turns = try Buffer(count: 2 * most)
    right = try Buffer(count: most + 1)
    probe = try Buffer(count: n)
    moved = try Buffer(count: n)
  }

  /// d into `out`, T(z) being `image`; other than `.fine` when there is none.
  func direction(
    _ z: Vectors.Point, _ image: Vectors.Point, _ map: ForwardBackwardMap, into out: Vectors.Out
  ) throws(KantorError) -> Evaluation {
    let room: Buffer<Double>
    if let triangle { room = triangle } else {
      room = try Buffer(count: try checkedProduct(most, most, of: "Krylov space"))
      triangle = room
    }
    let size = Vectors.distance(z, image, n)
    guard size > 0, size.isFinite else { return .undefined }
    let first = try vector(0)
    for i in 0..<n { first[i] = (image[i] - z[i]) / size }
    right.fill(0)
    right.pointer[0] = size
    let length = Self.difference * (1 + Vectors.norm(z, n))
    var count = 0
    while count < most, abs(right.pointer[count]) > Self.accuracy * size {
      if oracle.monitor.heartbeat() != nil { return .stop }
      let outcome = try multiply(try vector(count), z, image, map, length)
      guard case .fine = outcome else { return outcome }
      let column = room.pointer + count * most
      let rest = try orthogonalise(column, count)
      guard rotate(column, count, rest) else { break }
      count += 1
    }
    guard count > 0 else { return .undefined }
    combine(room.pointer, count, into: out)
    return .fine
  }

  private func vector(_ k: Int) throws(KantorError) -> Vectors.Out {
    if k == basis.count { basis.append(try Buffer(count: n)) }
    return basis[k].pointer
  }

  /// moved <- v - T'v.
  private func multiply(
    _ v: Vectors.Point, _ z: Vectors.Point, _ image: Vectors.Point, _ map: ForwardBackwardMap,
    _ length: Double
  ) throws(KantorError) -> Evaluation {
    let (p, w) = (probe.pointer, moved.pointer)
    for i in 0..<n { p[i] = z[i] + length * v[i] }
    let outcome = try oracle.value(at: p, into: w)
    guard case .fine = outcome else { return outcome }
    guard case .fine = try map.apply(p, w, oracle, into: w) else { return .undefined }
    for i in 0..<n { w[i] = v[i] - (w[i] - image[i]) / length }
    return .fine
  }

  /// Takes the space out of `moved`, twice, and makes what is left the next direction; returns its
  /// length.
  private func orthogonalise(
    _ column: Vectors.Out, _ count: Int
  ) throws(KantorError) -> Double {
    let w = moved.pointer
    for k in 0...count { column[k] = 0 }
    for _ in 0..<2 {
      for k in 0...count {
        let v = basis[k].pointer
        let share = Vectors.dot(w, v, n)
        column[k] += share
        for i in 0..<n { w[i] -= share * v[i] }
      }
    }
    let rest = Vectors.norm(w, n)
    guard count + 1 < most, rest > 0 else { return rest }
    let next = try vector(count + 1)
    for i in 0..<n { next[i] = w[i] / rest }
    return rest
  }

  /// Givens' rotations of a new column; false when it adds nothing.
  private func rotate(_ column: Vectors.Out, _ count: Int, _ rest: Double) -> Bool {
    let (turn, b) = (turns.pointer, right.pointer)
    for k in 0..<count {
      let (c, s) = (turn[2 * k], turn[2 * k + 1])
      (column[k], column[k + 1]) = (
        c * column[k] + s * column[k + 1], c * column[k + 1] - s * column[k]
      )
    }
    let size = (column[count] * column[count] + rest * rest).squareRoot()
    guard size > 0, size.isFinite else { return false }
    let (c, s) = (column[count] / size, rest / size)
    (turn[2 * count], turn[2 * count + 1], column[count]) = (c, s, size)
    (b[count], b[count + 1]) = (c * b[count], -s * b[count])
    return true
  }

  private func combine(_ triangle: Vectors.Point, _ count: Int, into out: Vectors.Out) {
    let y = right.pointer
    for k in stride(from: count - 1, through: 0, by: -1) {
      for j in (k + 1)..<max(count, k + 1) { y[k] -= triangle[j * most + k] * y[j] }
      y[k] /= triangle[k * most + k]
    }
    for i in 0..<n { out[i] = 0 }
    for k in 0..<count {
      let v = basis[k].pointer
      for i in 0..<n { out[i] += y[k] * v[i] }
    }
  }
}
