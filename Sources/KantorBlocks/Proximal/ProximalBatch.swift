import KantorCore
import KantorNumerics

/// A proximal map at many points: arrays with the points along their last axis, or matrices along
/// the last two.
public struct ProximalBatch {
  private let map: any ProximalMap
  private let name: String
  private let shape: [Int]
  private let x: Buffer<Double>

  public init(
    _ name: String, _ values: [String: Tensor], at x: Tensor
  ) throws(KantorError) {
    let entry = try ProximalLibrary.entry(name)
    var values = values
    let axes = entry.takesMatrix && values["rows"] == nil && x.rank >= 2 ? 2 : 1
    guard x.rank >= 1 else {
      throw KantorError(
        .shape, "x is a number; an array with the points along its last axis is needed")
    }
    var count = 1
    for extent in x.shape.suffix(axes) { count = try checkedProduct(count, extent, of: "x") }
    if axes == 2 {
      let rows = try Buffer<Double>(count: 1, repeating: Double(x.shape[x.rank - 2]))
      values["rows"] = Tensor(rows, shape: [])
    }
    map = try entry.make(count: count, values)
    self.name = name
    shape = x.shape
    self.x = try x.doubles()
    for e in 0..<self.x.count where !self.x.pointer[e].isFinite {
      throw KantorError(.notFinite, "x is \(self.x.pointer[e]) at element \(e)")
    }
  }

  /// How many points x has.
  public var points: Int { x.count / map.count }

  /// The map at each point, and g there if `values` are wanted: some cost as much as the map.
  public func apply(
    step: Double, values wanted: Bool = true
  ) throws(KantorError) -> (points: Buffer<Double>, values: Buffer<Double>) {
    try check(step)
    let out = try Buffer<Double>(count: x.count)
    let values = try Buffer<Double>(count: wanted ? points : 0)
    for k in 0..<points {
      let place = k * map.count
      guard map.apply(x.pointer + place, step: step, into: out.pointer + place) else {
        throw failed(k)
      }
      if wanted { values.pointer[k] = map.value(out.pointer + place).value }
    }
    return (out, values)
  }

  /// J'v at each point.
  public func pullback(_ v: Tensor, step: Double) throws(KantorError) -> Buffer<Double> {
    try check(step)
    guard v.shape == shape else {
      throw KantorError(
        .shape, "v has the shape \(v.shapeText); that of x, \(Tensor.shapeText(shape)), is needed")
    }
    let out = try v.doubles()
    for e in 0..<out.count where !out.pointer[e].isFinite {
      throw KantorError(.notFinite, "v is \(out.pointer[e]) at element \(e)")
    }
    for k in 0..<points {
      let place = k * map.count
      let at = out.pointer + place
      guard map.pullback(x.pointer + place, step: step, at, into: at) else { throw failed(k) }
    }
    return out
  }

  private func check(_ step: Double) throws(KantorError) {
    guard step > 0, step.isFinite else {
      throw KantorError(.range, "step is \(step); a number > 0 is needed")
    }
  }

  private func failed(_ point: Int) -> KantorError {
    KantorError(.notFinite, "\(name) at point \(point) leads to numbers that are not finite")
  }
}
