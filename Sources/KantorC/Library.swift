import CKantor
import CKantorSupport
import KantorCatalog
import KantorCore

@_cdecl("kantor_version")
public func kantorVersion() -> UnsafePointer<CChar>? { StaticText.pointer(LibraryVersion.text) }

@_cdecl("kantor_version_number")
public func kantorVersionNumber() -> Int32 { Int32(LibraryVersion.number) }

@_cdecl("kantor_abi_version")
public func kantorAbiVersion() -> Int32 { Int32(LibraryVersion.abi) }

@_cdecl("kantor_build_info")
public func kantorBuildInfo() -> UnsafePointer<CChar>? { StaticTexts.buildInfo }

@_cdecl("kantor_describe")
public func kantorDescribe() -> UnsafePointer<CChar>? { StaticTexts.description }

/// Long texts, made at the first request.
private enum StaticTexts {
  nonisolated(unsafe) static let description = StaticText.pointer(Catalog.standard.description())
  nonisolated(unsafe) static let buildInfo = StaticText.pointer(BuildInfo.json())
}

@_cdecl("kantor_code_name")
public func kantorCodeName(_ code: Int32) -> UnsafePointer<CChar>? {
  StaticText.pointer(CodeNames.name(code))
}

@_cdecl("kantor_last_error")
public func kantorLastError() -> UnsafePointer<CChar>? { kn_message_get() }

@_cdecl("kantor_kind_count")
public func kantorKindCount() -> Int64 { Int64(Catalog.standard.kinds.count) }

@_cdecl("kantor_kind_name")
public func kantorKindName(_ index: Int64) -> UnsafePointer<CChar>? {
  do {
    return StaticText.pointer(try element(index, of: Catalog.standard.kinds, "kinds").name)
  } catch {
    _ = report(error)
    return nil
  }
}

@_cdecl("kantor_method_count")
public func kantorMethodCount() -> Int64 { Int64(Catalog.standard.methods.count) }

@_cdecl("kantor_method_describe")
public func kantorMethodDescribe(
  _ index: Int64, _ info: UnsafeMutablePointer<kantor_method_info>?
) -> Int32 {
  call { () throws(KantorError) in
    let out = try StructOut(info, first: kantor_method_info.firstSize, "info")
    out.write(describe(try element(index, of: Catalog.standard.methods, "methods").spec))
  }
}

@_cdecl("kantor_option_describe")
public func kantorOptionDescribe(
  _ method: UnsafePointer<CChar>?, _ index: Int64, _ info: UnsafeMutablePointer<kantor_option_info>?
) -> Int32 {
  call { () throws(KantorError) in
    let spec = try Catalog.standard.method(try name(method, "method")).spec
    let out = try StructOut(info, first: kantor_option_info.firstSize, "info")
    out.write(describe(try element(index, of: spec.options, "options of '\(spec.name)'")))
  }
}

@_cdecl("kantor_problem_field_count")
public func kantorProblemFieldCount(_ kind: UnsafePointer<CChar>?) -> Int64 {
  count { () throws(KantorError) in
    try Catalog.standard.kind(try name(kind, "kind")).fields.count
  }
}

@_cdecl("kantor_problem_field_describe")
public func kantorProblemFieldDescribe(
  _ kind: UnsafePointer<CChar>?, _ index: Int64, _ info: UnsafeMutablePointer<kantor_field_info>?
) -> Int32 {
  call { () throws(KantorError) in
    let kind = try Catalog.standard.kind(try name(kind, "kind"))
    let out = try StructOut(info, first: kantor_field_info.firstSize, "info")
    out.write(describe(try element(index, of: kind.fields, "fields of '\(kind.name)'")))
  }
}

@_cdecl("kantor_output_describe")
public func kantorOutputDescribe(
  _ method: UnsafePointer<CChar>?, _ index: Int64, _ info: UnsafeMutablePointer<kantor_field_info>?
) -> Int32 {
  call { () throws(KantorError) in
    let spec = try Catalog.standard.method(try name(method, "method")).spec
    let out = try StructOut(info, first: kantor_field_info.firstSize, "info")
    out.write(describe(try element(index, of: spec.outputs, "outputs of '\(spec.name)'")))
  }
}
