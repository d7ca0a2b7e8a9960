import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// The exact augmented Lagrangian with sketched Newton steps: equality-constrained problems, the
/// control problem with known values, inner solvers, rates, refusals.
@Suite struct SketchedNewtonTests {
  private static let entry = SketchedNewton.entry

  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, abs(a), abs(b))
  }

  private static var problems: [TextProblem] { TextCollection.all.filter { $0.isEqualityOnly } }

  /// In some of them J loses rank on the way or at the solution, or the curvature does.
  @Test func equalityProblemsAreSolved() throws {
    #expect(Self.problems.count == 33)
    for p in Self.problems {
      let s = try p.solve(Self.entry)
      #expect(s.status == .solved, "\(p.name) \((try? s.result.text("message")) ?? "")")
      #expect(s.count("evaluations") <= 250, "\(p.name) \(s.count("evaluations"))")
    }
  }

  @Test func quadraticProgramsTakeOneStep() throws {
    for name in ["HS28", "HS48", "HS51", "HS52", "BT3"] {
      let s = try TextCollection.named(name).solve(Self.entry)
      #expect(s.status == .solved && s.count("iterations") == 1, "\(name)")
    }
  }

  @Test(arguments: ["minres", "kaczmarz", "gauss", "count"])
  func everyInnerSolverReachesTheSolution(inner: String) throws {
    for name in ["HS6", "HS28", "HS42", "HS48", "HS51", "HS78"] {
      let p = try TextCollection.named(name)
      let s = try p.solve(
        Self.entry,
        ["inner": .text(inner), "tolerance": .real(1e-4), "max_inner": .int(200_000)])
      #expect(s.status == .solved && p.isOptimum(s.objective, tolerance: 1e-2), "\(name)")
      #expect(s.count("inner_steps") > 0 && s.number("flops") > 0)
    }
  }

  @Test func thePublishedFormSolvesToo() throws {
    for name in ["HS28", "HS42", "HS48", "HS78"] {
      let p = try TextCollection.named(name)
      let s = try p.solve(
        Self.entry,
        ["variant": .text("published"), "tolerance": .real(1e-4), "inner": .text("kaczmarz"),
          "max_inner": .int(200_000)])
      #expect(s.status == .solved && p.isOptimum(s.objective, tolerance: 1e-2), "\(name)")
    }
  }

  @Test func theControlProblemHasItsKnownValues() throws {
    for (grid, value) in [(3, 9.644442051811629), (8, ControlProblem.reference(8))] {
      let control = ControlProblem(grid)
      let s = try Solving.run(Self.entry, control.problem())
      #expect(s.status == .solved && s.count("iterations") == 1)
      #expect(near(s.objective, value, 1e-9), "\(grid) \(s.objective)")
    }
    let large = try Solving.run(Self.entry, ControlProblem(32).problem())
    #expect(large.status == .solved && near(large.objective, 1177.82129923, 1e-9))
    let other = try Solving.run(
      Self.entry, ControlProblem(3).problem(),
      ["inner": .text("kaczmarz"), "tolerance": .real(1e-4)])
    #expect(other.status == .solved && near(other.objective, 9.644442051811629, 1e-2))
  }

  @Test func theResidualFallsSuperlinearly() throws {
    let s = try TextCollection.named("HS78").solve(Self.entry, ["inner": .text("minres")])
    let course = try s.result.array("residual_course").list()
    #expect(course.count == s.count("iterations") + 1)
    guard let last = course.last, course.count > 3 else { return }
    // At the end a residual is below the power 1.25 of the one before.
    let before = course[course.count - 2]
    #expect(before < 1e-2 && last < 3 * before * before.squareRoot().squareRoot())
    let flops = try s.result.array("flops_course").list()
    #expect(flops.count == course.count && flops == flops.sorted())
  }

  @Test func theSameSeedGivesTheSameBits() throws {
    let p = try TextCollection.named("HS42")
    let options: [String: OptionValue] = ["inner": .text("gauss"), "tolerance": .real(1e-4)]
    let one = try p.solve(Self.entry, options)
    let same = try p.solve(Self.entry, options)
    #expect(one.x == same.x)
    let other = try p.solve(
      Self.entry, options.merging(["seed": .int(5)]) { $1 })
    #expect(one.x != other.x)
  }

  @Test func whatIsNotAnEquationIsRefused() throws {
    let rows = error { () throws(KantorError) in
      do {
        _ = try TextCollection.named("HS43").solve(Self.entry)
      } catch let failure as KantorError {
        throw failure
      } catch {}
    }
    #expect(rows?.code == .unsupported)
    #expect(rows?.message.contains("row 0") == true)
    let bounds = error { () throws(KantorError) in
      do {
        _ = try TextCollection.named("HS63").solve(Self.entry)
      } catch let failure as KantorError {
        throw failure
      } catch {}
    }
    #expect(bounds?.message.contains("interior_point") == true)
  }

  @Test func failuresHaveAName() throws {
    let p = try TextCollection.named("HS78")
    var functions = p.functions()
    functions.jacobian = { _, out in
      for k in 0..<15 { out[k] = .nan }
      return 0
    }
    let s = try Solving.run(Self.entry, p.problem(functions))
    #expect(s.status == .callbackError)
    let limited = try p.solve(Self.entry, ["max_evaluations": .int(2)])
    #expect(limited.status == .evaluationLimit && limited.count("evaluations") == 2)
  }

  @Test func aWarmStartIsTheEnd() throws {
    let p = try TextCollection.named("HS78")
    let first = try p.solve(Self.entry)
    let again = try p.solve(Self.entry, start: WarmStart(result: first.result))
    #expect(again.status == .solved && again.count("iterations") == 0)
  }
}
