import Glibc

/// Programs of psd and other cones with a known optimum: complementary s and z are chosen, and the
/// data follow.
struct KnownOptimum {
  var sample: ConeSample
  let objective: Double

  /// Blocks of s and z for one cone.
  struct Pair {
    let cone: String
    let s: [Double]
    let z: [Double]
  }

  /// Psd: half of the directions of a random basis belong to s, the others to z.
  static func matrix(side: Int, _ numbers: inout Numbers) -> Pair {
    var basis: [[Double]] = []
    for _ in 0..<side {
      var v = numbers.list(side)
      for u in basis {
        let inner = zip(u, v).reduce(0) { $0 + $1.0 * $1.1 }
        for i in 0..<side { v[i] -= inner * u[i] }
      }
      let size = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      basis.append(v.map { $0 / size })
    }
    var (s, z): ([Double], [Double]) = ([], [])
    for j in 0..<side {
      for i in 0...j {
        let root = i == j ? 1 : 2.0.squareRoot()
        var parts = [0.0, 0.0]
        for (k, v) in basis.enumerated() { parts[k % 2] += (1 + 0.1 * Double(k)) * v[i] * v[j] }
        s.append(root * parts[0])
        z.append(root * parts[1])
      }
    }
    return Pair(cone: "psd \(side)", s: s, z: z)
  }

  static func secondOrder(size: Int, _ numbers: inout Numbers) -> Pair {
    let tail = numbers.list(size - 1)
    let length = tail.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return Pair(
      cone: "second_order \(size)", s: [length] + tail, z: [2 * length] + tail.map { -2 * $0 })
  }

  /// An inner point, and no multiplier.
  static func inactive(_ cone: String, _ s: [Double]) -> Pair {
    Pair(cone: cone, s: s, z: [Double](repeating: 0, count: s.count))
  }

  static func active(_ cone: String, _ z: [Double]) -> Pair {
    Pair(cone: cone, s: [Double](repeating: 0, count: z.count), z: z)
  }

  /// With rows `a` of the pairs in order, the diagonal of P and the optimal x.
  init(_ pairs: [Pair], a: [[Double]], p: [Double], x: [Double]) {
    let s = pairs.flatMap(\.s)
    let z = pairs.flatMap(\.z)
    var q = zip(p, x).map { -$0 * $1 }
    for i in 0..<z.count {
      for j in 0..<x.count { q[j] -= a[i][j] * z[i] }
    }
    var b = s
    for i in 0..<s.count { b[i] += zip(a[i], x).reduce(0) { $0 + $1.0 * $1.1 } }
    objective =
      zip(q, x).reduce(0) { $0 + $1.0 * $1.1 }
      + zip(p, x).reduce(0) { $0 + 0.5 * $1.0 * $1.1 * $1.1 }
    sample = ConeSample(q: q, a: a, b: b, cones: pairs.map(\.cone).joined(separator: ", "))
    if p.contains(where: { $0 != 0 }) {
      sample.p = p.indices.map { i in p.indices.map { $0 == i ? p[i] : 0 } }
    }
  }
}
