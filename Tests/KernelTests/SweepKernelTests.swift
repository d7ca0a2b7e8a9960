import CKantorKernels
import Glibc
import Testing

extension KernelTests {
  @Suite struct Sweeps {
    @Test(arguments: CostSample.kinds, SweepForm.allCases)
    func agreesWithScalarArithmetic(kind: Int, form: SweepForm) {
      for m in oddSizes + [511, 513, 1100] {
        for (n, dimension) in [(1, 1), (3, 2), (4, 3), (9, 4), (35, 20)] {
          let cost = CostSample(kind: kind, n: n, m: m, dimension: dimension, forbidden: 0.1)
          let sample = SweepSample(cost, inverseEpsilon: 20)
          let reference = SweepOutcome.reference(cost, sample)
          atEveryLevel { level in
            let distance = form.run(cost, sample).distance(to: reference)
            #expect(distance <= form.tolerance, "n \(n), m \(m), d \(dimension), level \(level)")
          }
        }
      }
    }

    /// Potentials far off in both directions, infinite or NaN: such rows are done again.
    @Test(arguments: SweepForm.allCases)
    func rowsBeyondTheRangeAreDoneAgain(form: SweepForm) {
      for kind in [0, 1, 2, 3] {
        let cost = CostSample(kind: kind, n: 12, m: 70, forbidden: 0.1)
        var sample = SweepSample(cost, inverseEpsilon: 20)
        sample.a = sample.a.map { max($0, 0.01) }
        let wild: [Double] = [-2000, -300, 300, 5000, -.infinity, .nan, 140, -60, 800, 0, -1e9, 1e9]
        sample.phi = wild
        let reference = SweepOutcome.reference(cost, sample)
        atEveryLevel { level in
          let outcome = form.run(cost, sample)
          var worst = Worst()
          for (x, y) in zip(outcome.phi, reference.phi) { worst.add(abs(x - y)) }
          for (x, y) in zip(outcome.columnSum, reference.columnSum) { worst.add(abs(x - y)) }
          #expect(worst.value <= 20 * form.tolerance, "kind \(kind), level \(level)")
          #expect(outcome.error > 0)
        }
      }
    }

    /// The error of rows without a previous potential is their mass.
    @Test(arguments: SweepForm.allCases)
    func firstSweepReportsTheWholeMass(form: SweepForm) {
      let cost = CostSample(kind: 2, n: 9, m: 33)
      var sample = SweepSample(cost, inverseEpsilon: 20)
      sample.phi = [Double](repeating: -.infinity, count: 9)
      atEveryLevel { _ in
        let outcome = form.run(cost, sample)
        let mass = sample.a.reduce(0, +)
        #expect(abs(outcome.error - mass) <= 1e-14)
        #expect(abs(outcome.columnSum.reduce(0, +) - mass) <= form.tolerance)
      }
    }

    @Test(arguments: SweepForm.allCases)
    func infeasibleRowsAreCountedAndLeftAlone(form: SweepForm) {
      let (n, m) = (7, 40)
      var c = [Double](repeating: 0.5, count: n * m)
      for j in 0..<m { (c[2 * m + j], c[5 * m + j]) = (.infinity, .infinity) }
      // Row 3 has its only finite costs at columns without mass.
      for j in 0..<m where j >= 4 { c[3 * m + j] = .infinity }
      let single = c.map { Float($0) }
      let a = [0.1, 0.2, 0.1, 0.1, 0.2, 0, 0.3]
      let gamma = (0..<m).map { $0 < 4 ? -Double.infinity : -3 }
      let scratch = GuardedMemory<UInt8>(
        count: Int(kn_sweep_scratch(Int64(m))), filledWith: 0)
      atEveryLevel { level in
        var kernel = kn_cost()
        (kernel.rows, kernel.columns, kernel.leading) = (Int64(n), Int64(m), Int64(m))
        var phi = [Double](repeating: 1, count: n)
        var sums = [Double](repeating: 0, count: m)
        var error = 0.0
        let count: Int64 = c.withUnsafeBufferPointer { c in
          single.withUnsafeBufferPointer { single in
            (kernel.dense64, kernel.dense32) = (c.baseAddress, single.baseAddress)
            kernel.kind = Int32(form == .double ? KN_COST_DENSE_F64 : KN_COST_DENSE_F32)
            return form == .double
              ? kn_sinkhorn_sweep_f64(
                &kernel, 0, Int64(n), 20, a, &phi, gamma, &sums, &error, scratch.start)
              : kn_sinkhorn_sweep_f32(
                &kernel, 0, Int64(n), 20, a, &phi, gamma, &sums, &error,
                form == .mixed ? 1 : 0, scratch.start)
          }
        }
        #expect(count == 2, "level \(level)")
        #expect(phi[2] == 1 && phi[3] == 1 && phi[5] == -.infinity)
        #expect(sums[0..<4].allSatisfy { $0 == 0 })
        #expect(abs(sums.reduce(0, +) - 0.8) <= 1e-6)
        #expect(error >= 0.2 && error.isFinite)
      }
    }

    /// Forbidden pairs get no mass at all.
    @Test(arguments: SweepForm.allCases)
    func forbiddenPairsStayEmpty(form: SweepForm) {
      let cost = CostSample(kind: form == .double ? 0 : 1, n: 1, m: 100, forbidden: 0.5)
      var sample = SweepSample(cost, inverseEpsilon: 20)
      sample.a = [1]
      atEveryLevel { _ in
        let outcome = form.run(cost, sample)
        for j in 0..<100 {
          let open = cost[0, j] < .infinity && sample.gamma[j] > -.infinity
          #expect((outcome.columnSum[j] > 0) == open)
        }
      }
    }

    /// Masses from 1 down to 1e-300: every row keeps its own.
    @Test(arguments: SweepForm.allCases)
    func tinyMasses(form: SweepForm) {
      let masses = [1, 1e-10, 1e-19, 1e-21, 1e-30, 1e-100, 1e-300]
      for mass in masses {
        let cost = CostSample(kind: 2, n: 5, m: 50)
        var sample = SweepSample(cost, inverseEpsilon: 20)
        sample.a = [Double](repeating: mass, count: 5)
        atEveryLevel { level in
          let outcome = form.run(cost, sample)
          let moved = outcome.columnSum.reduce(0, +)
          #expect(abs(moved / (5 * mass) - 1) <= form.tolerance, "mass \(mass), level \(level)")
          var again = sample
          again.phi = outcome.phi
          let error = form.run(cost, again).error
          #expect(error <= 5 * mass * form.tolerance, "mass \(mass), level \(level)")
        }
      }
    }

    /// Rows in two parts give what they give in one.
    @Test(arguments: SweepForm.allCases)
    func rowsMayBeSplit(form: SweepForm) {
      let cost = CostSample(kind: 2, n: 41, m: 90)
      let sample = SweepSample(cost, inverseEpsilon: 20)
      atEveryLevel { level in
        let whole = form.run(cost, sample)
        for cut in [0, 1, 6, 17, 41] {
          var parts = SweepOutcome(
            phi: sample.phi, columnSum: [Double](repeating: 0, count: 90), error: 0, infeasible: 0)
          form.run(cost, sample, rows: 0..<cut, into: &parts)
          form.run(cost, sample, rows: cut..<41, into: &parts)
          #expect(parts.distance(to: whole) <= form.tolerance, "cut \(cut), level \(level)")
        }
      }
    }

    /// |C| / eps = 1e6: potentials to the rounding of exponents in f64, plan entries as good as the
    /// exponential's type allows.
    @Test(arguments: [(SweepForm.double, 2e-9), (.mixed, 1e-5)])
    func highContrast(form: SweepForm, tolerance: Double) {
      for kind in [1, 2, 3, 4] {
        let cost = CostSample(kind: kind, n: 11, m: 200)
        var sample = SweepSample(cost, inverseEpsilon: 1e6)
        // Potentials of the size of the costs, such that each row has entries of order 1.
        for i in 0..<11 {
          sample.phi[i] = (0..<200).map { cost[i, $0] * 1e6 - sample.gamma[$0] }.min() ?? 0
        }
        let reference = SweepOutcome.reference(cost, sample)
        atEveryLevel { level in
          let outcome = form.run(cost, sample)
          var worst = Worst()
          for (x, y) in zip(outcome.phi, reference.phi) { worst.addDifference(x, y) }
          for (x, y) in zip(outcome.columnSum, reference.columnSum) { worst.add(abs(x - y)) }
          #expect(worst.value <= tolerance, "kind \(kind), level \(level)")
        }
      }
    }

    /// What f32 loses of potentials of a thousand is restored: the plain form sees row sums and
    /// columns to the rounding of small exponents, not of the potentials.
    @Test func largePotentialsInSinglePrecision() {
      for m in [2, 5, 300] {
        let cost = CostSample(kind: 2, n: 8, m: m)
        var sample = SweepSample(cost, inverseEpsilon: 5)
        for i in 0..<8 { sample.phi[i] += 1000.1 + Double(i) }
        for j in 0..<m { sample.gamma[j] = -1000.3 - 0.7 * Double(j % 5) }
        sample.a = [Double](repeating: 0.125, count: 8)
        let reference = SweepOutcome.reference(cost, sample)
        atEveryLevel { level in
          let outcome = SweepForm.single.run(cost, sample)
          var worst = Worst()
          for (x, y) in zip(outcome.phi, reference.phi) { worst.add(abs(x - y)) }
          for (x, y) in zip(outcome.columnSum, reference.columnSum) { worst.addRelative(x, y) }
          #expect(worst.value <= 5e-6, "m \(m), level \(level)")
        }
      }
    }

    /// Two points each, costs 0 and 1, uniform weights: the plan's diagonal is known.
    @Test(arguments: SweepForm.allCases)
    func iterationReachesTheKnownPlan(form: SweepForm) {
      let epsilon = 0.3
      let x: [Double] = [0, 1]
      let y = x + [Double](repeating: 0, count: 14)
      let (x32, y32) = (x.map { Float($0) }, y.map { Float($0) })
      let a = [0.5, 0.5]
      let scratch = GuardedMemory<UInt8>(count: Int(kn_sweep_scratch(2)), filledWith: 0)
      atEveryLevel { level in
        var kernel = kn_cost()
        (kernel.kind, kernel.dimension) = (Int32(KN_COST_SQEUCLIDEAN), 1)
        (kernel.rows, kernel.columns, kernel.stride) = (2, 2, 16)
        var phi = [0.0, 0.0], gamma = [0.0, 0.7], error = 0.0
        x.withUnsafeBufferPointer { x in
          y.withUnsafeBufferPointer { y in
            x32.withUnsafeBufferPointer { x32 in
              y32.withUnsafeBufferPointer { y32 in
                (kernel.x64, kernel.y64) = (x.baseAddress, y.baseAddress)
                (kernel.x32, kernel.y32) = (x32.baseAddress, y32.baseAddress)
                for _ in 0..<400 {
                  var sums = [0.0, 0.0]
                  error = 0
                  if form == .double {
                    kn_sinkhorn_sweep_f64(
                      &kernel, 0, 2, 1 / epsilon, a, &phi, gamma, &sums, &error, scratch.start)
                  } else {
                    kn_sinkhorn_sweep_f32(
                      &kernel, 0, 2, 1 / epsilon, a, &phi, gamma, &sums, &error,
                      form == .mixed ? 1 : 0, scratch.start)
                  }
                  for j in 0..<2 { gamma[j] += log(0.5 / sums[j]) }
                }
              }
            }
          }
        }
        let known = 0.5 / (1 + exp(-1 / epsilon))
        #expect(error <= form.tolerance / 10, "level \(level)")
        #expect(abs(exp(phi[0] + gamma[0]) - known) <= form.tolerance / 10, "level \(level)")
        #expect(abs(exp(phi[1] + gamma[1]) - known) <= form.tolerance / 10, "level \(level)")
      }
    }
  }
}

