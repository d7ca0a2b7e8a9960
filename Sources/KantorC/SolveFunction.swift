import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_solve")
public func kantorSolve(
  _ problem: OpaquePointer?, _ method: UnsafePointer<CChar>?, _ settings: OpaquePointer?,
  _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(result, "result") { () throws(KantorError) in
    try Catalog.standard.solve(
      try enter(problem, Problem.self), method: try optionalName(method, "method"),
      settings: settings == nil ? nil : try enter(settings, Settings.self))
  }
}

@_cdecl("kantor_solve_batch")
public func kantorSolveBatch(
  _ problems: UnsafePointer<OpaquePointer?>?, _ count: Int64, _ method: UnsafePointer<CChar>?,
  _ settings: OpaquePointer?, _ results: UnsafeMutablePointer<OpaquePointer?>?,
  _ codes: UnsafeMutablePointer<Int32>?
) -> Int32 {
  call { () throws(KantorError) in
    guard count >= 0, count <= maxBatch else {
      throw KantorError(.range, "argument 'count' is \(count); 0 to \(maxBatch) is allowed")
    }
    let problems = try need(problems, "problems")
    let results = try need(results, "results")
    for k in 0..<Int(count) { results[k] = nil }
    var batch: [Problem] = []
    for k in 0..<Int(count) {
      do throws(KantorError) {
        batch.append(try enter(problems[k], Problem.self))
      } catch {
        throw KantorError(error.code, "problem \(k) of the batch: \(error.message)")
      }
    }
    let outcomes = try Catalog.standard.solveBatch(
      batch, method: try optionalName(method, "method"),
      settings: settings == nil ? nil : try enter(settings, Settings.self))
    try hand(outcomes, to: results, codes)
  }
}

/// More handles than that do not fit into the pool.
private let maxBatch: Int64 = 1 << 24

/// Results become handles; the first failure is thrown when all are there.
private func hand(
  _ outcomes: [Swift.Result<Result, KantorError>],
  to results: UnsafeMutablePointer<OpaquePointer?>, _ codes: UnsafeMutablePointer<Int32>?
) throws(KantorError) {
  var first: KantorError?
  for (k, outcome) in outcomes.enumerated() {
    var failure: KantorError?
    do throws(KantorError) {
      results[k] = try handle(of: try outcome.get())
    } catch {
      failure = error
    }
    codes?[k] = failure?.code.rawValue ?? 0
    if first == nil, let failure {
      first = KantorError(failure.code, "problem \(k) of the batch: \(failure.message)")
    }
  }
  if let first { throw first }
}
