import KantorCatalog
import KantorCore

import KantorCone
import KantorNumerics

/// Cone programs for tests, written with dense rows.
struct ConeSample {
  var p: [[Double]] = []
  var q: [Double]
  var a: [[Double]] = []
  var b: [Double] = []
  var cones = ""
  var lower: [Double] = []
  var upper: [Double] = []

  func problem() throws -> Problem {
    let problem = Problem(kind: ConeKind.kind)
    func set(_ name: String, _ rows: [[Double]], _ columns: Int) throws {
      let tensor = Tensor(try Buffer(rows.flatMap { $0 }), shape: [rows.count, columns])
      try problem.set(name, .array(tensor))
    }
    if !p.isEmpty { try set("P", p, q.count) }
    try problem.set("q", .array(Tensor(try Buffer(q))))
    if !a.isEmpty {
      try set("A", a, q.count)
      try problem.set("b", .array(Tensor(try Buffer(b))))
      try problem.set("cones", .text(cones))
    }
    if !lower.isEmpty {
      try problem.set("lower", .array(Tensor(try Buffer(lower))))
      try problem.set("upper", .array(Tensor(try Buffer(upper))))
    }
    return problem
  }

  func sealed() throws -> ConeProblem {
    guard let problem = try problem().seal() as? ConeProblem else {
      throw KantorError(.internal, "not a cone problem")
    }
    return problem
  }

  func solve(
    _ method: String? = nil, _ change: (Settings) throws -> Void = { _ in }
  ) throws -> Result {
    let spec = try Catalog.standard.method(method ?? "interior_point", of: ConeKind.kind).spec
    let settings = Settings(method: spec)
    try change(settings)
    return try Catalog.standard.solve(try problem(), settings: settings)
  }
}

/// Numbers in (-1, 1) that are the same every time.
struct Numbers {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func next() -> Double {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Double(state >> 11) / Double(1 << 52) - 1
  }
  mutating func list(_ count: Int) -> [Double] { (0..<count).map { _ in next() } }
}
