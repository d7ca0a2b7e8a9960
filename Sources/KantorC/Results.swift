import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_result_free")
public func kantorResultFree(_ result: OpaquePointer?) {
  free(result, Result.self)
}

@_cdecl("kantor_result_status")
public func kantorResultStatus(_ result: OpaquePointer?) -> Int32 {
  do {
    return try enter(result, Result.self).status.rawValue
  } catch {
    return report(error)
  }
}

@_cdecl("kantor_result_real")
public func kantorResultReal(
  _ result: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<Double>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let out = try need(value, "value")
    out.pointee = try result.real(try name(field, "name"))
  }
}

@_cdecl("kantor_result_int")
public func kantorResultInt(
  _ result: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<Int64>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let out = try need(value, "value")
    out.pointee = try result.int(try name(field, "name"))
  }
}

@_cdecl("kantor_result_text")
public func kantorResultText(
  _ result: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ text: UnsafeMutablePointer<CChar>?,
  _ capacity: Int64
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    try store(try result.text(try name(field, "name")), text, "text", capacity)
  }
}

@_cdecl("kantor_result_array")
public func kantorResultArray(
  _ result: OpaquePointer?, _ field: UnsafePointer<CChar>?,
  _ array: UnsafeMutablePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let out = try StructOut(array, first: kantor_array.firstSize, "array")
    out.write(describe(try result.array(try name(field, "name"))))
  }
}

@_cdecl("kantor_result_copy")
public func kantorResultCopy(
  _ result: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ values: UnsafeMutablePointer<Double>?,
  _ capacity: Int64
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let field = try name(field, "name")
    let out = try need(values, "values")
    let tensor = try result.array(field)
    guard tensor.type == .f64 else {
      throw KantorError(.type, "result field '\(field)' has elements of type \(tensor.type.name)")
    }
    guard capacity >= Int64(tensor.count) else {
      throw KantorError(
        .buffer, "result field '\(field)' has \(tensor.count) elements; capacity is \(capacity)")
    }
    try copy(tensor, to: out)
  }
}

@_cdecl("kantor_result_field_count")
public func kantorResultFieldCount(_ result: OpaquePointer?) -> Int64 {
  count { () throws(KantorError) in
    try enter(result, Result.self).fields.count
  }
}

@_cdecl("kantor_result_field_describe")
public func kantorResultFieldDescribe(
  _ result: OpaquePointer?, _ index: Int64, _ info: UnsafeMutablePointer<kantor_field_info>?
) -> Int32 {
  call { () throws(KantorError) in
    let result = try enter(result, Result.self)
    let out = try StructOut(info, first: kantor_field_info.firstSize, "info")
    let field = try element(index, of: result.fields, "result fields")
    out.write(describe(result.spec(of: field)))
  }
}

extension Result {
  /// What the catalogue says of a field; a method that forgot one still answers with its type.
  func spec(of field: Field) -> FieldSpec {
    if let spec = spec.output(field.name) { return spec }
    let type: FieldSpec.FieldType
    switch field.value {
    case .real: type = .real
    case .int: type = .int
    case .text: type = .text
    case .array: type = .array
    }
    return FieldSpec(field.name, type, field.isCertificate ? .certificate : .output, "")
  }
}
