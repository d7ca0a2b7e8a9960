import KantorCore

/// Weights as the exact methods use them. Uniform weights become whole numbers, which makes every
/// flow exact: with 1/n, sums of equal weights would differ by rounding, and the ties that
/// degenerate problems are full of would be missed.
struct ExactWeights {
  let a: UnsafePointer<Double>
  let b: UnsafePointer<Double>
  let mass: Double
  /// A flow here times `unit` is a flow of the problem.
  let unit: Double
  private let owned: (Buffer<Double>, Buffer<Double>)

  init(_ problem: TransportProblem) throws(KantorError) {
    let (n, m) = (problem.n, problem.m)
    if problem.hasUniformWeights {
      let common = Double(Self.greatestCommonDivisor(n, m))
      let each = (Double(m) / common, Double(n) / common)
      owned = (try Buffer(count: n, repeating: each.0), try Buffer(count: m, repeating: each.1))
      mass = Double(n) * each.0
      unit = problem.mass / mass
    } else {
      owned = (problem.a, problem.b)
      mass = problem.mass
      unit = 1
    }
    a = UnsafePointer(owned.0.pointer)
    b = UnsafePointer(owned.1.pointer)
  }

  /// As many sources as targets, all of weight 1.
  init(equal ones: Buffer<Double>) {
    owned = (ones, ones)
    mass = Double(ones.count)
    unit = 1
    a = UnsafePointer(ones.pointer)
    b = UnsafePointer(ones.pointer)
  }

  private static func greatestCommonDivisor(_ x: Int, _ y: Int) -> Int {
    var (x, y) = (x, y)
    while y != 0 { (x, y) = (y, x % y) }
    return x
  }
}
