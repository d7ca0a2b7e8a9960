import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_result_vjp")
public func kantorResultVjp(
  _ result: OpaquePointer?, _ cotangentCount: Int64,
  _ cotangentNames: UnsafePointer<UnsafePointer<CChar>?>?,
  _ cotangents: UnsafePointer<kantor_array>?, _ gradientCount: Int64,
  _ gradientNames: UnsafePointer<UnsafePointer<CChar>?>?, _ gradients: UnsafePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let kind = try Catalog.standard.kind(result.spec.kind)
    let given = try named(
      cotangentCount, cotangentNames, cotangents, "cotangents", most: result.fields.count)
    let wanted = try named(
      gradientCount, gradientNames, gradients, "gradients", most: kind.fields.count)
    for (name, target) in wanted { try checkTarget(target, name, kind) }
    var pulled: [String: Tensor] = [:]
    for (name, cotangent) in given { pulled[name] = try checked(cotangent, name, result) }
    let answers = try result.vjp(cotangents: pulled, wanted: wanted.map(\.0))
    for (name, _) in wanted where answers[name] == nil {
      throw KantorError(.unsupported, "there is no derivative with respect to '\(name)'")
    }
    try write(answers, to: wanted, "gradient")
  }
}

@_cdecl("kantor_result_jvp")
public func kantorResultJvp(
  _ result: OpaquePointer?, _ tangentCount: Int64,
  _ tangentNames: UnsafePointer<UnsafePointer<CChar>?>?, _ tangents: UnsafePointer<kantor_array>?,
  _ changeCount: Int64, _ changeNames: UnsafePointer<UnsafePointer<CChar>?>?,
  _ changes: UnsafePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let kind = try Catalog.standard.kind(result.spec.kind)
    let given = try named(
      tangentCount, tangentNames, tangents, "tangents", most: kind.fields.count)
    let wanted = try named(
      changeCount, changeNames, changes, "changes", most: result.fields.count)
    for (name, target) in wanted {
      _ = try differentiable(name, result)
      try checkMemory(target, name, "change")
    }
    var pushed: [String: Tensor] = [:]
    for (name, tangent) in given {
      try checkField(name, kind)
      pushed[name] = try finite(tangent, tangent.shape, name, "tangent")
    }
    let answers = try result.jvp(tangents: pushed, wanted: wanted.map(\.0))
    try write(answers, to: wanted, "change")
  }
}

/// All answers are there and fit before the first is written.
private func write(
  _ answers: [String: Tensor], to targets: [(String, Tensor)], _ what: String
) throws(KantorError) {
  var writes: [(Buffer<Double>, Tensor)] = []
  for (name, target) in targets {
    guard let answer = answers[name] else {
      throw KantorError(.unsupported, "there is no \(what) of '\(name)'")
    }
    guard answer.shape == target.shape || (answer.shape.isEmpty && target.count == 1) else {
      throw KantorError(
        .shape,
        "the \(what) of '\(name)' has the shape \(answer.shapeText), not \(target.shapeText)")
    }
    writes.append((try answer.doubles(), target))
  }
  for (values, target) in writes { scatter(values, into: target) }
}

/// Pairs of name and array; each name once.
private func named(
  _ count: Int64, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ arrays: UnsafePointer<kantor_array>?, _ argument: StaticString, most: Int
) throws(KantorError) -> [(String, Tensor)] {
  let names = try need(names, argument)
  let arrays = try need(arrays, argument)
  guard count >= 1 && count <= Int64(most) else {
    throw KantorError(.range, "the number of \(argument) is \(count); 1 to \(most) is allowed")
  }
  var pairs: [(String, Tensor)] = []
  var array = UnsafeRawPointer(arrays)
  for k in 0..<Int(count) {
    let name = try name(names[k], argument)
    guard !pairs.contains(where: { $0.0 == name }) else {
      throw KantorError(.name, "'\(name)' is given twice among the \(argument)")
    }
    let descriptor = array.assumingMemoryBound(to: kantor_array.self)
    pairs.append((name, try view(descriptor, argument)))
    // The caller's own size: his header may know more of the struct.
    array += array.loadUnaligned(as: Int.self)
  }
  return pairs
}

/// The cotangent of a field: of its shape, and finite.
private func checked(
  _ cotangent: Tensor, _ name: String, _ result: Result
) throws(KantorError) -> Tensor {
  let shape = try differentiable(name, result)
  guard cotangent.shape == shape || (shape.isEmpty && cotangent.count == 1) else {
    throw KantorError(
      .shape,
      "the cotangent of '\(name)' has the shape \(cotangent.shapeText), not "
        + Tensor.shapeText(shape))
  }
  return try finite(cotangent, shape, name, "cotangent")
}

/// The shape of a result's field that can have derivatives.
private func differentiable(_ name: String, _ result: Result) throws(KantorError) -> [Int] {
  guard let field = result.fields.first(where: { $0.name == name }) else {
    throw unknownName(
      "result field of '\(result.spec.name)'", name, among: result.fields.map(\.name))
  }
  switch field.value {
  case .real: return []
  case .array: return try result.array(name).shape
  case .int, .text:
    throw KantorError(.type, "result field '\(name)' is not a real number or array")
  }
}

private func finite(
  _ given: Tensor, _ shape: [Int], _ name: String, _ what: String
) throws(KantorError) -> Tensor {
  let values = try given.doubles()
  for i in 0..<values.count where !values.pointer[i].isFinite {
    throw KantorError(
      .notFinite, "the \(what) of '\(name)' is \(values.pointer[i]) at element \(i)")
  }
  return Tensor(values, shape: shape)
}

private func checkTarget(
  _ target: Tensor, _ name: String, _ kind: ProblemKind
) throws(KantorError) {
  try checkField(name, kind)
  try checkMemory(target, name, "gradient")
}

private func checkField(_ name: String, _ kind: ProblemKind) throws(KantorError) {
  guard let field = kind.fields.first(where: { $0.name == name }) else {
    throw unknownName("field of a \(kind.name) problem", name, among: kind.fields.map(\.name))
  }
  guard field.type == .array || field.type == .real || field.type == .sparse else {
    throw KantorError(.type, "field '\(name)' is of type \(field.type.rawValue)")
  }
}

private func checkMemory(
  _ target: Tensor, _ name: String, _ what: String
) throws(KantorError) {
  guard target.type == .f64 else {
    throw KantorError(
      .layout, "the \(what) of '\(name)' has elements of type \(target.type.name); f64 is needed")
  }
  for (extent, stride) in zip(target.shape, target.strides) where extent > 1 && stride == 0 {
    throw KantorError(.layout, "the \(what) of '\(name)' has a stride of 0")
  }
}
