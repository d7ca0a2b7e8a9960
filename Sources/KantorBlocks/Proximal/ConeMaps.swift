import KantorCore
import KantorNumerics

/// A product of cones, by the projections and derivatives of the cone engine.
final class ConeSetMap: ProximalMap {
  let count: Int
  private let cones: [Cone]
  private let projection: ConeProjection
  private let work: Buffer<Double>

  init(_ cones: [Cone], count: Int) throws(KantorError) {
    self.count = count
    self.cones = cones
    projection = try ConeProjection(cones, lower: nil, upper: nil)
    work = try Buffer(count: count)
  }

  static func secondOrder(_ arguments: ProximalArguments) throws(KantorError) -> ConeSetMap {
    try ConeSetMap([.secondOrder(arguments.count)], count: arguments.count)
  }

  static func exponential(_ arguments: ProximalArguments) throws(KantorError) -> ConeSetMap {
    guard arguments.count % 3 == 0 else {
      throw KantorError(
        .shape, "\(arguments.map): \(arguments.count) numbers; a multiple of 3 is needed")
    }
    return try ConeSetMap(
      Array(repeating: .exponential, count: arguments.count / 3), count: arguments.count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    if out != UnsafeMutablePointer(mutating: x) { out.update(from: x, count: count) }
    return projection.project(out)
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue { ConvexValue(violation: violation(x)) }

  /// 0 on the polar cone.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    for i in 0..<count { work.pointer[i] = -y[i] }
    return ConvexValue(violation: dualViolation(work.pointer))
  }

  private func violation(_ x: UnsafePointer<Double>) -> Double {
    var (worst, row) = (0.0, 0)
    for cone in cones {
      switch cone {
      case .exponential:
        if !ExponentialSplit.contains(x[row], x[row + 1], x[row + 2]) {
          worst = max(worst, distance(x + row, isDual: false))
        }
      default: worst = max(worst, beyond(x + row, cone.rows))
      }
      row += cone.rows
    }
    return worst
  }

  private func dualViolation(_ z: UnsafePointer<Double>) -> Double {
    var (worst, row) = (0.0, 0)
    for cone in cones {
      switch cone {
      case .exponential:
        if !ExponentialSplit.isPolar(-z[row], -z[row + 1], -z[row + 2]) {
          worst = max(worst, distance(z + row, isDual: true))
        }
      default: worst = max(worst, beyond(z + row, cone.rows))
      }
      row += cone.rows
    }
    return worst
  }

  /// |y| - t of a second-order cone.
  private func beyond(_ x: UnsafePointer<Double>, _ n: Int) -> Double {
    max(0, SecondOrderProjection.length(x + 1, n - 1) - x[0])
  }

  /// How far the nearest point is, per coordinate.
  private func distance(_ v: UnsafePointer<Double>, isDual: Bool) -> Double {
    let sign = isDual ? -1.0 : 1.0
    let split = ExponentialSplit(sign * v[0], sign * v[1], sign * v[2])
    let away = isDual ? split.x : split.z
    return max(abs(away.0), abs(away.1), abs(away.2))
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    do {
      guard let derivative = try ProjectionDerivative(cones, lower: nil, upper: nil, at: x) else {
        return false
      }
      if out != UnsafeMutablePointer(mutating: v) { out.update(from: v, count: count) }
      // Symmetric: J' = J.
      derivative.apply(out)
      return true
    } catch {
      return false
    }
  }
}

/// Positive semidefinite matrices; the map takes the symmetric part of its argument first, which is
/// the nearest symmetric matrix.
final class SemidefiniteMap: ProximalMap {
  let count: Int
  private let side: Int
  private let projection: SemidefiniteProjection
  private let triangle: Buffer<Double>
  private let square: Buffer<Double>

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    var side = Int(Double(arguments.count).squareRoot())
    if arguments.has("rows") { side = try arguments.sides().rows }
    let (size, overflows) = side.multipliedReportingOverflow(by: side)
    guard !overflows, size == arguments.count else {
      throw KantorError(
        .shape, "\(arguments.map): \(arguments.count) numbers are no square matrix")
    }
    self.side = side
    projection = try SemidefiniteProjection(side: side)
    triangle = try Buffer(count: side * (side + 1) / 2)
    square = try Buffer(count: count)
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    ScaledTriangle.pack(x, side, into: triangle.pointer)
    let isFine = projection.project(triangle.pointer)
    ScaledTriangle.unpack(triangle.pointer, side, into: out)
    return isFine
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue { ConvexValue(violation: violation(x)) }
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    // Antisymmetric parts are bounded by nothing: symmetric matrices are a subspace.
    for i in 0..<side {
      for j in 0..<side {
        square.pointer[i * side + j] = -0.5 * (y[i * side + j] + y[j * side + i])
      }
    }
    return ConvexValue(violation: violation(square.pointer))
  }

  /// The least eigenvalue below 0, or the largest antisymmetry.
  private func violation(_ x: UnsafePointer<Double>) -> Double {
    var worst = 0.0
    for i in 0..<side {
      for j in 0..<i { worst = max(worst, 0.5 * abs(x[i * side + j] - x[j * side + i])) }
    }
    guard side > 1 else { return max(0, -x[0]) }
    guard projection.spectrum.decompose(x) else { return .nan }
    return max(worst, -projection.spectrum.values.pointer[0])
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    do {
      ScaledTriangle.pack(x, side, into: triangle.pointer)
      guard
        let derivative = try ProjectionDerivative(
          [.psd(side: side)], lower: nil, upper: nil, at: triangle.pointer)
      else { return false }
      ScaledTriangle.pack(v, side, into: triangle.pointer)
      derivative.apply(triangle.pointer)
      ScaledTriangle.unpack(triangle.pointer, side, into: out)
      return true
    } catch {
      return false
    }
  }
}
