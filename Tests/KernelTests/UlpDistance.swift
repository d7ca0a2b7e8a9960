import Glibc

#if arch(x86_64)
  /// Wide enough that its own rounding does not show in an ulp of Double.
  typealias Wide = Float80
#else
  typealias Wide = Double
#endif

/// |x - exact| in units of the last place of the exact value in the type of x.
func ulpError(_ x: Double, _ exact: Wide) -> Double {
  if Wide(x) == exact { return 0 }
  let spacing = Double(exact).ulp
  return Double(abs(Wide(x) - exact) / Wide(max(spacing, .leastNonzeroMagnitude)))
}

func ulpError(_ x: Float, _ exact: Double) -> Double {
  if Double(x) == exact { return 0 }
  return abs(Double(x) - exact) / Double(max(Float(exact).ulp, .leastNonzeroMagnitude))
}

/// How many representable numbers lie between two.
func steps(_ x: Double, _ y: Double) -> UInt64 {
  if x == y || (x.isNaN && y.isNaN) { return 0 }
  guard x.sign == y.sign, !x.isNaN, !y.isNaN else { return .max }
  let (a, b) = (x.bitPattern, y.bitPattern)
  return a > b ? a - b : b - a
}

func steps(_ x: Float, _ y: Float) -> UInt32 {
  if x == y || (x.isNaN && y.isNaN) { return 0 }
  guard x.sign == y.sign, !x.isNaN, !y.isNaN else { return .max }
  let (a, b) = (x.bitPattern, y.bitPattern)
  return a > b ? a - b : b - a
}
