import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_settings_create")
public func kantorSettingsCreate(
  _ method: UnsafePointer<CChar>?, _ settings: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(settings, "settings") { () throws(KantorError) in
    guard let method = try optionalName(method, "method") else { return Settings(method: nil) }
    return Settings(method: try Catalog.standard.method(method).spec)
  }
}

@_cdecl("kantor_settings_copy")
public func kantorSettingsCopy(
  _ settings: OpaquePointer?, _ copy: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(copy, "copy") { () throws(KantorError) in
    try enter(settings, Settings.self).copy()
  }
}

@_cdecl("kantor_settings_free")
public func kantorSettingsFree(_ settings: OpaquePointer?) {
  free(settings, Settings.self)
}

@_cdecl("kantor_settings_set_real")
public func kantorSettingsSetReal(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?, _ value: Double
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).set(try name(option, "name"), .real(value))
  }
}

@_cdecl("kantor_settings_set_int")
public func kantorSettingsSetInt(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?, _ value: Int64
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).set(try name(option, "name"), .int(value))
  }
}

@_cdecl("kantor_settings_set_flag")
public func kantorSettingsSetFlag(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?, _ value: Int32
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    let option = try name(option, "name")
    // A flag only: an option of type int or real has a setter of its own.
    guard case .flag = try settings.get(option) else {
      throw KantorError(.type, "option '\(option)' is not of type flag")
    }
    try settings.set(option, .int(Int64(value)))
  }
}

@_cdecl("kantor_settings_set_text")
public func kantorSettingsSetText(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).set(try name(option, "name"), .text(try text(value, "text")))
  }
}

@_cdecl("kantor_settings_set_parse")
public func kantorSettingsSetParse(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).parse(try name(option, "name"), try text(value, "text"))
  }
}

@_cdecl("kantor_settings_get_real")
public func kantorSettingsGetReal(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?,
  _ value: UnsafeMutablePointer<Double>?
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    let out = try need(value, "value")
    let option = try name(option, "name")
    switch try settings.get(option) {
    case .real(let x): out.pointee = x
    case .int(let k): out.pointee = Double(k)
    default: throw KantorError(.type, "option '\(option)' is not of type real or int")
    }
  }
}

@_cdecl("kantor_settings_get_int")
public func kantorSettingsGetInt(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?,
  _ value: UnsafeMutablePointer<Int64>?
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    let out = try need(value, "value")
    let option = try name(option, "name")
    switch try settings.get(option) {
    case .int(let k): out.pointee = k
    case .flag(let f): out.pointee = f ? 1 : 0
    default: throw KantorError(.type, "option '\(option)' is not of type int or flag")
    }
  }
}

@_cdecl("kantor_settings_get_text")
public func kantorSettingsGetText(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?,
  _ text: UnsafeMutablePointer<CChar>?, _ capacity: Int64
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    let option = try name(option, "name")
    guard case .text(let value) = try settings.get(option) else {
      throw KantorError(.type, "option '\(option)' is not of type text")
    }
    try store(value, text, "text", capacity)
  }
}

@_cdecl("kantor_settings_reset")
public func kantorSettingsReset(
  _ settings: OpaquePointer?, _ option: UnsafePointer<CChar>?
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).reset(try optionalName(option, "name"))
  }
}

@_cdecl("kantor_settings_set_progress")
public func kantorSettingsSetProgress(
  _ settings: OpaquePointer?, _ progress: kantor_progress_fn?, _ user: UnsafeMutableRawPointer?
) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).setProgress(progress.map { hook(calling: $0, user) })
  }
}

@_cdecl("kantor_settings_set_log")
public func kantorSettingsSetLog(
  _ settings: OpaquePointer?, _ level: Int32, _ log: kantor_log_fn?,
  _ user: UnsafeMutableRawPointer?
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    guard let level = LogLevel(rawValue: level) else {
      throw KantorError(.range, "argument 'level' is \(level); 1 (error) to 4 (debug) is allowed")
    }
    settings.setLog(level, log.map { hook(calling: $0, user) })
  }
}

private func hook(
  calling progress: @escaping kantor_progress_fn, _ user: UnsafeMutableRawPointer?
) -> (Progress) -> Int32 {
  return { now in
    var told = kantor_progress()
    told.struct_size = MemoryLayout<kantor_progress>.size
    told.iteration = Int64(now.iteration)
    told.seconds = now.seconds
    told.objective = now.objective
    told.residual = now.residual
    told.gap = now.gap
    told.is_heartbeat = now.isHeartbeat ? 1 : 0
    return progress(&told, user)
  }
}

private func hook(
  calling log: @escaping kantor_log_fn, _ user: UnsafeMutableRawPointer?
) -> (LogLevel, String) -> Void {
  return { level, message in
    message.withCString { log(level.rawValue, $0, Int64(message.utf8.count), user) }
  }
}

@_cdecl("kantor_settings_warm_start")
public func kantorSettingsWarmStart(
  _ settings: OpaquePointer?, _ result: OpaquePointer?
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    settings.setStart(result == nil ? nil : try enter(result, Result.self))
  }
}

@_cdecl("kantor_settings_set_start")
public func kantorSettingsSetStart(
  _ settings: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ array: UnsafePointer<kantor_array>?
) -> Int32 {
  call { () throws(KantorError) in
    let settings = try enter(settings, Settings.self)
    let field = try name(field, "name")
    settings.setStart(field, array == nil ? nil : try keep(array, "array", loan: nil))
  }
}

@_cdecl("kantor_settings_cancel")
public func kantorSettingsCancel(_ settings: OpaquePointer?) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).cancel.cancel()
  }
}

@_cdecl("kantor_settings_uncancel")
public func kantorSettingsUncancel(_ settings: OpaquePointer?) -> Int32 {
  call { () throws(KantorError) in
    try enter(settings, Settings.self).cancel.clear()
  }
}
