import Glibc
import KantorCore
import KantorNonlinear
import KantorNumerics

/// Control of a heat equation on an N x N grid: min |w - w*|^2 / 2 + 0.05 |z|^2 subject to the
/// five-point Laplacian of w over h^2 plus z being 0; with sparse derivatives.
struct ControlProblem: Sendable {
  let size: Int
  let target: [Double]
  let scale: Double
  /// (row, column, value) of the constraint matrix.
  let entries: [(Int, Int, Double)]

  init(_ size: Int) {
    self.size = size
    let half = Double(size + 1) / 2
    let step = 0.1 / 15.0.squareRoot()
    var target: [Double] = []
    for i in 1...size {
      for j in 1...size {
        target.append(sin(4 + step * (Double(i) - half)) + cos(3 + step * (Double(j) - half)))
      }
    }
    self.target = target
    let h = 2 / Double(size + 1)
    scale = 1 / (h * h)
    var entries: [(Int, Int, Double)] = []
    let count = size * size
    for i in 0..<size {
      for j in 0..<size {
        let k = i * size + j
        entries.append((k, k, -4 / (h * h)))
        for (a, b) in [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        where a >= 0 && b >= 0 && a < size && b < size {
          entries.append((k, a * size + b, 1 / (h * h)))
        }
        entries.append((k, count + k, 1))
      }
    }
    self.entries = entries
  }

  var functions: Functions {
    let (count, target, entries) = (size * size, self.target, self.entries)
    var f = Functions()
    f.value = { x, out in
      var sum = 0.0
      for k in 0..<count {
        let d = x[k] - target[k]
        sum += 0.5 * d * d + 0.05 * x[count + k] * x[count + k]
      }
      out[0] = sum
      return 0
    }
    f.gradient = { x, out in
      for k in 0..<count {
        out[k] = x[k] - target[k]
        out[count + k] = 0.1 * x[count + k]
      }
      return 0
    }
    f.map = { x, out in
      for k in 0..<count { out[k] = 0 }
      for (i, j, v) in entries { out[i] += v * x[j] }
      return 0
    }
    f.jacobian = { _, out in
      for (k, entry) in entries.enumerated() { out[k] = entry.2 }
      return 0
    }
    f.hessian = { _, sigma, _, out in
      for k in 0..<(2 * count) { out[k] = k < count ? sigma : 0.1 * sigma }
      return 0
    }
    return f
  }

  func problem() throws -> NonlinearProblem {
    let (count, n) = (size * size, 2 * size * size)
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(functions))
    try problem.set("start", .array(Tensor(try Buffer<Double>(count: n))))
    let zero = Tensor(try Buffer<Double>(count: count))
    try problem.set("constraint_lower", .array(zero))
    try problem.set("constraint_upper", .array(zero))
    try problem.set(
      "jacobian_pattern",
      .sparse(try Self.pattern(count, n, entries.map(\.0), entries.map(\.1))))
    try problem.set(
      "hessian_pattern", .sparse(try Self.pattern(n, n, Array(0..<n), Array(0..<n))))
    guard let sealed = try problem.seal() as? NonlinearProblem else {
      throw KantorError(.internal, "another kind of problem")
    }
    return sealed
  }

  private static func pattern(
    _ rows: Int, _ columns: Int, _ i: [Int], _ j: [Int]
  ) throws(KantorError) -> SparseTensor {
    try SparseTensor(
      format: .coo, rows: rows, columns: columns,
      values: Tensor(try Buffer<Double>(count: i.count, repeating: 1)),
      indices: Tensor(try Buffer(i.map(Int64.init))),
      offsets: Tensor(try Buffer(j.map(Int64.init))))
  }

  /// The optimal value by conjugate gradients on the reduced problem: z = -A w, so that w solves
  /// (I + 0.1 A'A) w = w*.
  static func reference(_ size: Int) -> Double {
    let control = ControlProblem(size)
    let count = size * size
    func laplacian(_ w: [Double]) -> [Double] {
      var out = [Double](repeating: 0, count: count)
      for (i, j, v) in control.entries where j < count { out[i] += v * w[j] }
      return out
    }
    func apply(_ w: [Double]) -> [Double] {
      let twice = laplacian(laplacian(w))
      return (0..<count).map { w[$0] + 0.1 * twice[$0] }
    }
    var w = [Double](repeating: 0, count: count)
    var r = control.target
    var p = r
    var square = 0.0
    for v in r { square += v * v }
    for _ in 0..<(20 * count) where square > 1e-28 {
      let q = apply(p)
      var curvature = 0.0
      for k in 0..<count { curvature += p[k] * q[k] }
      let a = square / curvature
      for k in 0..<count {
        w[k] += a * p[k]
        r[k] -= a * q[k]
      }
      var next = 0.0
      for v in r { next += v * v }
      for k in 0..<count { p[k] = r[k] + next / square * p[k] }
      square = next
    }
    let z = laplacian(w)
    var sum = 0.0
    for k in 0..<count {
      let d = w[k] - control.target[k]
      sum += 0.5 * d * d + 0.05 * z[k] * z[k]
    }
    return sum
  }
}
