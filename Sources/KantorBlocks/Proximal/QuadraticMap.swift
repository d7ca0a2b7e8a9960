import KantorCore
import KantorNumerics

/// x'Qx/2 + c'x with Q positive semidefinite, given in full or by its diagonal. A full Q is
/// decomposed once, O(n^3), so that any step costs 2 n^2 afterwards.
final class QuadraticMap: ProximalMap {
  let count: Int
  private let linear: Entries
  private let diagonal: Entries
  /// Nil for a diagonal Q.
  private let spectrum: SymmetricSpectrum?
  private let work: Buffer<Double>
  private let other: Buffer<Double>

  init(_ arguments: ProximalArguments) throws(KantorError) {
    count = arguments.count
    linear = try arguments.entries("linear", or: 0)
    work = try Buffer(count: count)
    other = try Buffer(count: count)
    guard arguments.shape("matrix").count == 2 else {
      diagonal = try arguments.weights("matrix", or: 1)
      spectrum = nil
      return
    }
    diagonal = linear
    spectrum = try Self.decompose(arguments)
  }

  private static func decompose(
    _ arguments: ProximalArguments
  ) throws(KantorError) -> SymmetricSpectrum {
    let n = arguments.count
    let (matrix, rows) = try arguments.matrix("matrix")
    guard rows == n else {
      throw KantorError(
        .shape, "\(arguments.map): parameter 'matrix' has the shape (\(rows), \(n)); "
          + "(\(n), \(n)) is needed")
    }
    let m = matrix.pointer
    var top = 0.0
    for e in 0..<matrix.count { top = max(top, abs(m[e])) }
    for i in 0..<n {
      for j in 0..<i where abs(m[i * n + j] - m[j * n + i]) > 1e-12 * top {
        throw KantorError(
          .range,
          "\(arguments.map): matrix[\(i), \(j)] is \(m[i * n + j]) and matrix[\(j), \(i)] is "
            + "\(m[j * n + i]); a symmetric matrix is needed")
      }
    }
    let spectrum = try SymmetricSpectrum(order: n)
    guard spectrum.decompose(m) else {
      throw KantorError(.range, "\(arguments.map): the eigenvalues of 'matrix' were not found")
    }
    let least = spectrum.values.pointer[0]
    guard least >= -1e-10 * top else {
      throw KantorError(
        .range,
        "\(arguments.map): the least eigenvalue of 'matrix' is \(least); none < 0 is allowed")
    }
    for k in 0..<n { spectrum.values.pointer[k] = max(spectrum.values.pointer[k], 0) }
    return spectrum
  }

  /// out <- f(Q) x; `out` may be `x`.
  private func apply(
    _ x: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>, _ f: (Double) -> Double
  ) {
    guard let spectrum else {
      for i in 0..<count { out[i] = f(diagonal[i]) * x[i] }
      return
    }
    let (n, v, w) = (count, spectrum.vectors.pointer, work.pointer)
    for k in 0..<n {
      var sum = 0.0
      for i in 0..<n { sum += v[k * n + i] * x[i] }
      w[k] = f(spectrum.values.pointer[k]) * sum
    }
    for i in 0..<n { out[i] = 0 }
    for k in 0..<n {
      for i in 0..<n { out[i] += w[k] * v[k * n + i] }
    }
  }

  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    var sum = 0.0
    for i in 0..<count {
      out[i] = x[i] - step * linear[i]
      sum += 0 * out[i]
    }
    apply(out, into: out) { 1 / (1 + step * $0) }
    return sum == 0
  }

  func value(_ x: UnsafePointer<Double>) -> ConvexValue {
    apply(x, into: other.pointer) { $0 }
    var sum = CompensatedSum()
    for i in 0..<count {
      sum.add(0.5 * x[i] * other.pointer[i])
      sum.add(linear[i] * x[i])
    }
    return ConvexValue(sum.value)
  }

  /// (y - c)'Q^+(y - c)/2 where y - c lies in the range of Q.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue {
    var top = 0.0
    for i in 0..<count {
      other.pointer[i] = y[i] - linear[i]
      top = max(top, spectrum?.values.pointer[i] ?? diagonal[i])
    }
    let cut = 1e-12 * top
    var (sum, worst) = (CompensatedSum(), 0.0)
    for k in 0..<count {
      var (along, size) = (other.pointer[k], diagonal[k])
      if let spectrum {
        along = 0
        for i in 0..<count { along += spectrum.vectors.pointer[k * count + i] * other.pointer[i] }
        size = spectrum.values.pointer[k]
      }
      if size > cut {
        sum.add(0.5 * along * (along / size))
      } else {
        worst = max(worst, abs(along))
      }
    }
    return ConvexValue(sum.value, violation: worst)
  }

  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool {
    apply(v, into: out) { 1 / (1 + step * $0) }
    return true
  }
}
