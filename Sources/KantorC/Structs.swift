import CKantor
import Glibc
import KantorCore

// Structs of the header begin with the size that the caller's header gives them, and grow at their
// end only. A caller with an older header knows a prefix of ours; one with a newer header knows
// more, of which we use our part.

/// No struct will ever be larger; a larger size is memory that was never set.
private let largestStruct = 4096

/// The caller's size of a struct, read without touching anything behind it.
func size(
  _ pointer: UnsafeRawPointer, first: Int, _ argument: StaticString
) throws(KantorError) -> Int {
  let size = pointer.loadUnaligned(as: Int.self)
  guard size >= first && size <= largestStruct && size % 8 == 0 else {
    throw KantorError(
      .version,
      "\(argument)->struct_size is \(UInt(bitPattern: size)); set it to the sizeof of the struct, "
        + "which is \(first) or more")
  }
  return size
}

/// The sizes that version 0.1 had; smaller ones never existed.
extension kantor_array { static var firstSize: Int { 88 } }
// struct_size, user and the first eighteen functions.
extension kantor_functions { static var firstSize: Int { 160 } }
extension kantor_question { static var firstSize: Int { 96 } }
extension kantor_sparse { static var firstSize: Int { 56 } }
extension kantor_method_info { static var firstSize: Int { 72 } }
extension kantor_option_info { static var firstSize: Int { 80 } }
extension kantor_field_info { static var firstSize: Int { 56 } }
extension kantor_qp { static var firstSize: Int { 80 } }
extension kantor_qp_answer { static var firstSize: Int { 80 } }

/// An array descriptor of the caller, checked to be one.
func descriptor(
  _ pointer: UnsafePointer<kantor_array>?, _ argument: StaticString
) throws(KantorError) -> kantor_array {
  let pointer = try need(pointer, argument)
  _ = try size(UnsafeRawPointer(pointer), first: kantor_array.firstSize, argument)
  return pointer.pointee
}

/// A sparse matrix of the caller, checked to be one.
func descriptor(
  _ pointer: UnsafePointer<kantor_sparse>?, _ argument: StaticString
) throws(KantorError) -> kantor_sparse {
  let pointer = try need(pointer, argument)
  _ = try size(UnsafeRawPointer(pointer), first: kantor_sparse.firstSize, argument)
  return pointer.pointee
}

/// Where a struct for the caller goes: checked first, written when all went well.
struct StructOut<T> {
  private let pointer: UnsafeMutablePointer<T>
  private let bytes: Int

  init(
    _ pointer: UnsafeMutablePointer<T>?, first: Int, _ argument: StaticString
  ) throws(KantorError) {
    self.pointer = try need(pointer, argument)
    bytes = min(
      try size(UnsafeRawPointer(self.pointer), first: first, argument), MemoryLayout<T>.size)
  }

  /// All that both sides know, except struct_size, which is the caller's.
  func write(_ value: T) {
    let skipped = MemoryLayout<Int>.size
    withUnsafeBytes(of: value) { source in
      guard let start = source.baseAddress else { return }
      memcpy(UnsafeMutableRawPointer(pointer) + skipped, start + skipped, bytes - skipped)
    }
  }
}
