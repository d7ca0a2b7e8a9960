import Glibc
import KantorCore

/// s_1 > 0, s_1 exp(s_0 / s_1) <= s_2. With l = log(-z_2/z_0) and r = z_1 - z_0 - z_0 l, the
/// barrier of the dual cone is f* = -log r - log(-z_0) - log z_2, of degree 3.
///
/// Source: Y. Nesterov, "Towards non-symmetric conic optimization", Optim. Methods Softw. 27
/// (2012); S. A. Serrano, "Algorithms for unsymmetric cone optimization and an implementation for
/// problems with the exponential cone" (2015).
final class ExponentialBlock: BarrierBlock {
  init(row: Int) throws(KantorError) { try super.init(row: row, size: 3) }

  override var degree: Int { 3 }

  /// The point that is minus its own gradient.
  override func start(_ s: Entries, _ z: Entries) {
    for v in [s, z] {
      v[0] = -1.051383945322714
      v[1] = 0.556409619469370
      v[2] = 1.258967884768947
    }
  }

  override func holdsPrimal(_ s: Given) -> Bool {
    s[1] > 0 && s[2] > 0 && s[1] * log(s[2] / s[1]) - s[0] > 0
  }

  override func holdsDual(_ z: Given) -> Bool {
    z[0] < 0 && z[2] > 0 && z[1] - z[0] - z[0] * log(-z[2] / z[0]) > 0
  }

  override func dualValue(_ z: Given) -> Double {
    guard z[0] < 0, z[2] > 0 else { return .infinity }
    let r = z[1] - z[0] - z[0] * log(-z[2] / z[0])
    return -safeLog(r) - log(-z[0]) - log(z[2])
  }

  override func derive(_ z: Given) {
    let (g, h) = (gradient.pointer, hessian.pointer)
    let l = log(-z[2] / z[0])
    let r = z[1] - z[0] - z[0] * l
    g[0] = l / r - 1 / z[0]
    g[1] = -1 / r
    g[2] = (z[0] / r - 1) / z[2]
    let rz = r * z[0]
    h[0] = (r * r - z[0] * r + l * l * z[0] * z[0]) / (rz * rz)
    h[1] = -l / (r * r)
    h[2] = (z[1] - z[0]) / (r * r * z[2])
    h[3] = h[1]
    h[4] = 1 / (r * r)
    h[5] = -z[0] / (r * r * z[2])
    h[6] = h[2]
    h[7] = h[5]
    h[8] = (r * r - z[0] * r + z[0] * z[0]) / (r * z[2] * r * z[2])
  }

  /// With e = grad r, the Hessian is ee'/r^2 + ww'/(-z_0 r) + diag(1/z_0^2, 0, 1/z_2^2), w = (1, 0,
  /// -z_0/z_2): no difference, so the inverse needs none either. Near the boundary its entries
  /// would not tell the smallest eigenvalue.
  override func solveHessian(_ z: Given, _ b: Given, into x: Entries) -> Bool {
    let l = log(-z[2] / z[0])
    let r = z[1] - z[0] - z[0] * l
    let ratio = z[0] / z[2]
    let (c0, c2) = (-z[0] * (b[0] + b[1] * l), z[2] * (b[2] + b[1] * ratio))
    let half = 0.5 * (c0 + c2) / (1 - 2 * z[0] / r)
    let (x0, x2) = (-z[0] * (0.5 * (c0 - c2) + half), z[2] * (0.5 * (c2 - c0) + half))
    x[1] = r * r * b[1] + l * x0 + ratio * x2
    (x[0], x[2]) = (x0, x2)
    return r > 0 && x[1].isFinite
  }

  override func primalGradient(_ s: Given, into out: Entries) {
    // d + log(1 + d) = p, d = w - 1 with w + log w = 1 + p.
    let p = (s[1] * log(s[2] / s[1]) - s[0]) / s[1]
    var d = p > 2 ? p - log(p) : 0.5 * p
    for _ in 0..<30 {
      let change = (d + log1p(d) - p) / (1 + 1 / (1 + d))
      d = max(d - change, 0.25 * d)
      if abs(change) <= 1e-15 * d { break }
    }
    out[0] = 1 / (d * s[1])
    out[1] = out[0] * (1 - d - s[0] / s[1]) - 1 / s[1]
    out[2] = -(1 + d) / (d * s[2])
  }

  /// With psi = z_0 log(-z_0/z_2) - z_0 + z_1, which is r.
  override func third(_ z: Given, _ u: Given, _ v: Given, into out: Entries) {
    let l = log(-z[0] / z[2])
    let psi = z[0] * l - z[0] + z[1]
    let square = psi * psi
    let (e0, e2) = (l, -z[0] / z[2])
    let (h00, h02, h22) = (1 / z[0], -1 / z[2], z[0] / (z[2] * z[2]))
    let du = e0 * u[0] + u[1] + e2 * u[2]
    let dv = e0 * v[0] + v[1] + e2 * v[2]
    let (hv0, hv2) = (h00 * v[0] + h02 * v[2], h02 * v[0] + h22 * v[2])
    let (hu0, hu2) = (h00 * u[0] + h02 * u[2], h02 * u[0] + h22 * u[2])
    let factor = ((u[0] * hv0 + u[2] * hv2) * psi - 2 * du * dv) / (square * psi)
    let z22 = z[2] * z[2]
    let first = -u[0] * v[0] / (z[0] * z[0]) + u[2] * v[2] / z22
    let last = (u[2] * v[0] + u[0] * v[2]) / z22 - 2 * z[0] * u[2] * v[2] / (z22 * z[2])
    out[0] =
      factor * e0 + (du * hv0 + dv * hu0) / square - first / psi
      - 2 * u[0] * v[0] / (z[0] * z[0] * z[0])
    out[1] = factor
    out[2] =
      factor * e2 + (du * hv2 + dv * hu2) / square - last / psi - 2 * u[2] * v[2] / (z22 * z[2])
    for i in 0..<3 { out[i] *= 0.5 }
  }
}
