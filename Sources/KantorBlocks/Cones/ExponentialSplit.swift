import Glibc
import KantorCore

/// v = x - z with x in the exponential cone K = closure{ x_1 > 0, x_1 exp(x_0/x_1) <= x_2 }, z in
/// its dual and x'z = 0: x is the projection of v on K, and z that of -v on the dual.
///
/// Outside of K, of -K* and of the face x_1 = 0 both parts lie on curved boundaries, which one
/// number rho describes:
///     x = mu (rho, 1, e^rho), z = lambda (-1, rho - 1, e^-rho),
///     mu = ((rho - 1) v_0 + v_1)/Q, lambda = (v_0 - rho v_1)/Q, Q = rho^2 - rho + 1,
/// and the third coordinate of v = x - z is one increasing equation for rho, on the interval where
/// mu and lambda are positive.
///
/// Source: H. A. Friberg, "Projection onto the exponential cone: a univariate root-finding
/// problem", Optim. Methods Softw. (2021).
struct ExponentialSplit {
  enum Region {
    case inside
    case polar
    /// v_0, v_1 <= 0: the face x_1 = 0.
    case face
    /// The ends of the curve, where e^rho or e^-rho is no longer a number: rays (0, 0, 1) of K and
    /// of its dual.
    case top
    case bottom
    case curve
  }

  private(set) var region = Region.inside
  private(set) var x = (0.0, 0.0, 0.0)
  private(set) var z = (0.0, 0.0, 0.0)
  private(set) var rho = 0.0
  /// Divided by the size of v; only their ratio matters.
  private(set) var mu = 0.0
  private(set) var lambda = 0.0

  /// e^690 leaves room for the factors before it.
  private static let end = 690.0

  var isFinite: Bool { (x.0 + x.1 + x.2 + z.0 + z.1 + z.2).isFinite }

  init(_ r: Double, _ s: Double, _ t: Double) {
    if Self.contains(r, s, t) {
      x = (r, s, t)
    } else if Self.isPolar(r, s, t) {
      region = .polar
      z = (-r, -s, -t)
    } else if r <= 0 && s <= 0 {
      region = .face
      x = (r, 0, max(t, 0))
      z = (0, -s, max(-t, 0))
    } else {
      let top = max(abs(r), abs(s), abs(t))
      guard top.isFinite && r == r && s == s && t == t else {
        x = (.nan, .nan, .nan)
        return
      }
      // A power of two: dividing by it is exact.
      let unit = Double(sign: .plus, exponent: top.exponent, significand: 1)
      split(r / unit, s / unit, t / unit)
      x = (x.0 * unit, x.1 * unit, x.2 * unit)
      z = (z.0 * unit, z.1 * unit, z.2 * unit)
    }
  }

  static func contains(_ r: Double, _ s: Double, _ t: Double) -> Bool {
    if s > 0 { return t > 0 && r <= s * (log(t) - log(s)) }
    return s == 0 && r <= 0 && t >= 0
  }

  /// -v in the dual cone.
  static func isPolar(_ r: Double, _ s: Double, _ t: Double) -> Bool {
    if r > 0 { return t < 0 && s - r <= r * (log(-t) - log(r)) }
    return r == 0 && s <= 0 && t <= 0
  }

  private mutating func split(_ r: Double, _ s: Double, _ t: Double) {
    var low = r > 0 ? 1 - s / r : -.infinity
    var high = s > 0 ? r / s : .infinity
    if low > Self.end {
      region = .top
      x = (0, 0, max(t, 0))
      z = (-r, -s, max(-t, 0))
      return
    }
    if high < -Self.end {
      region = .bottom
      x = (r, s, max(t, 0))
      z = (0, 0, max(-t, 0))
      return
    }
    region = .curve
    low = max(low, -Self.end - 10)
    high = min(high, Self.end + 10)
    rho = Self.root(r, s, t, low, high)
    let q = (rho - 1) * rho + 1
    mu = max((rho - 1) * r + s, 0) / q
    lambda = max(r - rho * s, 0) / q
    let (above, below) = (mu * exp(rho), lambda * exp(-rho))
    x = (mu * rho, mu, above)
    z = (-lambda, lambda * (rho - 1), below)
    // The larger of two parts whose difference is known follows from the smaller.
    if above >= below { x.2 = t + below } else { z.2 = above - t }
  }

  /// Newton's method inside a bracket that never grows.
  private static func root(
    _ r: Double, _ s: Double, _ t: Double, _ lowest: Double, _ highest: Double
  ) -> Double {
    var (low, high) = (lowest, highest)
    // Where x_2/x_1 or z_2/z_0 of v itself would put it.
    var rho: Double
    if s > 0 && t > 0 {
      rho = log(t / s)
    } else if r > 0 && t < 0 {
      rho = -log(-t / r)
    } else {
      rho = lowest > -end ? lowest + 1 : highest - 1
    }
    if !(rho > low && rho < high) { rho = low + 0.5 * (high - low) }
    var last = high - low
    for _ in 0..<200 {
      let (up, down) = (exp(rho), exp(-rho))
      let (first, second) = ((rho - 1) * r + s, r - rho * s)
      let value = first * up - second * down - ((rho - 1) * rho + 1) * t
      if value == 0 { break }
      if value > 0 { high = rho } else { low = rho }
      let slope = (first + r) * up + (second + s) * down - (2 * rho - 1) * t
      var next = rho - value / slope
      // Steps that do not halve are left to bisection.
      if !(next > low && next < high) || abs(next - rho) > 0.5 * last {
        next = low + 0.5 * (high - low)
      }
      let step = abs(next - rho)
      rho = next
      if step <= 0x1p-52 * max(1, abs(rho)) { break }
      last = step
    }
    return rho
  }

  /// The derivative of x with respect to v is aa' + theta ee' with orthonormal a (along x), c
  /// (along z) and e; theta = mu alpha/(mu alpha + lambda beta) weighs the curvatures of the
  /// boundaries.
  /// Rows of `basis`: a, e, c; their eigenvalues are 1, theta and 0.
  func derivative(
    _ basis: UnsafeMutablePointer<Double>, _ eigenvalues: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<9 { basis[i] = i % 4 == 0 ? 1 : 0 }
    func set(_ a: Double, _ b: Double, _ c: Double) {
      (eigenvalues[0], eigenvalues[1], eigenvalues[2]) = (a, b, c)
    }
    switch region {
    case .inside: set(1, 1, 1)
    case .polar: set(0, 0, 0)
    case .face, .top: set(region == .face ? 1 : 0, 0, x.2 > 0 ? 1 : 0)
    case .bottom: set(1, 1, x.2 > 0 ? 1 : 0)
    case .curve:
      let (up, down) = (exp(rho), exp(-rho))
      let a = Self.unit(rho, 1, up)
      let c = Self.unit(1, 1 - rho, -down)
      let e = Self.unit(
        a.1 * c.2 - a.2 * c.1, a.2 * c.0 - a.0 * c.2, a.0 * c.1 - a.1 * c.0)
      (basis[0], basis[1], basis[2]) = a
      (basis[3], basis[4], basis[5]) = e
      (basis[6], basis[7], basis[8]) = c
      let small = exp(-2 * abs(rho))
      let (p, m) = rho > 0 ? (1, small) : (small, 1)
      let alpha = mu * (m + p * ((rho - 1) * (rho - 1) + 1))
      let beta = lambda * (p + m * (rho * rho + 1))
      set(1, alpha + beta > 0 ? alpha / (alpha + beta) : 0.5, 0)
    }
  }

  private static func unit(
    _ a: Double, _ b: Double, _ c: Double
  ) -> (Double, Double, Double) {
    let top = max(abs(a), abs(b), abs(c))
    let (p, q, r) = (a / top, b / top, c / top)
    let size = (p * p + q * q + r * r).squareRoot()
    return (p / size, q / size, r / size)
  }
}
