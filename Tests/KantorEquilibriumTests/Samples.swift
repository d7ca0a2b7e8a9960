import KantorCore
import KantorEquilibrium
import Synchronization

/// Inclusions for tests, as closures over arrays.
struct Sample {
  var map: (@Sendable ([Double]) -> [Double])?
  /// The components of a finite sum.
  var component: (@Sendable (Int, [Double]) -> [Double])?
  var components = 0
  var start: [Double]
  var prox: String?
  var blocks: [Double]?
  var lower: [Double]?
  var upper: [Double]?
  var lipschitz: Double?
  var comonotone: Double?
  var hostProx: (@Sendable ([Double], Double) -> [Double])?

  init(_ start: [Double], prox: String? = nil, map: (@Sendable ([Double]) -> [Double])? = nil) {
    self.start = start
    self.prox = prox
    self.map = map
  }

  static func functions(
    _ n: Int, map: (@Sendable ([Double]) -> [Double])?,
    component: (@Sendable (Int, [Double]) -> [Double])? = nil,
    prox: (@Sendable ([Double], Double) -> [Double])? = nil
  ) -> Functions {
    var functions = Functions()
    func list(_ x: UnsafePointer<Double>) -> [Double] { (0..<n).map { x[$0] } }
    if let map {
      functions.map = { x, out in
        for (i, v) in map((0..<n).map { x[$0] }).enumerated() { out[i] = v }
        return 0
      }
    }
    if let component {
      functions.batchMap = { x, indices, count, out in
        let point = (0..<n).map { x[$0] }
        for i in 0..<n { out[i] = 0 }
        for k in 0..<count {
          for (i, v) in component(Int(indices[k]), point).enumerated() { out[i] += v }
        }
        for i in 0..<n { out[i] /= Double(count) }
        return 0
      }
    }
    if let prox {
      functions.prox = { x, step, out in
        for (i, v) in prox((0..<n).map { x[$0] }, step).enumerated() { out[i] = v }
        return 0
      }
    }
    return functions
  }

  func problem() throws(KantorError) -> Problem {
    let problem = Problem(kind: InclusionKind.kind)
    try problem.set(
      "functions",
      .functions(Self.functions(start.count, map: map, component: component, prox: hostProx)))
    try problem.set("start", .array(Tensor(try Buffer(start))))
    if components > 0 { try problem.set("components", .int(Int64(components))) }
    if let prox { try problem.set("prox", .text(prox)) }
    if let blocks { try problem.set("prox_blocks", .array(Tensor(try Buffer(blocks)))) }
    if let lower { try problem.set("prox_lower", .array(Tensor(try Buffer(lower)))) }
    if let upper { try problem.set("prox_upper", .array(Tensor(try Buffer(upper)))) }
    if let lipschitz { try problem.set("lipschitz", .real(lipschitz)) }
    if let comonotone { try problem.set("comonotone", .real(comonotone)) }
    return problem
  }

  func solve(
    _ entry: MethodEntry, _ options: [String: OptionValue] = [:], settings: Settings? = nil
  ) throws(KantorError) -> Result {
    try run(entry, try problem(), options, settings: settings)
  }
}

/// Solves as the catalogue does.
func run(
  _ entry: MethodEntry, _ problem: Problem, _ options: [String: OptionValue] = [:],
  settings: Settings? = nil
) throws(KantorError) -> Result {
  let settings = settings ?? Settings(method: entry.spec)
  for (name, value) in options { try settings.set(name, value) }
  let run = try settings.run(for: entry.spec)
  let result = try entry.solve(try problem.seal(), run)
  return result.adding(try CommonOutputs.fields(of: result, run.monitor))
}

/// What a test says when it fails.
func message(_ result: Result) -> String { (try? result.text("message")) ?? "" }

func distance(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
}

func norm(_ a: [Double]) -> Double { distance(a, [Double](repeating: 0, count: a.count)) }

/// Numbers in (-1, 1), the same every time.
func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) * 0x1p-30 - 1
  }
}

func multiply(_ a: [Double], _ x: [Double]) -> [Double] {
  let n = x.count
  return (0..<a.count / n).map { i in (0..<n).reduce(0) { $0 + a[i * n + $1] * x[$1] } }
}

/// Solves a x = b by elimination with pivots.
func linearSolve(_ a: [Double], _ b: [Double]) -> [Double] {
  let n = b.count
  var (m, x) = (a, b)
  for c in 0..<n {
    let p = (c..<n).max { abs(m[$0 * n + c]) < abs(m[$1 * n + c]) } ?? c
    for j in 0..<n { m.swapAt(c * n + j, p * n + j) }
    x.swapAt(c, p)
    for r in 0..<n where r != c {
      let f = m[r * n + c] / m[c * n + c]
      for j in c..<n { m[r * n + j] -= f * m[c * n + j] }
      x[r] -= f * x[c]
    }
  }
  return (0..<n).map { x[$0] / m[$0 * n + $0] }
}

/// Slope of log y over log x by least squares.
func slope(_ x: [Double], _ y: [Double]) -> Double {
  let (u, v) = (x.map { logarithm($0) }, y.map { logarithm($0) })
  let (mu, mv) = (u.reduce(0, +) / Double(u.count), v.reduce(0, +) / Double(v.count))
  let top = zip(u, v).reduce(0) { $0 + ($1.0 - mu) * ($1.1 - mv) }
  return top / u.reduce(0) { $0 + ($1 - mu) * ($1 - mu) }
}
