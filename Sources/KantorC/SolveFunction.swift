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
