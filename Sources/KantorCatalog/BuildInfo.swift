import CKantorKernels
import CKantorSupport

/// How the library was built, and what it found on this machine.
public enum BuildInfo {
  public static func json() -> String {
    var json = JSONWriter()
    json.object { json in
      json.member("version", LibraryVersion.text)
      json.member("compiler", String(cString: kn_compiler()))
      json.member("cpu_level", String(cString: kn_level_name()))
      json.member("cpu_levels", cpuLevels) { $0.string($1) }
    }
    return json.text
  }

  /// Levels that this machine could run, lowest first.
  static var cpuLevels: [String] {
    (0..<kn_cpu_level_count()).map { String(cString: kn_cpu_level_name($0)) }
  }
}
