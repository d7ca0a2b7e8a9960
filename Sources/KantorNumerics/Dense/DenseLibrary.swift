import COpenBLAS
import KantorCore

/// BLAS and LAPACK for dense matrices too large for our own loops. OpenBLAS is opened at the first
/// call; until then it costs nothing.
public enum DenseLibrary {
  /// `purpose` begins the message when there is no library: "eigenvalues of order 300".
  public static func functions(for purpose: String) throws(KantorError) -> kn_openblas {
    let lacking = kn_openblas_lacks()
    guard lacking == 0 else {
      throw KantorError(
        .outOfMemory, "\(purpose): out of memory: OpenBLAS asks for \(lacking) bytes at once")
    }
    guard let table = kn_openblas_get() else {
      throw missing(for: purpose, why: String(cString: kn_openblas_problem()))
    }
    return table.pointee
  }

  public static func missing(for purpose: String, why: String) -> KantorError {
    KantorError(
      .unsupported,
      "\(purpose): OpenBLAS is needed and cannot be used (\(why)); "
        + "install the package libopenblas0")
  }

  static func int32(_ n: Int, _ what: String) throws(KantorError) -> Int32 {
    guard let small = Int32(exactly: n) else {
      throw KantorError(.tooLarge, "\(what) \(n) does not fit the 32 bits of LAPACK")
    }
    return small
  }

  /// The size of work memory that a LAPACK function answered with.
  static func workSize(_ answer: Double, _ what: String) throws(KantorError) -> Int {
    guard answer.isFinite, answer >= 1, answer < Double(Int32.max) else {
      throw KantorError(.tooLarge, "\(what): the work memory does not fit the 32 bits of LAPACK")
    }
    return Int(answer.rounded(.up))
  }
}
