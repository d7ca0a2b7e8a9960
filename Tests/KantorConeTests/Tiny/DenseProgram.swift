import KantorCone
import KantorCore

/// A small dense program for tests, solved with memory that was full of rubbish.
struct DenseProgram {
  var p: [Double] = []
  var q: [Double]
  var a: [Double] = []
  var rowLower: [Double] = []
  var rowUpper: [Double] = []
  var lower: [Double] = []
  var upper: [Double] = []
  var active: [Int32] = []

  var n: Int { q.count }
  var m: Int { a.count / max(q.count, 1) }

  struct Answer {
    var found: DenseAnswer
    var x: [Double]
    var y: [Double]
    var active: [Int32]
  }

  func solve() throws -> Answer {
    let room = try DenseAnswer.room(n, m)
    let memory = try Buffer<Double>(count: room, repeating: .nan)
    var x = [Double](repeating: -7, count: n)
    var y = [Double](repeating: -7, count: n + m)
    var active = self.active.isEmpty ? [Int32](repeating: 0, count: n + m) : self.active
    let start = active
    let found = try with(p) { (p) throws(KantorError) -> DenseAnswer in
      try with(q) { (q) throws(KantorError) -> DenseAnswer in
        try with(a) { (a) throws(KantorError) -> DenseAnswer in
          try with(rowLower) { (low) throws(KantorError) -> DenseAnswer in
            try with(rowUpper) { (high) throws(KantorError) -> DenseAnswer in
              try with(lower) { (l) throws(KantorError) -> DenseAnswer in
                try with(upper) { (u) throws(KantorError) -> DenseAnswer in
                  guard let q else { throw KantorError(.missing, "q") }
                  let problem = DenseQP(
                    n: n, m: m, p: p, q: q, a: a, rowLower: low, rowUpper: high, lower: l,
                    upper: u)
                  return try DenseAnswer.solve(
                    problem, memory: memory.pointer, start: start, x: &x, y: &y, active: &active)
                }
              }
            }
          }
        }
      }
    }
    return Answer(found: found, x: x, y: y, active: active)
  }

  private func with<R>(
    _ values: [Double], _ body: (UnsafePointer<Double>?) throws(KantorError) -> R
  ) throws(KantorError) -> R {
    let copy = try Buffer(values)
    let result = try body(values.isEmpty ? nil : UnsafePointer(copy.pointer))
    withExtendedLifetime(copy) {}
    return result
  }

  func low(_ c: Int) -> Double {
    let list = c < m ? rowLower : lower
    return list.isEmpty ? -.infinity : list[c < m ? c : c - m]
  }
  func high(_ c: Int) -> Double {
    let list = c < m ? rowUpper : upper
    return list.isEmpty ? .infinity : list[c < m ? c : c - m]
  }

  /// Value of constraint c at x.
  func value(_ c: Int, _ x: [Double]) -> Double {
    c < m ? (0..<n).reduce(0) { $0 + a[c * n + $1] * x[$1] } : x[c - m]
  }

  /// Px + q + A'y, or A'y alone.
  func gradient(_ x: [Double], _ y: [Double], full: Bool) -> [Double] {
    (0..<n).map { j in
      var sum = y[m + j]
      for i in 0..<m { sum += a[i * n + j] * y[i] }
      if !full { return sum }
      if !p.isEmpty { for k in 0..<n { sum += p[j * n + k] * x[k] } }
      return sum + q[j]
    }
  }
}
