import Foundation

func logarithm(_ x: Double) -> Double { log(x) }

/// Problems with known solutions.
enum Known {
  /// F(z) = Az + b with A = diagonal + skew.
  static func linear(_ n: Int, skew: Double = 1, seed: UInt64 = 1) -> (Sample, [Double]) {
    let (d, k, b) = (numbers(n, seed), numbers(n * n, seed + 1), numbers(n, seed + 2))
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<n { a[i * n + j] = skew * 0.5 * (k[i * n + j] - k[j * n + i]) }
      a[i * n + i] = 1.5 + d[i]
    }
    let solution = linearSolve(a, b.map { -$0 })
    let matrix = a
    let sample = Sample([Double](repeating: 0, count: n)) { z in
      zip(multiply(matrix, z), b).map { $0 + $1 }
    }
    return (sample, solution)
  }

  /// min over x, max over y of xy on the square.
  static var square: Sample { Sample([0.7, -0.4], prox: "box -1 1") { [$0[1], -$0[0]] } }

  /// The zero-sum game with payoff matrix `a`, of the row player who pays.
  static func game(_ a: [[Double]]) -> Sample {
    let (n, m) = (a.count, a[0].count)
    var start = (1...n).map { Double($0) }
    let sum = start.reduce(0, +)
    start = start.map { $0 / sum } + [Double](repeating: 1 / Double(m), count: m)
    var sample = Sample(start, prox: "simplex 1") { z in
      let (x, y) = (Array(z[..<n]), Array(z[n...]))
      let up = a.map { row in zip(row, y).reduce(0) { $0 + $1.0 * $1.1 } }
      let down = (0..<m).map { j in -(0..<n).reduce(0) { $0 + a[$1][j] * x[$1] } }
      return up + down
    }
    sample.blocks = [Double(n), Double(m)]
    return sample
  }

  static let rockPaperScissors: [[Double]] = [[0, 1, -1], [-1, 0, 1], [1, -1, 0]]

  /// Value 1/7 at x = (4, 2, 1)/7... of the diagonal game diag(1, 2, 4): weights 1/d.
  static let diagonal: [[Double]] = [[1, 0, 0], [0, 2, 0], [0, 0, 4]]

  /// The complementarity problem of Kojima and Shindo; solutions (sqrt 6 / 2, 0, 0, 1/2) and
  /// (1, 0, 3, 0).
  static func kojimaShindo(_ start: [Double]) -> Sample {
    Sample(start, prox: "nonnegative") { z in
      let (a, b, c, d) = (z[0], z[1], z[2], z[3])
      return [
        3 * a * a + 2 * a * b + 2 * b * b + c + 3 * d - 6,
        2 * a * a + a + b * b + 10 * c + 2 * d - 2,
        3 * a * a + a * b + 2 * b * b + 2 * c + 9 * d - 9,
        a * a + 3 * b * b + 2 * c + 3 * d - 3,
      ]
    }
  }
  static let kojimaShindoSolutions = [[Double(1.5).squareRoot(), 0, 0, 0.5], [1, 0, 3, 0]]

  /// Two routes with the times 1 + x and 2.
  static func routes(demand: Double) -> Sample {
    Sample([demand / 2, demand / 2], prox: "simplex \(demand)") { [1 + $0[0], 2] }
  }

  /// Braess: four nodes, demand 6; routes upper, lower, and across the bridge. Times 10 f + ... of
  /// the links. With the bridge all routes have flow 2 and time 92; without it 3 and 3, time 83.
  static func braess(bridge: Bool) -> Sample {
    let time: @Sendable ([Double]) -> [Double] = { h in
      let across = h.count > 2 ? h[2] : 0
      let (first, last) = (10 * (h[0] + across), 10 * (h[1] + across))
      let (upper, lower) = (50 + h[0], 50 + h[1])
      return [first + upper, lower + last] + (h.count > 2 ? [first + 10 + across + last] : [])
    }
    return Sample(
      bridge ? [6, 0, 0] : [6, 0], prox: "simplex 6", map: time)
  }

  /// Cournot with price a - b sum q and marginal costs c: q_i = (a - (N + 1) c_i + sum c) /
  /// (b (N + 1)) where that is positive for all.
  static func cournot(_ costs: [Double], a: Double, b: Double) -> (Sample, [Double]) {
    let total = costs.reduce(0, +)
    let count = Double(costs.count + 1)
    let solution = costs.map { (a - count * $0 + total) / (b * count) }
    let sample = Sample([Double](repeating: 0, count: costs.count), prox: "nonnegative") { q in
      let sum = q.reduce(0, +)
      return zip(q, costs).map { $1 - a + b * sum + b * $0 }
    }
    return (sample, solution)
  }

  /// Negatively comonotone rotation with L = 1: eigenvalues of modulus 1 and real part -rho.
  static func rotation(rho: Double) -> Sample {
    let s = (1 - rho * rho).squareRoot()
    return Sample([1, 0.5]) { [-rho * $0[0] + s * $0[1], -s * $0[0] - rho * $0[1]] }
  }

  /// min c'x, Ax >= b, x >= 0 as the inclusion of its Lagrangian.
  static func linearProgram() -> (Sample, [Double], [Double]) {
    let (a, b, c) = ([[2.0, 1], [1, 3]], [4.0, 6], [3.0, 4])
    // Both rows hold: 2x + y = 4, x + 3y = 6.
    let sample = Sample([0, 0, 0, 0], prox: "nonnegative") { z in
      let (x, y) = (Array(z[..<2]), Array(z[2...]))
      return [
        c[0] - a[0][0] * y[0] - a[1][0] * y[1], c[1] - a[0][1] * y[0] - a[1][1] * y[1],
        a[0][0] * x[0] + a[0][1] * x[1] - b[0], a[1][0] * x[0] + a[1][1] * x[1] - b[1],
      ]
    }
    return (sample, [1.2, 1.6], [1, 1])
  }
}
