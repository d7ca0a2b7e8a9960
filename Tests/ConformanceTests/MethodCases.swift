import KantorCatalog
import KantorCore
import TestSupport
import Testing

/// A method of the catalogue, named in test reports.
struct MethodCase: Sendable, CustomTestStringConvertible {
  let entry: MethodEntry

  static let all = Catalog.standard.methods.map { MethodCase(entry: $0) }

  var testDescription: String { entry.spec.qualifiedName }
  var spec: MethodSpec { entry.spec }
  /// Problems of the method's kind; a kind without any shows as a failure of the first test.
  var specimens: KindSpecimens { KindSpecimens.of(spec.kind) ?? KindSpecimens(ordinary: []) }

  func solve(_ problem: Problem, _ settings: Settings? = nil) throws(KantorError) -> Result {
    try Catalog.standard.solve(problem, method: spec.qualifiedName, settings: settings)
  }

  /// nil when the method says that it does not take problems of this structure.
  func solveIfSupported(_ specimen: Specimen, _ settings: Settings? = nil) throws -> Result? {
    let problem = try specimen.problem()
    var result: Result?
    let failed = error { () throws(KantorError) in result = try solve(problem, settings) }
    if let failed, !specimens.refusals.contains(failed.code) { throw failed }
    return result
  }

  /// Those of some specimens that the method takes.
  func supported(_ specimens: [Specimen]) throws -> [Specimen] {
    try specimens.filter { try solveIfSupported($0) != nil }
  }
}
