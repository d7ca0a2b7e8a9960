import KantorCore
import KantorNonlinear
import KantorNumerics
import TestSupport
import Testing

/// Functions with values at a trial point and no derivatives there: the step is shortened.
@Suite struct UndefinedDerivativesTests {
  /// 0.75 (x + 0.4)^2, not to be differentiated below -0.5. First quasi-Newton steps from 0.2 go
  /// to -0.7; from 5, Newton's own with a wrong matrix go further.
  private static let least = -0.5

  private static func plain(_ start: Double, wall: Double = least) -> Sample {
    Sample(
      start: [start], value: { 0.75 * ($0[0] + 0.4) * ($0[0] + 0.4) },
      gradient: { [$0[0] < wall ? Double.nan : 1.5 * ($0[0] + 0.4)] },
      hessian: { (_, s, _) in [1.5 * s] })
  }

  /// The same with a second variable that a row ties to the square of the first, whose gradient
  /// or Jacobian is missing there.
  private static func tied(jacobian: Bool, _ upper: Double = 0) -> Sample {
    Sample(
      start: [0.2, 0.5], rowLower: [0], rowUpper: [upper],
      value: { 0.75 * ($0[0] + 0.4) * ($0[0] + 0.4) + $0[1] * $0[1] },
      gradient: { [!jacobian && $0[0] < least ? Double.nan : 1.5 * ($0[0] + 0.4), 2 * $0[1]] },
      rows: { [$0[1] - $0[0] * $0[0]] },
      jacobian: { [jacobian && $0[0] < least ? Double.nan : -2 * $0[0], 1] },
      hessian: { (_, s, y) in [1.5 * s - 2 * y[0], 0, 0, 2 * s] })
  }

  private func expectSolved(_ result: Result, _ x: Double, _ what: String) throws {
    let message = try result.text("message")
    #expect(result.status == .solved, "\(what): \(message)")
    if result.status == .solved {
      let found = try result.array("x").list()[0]
      #expect(abs(found - x) < 1e-6, "\(what): \(found)")
    }
  }

  @Test(arguments: [true, false]) func withoutRows(hessian: Bool) throws {
    var calls: [(any NonlinearMethod.Type, String, [String: OptionValue])] = [
      (LimitedMemory.self, "lbfgs", [:]), (SQP.self, "sqp", [:]),
      (NonlinearInteriorPoint.self, "interior_point", [:]),
      (AugmentedLagrangian.self, "newton", [:]),
      (AugmentedLagrangian.self, "lbfgs", ["inner": .text("lbfgs")]),
      (AugmentedLagrangian.self, "cg", ["inner": .text("cg")]),
      (TrustRegion.self, "trust_region", [:]), (DampedNewton.self, "damped", [:]),
      (LazyNewton.self, "lazy", [:]), (RegularisedNewton.self, "regularised", [:]),
    ]
    if !hessian {
      calls.append((NonlinearInteriorPoint.self, "bfgs", ["hessian": .text("bfgs")]))
    }
    for (method, name, options) in calls {
      for start in [0.2, 5] {
        let sample = Self.plain(start)
        try expectSolved(
          Sample.solve(method, sample, hessian: hessian, options), -0.4, "\(name) \(start)")
      }
    }
  }

  @Test(arguments: [true, false]) func withRows(hessian: Bool) throws {
    for upper in [0.0, 2] {
      for jacobian in [true, false] {
        let sample = Self.tied(jacobian: jacobian, upper)
        for method in [
          SQP.self, NonlinearInteriorPoint.self, AugmentedLagrangian.self,
        ] as [any NonlinearMethod.Type] {
          let result = try method.entry.solve(
            sample.problem(hessian: hessian), Settings(method: method.spec).run(for: method.spec))
          try expectSolved(result, -0.3159192043, "\(method.spec.name) \(upper) \(jacobian)")
        }
      }
    }
  }

  /// Without a way round, the last point with derivatives is what is told.
  @Test func anAnswerBehindTheWallIsNotClaimed() throws {
    for method in [
      SQP.self, NonlinearInteriorPoint.self, AugmentedLagrangian.self, LimitedMemory.self,
      TrustRegion.self,
    ] as [any NonlinearMethod.Type] {
      let result = try Sample.solve(method, Self.plain(0.2, wall: -0.39), hessian: false)
      #expect(result.status != .solved, "\(method.spec.name)")
      if result.has("x") {
        #expect(try result.array("x").list()[0] >= -0.39, "\(method.spec.name)")
      }
    }
  }

  @Test func leastSquares() throws {
    let problem = Problem(kind: LeastSquaresKind.kind)
    var functions = Functions()
    functions.map = { x, out in
      out[0] = 2 * (x[0] + 0.4) + 0.5 * (x[0] + 0.4) * (x[0] + 0.4)
      return 0
    }
    functions.jacobian = { x, out in
      out[0] = x[0] < Self.least ? .nan : 2 + (x[0] + 0.4)
      return 0
    }
    try problem.set("functions", .functions(functions))
    try problem.set("residual_count", .int(1))
    try problem.set("start", .array(Tensor(try Buffer([3.0]))))
    let spec = LevenbergMarquardt.spec
    let run = try Settings(method: spec).run(for: spec)
    let result = try LevenbergMarquardt.entry.solve(try problem.seal(), run)
    try expectSolved(result, -0.4, spec.name)
  }

  @Test(arguments: [true, false]) func composite(restart: Bool) throws {
    let problem = Problem(kind: CompositeKind.kind)
    let sample = Self.plain(0.2)
    try problem.set("functions", .functions(sample.functions(hessian: false)))
    try problem.set("start", .array(Tensor(try Buffer(sample.start))))
    try problem.set("term", .text("l1"))
    try problem.set("term_weight", .array(Tensor(try Buffer([0.0]), shape: [])))
    let spec = AcceleratedProximalGradient.spec
    let settings = Settings(method: spec)
    try settings.set("restart", .flag(restart))
    let result = try AcceleratedProximalGradient.entry.solve(
      try problem.seal(), try settings.run(for: spec))
    try expectSolved(result, -0.4, spec.name)
  }
}
