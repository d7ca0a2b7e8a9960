import KantorCore
import KantorNumerics

/// w |x|_2: vectors are shortened by t w, those that are not longer become 0.
struct LengthShrinkage {
  static func apply(
    _ x: UnsafePointer<Double>, _ n: Int, _ cut: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let length = SecondOrderProjection.length(x, n)
    guard length.isFinite else { return false }
    let factor = length > cut ? 1 - cut / length : 0
    for i in 0..<n { out[i] = factor * x[i] }
    return true
  }

  /// J = (1 - c/|x|) I + c xx'/|x|^3 where |x| >= c.
  static func pullback(
    _ x: UnsafePointer<Double>, _ n: Int, _ cut: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let length = SecondOrderProjection.length(x, n)
    guard length.isFinite else { return false }
    guard length >= cut, length > 0 else {
      for i in 0..<n { out[i] = cut > 0 ? 0 : v[i] }
      return true
    }
    let share = cut / length
    var along = 0.0
    for i in 0..<n { along += x[i] / length * v[i] }
    for i in 0..<n { out[i] = (1 - share) * v[i] + share * along * (x[i] / length) }
    return true
  }
}

/// The sum over groups of consecutive places of w_g |x_g|_2; a single group is the norm of x.
final class GroupMap: ProximalMap {
  let count: Int
  /// The first place of each group, and the end.
  private let bounds: [Int]
  private let weight: Entries

  init(_ arguments: ProximalArguments, groups: Bool) throws(KantorError) {
    count = arguments.count
    bounds = groups ? try Self.bounds(arguments) : [0, arguments.count]
    weight = groups
      ? try arguments.weights("weight", or: 1, length: bounds.count - 1)
      : Entries(
        try Buffer(count: 1, repeating: try Self.number(arguments)), isOne: true)
  }

  private static func number(_ arguments: ProximalArguments) throws(KantorError) -> Double {
    let weight = try arguments.real("weight", or: 1)
    guard weight >= 0 else { throw arguments.refuse("weight", weight, "a number >= 0 is needed") }
    return weight
  }

  private static func bounds(_ arguments: ProximalArguments) throws(KantorError) -> [Int] {
    let n = arguments.count
    let shape = arguments.shape("sizes")
    guard shape.count <= 1 else {
      throw KantorError(
        .shape, "\(arguments.map): parameter 'sizes' has the rank \(shape.count); 0 or 1 is needed")
    }
    guard shape.count == 1 else {
      let size = try arguments.size("sizes")
      guard n % size == 0 else {
        throw KantorError(
          .shape, "\(arguments.map): \(n) numbers do not divide into groups of \(size)")
      }
      return Array(stride(from: 0, through: n, by: size))
    }
    let sizes = try arguments.entries("sizes", or: 1, length: shape[0])
    var bounds = [0]
    for g in 0..<shape[0] {
      guard sizes[g] >= 1, let size = Int(exactly: sizes[g]), size <= n - bounds[g] else {
        throw arguments.refuse(
          "sizes[\(g)]", sizes[g],
          "whole numbers >= 1 with the sum \(n) are needed")
      }
      bounds.append(bounds[g] + size)
    }
    guard bounds[shape[0]] == n else {
      throw KantorError(
        .shape,
        "\(arguments.map): the groups have \(bounds[shape[0]]) places together, and x has \(n)")
    }
    return bounds
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    for g in 0..<(bounds.count - 1) {
      let (first, n) = (bounds[g], bounds[g + 1] - bounds[g])
      guard LengthShrinkage.apply(x + first, n, step * weight[g], into: out + first) else {
        return false
      }
    }
    return true
  }

  private func length(_ x: UnsafePointer<Double>, _ g: Int) -> Double {
    SecondOrderProjection.length(x + bounds[g], bounds[g + 1] - bounds[g])
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    var sum = CompensatedSum()
    for g in 0..<(bounds.count - 1) { sum.add(weight[g] * length(x, g)) }
    return ConvexValue(sum.value)
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var worst = 0.0
    for g in 0..<(bounds.count - 1) { worst = max(worst, length(y, g) - weight[g]) }
    return ConvexValue(violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    for g in 0..<(bounds.count - 1) {
      let (first, n) = (bounds[g], bounds[g + 1] - bounds[g])
      guard
        LengthShrinkage.pullback(x + first, n, step * weight[g], v + first, into: out + first)
      else { return false }
    }
    return true
  }
}

/// { |x|_2 <= r }.
final class LengthBallMap: ProximalMap {
  let count: Int
  private let radius: Double

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    radius = try arguments.radius()
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let length = SecondOrderProjection.length(x, count)
    guard length.isFinite else { return false }
    let isInside = length <= radius
    for i in 0..<count { out[i] = isInside ? x[i] : x[i] / length * radius }
    return true
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    ConvexValue(violation: max(0, SecondOrderProjection.length(x, count) - radius))
  }

  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    ConvexValue(radius * SecondOrderProjection.length(y, count))
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    let length = SecondOrderProjection.length(x, count)
    guard length.isFinite else { return false }
    if radius >= length {
      for i in 0..<count { out[i] = v[i] }
      return true
    }
    var along = 0.0
    for i in 0..<count { along += x[i] / length * v[i] }
    for i in 0..<count { out[i] = radius / length * (v[i] - along * (x[i] / length)) }
    return true
  }
}
