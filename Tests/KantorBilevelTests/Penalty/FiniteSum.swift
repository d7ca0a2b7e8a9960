import Foundation
import KantorBilevel
import KantorCore
import KantorNumerics

/// Ridge regression with one penalty per feature, exp(x_j) / 2, on random data: F and f as means
/// over samples, whole and in batches.
struct FiniteSum: Sendable {
  let features = 5
  let samples: Int
  let train: [Double]
  let trainTargets: [Double]
  let test: [Double]
  let testTargets: [Double]

  init(samples: Int, seed: UInt64 = 5) {
    self.samples = samples
    var stream = RandomStream(seed: seed)
    func normal() -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + stream.uniform() }
    }
    let truth = [1.0, -2, 0, 0, 0.5]
    func data() -> ([Double], [Double]) {
      let rows = (0..<(samples * 5)).map { _ in normal() }
      let targets = (0..<samples).map { i in
        (0..<5).reduce(2 * normal()) { $0 + truth[$1] * rows[i * 5 + $1] }
      }
      return (rows, targets)
    }
    (train, trainTargets) = data()
    (test, testTargets) = data()
  }

  private func loss(
    _ rows: [Double], _ targets: [Double], _ w: UnsafePointer<Double>, _ list: [Int],
    _ gradient: UnsafeMutablePointer<Double>?
  ) -> Double {
    let p = features
    var sum = 0.0
    if let gradient { for k in 0..<(2 * p) { gradient[k] = 0 } }
    for i in list {
      var r = -targets[i]
      for j in 0..<p { r += rows[i * p + j] * w[p + j] }
      sum += 0.5 * r * r / Double(list.count)
      if let gradient {
        for j in 0..<p { gradient[p + j] += r * rows[i * p + j] / Double(list.count) }
      }
    }
    return sum
  }

  private func functions(_ isLower: Bool) -> Functions {
    let (rows, targets) = isLower ? (train, trainTargets) : (test, testTargets)
    let p = features
    let all = Array(0..<samples)
    @Sendable func evaluate(
      _ w: UnsafePointer<Double>, _ list: [Int], _ g: UnsafeMutablePointer<Double>?
    ) -> Double {
      var sum = loss(rows, targets, w, list, g)
      guard isLower else { return sum }
      for j in 0..<p {
        let weight = exp(w[j])
        sum += 0.5 * weight * w[p + j] * w[p + j]
        g?[j] += 0.5 * weight * w[p + j] * w[p + j]
        g?[p + j] += weight * w[p + j]
      }
      return sum
    }
    func list(_ indices: UnsafePointer<Int64>, _ count: Int) -> [Int] {
      (0..<count).map { Int(indices[$0]) }
    }
    var functions = Functions()
    functions.value = { w, out in
      out[0] = evaluate(w, all, nil)
      return 0
    }
    functions.gradient = { w, out in
      _ = evaluate(w, all, out)
      return 0
    }
    functions.batchValue = { w, indices, count, out in
      out[0] = evaluate(w, (0..<count).map { Int(indices[$0]) }, nil)
      return 0
    }
    functions.batchGradient = { w, indices, count, out in
      _ = evaluate(w, (0..<count).map { Int(indices[$0]) }, out)
      return 0
    }
    return functions
  }

  func problem() throws -> BilevelProblem {
    let problem = Problem(kind: BilevelKind.kind)
    for (level, isLower) in [("upper", false), ("lower", true)] {
      try problem.set(level, .functions(functions(isLower)))
      try problem.set("\(level)_components", .int(Int64(samples)))
    }
    try problem.set("start_x", .array(Tensor(try Buffer<Double>(count: features, repeating: -1))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: features))))
    for (name, value) in [("x_lower", -6.0), ("x_upper", 3.0)] {
      try problem.set(name, .array(Tensor(try Buffer<Double>(count: features, repeating: value))))
    }
    guard let sealed = try problem.seal() as? BilevelProblem else {
      throw KantorError(.internal, "another kind")
    }
    return sealed
  }
}
