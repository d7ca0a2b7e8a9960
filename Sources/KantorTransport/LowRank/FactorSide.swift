import CKantorKernels
import Glibc
import KantorCore
import KantorNumerics

/// One of the two thin factors of a low-rank plan, count x rank, on its way through mirror steps.
final class FactorSide {
  let count: Int
  let rank: Int
  let weights: Buffer<Double>
  /// The logarithm of the factor up to a constant in each row.
  let logits: Buffer<Double>
  /// exp of the logits of a step, and after `finish` the factor itself.
  let factor: Buffer<Double>
  private(set) var gradient: Buffer<Double>
  private(set) var nextGradient: Buffer<Double>
  private let scaling: Buffer<Double>
  private let partial: Buffer<Double>
  private let parallel: Parallel

  /// Exponents below the largest of a row by more are cut off here. An entry of no weight at all
  /// comes back within a step once its cost has become low; a lower floor leaves the iteration near
  /// saddle points for hundreds of steps, a higher one disturbs the projections.
  private static let lowest = -150.0
  private static let rowsAtOnce = 128

  init(weights: Buffer<Double>, rank: Int, threads: Int) throws(KantorError) {
    count = weights.count
    self.rank = rank
    self.weights = weights
    let size = try checkedProduct(count, rank, of: "factor")
    logits = try Buffer(count: size)
    factor = try Buffer(count: size)
    gradient = try Buffer(count: size)
    nextGradient = try Buffer(count: size)
    scaling = try Buffer(count: count)
    parallel = Parallel(threads: threads)
    partial = try Buffer(count: parallel.threads * (rank + 1))
  }

  // MARK: Steps

  /// The largest difference within a row of the gradient.
  var gradientRange: Double {
    var range = 0.0
    for i in 0..<count where weights.pointer[i] > 0 {
      let row = gradient.pointer + i * rank
      var (low, high) = (row[0], row[0])
      for s in 0..<rank {
        low = min(low, row[s])
        high = max(high, row[s])
      }
      range = max(range, high - low)
    }
    return range
  }

  /// factor = exp(logits - step gradient), each row up to a constant.
  func form(step: Double) {
    let (logits, gradient, out, rank) = (
      logits.pointer, gradient.pointer, factor.pointer, rank)
    parallel.forEach(count) { _, first, end in
      for start in stride(from: first, to: end, by: Self.rowsAtOnce) {
        let rows = min(Self.rowsAtOnce, end - start)
        for i in start..<(start + rows) {
          let (x, g, y) = (logits + i * rank, gradient + i * rank, out + i * rank)
          var high = -Double.infinity
          for s in 0..<rank {
            y[s] = x[s] - step * g[s]
            high = max(high, y[s])
          }
          for s in 0..<rank { y[s] = max(y[s] - high, Self.lowest) }
        }
        kn_exp_f64(out + start * rank, out + start * rank, Int64(rows * rank))
      }
    }
  }

  /// With Q = diag(u) factor diag(exp(scalings)), u such that its rows are exact: the sums of its
  /// columns, and sum_i a_i log(a_i / u_i). The next gradient gets diag(a)^(-1/2) Q.
  func scale(_ scalings: ArraySlice<Double>) -> (value: Double, sums: [Double]) {
    let high = scalings.max() ?? 0
    let v = scalings.map { exp($0 - high) }
    let (factor, u, a, rank) = (factor.pointer, scaling.pointer, weights.pointer, rank)
    let (partial, out) = (partial.pointer, nextGradient.pointer)
    let width = rank + 1
    v.withUnsafeBufferPointer { scales in
      guard let base = scales.baseAddress else { return }
      nonisolated(unsafe) let v = base
      parallel.forEach(count) { part, first, end in
        let sums = partial + part * width
        for s in 0..<width { sums[s] = 0 }
        for i in first..<end {
          let (row, to) = (factor + i * rank, out + i * rank)
          var sum = 0.0
          for s in 0..<rank {
            to[s] = row[s] * v[s]
            sum += to[s]
          }
          let root = a[i].squareRoot()
          let scale = a[i] > 0 ? root / sum : 0
          if a[i] > 0 { sums[rank] += a[i] * log(sum) }
          u[i] = scale * root
          for s in 0..<rank {
            to[s] *= scale
            sums[s] += root * to[s]
          }
        }
      }
    }
    var (value, sums) = (0.0, [Double](repeating: 0, count: rank))
    for part in 0..<parallel.threads {
      for s in 0..<rank { sums[s] += partial[part * width + s] }
      value += partial[part * width + rank]
    }
    return (value + high * sums.reduce(0, +), sums)
  }

  /// Q' diag(1/a) Q of the last `scale`, rank x rank, row-major.
  func gram(_ engine: MatrixProduct, into out: Buffer<Double>) throws(KantorError) {
    let scaled = MatrixView(nextGradient.pointer, rows: count, columns: rank)
    try engine.multiply(scaled.transposed, scaled, into: out.pointer)
  }

  /// factor = diag(u) factor diag(exp(scalings)) with the rows of the last `scale`.
  func finish(_ scalings: ArraySlice<Double>) {
    let high = scalings.max() ?? 0
    let v = scalings.map { exp($0 - high) }
    for i in 0..<count {
      let row = factor.pointer + i * rank
      let u = scaling.pointer[i]
      for s in 0..<rank { row[s] *= u * v[s] }
    }
  }

  /// The step is taken: its logarithms and gradient are those at hand.
  func accept(step: Double, _ scalings: ArraySlice<Double>) {
    let logs = Array(scalings)
    for i in 0..<count {
      let (x, g) = (logits.pointer + i * rank, gradient.pointer + i * rank)
      var high = -Double.infinity
      for s in 0..<rank {
        x[s] += logs[s] - step * g[s]
        high = max(high, x[s])
      }
      for s in 0..<rank { x[s] = max(x[s] - high, Self.lowest) }
    }
    swap(&gradient, &nextGradient)
  }

  /// Divides the columns of the next gradient.
  func scaleNextGradient(by weights: [Double]) {
    let inverse = weights.map { 1 / $0 }
    for i in 0..<count {
      let row = nextGradient.pointer + i * rank
      for s in 0..<rank { row[s] *= inverse[s] }
    }
  }

  /// sum_i a_i min_s (gradient_is - h_s)
  func bound(_ h: [Double]) -> Double {
    var total = CompensatedSum()
    for i in 0..<count {
      let row = gradient.pointer + i * rank
      var low = Double.infinity
      for s in 0..<rank { low = min(low, row[s] - h[s]) }
      total.add(weights.pointer[i] * low)
    }
    return total.value
  }

  /// Moves the factor to rows exactly a and columns exactly g: scaled down, what is missing spread.
  func round(to g: [Double]) {
    var sums = [Double](repeating: 0, count: rank)
    for i in 0..<count {
      let row = factor.pointer + i * rank
      var sum = 0.0
      for s in 0..<rank { sum += row[s] }
      let scale = sum > weights.pointer[i] ? weights.pointer[i] / sum : 1
      for s in 0..<rank {
        row[s] *= scale
        sums[s] += row[s]
      }
    }
    let scales = (0..<rank).map { sums[$0] > g[$0] ? g[$0] / sums[$0] : 1 }
    let missing = (0..<rank).map { max(0, g[$0] - sums[$0] * scales[$0]) }
    let total = missing.reduce(0, +)
    for i in 0..<count {
      let row = factor.pointer + i * rank
      var sum = 0.0
      for s in 0..<rank {
        row[s] *= scales[s]
        sum += row[s]
      }
      guard total > 0 else { continue }
      let share = max(0, weights.pointer[i] - sum) / total
      for s in 0..<rank { row[s] += share * missing[s] }
    }
  }
}
