import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_result_save")
public func kantorResultSave(
  _ result: OpaquePointer?, _ bytes: UnsafeMutableRawPointer?, _ capacity: Int64,
  _ size: UnsafeMutablePointer<Int64>?
) -> Int32 {
  call { () throws(KantorError) in
    let saved = try SavedResult(
      try enter(result, Result.self), libraryVersion: LibraryVersion.text)
    let size = try need(size, "size")
    guard capacity >= 0 else {
      throw KantorError(.range, "argument 'capacity' is \(capacity); 0 or more is needed")
    }
    let count = saved.byteCount
    if let bytes {
      guard capacity >= Int64(count) else {
        throw KantorError(.buffer, "the result takes \(count) bytes; capacity is \(capacity)")
      }
      saved.write(to: bytes)
    }
    size.pointee = Int64(count)
  }
}

@_cdecl("kantor_result_load")
public func kantorResultLoad(
  _ bytes: UnsafeRawPointer?, _ size: Int64, _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(result, "result") { () throws(KantorError) in
    let bytes = try need(bytes, "bytes")
    guard size >= 0, let count = Int(exactly: size) else {
      throw KantorError(.range, "argument 'size' is \(size); 0 or more is needed")
    }
    return try Result.load(UnsafeRawBufferPointer(start: bytes, count: count)) { kind, method in
      Catalog.standard.methods.first { $0.spec.kind == kind && $0.spec.name == method }?.spec
    }
  }
}
