import KantorBlocks
import KantorCore
import KantorNumerics
import Testing

import KantorEquilibrium

/// Fields of a problem, and its solve by one method.
struct BilinearSample {
  var kind = BilinearKind.kind
  var matrices: [String: [[Double]]] = [:]
  var vectors: [String: [Double]] = [:]
  var numbers: [String: Double] = [:]
  var words: [String: String] = [:]

  func sealed() throws -> any SealedProblem {
    let problem = Problem(kind: kind)
    for (name, rows) in matrices {
      let tensor = Tensor(
        try Buffer(rows.flatMap { $0 }), shape: [rows.count, rows.first?.count ?? 0])
      try problem.set(name, .array(tensor))
    }
    for (name, values) in vectors { try problem.set(name, .array(Tensor(try Buffer(values)))) }
    for (name, x) in numbers {
      // Parameters of maps are arrays, also where they are numbers.
      let isField = kind.fields.first { $0.name == name }?.type == .real
      try problem.set(name, isField ? .real(x) : .array(Tensor(try Buffer([x]), shape: [])))
    }
    for (name, word) in words { try problem.set(name, .text(word)) }
    return try problem.seal()
  }

  func solve(_ entry: MethodEntry, _ set: [String: OptionValue] = [:]) throws -> Result {
    let options = OptionValues(specs: entry.spec.options, set: set)
    let monitor = Monitor(iterationLimit: options.int("max_iterations"))
    return try entry.solve(try sealed(), Run(options: options, monitor: monitor))
  }

  static func game(_ payoff: [[Double]]) -> BilinearSample {
    BilinearSample(kind: MatrixGameKind.kind, matrices: ["payoff": payoff])
  }

  static func random(_ n: Int, _ m: Int, seed: UInt64) -> [[Double]] {
    var stream = RandomStream(seed: seed)
    var rows: [[Double]] = []
    for _ in 0..<n {
      var row: [Double] = []
      for _ in 0..<m { row.append(2 * stream.uniform() - 1) }
      rows.append(row)
    }
    return rows
  }
}
