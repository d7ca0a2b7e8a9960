import Glibc
import KantorCore

/// The solution w > 0 of w + log w = z.
///
/// Source: P. W. Lawrence, R. M. Corless, D. J. Jeffrey, "Algorithm 917: complex double-precision
/// evaluation of the Wright omega function", ACM Trans. Math. Softw. 38 (2012).
func wrightOmega(_ z: Double) -> Double {
  guard z.isFinite else { return z == -.infinity ? 0 : z }
  if z < -40 { return exp(z) }
  if z > 1e17 { return z }
  var w: Double
  if z < -2 {
    w = exp(z)
  } else if z <= 2 {
    // Within a tenth; the steps below are of fourth order.
    w = exp(0.625 * (z - 1)) * (1 - 0.02 * (z - 1))
  } else {
    let l = log(z)
    w = z - l + l / z
  }
  for _ in 0..<8 {
    let r = z - w - log(w)
    let p = 1 + w
    let q = 2 * p * (p + 2 * r / 3)
    let next = w * (1 + r / p * (q - r) / (q - 2 * r))
    guard next > 0 && next.isFinite else { break }
    let change = abs(next - w)
    w = next
    if change <= 2e-16 * w { break }
  }
  return w
}

/// w log(1 + exp(-b x)) with a label b of 1 or -1.
struct LogisticFunction: ScalarFunction {
  let weight: Entries
  let label: Entries

  init(_ arguments: ProximalArguments) throws(KantorError) {
    weight = try arguments.weights("weight", or: 1)
    label = try arguments.entries("labels", or: 1)
    for i in 0..<(label.isOne ? 1 : arguments.count) where abs(label[i]) != 1 {
      throw arguments.refuse("labels[\(i)]", label[i], "1 or -1 is needed")
    }
  }

  /// 1/(1 + e^s), accurate at both ends.
  @inline(__always) private func tail(_ s: Double) -> Double {
    if s >= 0 {
      let e = exp(-s)
      return e / (1 + e)
    }
    return 1 / (1 + exp(s))
  }

  /// s - p = c/(1 + e^s) for s = b u, p = b x, by Newton's method in the bracket [p, p + c].
  private func root(_ p: Double, _ c: Double) -> Double {
    guard p.isFinite && c.isFinite else { return .nan }
    var (low, high) = (p, p + c)
    var s = p + c * tail(p + 0.5 * c)
    for _ in 0..<100 {
      let g = tail(s)
      let residual = s - p - c * g
      if residual >= 0 { high = s } else { low = s }
      var next = s - residual / (1 + c * g * (1 - g))
      if !(next >= low && next <= high) { next = low + 0.5 * (high - low) }
      let change = abs(next - s)
      s = next
      if change <= 2e-16 * max(abs(s), 1e-300) { break }
    }
    return s
  }

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    label[i] * root(label[i] * x, t * weight[i])
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    let g = tail(root(label[i] * x, c))
    return 1 / (1 + c * g * (1 - g))
  }
  func value(_ i: Int, _ x: Double) -> ConvexValue {
    let s = label[i] * x
    return ConvexValue(weight[i] * (s >= 0 ? log1p(exp(-s)) : log1p(exp(s)) - s))
  }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    let w = weight[i]
    guard w > 0 else { return ConvexValue(violation: abs(y)) }
    let s = -label[i] * y / w
    let p = min(max(s, 0), 1)
    func part(_ q: Double) -> Double { q > 0 ? q * log(q) : 0 }
    return ConvexValue(
      w * (part(p) + part(1 - p)), violation: y.isNaN ? .nan : w * max(0, -s, s - 1))
  }
}

/// w (x - b + b log(b/x)), x >= 0: the divergence of data b from x, as in counts.
struct PoissonFunction: ScalarFunction {
  let weight: Entries
  let target: Entries

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    let (h, product) = (x - c, c * target[i])
    // u^2 - h u - c b = 0: the root that does not cancel.
    let root = (h * h + 4 * product).squareRoot()
    if h >= 0 { return 0.5 * (h + root) }
    return root > 0 ? 2 * product / (root - h) : 0 * h * h
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let u = prox(i, x, t)
    let product = t * weight[i] * target[i]
    if product == 0 { return x >= t * weight[i] ? 1 : 0 }
    return u * u / (u * u + product)
  }
  func value(_ i: Int, _ x: Double) -> ConvexValue {
    let b = target[i]
    guard x > 0 else {
      if x == 0 && b == 0 { return ConvexValue() }
      return ConvexValue(
        b > 0 && weight[i] > 0 ? .infinity : 0, violation: x.isNaN ? .nan : -x)
    }
    return ConvexValue(weight[i] * (x - b + (b > 0 ? b * log(b / x) : 0)))
  }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    let (w, b) = (weight[i], target[i])
    guard y < w else {
      return ConvexValue(b > 0 && w > 0 ? .infinity : 0, violation: y.isNaN ? .nan : y - w)
    }
    return ConvexValue(b > 0 && w > 0 ? -w * b * log1p(-y / w) : 0)
  }
}

/// w (x log(x/q) - x + q), x >= 0: the divergence of x from q > 0.
struct EntropyFunction: ScalarFunction {
  let weight: Entries
  let target: Entries

  func prox(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    if c == 0 { return max(x, 0) }
    return c * wrightOmega(x / c + log(target[i] / c))
  }
  func slope(_ i: Int, _ x: Double, _ t: Double) -> Double {
    let c = t * weight[i]
    if c == 0 { return x >= 0 ? 1 : 0 }
    let u = prox(i, x, t)
    return u / (u + c)
  }
  func value(_ i: Int, _ x: Double) -> ConvexValue {
    let q = target[i]
    guard x > 0 else {
      return ConvexValue(weight[i] * q, violation: x.isNaN ? .nan : -x)
    }
    return ConvexValue(weight[i] * (x * log(x / q) - x + q))
  }
  func conjugate(_ i: Int, _ y: Double) -> ConvexValue {
    let w = weight[i]
    guard w > 0 else { return ConvexValue(violation: max(y, 0)) }
    return ConvexValue(w * target[i] * expm1(y / w))
  }
}
