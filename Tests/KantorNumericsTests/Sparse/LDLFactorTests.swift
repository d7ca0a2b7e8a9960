import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct LDLFactorTests {
  static let forms: [FactorForm] = [.simplicial, .panels]

  private func make(
    _ matrix: SparseMatrix, _ form: FactorForm, order: EliminationOrder = .minimumDegree,
    threads: Int = 1, rightHandSides: Int = 1
  ) throws -> LDLFactor {
    let analysis = try #require(try LDLAnalysis(matrix, order: order, form: form))
    #expect(analysis.usesPanels == (form == .panels))
    return try LDLFactor(analysis, threads: threads, rightHandSides: rightHandSides)
  }

  @Test(arguments: forms, [(0, 0), (1, 0), (0, 1), (2, 1), (9, 5), (40, 30), (120, 90)])
  func quasidefiniteSystemsAgreeWithDenseElimination(
    form: FactorForm, size: (n: Int, m: Int)
  ) throws {
    let n = size.n + size.m
    for seed: UInt64 in 1...4 {
      let (k, signs) = try SystemSample.quasidefinite(size.n, size.m, perRow: 3, seed: seed)
      let factor = try make(k, form)
      factor.expect(signs: signs)
      let outcome = factor.factor(values: k.values.pointer)
      #expect(outcome.isUsable && outcome.replaced == 0)
      #expect(outcome.positive == size.n && outcome.negative == size.m)
      let b = try SystemSample.vector(n, seed: seed)
      let x = try b.copy()
      factor.solve(x.pointer)
      let expected = denseSolve(k.symmetricRows, b.list)
      for i in 0..<n { #expect(abs(x[i] - expected[i]) < 1e-10) }
      #expect(try k.backwardError(x, b) < 1e-13)
    }
  }

  @Test(arguments: forms)
  func largerSystemsSolveBackwardStably(form: FactorForm) throws {
    let samples = [
      try SystemSample.grid(37, 41), try SystemSample.band(900, 17), try SystemSample.arrow(500),
      try SystemSample.quasidefinite(700, 600, perRow: 4, seed: 8).matrix,
      try SystemSample.band(300, 299),
      try SystemSample.quasidefinite(90, 400, perRow: 900, seed: 5).matrix,
      try SystemSample.quasidefinite(90, 400, perRow: 250, seed: 6).matrix,
    ]
    for k in samples {
      let factor = try make(k, form)
      #expect(factor.factor(values: k.values.pointer).isUsable)
      let b = try SystemSample.vector(k.columns, seed: 1)
      let x = try b.copy()
      factor.solve(x.pointer)
      #expect(try k.backwardError(x, b) < 1e-13)
    }
  }

  @Test(arguments: forms, [1, 2, 3, 4, 5, 9])
  func severalRightHandSides(form: FactorForm, count: Int) throws {
    let (k, _) = try SystemSample.quasidefinite(50, 40, perRow: 4, seed: 3)
    let factor = try make(k, form, rightHandSides: count)
    factor.factor(values: k.values.pointer)
    let (n, stride) = (k.columns, k.columns + 5)
    let all = try SystemSample.vector(stride * count, seed: 4)
    let solved = try all.copy()
    factor.solve(solved.pointer, count: count, stride: stride)
    for r in 0..<count {
      let one = try Buffer<Double>(copying: all.pointer + r * stride, count: n)
      factor.solve(one.pointer)
      for i in 0..<n { #expect(abs(one[i] - solved[r * stride + i]) < 1e-13) }
      // Memory between the right-hand sides is not ours.
      if r + 1 < count {
        for i in n..<stride { #expect(solved[r * stride + i] == all[r * stride + i]) }
      }
    }
  }

  @Test(arguments: forms)
  func newValuesInTheSamePattern(form: FactorForm) throws {
    let (k, signs) = try SystemSample.quasidefinite(60, 45, perRow: 3, seed: 5)
    let factor = try make(k, form)
    factor.expect(signs: signs)
    let b = try SystemSample.vector(105, seed: 6)
    var answers: [[Double]] = []
    for scale in [1.0, 3.0, 1.0] {
      let values = try k.values.copy()
      for e in 0..<values.count { values[e] *= scale }
      #expect(factor.factor(values: values.pointer).isUsable)
      let x = try b.copy()
      factor.solve(x.pointer)
      answers.append(x.list)
    }
    // A factor has no memory of the ones before it.
    #expect(answers[0] == answers[2])
    for i in 0..<105 { #expect(abs(answers[1][i] * 3 - answers[0][i]) < 1e-12) }
  }

  @Test(arguments: forms)
  func inertiaOfIndefiniteMatrices(form: FactorForm) throws {
    // D of a diagonal matrix is the matrix; a congruence keeps the signs.
    let n = 30
    var system = try SymmetricAssembly(order: n)
    for i in 0..<n { try system.append(i, i, i % 3 == 0 ? -2 : 1) }
    let d = try system.finish().matrix
    let factor = try make(d, form)
    let outcome = factor.factor(values: d.values.pointer)
    #expect(outcome.positive == 20 && outcome.negative == 10 && outcome.replaced == 0)
    // x y has one positive and one negative eigenvalue once the zero pivot is shifted.
    let h = try matrix([[1, 2], [0, 1]])
    let two = try make(h, form)
    let signs = two.factor(values: h.values.pointer)
    #expect(signs.positive == 1 && signs.negative == 1)
  }

  @Test(arguments: forms)
  func pivotsOfTheWrongSignAreReplacedAndCounted(form: FactorForm) throws {
    let d = try SparseMatrix.diagonal(Buffer([1, -3, 0, 1e-20, 5, -1e-20]))
    let factor = try make(d, form)
    factor.expect(signs: [1, 1, 1, 1, -1, -1])
    let rule = PivotRule(threshold: 1e-13, replacement: 0.5)
    let outcome = factor.factor(values: d.values.pointer, rule: rule)
    #expect(outcome.replaced == 5)
    #expect(outcome.wrongSign == 2)
    #expect(outcome.positive == 4 && outcome.negative == 2)
    let x = try Buffer<Double>(count: 6, repeating: 1)
    factor.solve(x.pointer)
    #expect(x.list == [1, 2, 2, 2, -2, -2])
  }

  @Test(arguments: forms)
  func aSingularMatrixIsRegularisedAndRefined(form: FactorForm) throws {
    // Equal rows in A: K is singular but the system is consistent.
    var system = try SymmetricAssembly(order: 4)
    for (i, j, v) in [(0, 0, 2.0), (1, 1, 3.0), (0, 2, 1), (1, 2, 1), (0, 3, 1), (1, 3, 1)] {
      try system.append(i, j, v)
    }
    let (k, _) = try system.finish()
    let factor = try make(k, form)
    factor.expect(signs: [1, 1, -1, -1])
    let outcome = factor.factor(values: k.values.pointer, rule: PivotRule(shift: 1e-8))
    #expect(outcome.isUsable && outcome.positive == 2 && outcome.negative == 2)
    let b = try Buffer<Double>([1, 2, 3, 3])
    let x = try Buffer<Double>(count: 4)
    let refined = try Refinement(order: 4).solve(k, b.pointer, x.pointer) { factor.solve($0) }
    #expect(refined.residual < 1e-11)
    #expect(abs(x[0] + x[1] - 3) < 1e-11)
  }

  @Test(arguments: forms)
  func theShiftHasTheExpectedSign(form: FactorForm) throws {
    let d = try SparseMatrix.diagonal(Buffer([1, 1, -1]))
    let factor = try make(d, form)
    factor.expect(signs: [1, 0, -1])
    factor.factor(values: d.values.pointer, rule: PivotRule(shift: 3))
    let x = try Buffer<Double>([1, 1, 1])
    factor.solve(x.pointer)
    #expect(x.list == [0.25, 1, -0.25])
  }

  @Test(arguments: forms, [Double.nan, .infinity])
  func whatIsNotFiniteIsReportedAndForgotten(form: FactorForm, bad: Double) throws {
    let (k, signs) = try SystemSample.quasidefinite(20, 10, perRow: 3, seed: 7)
    let factor = try make(k, form)
    factor.expect(signs: signs)
    let clean = factor.factor(values: k.values.pointer)
    let values = try k.values.copy()
    values[values.count / 2] = bad
    let outcome = factor.factor(values: values.pointer)
    #expect(!outcome.isFinite && !outcome.isUsable)
    #expect(factor.factor(values: k.values.pointer) == clean)
    let b = try SystemSample.vector(30, seed: 1)
    let x = try b.copy()
    factor.solve(x.pointer)
    #expect(try k.backwardError(x, b) < 1e-13)
  }

  @Test(arguments: forms, [1e-12, 1e12])
  func hugeAndTinyScales(form: FactorForm, scale: Double) throws {
    let (k, signs) = try SystemSample.quasidefinite(60, 50, perRow: 3, seed: 9)
    let rows = try Buffer<Double>(count: 110, repeating: 1)
    for i in 0..<110 where i % 2 == 0 { rows[i] = scale }
    let scaled = try k.scaled(rows: rows, columns: rows)
    let factor = try make(scaled, form)
    factor.expect(signs: signs)
    let rule = PivotRule(threshold: 0, replacement: 1)
    let outcome = factor.factor(values: scaled.values.pointer, rule: rule)
    #expect(outcome.isUsable && outcome.replaced == 0)
    let b = try SystemSample.vector(110, seed: 2)
    let x = try b.copy()
    factor.solve(x.pointer)
    #expect(try scaled.backwardError(x, b) < 1e-12)
  }

  @Test func bothFormsAndAllOrdersAgree() throws {
    let (k, signs) = try SystemSample.quasidefinite(150, 130, perRow: 4, seed: 11)
    let b = try SystemSample.vector(280, seed: 5)
    var answers: [[Double]] = []
    let backwards = try Buffer<Int32>((0..<280).map { Int32(279 - $0) })
    for form in Self.forms {
      for order in [EliminationOrder.minimumDegree, .natural, .given(backwards)] {
        let factor = try make(k, form, order: order)
        factor.expect(signs: signs)
        #expect(factor.factor(values: k.values.pointer).replaced == 0)
        let x = try b.copy()
        factor.solve(x.pointer)
        answers.append(x.list)
      }
    }
    for other in answers.dropFirst() {
      for i in 0..<280 { #expect(abs(other[i] - answers[0][i]) < 1e-10) }
    }
  }

  @Test func bitsDoNotDependOnThreads() throws {
    let samples = [try SystemSample.grid(90, 90), try SystemSample.band(700, 600)]
    for k in samples {
      let analysis = try #require(try LDLAnalysis(k, form: .panels))
      let b = try SystemSample.vector(k.columns, seed: 5)
      var answers: [[Double]] = []
      for threads in [1, 2, 2, 3, 7] {
        let factor = try LDLFactor(analysis, threads: threads)
        let outcome = factor.factor(values: k.values.pointer)
        #expect(outcome.positive == k.columns)
        let x = try b.copy()
        factor.solve(x.pointer)
        answers.append(x.list)
      }
      #expect(try k.backwardError(Buffer(answers[0]), b) < 1e-13)
      for other in answers.dropFirst() { #expect(other == answers[0]) }
    }
  }
}
