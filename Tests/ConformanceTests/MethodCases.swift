import KantorCatalog
import KantorCore
import TestSupport
import Testing

/// A method of the catalogue, named in test reports.
struct MethodCase: Sendable, CustomTestStringConvertible {
  let entry: MethodEntry

  static let every = Catalog.standard.methods.map { MethodCase(entry: $0) }
  /// Those that take the specimens; other kinds have tests of behaviour beside their engines.
  static let all = every.filter { $0.spec.kind == "transport" }

  var testDescription: String { entry.spec.qualifiedName }
  var spec: MethodSpec { entry.spec }

  func solve(_ problem: Problem, _ settings: Settings? = nil) throws(KantorError) -> Result {
    try Catalog.standard.solve(problem, method: spec.qualifiedName, settings: settings)
  }

  /// nil when the method says that it does not take problems of this structure.
  func solveIfSupported(_ specimen: Specimen, _ settings: Settings? = nil) throws -> Result? {
    let problem = try specimen.problem()
    var result: Result?
    let failed = error { () throws(KantorError) in result = try solve(problem, settings) }
    if let failed, failed.code != .unsupported { throw failed }
    return result
  }

  /// Those of some specimens that the method takes.
  func supported(_ specimens: [Specimen]) throws -> [Specimen] {
    try specimens.filter { try solveIfSupported($0) != nil }
  }
}
