import KantorCore
import KantorNumerics

/// Adds up weighted permutations and compares them with the matrices that the caller gave.
package struct DecompositionCheck: Sendable {
  /// Largest |sum_k w_k P_k - X| of the batch, and of each matrix.
  package let residual: Double
  package let residuals: Buffer<Double>
  /// Most negative weight (as a positive number), and largest |sum of weights - 1|.
  package let negativity: Double
  package let weightResidual: Double

  /// starts: batch + 1; weights: one per term; permutations: terms x n. What is no permutation
  /// counts as an infinite residual.
  package init(
    _ given: Buffer<Double>, n: Int, batch: Int, starts: Buffer<Int64>, weights: Buffer<Double>,
    permutations: Buffer<Int64>
  ) throws(KantorError) {
    let residuals = try Buffer<Double>(count: batch)
    let rest = try Buffer<Double>(count: n * n)
    let seen = try Buffer<Int64>(count: n)
    let left = rest.pointer
    defer { withExtendedLifetime(rest) {} }
    var (worst, negative, off) = (0.0, 0.0, 0.0)
    for b in 0..<batch {
      for k in 0..<n * n { left[k] = given.pointer[b * n * n + k] }
      var sum = CompensatedSum()
      var isPermutation = true
      for i in 0..<n { seen.pointer[i] = -1 }
      for t in Int(starts.pointer[b])..<Int(starts.pointer[b + 1]) {
        let w = weights.pointer[t]
        sum.add(w)
        negative = w >= -negative ? negative : -w
        for i in 0..<n {
          let j = permutations.pointer[t * n + i]
          guard j >= 0, j < Int64(n), seen.pointer[Int(j)] != Int64(t) else {
            isPermutation = false
            continue
          }
          seen.pointer[Int(j)] = Int64(t)
          left[i * n + Int(j)] -= w
        }
      }
      var largest = isPermutation ? 0.0 : Double.infinity
      for k in 0..<n * n { largest = abs(left[k]) <= largest ? largest : abs(left[k]) }
      residuals.pointer[b] = largest
      worst = largest <= worst ? worst : largest
      let error = abs(sum.value - 1)
      off = error <= off ? off : error
    }
    (residual, negativity, weightResidual) = (worst, negative, off)
    self.residuals = residuals
  }
}
