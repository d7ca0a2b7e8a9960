import CKantor
import KantorBilevel
import KantorCatalog
import KantorCore

@_cdecl("kantor_bilevel_hypergradient")
public func kantorBilevelHypergradient(
  _ problem: OpaquePointer?, _ x: UnsafePointer<kantor_array>?, _ settings: OpaquePointer?,
  _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(result, "result") { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let point = try view(try need(x, "x"), "x")
    let given = settings == nil ? nil : try enter(settings, Settings.self)
    guard let spec = Hypergradient.method(of: problem.kind) else {
      throw KantorError(
        .unsupported,
        "the problem is of the kind \(problem.kind.name); bilevel or nested is needed")
    }
    let work = try given.map { (s) throws(KantorError) in try s.run(for: spec) }
      ?? Settings.defaultRun(for: spec)
    let sealed = try problem.seal()
    guard point.rank == 1 else {
      throw KantorError(
        .shape, "x has the shape \(point.shapeText); needed is (nx,), as start_x has")
    }
    let budget = MemoryBudget(bytes: work.options.real("memory_limit"))
    let found = try withBudget(budget) { () throws(KantorError) in
      try Hypergradient.evaluate(sealed, x: try point.doubles(), run: work)
    }
    return found.adding(try CommonOutputs.fields(of: found, work.monitor))
  }
}
