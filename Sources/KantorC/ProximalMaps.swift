import CKantor
import KantorBlocks
import KantorCore

@_cdecl("kantor_prox_apply")
public func kantorProxApply(
  _ map: UnsafePointer<CChar>?, _ parameterCount: Int64,
  _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<UnsafePointer<kantor_array>?>?, _ x: UnsafePointer<kantor_array>?,
  _ step: Double, _ out: UnsafePointer<kantor_array>?, _ value: UnsafeMutablePointer<Double>?
) -> Int32 {
  call { () throws(KantorError) in
    let map = try name(map, "map")
    let point = try view(x, "x")
    let target = try numbers(out, "out", like: point)
    let batch = try ProximalBatch(map, try parameters(parameterCount, names, values), at: point)
    let answer = try batch.apply(step: step, values: value != nil)
    scatter(answer.points, into: target)
    value?.update(from: answer.values.pointer, count: answer.values.count)
  }
}

@_cdecl("kantor_prox_vjp")
public func kantorProxVjp(
  _ map: UnsafePointer<CChar>?, _ parameterCount: Int64,
  _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<UnsafePointer<kantor_array>?>?, _ x: UnsafePointer<kantor_array>?,
  _ step: Double, _ v: UnsafePointer<kantor_array>?, _ out: UnsafePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let map = try name(map, "map")
    let point = try view(x, "x")
    let cotangent = try view(v, "v")
    let target = try numbers(out, "out", like: point)
    let batch = try ProximalBatch(map, try parameters(parameterCount, names, values), at: point)
    scatter(try batch.pullback(cotangent, step: step), into: target)
  }
}

/// An array of the caller's that is written: f64, of the same shape.
private func numbers(
  _ array: UnsafePointer<kantor_array>?, _ argument: StaticString, like other: Tensor
) throws(KantorError) -> Tensor {
  let target = try view(array, argument)
  guard target.type == .f64 else {
    throw KantorError(
      .layout, "\(argument) has elements of type \(target.type.name); f64 is needed")
  }
  guard target.shape == other.shape else {
    throw KantorError(
      .shape, "\(argument) has the shape \(target.shapeText); \(other.shapeText) is needed")
  }
  return target
}

private func parameters(
  _ count: Int64, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<UnsafePointer<kantor_array>?>?
) throws(KantorError) -> [String: Tensor] {
  guard count >= 0, count <= 64 else {
    throw KantorError(.range, "parameter_count is \(count); 0 to 64 is allowed")
  }
  var found: [String: Tensor] = [:]
  guard count > 0 else { return found }
  let (names, values) = (try need(names, "names"), try need(values, "values"))
  for k in 0..<Int(count) {
    let parameter = try name(names[k], "names")
    guard found[parameter] == nil else {
      throw KantorError(.name, "parameter '\(parameter.prefix(60))' is given twice")
    }
    found[parameter] = try view(values[k], "values")
  }
  return found
}
