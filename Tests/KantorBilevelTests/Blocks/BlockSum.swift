import KantorBilevel
import KantorBlocks
import KantorCore
import KantorNumerics

/// A multi-block problem with a closed form: block i has
/// f_i = sum_j a_ij y_ij^2 / 2 - y_ij (x_k + c_ij + noise of the sample), k = (i + j) mod nx, and
/// F_i = |y_i - t_i|^2 / 2 + |x|^2 / 20; means over blocks and samples.
struct BlockSum: Sendable {
  let blocks = 20
  let size = 3
  let nx = 4
  let samples = 8
  let a: [Double]
  let c: [Double]
  let t: [Double]
  let noise: [Double]
  var ny: Int { blocks * size }

  init(seed: UInt64 = 3) {
    var stream = RandomStream(seed: seed)
    let count = blocks * size
    a = (0..<count).map { _ in 0.5 + 1.5 * stream.uniform() }
    c = (0..<count).map { _ in 2 * stream.uniform() - 1 }
    t = (0..<count).map { _ in 2 * stream.uniform() - 1 }
    var noise = (0..<(count * samples)).map { _ in stream.uniform() - 0.5 }
    for j in 0..<count {
      let mean = (0..<samples).reduce(0.0) { $0 + noise[$1 * count + j] } / Double(samples)
      for s in 0..<samples { noise[s * count + j] -= mean }
    }
    self.noise = noise
  }

  private func place(_ j: Int) -> Int { (j / size + j % size) % nx }

  /// The minimiser of F along the answers.
  var solution: [Double] {
    (0..<nx).map { k in
      let mine = (0..<ny).filter { place($0) == k }
      let top = mine.reduce(0.0) { $0 + (t[$1] - c[$1] / a[$1]) / a[$1] }
      return top / (mine.reduce(0.0) { $0 + 1 / (a[$1] * a[$1]) } + 0.1 * Double(blocks))
    }
  }

  /// The mean over listed components of the upper or lower sum: its value, and gradient into `g`.
  private func mean(
    _ isLower: Bool, _ w: UnsafePointer<Double>, _ list: [Int], _ g: UnsafeMutablePointer<Double>?
  ) -> Double {
    let weight = 1 / Double(list.count)
    var sum = 0.0
    if let g { for i in 0..<(nx + ny) { g[i] = 0 } }
    for one in list {
      let (block, sample) = (one / samples, one % samples)
      for j in (block * size)..<(block * size + size) {
        let (y, k) = (w[nx + j], place(j))
        if isLower {
          let push = w[k] + c[j] + noise[sample * ny + j]
          sum += weight * (0.5 * a[j] * y * y - y * push)
          g?[nx + j] += weight * (a[j] * y - push)
          g?[k] -= weight * y
        } else {
          sum += 0.5 * weight * (y - t[j]) * (y - t[j])
          g?[nx + j] += weight * (y - t[j])
        }
      }
      guard !isLower else { continue }
      for i in 0..<nx {
        sum += 0.05 * weight * w[i] * w[i]
        g?[i] += 0.1 * weight * w[i]
      }
    }
    return sum
  }

  private func functions(_ isLower: Bool, batches: Bool) -> Functions {
    let all = Array(0..<(blocks * samples))
    var functions = Functions()
    functions.value = { w, out in
      out[0] = mean(isLower, w, all, nil)
      return 0
    }
    functions.gradient = { w, out in
      _ = mean(isLower, w, all, out)
      return 0
    }
    if batches {
      functions.batchValue = { w, indices, count, out in
        out[0] = mean(isLower, w, (0..<count).map { Int(indices[$0]) }, nil)
        return 0
      }
      functions.batchGradient = { w, indices, count, out in
        _ = mean(isLower, w, (0..<count).map { Int(indices[$0]) }, out)
        return 0
      }
    }
    guard isLower else { return functions }
    @Sendable func product(
      _ list: [Int], _ v: UnsafePointer<Double>, _ out: UnsafeMutablePointer<Double>
    ) {
      for i in 0..<(nx + ny) { out[i] = 0 }
      for one in list {
        for j in (one / samples * size)..<(one / samples * size + size) {
          out[nx + j] += (a[j] * v[nx + j] - v[place(j)]) / Double(list.count)
          out[place(j)] -= v[nx + j] / Double(list.count)
        }
      }
    }
    functions.hessianProduct = { _, sigma, _, v, out in
      product(all, v, out)
      for i in 0..<(nx + ny) { out[i] *= sigma }
      return 0
    }
    if batches {
      functions.batchHessianProduct = { _, indices, count, v, out in
        product((0..<count).map { Int(indices[$0]) }, v, out)
        return 0
      }
    }
    return functions
  }

  func problem(blocks declared: Int64? = nil, batches: Bool = true) throws -> Problem {
    let problem = Problem(kind: BilevelKind.kind)
    for (level, isLower) in [("upper", false), ("lower", true)] {
      try problem.set(level, .functions(functions(isLower, batches: batches)))
      if batches {
        try problem.set("\(level)_components", .int(Int64(blocks * samples)))
      }
    }
    try problem.set("start_x", .array(Tensor(try Buffer<Double>(count: nx, repeating: 1))))
    try problem.set("start_y", .array(Tensor(try Buffer<Double>(count: ny))))
    try problem.set("blocks", .int(declared ?? Int64(blocks)))
    return problem
  }

  func sealed(blocks declared: Int64? = nil, batches: Bool = true) throws -> BilevelProblem {
    guard
      let sealed = try problem(blocks: declared, batches: batches).seal() as? BilevelProblem
    else { throw KantorError(.internal, "another kind") }
    return sealed
  }
}
