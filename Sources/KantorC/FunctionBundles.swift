import CKantor
import Glibc
import KantorCore

@_cdecl("kantor_problem_set_functions")
public func kantorProblemSetFunctions(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ functions: UnsafePointer<kantor_functions>?, _ release: kantor_release_fn?,
  _ owner: UnsafeMutableRawPointer?
) -> Int32 {
  call { () throws(KantorError) in
    // Made before anything can fail, so that a failure ends the loan too.
    let loan = Loan(release, owner)
    let problem = try enter(problem, Problem.self)
    let field = try name(field, "name")
    try problem.kind.check(field, .functions)
    let bundle = try keep(functions, "functions", loan: loan)
    guard !bundle.offered.isEmpty else {
      throw KantorError(.missing, "argument 'functions' has no function: every member is NULL")
    }
    try problem.set(field, .functions(bundle))
  }
}

/// The caller's struct, of which a caller with an older header knows a prefix.
private func read(
  _ pointer: UnsafePointer<kantor_functions>?, _ argument: StaticString
) throws(KantorError) -> kantor_functions {
  let pointer = try need(pointer, argument)
  let bytes = try size(UnsafeRawPointer(pointer), first: kantor_functions.firstSize, argument)
  var functions = kantor_functions()
  memcpy(&functions, pointer, min(bytes, MemoryLayout<kantor_functions>.size))
  return functions
}

private func keep(
  _ pointer: UnsafePointer<kantor_functions>?, _ argument: StaticString, loan: Loan
) throws(KantorError) -> Functions {
  let given = try read(pointer, argument)
  let user = User(given.user)
  var functions = Functions()
  functions.owner = loan
  functions.value = given.value.map { at($0, user) }
  functions.gradient = given.gradient.map { at($0, user) }
  functions.valueGradient = given.value_gradient.map { two($0, user) }
  functions.map = given.map.map { at($0, user) }
  functions.jacobian = given.jacobian.map { at($0, user) }
  functions.jacobianProduct = given.jacobian_product.map { product($0, user) }
  functions.jacobianTransposeProduct = given.jacobian_transpose_product.map { product($0, user) }
  functions.hessian = given.hessian.map { second($0, user) }
  functions.hessianProduct = given.hessian_product.map { secondProduct($0, user) }
  functions.valueComplex = given.value_complex.map { complex($0, user) }
  functions.mapComplex = given.map_complex.map { complex($0, user) }
  functions.batchValue = given.batch_value.map { batch($0, user) }
  functions.batchGradient = given.batch_gradient.map { batch($0, user) }
  functions.batchMap = given.batch_map.map { batch($0, user) }
  functions.batchHessianProduct = given.batch_hessian_product.map { batchProduct($0, user) }
  functions.prox = given.prox.map { step($0, user) }
  functions.parameterGradient = given.parameter_gradient.map { second($0, user) }
  functions.parameterJacobian = given.parameter_jacobian.map { at($0, user) }
  functions.parameterValue = given.parameter_value.map { at($0, user) }
  return functions
}

/// The caller's pointer, which the library only hands back.
private struct User: @unchecked Sendable {
  let pointer: UnsafeMutableRawPointer?
  init(_ pointer: UnsafeMutableRawPointer?) { self.pointer = pointer }
}

private func at(_ f: @escaping kantor_vector_fn, _ user: User) -> Functions.At {
  return { f($0, $1, user.pointer) }
}

private func product(_ f: @escaping kantor_product_fn, _ user: User) -> Functions.Product {
  return { f($0, $1, $2, user.pointer) }
}

private func second(_ f: @escaping kantor_hessian_fn, _ user: User) -> Functions.Second {
  return { f($0, $1, $2, $3, user.pointer) }
}

private func complex(_ f: @escaping kantor_complex_fn, _ user: User) -> Functions.Complex {
  return { f($0, $1, $2, $3, user.pointer) }
}

private func batch(_ f: @escaping kantor_batch_fn, _ user: User) -> Functions.Batch {
  return { f($0, $1, Int64($2), $3, user.pointer) }
}

private func two(_ f: @escaping kantor_value_gradient_fn, _ user: User) -> Functions.AtTwo {
  return { f($0, $1, $2, user.pointer) }
}

private func secondProduct(
  _ f: @escaping kantor_hessian_product_fn, _ user: User
) -> Functions.SecondProduct {
  return { f($0, $1, $2, $3, $4, user.pointer) }
}

private func batchProduct(
  _ f: @escaping kantor_batch_product_fn, _ user: User
) -> Functions.BatchProduct {
  return { f($0, $1, Int64($2), $3, $4, user.pointer) }
}

private func step(_ f: @escaping kantor_prox_fn, _ user: User) -> Functions.Step {
  return { f($0, $1, $2, user.pointer) }
}
