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
    guard problem.hasUniformWeights else {
      owned = (problem.a, problem.b)
      a = UnsafePointer(problem.a.pointer)
      b = UnsafePointer(problem.b.pointer)
      mass = problem.mass
      unit = 1
      return
    }
    let (supply, demand) = Self.wholeNumbers(n, m)
    let both = try Buffer<Double>(count: n + m)
    for i in 0..<n { both.pointer[i] = supply }
    for j in 0..<m { both.pointer[n + j] = demand }
    owned = (both, both)
    a = UnsafePointer(both.pointer)
    b = UnsafePointer(both.pointer + n)
    mass = Double(n) * supply
    unit = problem.mass / mass
  }

  /// How many targets of mean weight the mass of a source fills, rounded down.
  func likelyPartners(ofRow i: Int, among m: Int) -> Int {
    let partners = Double(m) * a[i] / mass
    return partners < Double(m) ? Int(partners) : m
  }

  /// As many sources as targets, all of weight 1.
  init(equal ones: Buffer<Double>) {
    owned = (ones, ones)
    mass = Double(ones.count)
    unit = 1
    a = UnsafePointer(ones.pointer)
    b = UnsafePointer(ones.pointer)
  }

  /// Equal weights of n sources and of m targets, of one total.
  static func wholeNumbers(_ n: Int, _ m: Int) -> (supply: Double, demand: Double) {
    let common = Double(greatestCommonDivisor(n, m))
    return (Double(m) / common, Double(n) / common)
  }

  private static func greatestCommonDivisor(_ x: Int, _ y: Int) -> Int {
    var (x, y) = (x, y)
    while y != 0 { (x, y) = (y, x % y) }
    return x
  }
}
