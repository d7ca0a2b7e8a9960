import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics

/// All memory of one SQP solve, taken at its start: no iteration allocates.
final class SQPSpace {
  typealias Numbers = UnsafeMutablePointer<Double>

  let n: Int
  let m: Int
  // The point, the trial, and what is known there.
  let x: Numbers
  let trial: Numbers
  let c: Numbers
  let trialC: Numbers
  let gradient: Numbers
  let trialGradient: Numbers
  /// m x n, row-major.
  let jacobian: Numbers
  /// Largest entry of each row of the Jacobian.
  let rowSize: Numbers
  /// Gradient of the Lagrangian before a step, and after it.
  let before: Numbers
  let after: Numbers
  // The quadratic program.
  let hessian: Numbers
  /// The matrix that is factored to see whether it is positive definite.
  let factor: Numbers
  let linear: Numbers
  let rowLow: Numbers
  let rowHigh: Numbers
  let low: Numbers
  let high: Numbers
  let step: Numbers
  let correction: Numbers
  /// Multipliers of the last program, rows first, then variables.
  let multipliers: Numbers
  let correctionMultipliers: Numbers
  let product: Numbers
  let rowProduct: Numbers
  let scale: Numbers
  let penalty: Numbers
  let weight: Numbers
  let active: UnsafeMutablePointer<Int32>
  let otherActive: UnsafeMutablePointer<Int32>
  let memory: Numbers

  private let numbers: Buffer<Double>
  private let integers: Buffer<Int32>

  init(_ n: Int, _ m: Int) throws(KantorError) {
    self.n = n
    self.m = m
    let square = try checkedProduct(n, n, of: "Hessian")
    let rows = try checkedProduct(m, n, of: "Jacobian")
    let room = try DenseAnswer.room(n, m)
    var total = try checkedSum(try checkedProduct(2, square, of: "Hessian"), rows, of: "Jacobian")
    total = try checkedSum(total, try checkedSum(room, 20 * (n + m), of: "program"), of: "program")
    numbers = try Buffer(count: total)
    integers = try Buffer(count: 2 * (n + m))
    var next = numbers.pointer
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    x = take(n)
    trial = take(n)
    c = take(m)
    trialC = take(m)
    gradient = take(n)
    trialGradient = take(n)
    jacobian = take(rows)
    rowSize = take(m)
    before = take(n)
    after = take(n)
    hessian = take(square)
    factor = take(square)
    linear = take(n)
    rowLow = take(m)
    rowHigh = take(m)
    low = take(n)
    high = take(n)
    step = take(n)
    correction = take(n)
    multipliers = take(n + m)
    correctionMultipliers = take(n + m)
    product = take(n)
    rowProduct = take(m)
    scale = take(n)
    penalty = take(m)
    weight = take(m)
    memory = take(room)
    active = integers.pointer
    otherActive = integers.pointer + (n + m)
  }

  /// out = J v.
  func multiply(_ v: Numbers, into out: Numbers) {
    for i in 0..<m {
      let row = jacobian + i * n
      var sum = 0.0
      for j in 0..<n { sum += row[j] * v[j] }
      out[i] = sum
    }
  }

  /// out += J'y.
  func addTransposed(_ y: Numbers, to out: Numbers) {
    for i in 0..<m where y[i] != 0 {
      let (row, t) = (jacobian + i * n, y[i])
      for j in 0..<n { out[j] += t * row[j] }
    }
  }

  func dot(_ a: Numbers, _ b: Numbers) -> Double {
    var sum = 0.0
    for j in 0..<n { sum += a[j] * b[j] }
    return sum
  }
}

/// The program that looks for the least violation of the linearised rows: every row has a slack on
/// each of its finite sides. Made when it is first needed.
final class ElasticSpace {
  typealias Numbers = UnsafeMutablePointer<Double>

  let n: Int
  let m: Int
  /// Variables with the slacks.
  let count: Int
  let hessian: Numbers
  let linear: Numbers
  let rows: Numbers
  let low: Numbers
  let high: Numbers
  let point: Numbers
  let multipliers: Numbers
  let memory: Numbers
  let active: UnsafeMutablePointer<Int32>
  private let numbers: Buffer<Double>
  private let integers: Buffer<Int32>

  init(_ n: Int, _ m: Int) throws(KantorError) {
    self.n = n
    self.m = m
    count = try checkedSum(n, try checkedProduct(2, m, of: "rows"), of: "rows")
    let square = try checkedProduct(count, count, of: "elastic program")
    let entries = try checkedProduct(m, count, of: "elastic program")
    let room = try DenseAnswer.room(count, m)
    let vectors = 5 * count + m
    let total = try checkedSum(
      try checkedSum(square, entries, of: "elastic program"),
      try checkedSum(room, vectors, of: "elastic program"), of: "elastic program")
    numbers = try Buffer(count: total)
    integers = try Buffer(count: count + m)
    var next = numbers.pointer
    func take(_ count: Int) -> Numbers {
      defer { next += count }
      return next
    }
    hessian = take(square)
    linear = take(count)
    rows = take(entries)
    low = take(count)
    high = take(count)
    point = take(count)
    multipliers = take(count + m)
    memory = take(room)
    active = integers.pointer
  }
}
