import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_problem_create")
public func kantorProblemCreate(
  _ kind: UnsafePointer<CChar>?, _ problem: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(problem, "problem") { () throws(KantorError) in
    Problem(kind: try Catalog.standard.kind(try name(kind, "kind")))
  }
}

@_cdecl("kantor_problem_copy")
public func kantorProblemCopy(
  _ problem: OpaquePointer?, _ copy: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(copy, "copy") { () throws(KantorError) in
    try enter(problem, Problem.self).copy()
  }
}

@_cdecl("kantor_problem_seal")
public func kantorProblemSeal(_ problem: OpaquePointer?) -> Int32 {
  call { () throws(KantorError) in
    try enter(problem, Problem.self).seal()
  }
}

@_cdecl("kantor_problem_method")
public func kantorProblemMethod(
  _ problem: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: Int64
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    _ = try need(text, "text")
    let method = problem.kind.defaultMethod(try problem.seal())
    try store("\(problem.kind.name)/\(method)", text, "text", capacity)
  }
}

@_cdecl("kantor_problem_free")
public func kantorProblemFree(_ problem: OpaquePointer?) {
  free(problem, Problem.self)
}

@_cdecl("kantor_problem_set_real")
public func kantorProblemSetReal(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ value: Double
) -> Int32 {
  call { () throws(KantorError) in
    try enter(problem, Problem.self).set(try name(field, "name"), .real(value))
  }
}

@_cdecl("kantor_problem_set_int")
public func kantorProblemSetInt(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ value: Int64
) -> Int32 {
  call { () throws(KantorError) in
    try enter(problem, Problem.self).set(try name(field, "name"), .int(value))
  }
}

@_cdecl("kantor_problem_set_text")
public func kantorProblemSetText(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> Int32 {
  call { () throws(KantorError) in
    try enter(problem, Problem.self).set(try name(field, "name"), .text(try text(value, "text")))
  }
}

@_cdecl("kantor_problem_set_array")
public func kantorProblemSetArray(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ array: UnsafePointer<kantor_array>?, _ ownership: Int32, _ release: kantor_release_fn?,
  _ owner: UnsafeMutableRawPointer?
) -> Int32 {
  call { () throws(KantorError) in
    // Made before anything can fail, so that a failure ends the loan too.
    let loan = ownership == Int32(KANTOR_BORROW) ? Loan(release, owner) : nil
    guard loan != nil || ownership == Int32(KANTOR_COPY) else {
      throw KantorError(
        .range, "argument 'ownership' is \(ownership); 0 (copy) or 1 (borrow) is allowed")
    }
    let problem = try enter(problem, Problem.self)
    let field = try name(field, "name")
    // Before the array is copied in vain.
    try problem.kind.check(field, .array)
    try problem.set(field, .array(try keep(array, "array", loan: loan)))
  }
}

@_cdecl("kantor_problem_set_sparse")
public func kantorProblemSetSparse(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ matrix: UnsafePointer<kantor_sparse>?
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let field = try name(field, "name")
    try problem.kind.check(field, .sparse)
    try problem.set(field, .sparse(try keep(matrix, "matrix")))
  }
}

@_cdecl("kantor_problem_set_problem")
public func kantorProblemSetProblem(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ part: OpaquePointer?,
  _ method: UnsafePointer<CChar>?, _ settings: OpaquePointer?
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let field = try name(field, "name")
    try problem.kind.check(field, .problem)
    let part = try Catalog.standard.subproblem(
      try enter(try need(part, "part"), Problem.self), method: try optionalName(method, "method"),
      settings: settings == nil ? nil : try enter(settings, Settings.self))
    try problem.set(field, .problem(part))
  }
}

@_cdecl("kantor_problem_get_array")
public func kantorProblemGetArray(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ array: UnsafeMutablePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let out = try StructOut(array, first: kantor_array.firstSize, "array")
    let field = try name(field, "name")
    try problem.kind.check(field, .array)
    guard case .array(let tensor) = try problem.get(field) else { return }
    out.write(describe(tensor))
  }
}

extension ProblemKind {
  func check(_ name: String, _ type: FieldSpec.FieldType) throws(KantorError) {
    guard let field = fields.first(where: { $0.name == name }) else {
      throw unknownName("field of a \(self.name) problem", name, among: fields.map(\.name))
    }
    guard field.accepts(type) else {
      throw KantorError(
        .type, "field '\(name)' is of type \(field.type.rawValue), not \(type.rawValue)")
    }
  }
}
