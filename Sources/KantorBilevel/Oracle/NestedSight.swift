import KantorCore

/// An evaluation of F(x, z(x)) with its derivative.
struct NestedSight {
  let x: Buffer<Double>
  let z: Buffer<Double>
  let fields: Buffer<Double>
  let value: Double
  let gradient: Buffer<Double>
  let lower: Result

  /// That of an oracle's last evaluation, if there was one.
  init?(
    _ oracle: NestedOracle, gradient: UnsafePointer<Double>
  ) throws(KantorError) {
    guard let lower = oracle.result, oracle.value.isFinite else { return nil }
    let (nx, nz) = (oracle.problem.nx, oracle.problem.nz)
    self.lower = lower
    value = oracle.value
    x = try Buffer(copying: oracle.w.pointer, count: nx)
    z = try Buffer(copying: oracle.w.pointer + nx, count: nz)
    fields = try oracle.fields.copy()
    self.gradient = try Buffer(copying: gradient, count: nx)
  }

  func isAt(_ other: UnsafePointer<Double>) -> Bool {
    for i in 0..<x.count where x.pointer[i] != other[i] { return false }
    return true
  }
}
