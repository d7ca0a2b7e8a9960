import Glibc
import KantorCore
import Testing

import KantorTransport

/// The checker against proposals that are wrong in a known way.
@Suite struct DoublyStochasticCheckTests {
  private func certify(
    _ x: [Double], _ n: Int, _ form: DoublyStochasticCheck.Form = .sums, g: [Double]? = nil,
    u: [Double]? = nil, v: [Double]? = nil
  ) throws -> DoublyStochasticCertificate {
    let check = DoublyStochasticCheck(n: n, form: form, threads: 1)
    return try check.certify(
      try Buffer(x), batch: x.count / (n * n), given: try g.map { try Buffer($0) },
      u: try u.map { try Buffer($0) }, v: try v.map { try Buffer($0) })
  }

  @Test func sumsAndSigns() throws {
    let good = try certify([0.3, 0.7, 0.7, 0.3], 2)
    #expect(good.residual < 1e-15)
    let row = try certify([0.3, 0.7, 0.7, 0.3, 0.3, 0.8, 0.7, 0.2], 2)
    #expect(abs(row.rowResidual - 0.1) < 1e-15)
    #expect(row.residuals.pointer[0] < 1e-15 && row.residuals.pointer[1] > 0.09)
    let column = try certify([0.3, 0.7, 0.6, 0.4], 2)
    #expect(abs(column.columnResidual - 0.1) < 1e-15 && column.rowResidual < 1e-15)
    let negative = try certify([1.2, -0.2, -0.2, 1.2], 2)
    #expect(abs(negative.residual - 0.2) < 1e-15)
    #expect(try certify([.nan, 1, 1, 0], 2).residual.isNaN)
    #expect(try certify([0.3, 0.7, 0.7, 0.3, 0, .nan, 1, 0], 2).residual.isNaN)
  }

  @Test func theGapIsTheDistanceFromTheOptimum() throws {
    // G = 0: the flat matrix is optimal with u = v = 1/4; the identity has a value that is larger
    // by 1/2, and no dual point can make its gap smaller.
    let g = [0.0, 0, 0, 0]
    let flat = try certify(
      [0.5, 0.5, 0.5, 0.5], 2, .squared, g: g, u: [0.25, 0.25], v: [0.25, 0.25])
    #expect(flat.gap < 1e-15 && abs(flat.objective - 0.5) < 1e-15)
    for shift in [0.25, 0, 1] {
      let other = try certify(
        [1, 0, 0, 1], 2, .squared, g: g, u: [shift, shift], v: [0.25, 0.25])
      #expect(other.gap >= 0.5 - 1e-15, "\(shift)")
    }
  }

  @Test func theEntropicGap() throws {
    let g = [0.0, 0, 0, 0]
    let v = [log(0.5), log(0.5)]
    let form = DoublyStochasticCheck.Form.entropic(temperature: 1)
    let flat = try certify([0.5, 0.5, 0.5, 0.5], 2, form, g: g, u: [0, 0], v: v)
    #expect(flat.gap < 1e-15 && abs(flat.objective + 2 * log(2)) < 1e-15)
    let other = try certify([1, 0, 0, 1], 2, form, g: g, u: [0, 0], v: v)
    #expect(abs(other.gap - 2 * log(2)) < 1e-14)
    let wrong = try certify([0.5, 0.5, 0.5, 0.5], 2, form, g: g, u: [0.3, 0], v: v)
    #expect(wrong.gap > 0.01)
  }

  @Test func spectralNorms() throws {
    // A rotation in what is orthogonal to 1: norm 1; scaled up there by 1.05: norm 1.05.
    func matrix(_ s: Double) -> [Double] {
      let (a, b) = (0.5 + s / 2, 0.5 - s / 2)
      return [a, b, b, a]
    }
    #expect(try certify(matrix(-1), 2, .signed).normResidual <= 1e-12)
    let long = try certify(matrix(-1.05), 2, .signed).normResidual
    #expect(long >= 0.05 && long <= 1)
  }

  @Test func decompositions() throws {
    let x = try Buffer([0.75, 0.25, 0.25, 0.75])
    let starts = try Buffer<Int64>([0, 2])
    func check(_ weights: [Double], _ columns: [Int64]) throws -> DecompositionCheck {
      try DecompositionCheck(
        x, n: 2, batch: 1, starts: starts, weights: try Buffer(weights),
        permutations: try Buffer(columns))
    }
    #expect(try check([0.75, 0.25], [0, 1, 1, 0]).residual < 1e-15)
    #expect(abs(try check([0.7, 0.25], [0, 1, 1, 0]).residual - 0.05) < 1e-15)
    #expect(try check([0.75, 0.25], [0, 1, 1, 1]).residual == .infinity)
    #expect(try check([0.75, 0.25], [0, 1, 2, 0]).residual == .infinity)
    #expect(abs(try check([1.25, -0.25], [0, 1, 1, 0]).negativity - 0.25) < 1e-15)
    #expect(abs(try check([0.7, 0.25], [0, 1, 1, 0]).weightResidual - 0.05) < 1e-15)
  }
}
