import Glibc
import KantorCore
import KantorNumerics

/// Inner solvers of K z = b, which go on from where they are.
final class SketchSolver {
  typealias Numbers = UnsafeMutablePointer<Double>
  enum Kind: String { case direct, minres, kaczmarz, gauss, count }

  let system: SaddleSystem
  let kind: Kind
  let run: Run
  private let isUniform: Bool
  private let limit: Int
  private let buckets: Int
  private(set) var steps = 0
  private(set) var flops = 0.0
  private(set) var fallbacks = 0
  private var random: RandomStream
  private let order: Int
  private let work: [Buffer<Double>]
  private let cumulative: Buffer<Double>
  private let sketch: Buffer<Double>
  private let gram: Buffer<Double>
  private let bucket: Buffer<Int32>

  init(_ system: SaddleSystem, _ run: Run, published: Bool) throws(KantorError) {
    self.system = system
    self.run = run
    order = system.order
    kind = Kind(rawValue: run.options.text("inner")) ?? .direct
    isUniform = published
    limit = run.options.int("max_inner")
    buckets = min(run.options.int("buckets"), order)
    random = RandomStream(seed: run.seed, stream: 7)
    var vectors: [Buffer<Double>] = []
    for _ in 0..<7 { vectors.append(try Buffer(count: order)) }
    work = vectors
    cumulative = try Buffer(count: order)
    let q = kind == .count ? buckets : 0
    sketch = try Buffer(count: try checkedProduct(q, order, of: "sketch"))
    gram = try Buffer(count: q * q + 2 * q)
    bucket = try Buffer(count: order)
  }

  /// Moves z until |K z - b| <= accuracy; what is reached. NaN when interrupted.
  func improve(_ z: Numbers, _ b: Numbers, accuracy: Double) -> Double {
    switch kind {
    case .direct:
      flops += system.factorWork + system.solveWork + system.productWork
      steps += 1
      return system.solve(b, into: z)
    case .minres: return minres(z, b, accuracy)
    case .kaczmarz, .gauss, .count:
      let reached = project(z, b, accuracy)
      if reached <= accuracy || reached.isNaN { return reached }
      fallbacks += 1
      let other = minres(z, b, accuracy)
      if other <= accuracy || other.isNaN { return other }
      flops += system.factorWork + system.solveWork
      return system.solve(b, into: z)
    }
  }

  // MARK: Sketch and project

  private func project(_ z: Numbers, _ b: Numbers, _ accuracy: Double) -> Double {
    if kind == .kaczmarz { weighRows() }
    var reached = residual(z, b)
    var done = 0
    while reached > accuracy && done < limit {
      let round: Int
      switch kind {
      case .kaczmarz: round = order
      case .gauss: round = max(4, order / 4)
      default: round = max(2, order / (2 * buckets))
      }
      for _ in 0..<min(round, limit - done) {
        switch kind {
        case .kaczmarz: rowStep(z, b)
        case .gauss: gaussStep(z, b)
        default: countStep(z, b)
        }
      }
      done += round
      steps += round
      reached = residual(z, b)
      if run.monitor.heartbeat() != nil { return .nan }
    }
    return reached
  }

  private func residual(_ z: Numbers, _ b: Numbers) -> Double {
    flops += system.productWork
    return system.norm(b, z)
  }

  private func weighRows() {
    var sum = 0.0
    for i in 0..<order {
      var square = 0.0
      for k in system.starts.pointer[i]..<system.starts.pointer[i + 1] {
        square += system.values.pointer[k] * system.values.pointer[k]
      }
      work[0].pointer[i] = square
      sum += square
      cumulative.pointer[i] = sum
    }
    flops += system.productWork
  }

  private func rowStep(_ z: Numbers, _ b: Numbers) {
    let i = isUniform ? random.index(below: order) : drawRow()
    let square = work[0].pointer[i]
    guard square > 0 else { return }
    let (from, to) = (system.starts.pointer[i], system.starts.pointer[i + 1])
    let (c, v) = (system.columns.pointer, system.values.pointer)
    var sum = -b[i]
    for k in from..<to { sum += v[k] * z[Int(c[k])] }
    let t = sum / square
    for k in from..<to { z[Int(c[k])] -= t * v[k] }
    flops += 4 * Double(to - from)
  }

  private func drawRow() -> Int {
    let wanted = random.uniform() * cumulative.pointer[order - 1]
    var (low, high) = (0, order - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulative.pointer[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// With u = K g: z -= u (u'z - g'b) / |u|^2.
  private func gaussStep(_ z: Numbers, _ b: Numbers) {
    let (g, u) = (work[1].pointer, work[2].pointer)
    var i = 0
    while i < order {
      let radius = (-2 * log(1 - random.uniform())).squareRoot()
      let angle = 2 * Double.pi * random.uniform()
      g[i] = radius * cos(angle)
      if i + 1 < order { g[i + 1] = radius * sin(angle) }
      i += 2
    }
    system.multiply(g, into: u)
    var (square, sum) = (0.0, 0.0)
    for i in 0..<order {
      square += u[i] * u[i]
      sum += u[i] * z[i] - g[i] * b[i]
    }
    guard square > 0 else { return }
    let t = sum / square
    for i in 0..<order { z[i] -= t * u[i] }
    flops += system.productWork + 8 * Double(order)
  }

  /// Rows added up with random signs in buckets, then the projection onto their solutions.
  private func countStep(_ z: Numbers, _ b: Numbers) {
    let (q, u, a) = (buckets, sketch.pointer, gram.pointer)
    let (right, answer) = (a + q * q, a + q * q + q)
    for k in 0..<(q * order) { u[k] = 0 }
    for k in 0..<q { right[k] = 0 }
    for i in 0..<order {
      let target = random.index(below: q)
      let sign: Double = random.nextBits() & 1 == 0 ? 1 : -1
      let row = u + target * order
      var sum = -b[i]
      for k in system.starts.pointer[i]..<system.starts.pointer[i + 1] {
        let (column, value) = (Int(system.columns.pointer[k]), system.values.pointer[k])
        row[column] += sign * value
        sum += value * z[column]
      }
      right[target] += sign * sum
    }
    var top = 0.0
    for i in 0..<q {
      for j in 0...i {
        let (p, r) = (u + i * order, u + j * order)
        var sum = 0.0
        for k in 0..<order { sum += p[k] * r[k] }
        a[i * q + j] = sum
        if i == j { top = max(top, sum) }
      }
    }
    // Cholesky; a bucket that adds nothing is left out.
    for i in 0..<q {
      var sum = right[i]
      for j in 0...i {
        var entry = a[i * q + j]
        for k in 0..<j { entry -= a[i * q + k] * a[j * q + k] }
        if j < i {
          a[i * q + j] = a[j * q + j] > 0 ? entry / a[j * q + j] : 0
        } else {
          a[i * q + i] = entry > 1e-12 * top ? entry.squareRoot() : 0
        }
      }
      for k in 0..<i { sum -= a[i * q + k] * answer[k] }
      answer[i] = a[i * q + i] > 0 ? sum / a[i * q + i] : 0
    }
    for i in stride(from: q - 1, through: 0, by: -1) {
      var sum = answer[i]
      for k in (i + 1)..<max(q, i + 1) { sum -= a[k * q + i] * answer[k] }
      answer[i] = a[i * q + i] > 0 ? sum / a[i * q + i] : 0
      let (row, t) = (u + i * order, answer[i])
      if t != 0 { for k in 0..<order { z[k] -= t * row[k] } }
    }
    flops += 2 * system.productWork + Double(q * q + 2 * q) * Double(order)
  }

  // MARK: MINRES

  /// Lanczos' process and rotations, from z.
  private func minres(_ z: Numbers, _ b: Numbers, _ accuracy: Double) -> Double {
    let (v, before, w) = (work[1].pointer, work[2].pointer, work[3].pointer)
    let (d, d1, d2) = (work[4].pointer, work[5].pointer, work[6].pointer)
    for restart in 0..<4 {
      var reached = residual(z, b)
      if reached <= accuracy || restart == 3 { return reached }
      // v starts as the residual.
      system.multiply(z, into: w)
      for i in 0..<order {
        v[i] = (b[i] - w[i]) / reached
        (before[i], d1[i], d2[i]) = (0, 0, 0)
      }
      var (beta, c, s, c1, s1) = (0.0, 1.0, 0.0, 1.0, 0.0)
      var eta = reached
      for _ in 0..<(4 * order + 20) {
        if run.monitor.heartbeat() != nil { return .nan }
        steps += 1
        flops += system.productWork + 16 * Double(order)
        system.multiply(v, into: w)
        var alpha = 0.0
        for i in 0..<order { alpha += v[i] * w[i] }
        var square = 0.0
        for i in 0..<order {
          w[i] -= alpha * v[i] + beta * before[i]
          square += w[i] * w[i]
        }
        let next = square.squareRoot()
        // The last two rotations, then a new one.
        let (epsilon, delta0) = (s1 * beta, c1 * beta)
        let (delta, gamma0) = (c * delta0 + s * alpha, c * alpha - s * delta0)
        let gamma = (gamma0 * gamma0 + next * next).squareRoot()
        guard gamma > 0 else { break }
        (c1, s1) = (c, s)
        (c, s) = (gamma0 / gamma, next / gamma)
        for i in 0..<order {
          d[i] = (v[i] - delta * d1[i] - epsilon * d2[i]) / gamma
          z[i] += c * eta * d[i]
          d2[i] = d1[i]
          d1[i] = d[i]
        }
        eta = -s * eta
        reached = abs(eta)
        if reached <= 0.5 * accuracy || next <= 1e-300 { break }
        for i in 0..<order {
          before[i] = v[i]
          v[i] = w[i] / next
        }
        beta = next
      }
    }
    return .infinity
  }
}
