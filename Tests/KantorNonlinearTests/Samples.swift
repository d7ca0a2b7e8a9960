import KantorBlocks
import KantorCore
import KantorNonlinear
import KantorNumerics

/// A problem written down as Swift closures, in tests.
struct Sample {
  var name = ""
  var start: [Double]
  var lower: [Double]?
  var upper: [Double]?
  var rowLower: [Double] = []
  var rowUpper: [Double] = []
  var linearRows: [Double]?
  var value: @Sendable ([Double]) -> Double
  var gradient: (@Sendable ([Double]) -> [Double])?
  var rows: (@Sendable ([Double]) -> [Double])?
  /// Row-major.
  var jacobian: (@Sendable ([Double]) -> [Double])?
  /// sigma, y; n x n.
  var hessian: (@Sendable ([Double], Double, [Double]) -> [Double])?

  func functions(hessian withHessian: Bool = true, first: Bool = true) -> Functions {
    let n = start.count
    let m = rowLower.count
    var f = Functions()
    let value = self.value
    f.value = { x, out in
      out[0] = value(list(x, n))
      return 0
    }
    if first, let gradient { f.gradient = { x, out in write(gradient(list(x, n)), out) } }
    if m > 0, let rows { f.map = { x, out in write(rows(list(x, n)), out) } }
    if first, m > 0, let jacobian { f.jacobian = { x, out in write(jacobian(list(x, n)), out) } }
    if withHessian, let hessian {
      f.hessian = { x, sigma, y, out in write(hessian(list(x, n), sigma, list(y, m)), out) }
    }
    return f
  }

  func problem(
    hessian withHessian: Bool = true, first: Bool = true
  ) throws -> NonlinearProblem {
    let problem = Problem(kind: NonlinearKind.kind)
    try problem.set("functions", .functions(functions(hessian: withHessian, first: first)))
    try problem.set("start", .array(Tensor(try Buffer(start))))
    if let lower { try problem.set("lower", .array(Tensor(try Buffer(lower)))) }
    if let upper { try problem.set("upper", .array(Tensor(try Buffer(upper)))) }
    if !rowLower.isEmpty {
      try problem.set("constraint_lower", .array(Tensor(try Buffer(rowLower))))
      try problem.set("constraint_upper", .array(Tensor(try Buffer(rowUpper))))
    }
    if let linearRows { try problem.set("linear_rows", .array(Tensor(try Buffer(linearRows)))) }
    guard let sealed = try problem.seal() as? NonlinearProblem else {
      throw KantorError(.internal, "another kind of problem")
    }
    return sealed
  }
}

func list(_ p: UnsafePointer<Double>, _ n: Int) -> [Double] {
  Array(UnsafeBufferPointer(start: p, count: n))
}

func write(_ values: [Double], _ out: UnsafeMutablePointer<Double>) -> Int32 {
  for k in 0..<values.count { out[k] = values[k] }
  return 0
}

extension Sample {
  /// Hock and Schittkowski's problem 71.
  static var hs71: Sample {
    Sample(
      name: "HS71", start: [1, 5, 5, 1], lower: [1, 1, 1, 1], upper: [5, 5, 5, 5],
      rowLower: [25, 40], rowUpper: [.infinity, 40],
      value: { $0[0] * $0[3] * ($0[0] + $0[1] + $0[2]) + $0[2] },
      gradient: {
        let s = $0[0] + $0[1] + $0[2]
        return [$0[3] * (s + $0[0]), $0[0] * $0[3], $0[0] * $0[3] + 1, $0[0] * s]
      },
      rows: {
        [
          $0[0] * $0[1] * $0[2] * $0[3],
          $0[0] * $0[0] + $0[1] * $0[1] + $0[2] * $0[2] + $0[3] * $0[3],
        ]
      },
      jacobian: {
        [
          $0[1] * $0[2] * $0[3], $0[0] * $0[2] * $0[3], $0[0] * $0[1] * $0[3],
          $0[0] * $0[1] * $0[2], 2 * $0[0], 2 * $0[1], 2 * $0[2], 2 * $0[3],
        ]
      },
      hessian: { (x, s, y) in
        var h = [Double](repeating: 0, count: 16)
        func put(_ i: Int, _ j: Int, _ v: Double) {
          h[i * 4 + j] += v
          if i != j { h[j * 4 + i] += v }
        }
        put(0, 0, s * 2 * x[3])
        put(1, 0, s * x[3])
        put(2, 0, s * x[3])
        put(3, 0, s * (2 * x[0] + x[1] + x[2]))
        put(3, 1, s * x[0])
        put(3, 2, s * x[0])
        put(1, 0, y[0] * x[2] * x[3])
        put(2, 0, y[0] * x[1] * x[3])
        put(3, 0, y[0] * x[1] * x[2])
        put(2, 1, y[0] * x[0] * x[3])
        put(3, 1, y[0] * x[0] * x[2])
        put(3, 2, y[0] * x[0] * x[1])
        for i in 0..<4 { put(i, i, 2 * y[1]) }
        return h
      })
  }
}
