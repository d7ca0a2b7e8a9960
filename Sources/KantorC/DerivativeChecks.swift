import CKantor
import KantorCore
import KantorNonlinear

@_cdecl("kantor_problem_check_derivatives")
public func kantorProblemCheckDerivatives(
  _ problem: OpaquePointer?, _ x: UnsafePointer<kantor_array>?, _ settings: OpaquePointer?,
  _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(result, "result") { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let settings = settings == nil ? nil : try enter(settings, Settings.self)
    let point = try x.map { (a) throws(KantorError) in try view(a, "x") }
    return try DerivativeCheckResult.make(
      try problem.seal(), kind: problem.kind, x: point, settings: settings)
  }
}
