import CKantorSupport
import KantorCatalog
import KantorCore

/// A class whose instances C holds by handle.
protocol HandleObject: AnyObject {
  /// Four letters as a number, so that a wrong tag shows in a debugger.
  static var handleKind: Int32 { get }
  static var handleName: StaticString { get }
}

extension Problem: HandleObject {
  static var handleKind: Int32 { 0x4B50_5242 }
  static var handleName: StaticString { "problem" }
}

extension Settings: HandleObject {
  static var handleKind: Int32 { 0x4B53_4554 }
  static var handleName: StaticString { "settings" }
}

extension Result: HandleObject {
  static var handleKind: Int32 { 0x4B52_4553 }
  static var handleName: StaticString { "result" }
}

extension Stepper: HandleObject {
  static var handleKind: Int32 { 0x4B53_5450 }
  static var handleName: StaticString { "stepper" }
}

/// The object behind a handle, retained: another thread may free the handle meanwhile.
@inline(__always)
func enter<T: HandleObject>(_ handle: OpaquePointer?, _: T.Type) throws(KantorError) -> T {
  var found: Int32 = 0
  guard let handle, let object = kn_handle_object(
    UnsafeRawPointer(handle), T.handleKind, retainObject, &found)
  else { throw wrongHandle(handle, found, T.handleName) }
  return Unmanaged<T>.fromOpaque(object).takeRetainedValue()
}

/// Runs under the lock of the handle's block.
private let retainObject:
  @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { object in
    guard let object else { return nil }
    _ = Unmanaged<AnyObject>.fromOpaque(object).retain()
    return object
  }

/// Makes an object and gives the caller a handle of it; NULL on failure.
@inline(__always)
func create<T: HandleObject>(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ argument: StaticString,
  _ make: () throws(KantorError) -> T
) -> Int32 {
  call { () throws(KantorError) in
    let out = try need(out, argument)
    out.pointee = nil
    out.pointee = try handle(of: try make())
  }
}

/// A new handle, which keeps the object alive.
@inline(__always)
func handle<T: HandleObject>(of object: T) throws(KantorError) -> OpaquePointer {
  let object = Unmanaged.passRetained(object)
  guard let handle = kn_handle_create(T.handleKind, object.toOpaque()) else {
    object.release()
    throw KantorError(.outOfMemory, "out of memory: no room for another handle")
  }
  return handle
}

/// Ends a handle. A pointer that is no live handle of this kind is left alone.
func free<T: HandleObject>(_ handle: OpaquePointer?, _: T.Type) {
  guard let handle else { return }
  var found: Int32 = 0
  guard let object = kn_handle_end(UnsafeMutableRawPointer(handle), T.handleKind, &found) else {
    return
  }
  Unmanaged<T>.fromOpaque(object).release()
}

@inline(never)
private func wrongHandle(
  _ handle: OpaquePointer?, _ found: Int32, _ wanted: StaticString
) -> KantorError {
  guard handle != nil else { return KantorError(.null, "the handle of the \(wanted) is NULL") }
  let actual: StaticString
  switch found {
  case Problem.handleKind: actual = "a problem"
  case Settings.handleKind: actual = "settings"
  case Result.handleKind: actual = "a result"
  case Stepper.handleKind: actual = "a stepper"
  default:
    return KantorError(.handle, "the handle is not a live one (freed, or never made by Kantor)")
  }
  return KantorError(.handle, "the handle is \(actual); needed is one of the type \(wanted)")
}
