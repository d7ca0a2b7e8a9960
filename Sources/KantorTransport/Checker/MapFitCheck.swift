import Glibc
import KantorCore
import KantorNumerics

/// What is proved about a fitted map.
struct MapFitCertificate {
  var objective = Double.nan
  var fittingLoss = Double.nan
  var mongeGap = Double.nan
  var penalty = 0.0
  /// The objective is known up to this.
  var gap = Double.nan
  var scale = Double.nan
  /// Largest L1 error of the marginals of the entropic plans.
  var marginalResidual = 0.0
  /// Largest derivative for a parameter, block by block, over the largest sum of the sizes of its
  /// terms.
  var gradientResidual = Double.nan

  var relativeGap: Double { gap == 0 ? 0 : gap / scale }
}

/// Certifies a map by its parameters: images, costs, plans, values and the gradient of the loss are
/// all computed here anew.
struct MapFitCheck {
  /// A cloud of points of the loss.
  enum Side: Sendable { case source, target, images }
  enum Role: Sendable { case cross, images, targets, pair, pairImages, pairSources }

  /// An entropic problem of the loss with its potentials.
  struct Part: Sendable {
    let role: Role
    let first: Side
    let second: Side
    let metric: Metric
    let power: Double
    let epsilon: Double
    /// What its value is multiplied by in the loss.
    let coefficient: Double
    let f: Buffer<Double>
    let g: Buffer<Double>
  }

  let problem: MapFitProblem
  let parameters: MapParameters
  let images: Buffer<Double>
  private let parallel: Parallel

  init(
    _ problem: MapFitProblem, _ parameters: MapParameters, threads: Int
  ) throws(KantorError) {
    self.problem = problem
    self.parameters = parameters
    parallel = Parallel(threads: threads)
    images = try Self.map(problem.source, problem, parameters)
  }

  /// T(x) of any points.
  static func map(
    _ cloud: MapFitProblem.Cloud, _ problem: MapFitProblem, _ parameters: MapParameters
  ) throws(KantorError) -> Buffer<Double> {
    let d = problem.dimension
    let out = try Buffer<Double>(count: cloud.count * d)
    for i in 0..<cloud.count {
      let (x, y) = (cloud.points.pointer + i * d, out.pointer + i * d)
      for c in 0..<d {
        var sum = parameters.offset.pointer[c]
        for l in 0..<d { sum += parameters.matrix.pointer[c * d + l] * x[l] }
        y[c] = sum
      }
      for k in 0..<problem.centres.count {
        let value = bump(problem, x, k)
        for c in 0..<d { y[c] += value * parameters.radial.pointer[k * d + c] }
      }
    }
    return out
  }

  /// exp(-|x - c_k|^2 / (2 r^2))
  private static func bump(
    _ problem: MapFitProblem, _ x: UnsafePointer<Double>, _ k: Int
  ) -> Double {
    let d = problem.dimension
    let centre = problem.centres.points.pointer + k * d
    var square = 0.0
    for l in 0..<d { square += (x[l] - centre[l]) * (x[l] - centre[l]) }
    return exp(-0.5 * square / (problem.width * problem.width))
  }

  func certify(
    _ parts: [Part], gapWeight: Double, ridge: Double, isInterrupted: Bool
  ) throws(KantorError) -> MapFitCertificate {
    let (n, d) = (problem.n, problem.dimension)
    var out = MapFitCertificate()
    (out.gap, out.scale) = (0, 0)
    let slope = try Slope(count: n * d)
    var values: [(role: Role, value: Double)] = []
    for part in parts {
      let transport = try TransportProblem(
        geometry: geometry(part), a: weights(part.first), b: weights(part.second))
      let check = try EntropicCheck(
        transport, epsilon: part.epsilon, f: part.f, g: part.g, parallel: parallel)
      let found = try check.certify(isInterrupted: isInterrupted).certificate
      let residual = found.marginalResidual
      out.marginalResidual = residual <= out.marginalResidual ? out.marginalResidual : residual
      out.gap += abs(part.coefficient) * found.gap
      out.scale += abs(part.coefficient) * found.scale
      values.append((part.role, found.objective))
      if part.coefficient != 0, part.first == .images || part.second == .images {
        try addPlan(part, check, slope)
      }
    }
    func value(_ role: Role) -> Double? { values.first { $0.role == role }?.value }
    let (cross, own, target) = (value(.cross), value(.images), value(.targets))
    out.fittingLoss = (cross ?? .nan) - 0.5 * (own ?? .nan) - 0.5 * (target ?? .nan)
    let pairing = addPairing(gapWeight, slope)
    let (pair, sources) = (value(.pair) ?? .nan, value(.pairSources) ?? .nan)
    out.mongeGap = pairing - pair + 0.5 * ((value(.pairImages) ?? own ?? .nan) + sources)
    for w in parameters.radial.span { out.penalty += w * w }
    if problem.centres.count > 0 { out.penalty *= ridge / Double(problem.centres.count) }
    out.objective = out.fittingLoss + out.penalty + (gapWeight == 0 ? 0 : gapWeight * out.mongeGap)
    out.scale += gapWeight * abs(pairing) + out.penalty
    out.gradientResidual = try gradientResidual(slope, ridge)
    return out
  }

  private func points(_ side: Side) -> (points: Buffer<Double>, count: Int) {
    switch side {
    case .source: return (problem.source.points, problem.n)
    case .target: return (problem.target.points, problem.m)
    case .images: return (images, problem.n)
    }
  }

  private func weights(_ side: Side) -> Buffer<Double> { side == .target ? problem.b : problem.a }

  private func geometry(_ part: Part) throws(KantorError) -> Geometry {
    let (x, y) = (points(part.first), points(part.second))
    return try .points(
      x: x.points, n: x.count, y: y.points, m: y.count, dimension: problem.dimension,
      metric: part.metric, power: part.power)
  }

  // MARK: The derivative with respect to the images

  /// Sums, and sums of the absolute values of what was added to them.
  private struct Slope {
    let value: Buffer<Double>
    let size: Buffer<Double>

    init(count: Int) throws(KantorError) {
      value = try Buffer(count: count)
      size = try Buffer(count: count)
    }

    func add(_ k: Int, _ x: Double) {
      value.pointer[k] += x
      size.pointer[k] += abs(x)
    }
  }

  /// coefficient * sum_ij P_ij dc_ij for the points that are images.
  private func addPlan(
    _ part: Part, _ check: EntropicCheck, _ slope: Slope
  ) throws(KantorError) {
    let (x, y) = (points(part.first), points(part.second))
    let d = problem.dimension
    let scratch = try Buffer<Double>(count: check.cost.scratchCount)
    let plan = try Buffer<Double>(count: y.count)
    let step = try Buffer<Double>(count: 2 * d)
    let row = try Buffer<Double>(count: d)
    let columns = try Buffer<Double>(count: y.count * d)
    for i in 0..<x.count where check.a[i] > 0 {
      check.planRow(i, check.cost.row(i, scratch.pointer), plan.pointer)
      row.fill(0)
      for j in 0..<y.count where plan.pointer[j] > 0 {
        differential(part, x.points.pointer + i * d, y.points.pointer + j * d, step.pointer)
        let p = part.coefficient * plan.pointer[j]
        for l in 0..<d {
          row.pointer[l] += p * step.pointer[l]
          columns.pointer[j * d + l] += p * step.pointer[d + l]
        }
      }
      if part.first == .images { for l in 0..<d { slope.add(i * d + l, row.pointer[l]) } }
    }
    if part.second == .images { for k in 0..<columns.count { slope.add(k, columns.pointer[k]) } }
  }

  /// dc(p, q)/dp, then dc(p, q)/dq; 0 where there is none.
  private func differential(
    _ part: Part, _ p: UnsafePointer<Double>, _ q: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) {
    let d = problem.dimension
    var (square, pp, qq, pq) = (0.0, 0.0, 0.0, 0.0)
    for l in 0..<d {
      square += (p[l] - q[l]) * (p[l] - q[l])
      pp += p[l] * p[l]
      qq += q[l] * q[l]
      pq += p[l] * q[l]
    }
    for l in 0..<d {
      let difference = p[l] - q[l]
      switch part.metric {
      case .sqeuclidean: out[l] = 2 * difference
      case .euclidean: out[l] = square > 0 ? difference / square.squareRoot() : 0
      case .l1: out[l] = difference > 0 ? 1 : difference < 0 ? -1 : 0
      case .power:
        out[l] = square > 0 ? part.power * pow(square, part.power / 2 - 1) * difference : 0
      case .cosine:
        let product = (pp * qq).squareRoot()
        out[l] = product > 0 ? (pq * p[l] / pp - q[l]) / product : 0
        out[d + l] = product > 0 ? (pq * q[l] / qq - p[l]) / product : 0
        continue
      }
      out[d + l] = -out[l]
    }
  }

  /// sum a_i c(x_i, T(x_i)), whose derivative goes into the slope.
  private func addPairing(_ weight: Double, _ slope: Slope) -> Double {
    let d = problem.dimension
    let pair = Part(
      role: .pair, first: .source, second: .images, metric: problem.metric, power: problem.power,
      epsilon: 0, coefficient: 1, f: images, g: images)
    guard let step = try? Buffer<Double>(count: 2 * d), let geometry = try? geometry(pair),
      let cost = try? CheckedCost(geometry)
    else { return .nan }
    var sum = CompensatedSum()
    for i in 0..<problem.n {
      let a = problem.a.pointer[i]
      sum.add(a * cost.entry(i, i))
      differential(
        pair, problem.source.points.pointer + i * d, images.pointer + i * d, step.pointer)
      for l in 0..<d { slope.add(i * d + l, weight * a * step.pointer[d + l]) }
    }
    return sum.value
  }

  // MARK: The derivative with respect to the parameters

  private func gradientResidual(_ slope: Slope, _ ridge: Double) throws(KantorError) -> Double {
    let (n, d, k) = (problem.n, problem.dimension, problem.centres.count)
    // Directions of the sources from their mean, the constant, and the bumps.
    let mean = try Buffer<Double>(count: d)
    for i in 0..<n {
      for l in 0..<d {
        mean.pointer[l] += problem.a.pointer[i] * problem.source.points.pointer[i * d + l]
      }
    }
    let sums = try Slope(count: (d + 1 + k) * d)
    for i in 0..<n {
      let x = problem.source.points.pointer + i * d
      for row in 0..<(d + 1 + k) {
        let feature = row < d ? x[row] - mean.pointer[row]
          : row == d ? 1 : Self.bump(problem, x, row - d - 1)
        for l in 0..<d {
          sums.value.pointer[row * d + l] += feature * slope.value.pointer[i * d + l]
          sums.size.pointer[row * d + l] += abs(feature) * slope.size.pointer[i * d + l]
        }
      }
    }
    for e in 0..<k * d {
      sums.add((d + 1) * d + e, 2 * ridge / Double(k) * parameters.radial.pointer[e])
    }
    var worst = 0.0
    for block in [0..<d * d, d * d..<(d + 1) * d, (d + 1) * d..<(d + 1 + k) * d] {
      var (value, size) = (0.0, 0.0)
      for e in block {
        let now = abs(sums.value.pointer[e])
        value = now <= value ? value : now
        size = max(size, sums.size.pointer[e])
      }
      let ratio = value == 0 ? 0 : value / size
      worst = ratio <= worst ? worst : ratio
    }
    return worst
  }
}
