import KantorCore
import KantorNonlinear
import TestSupport
import Testing

/// Every problem of the collection once more from its own answer.
@Suite struct WarmStartTests {
  private func again(
    _ p: TextProblem, _ entry: MethodEntry, hessian: Bool, _ options: [String: OptionValue] = [:]
  ) throws -> (first: Solved, second: Solved)? {
    let first = try p.solve(entry, hessian: hessian, options)
    guard first.status == .solved else { return nil }
    let second = try p.solve(
      entry, hessian: hessian, options, start: WarmStart(result: first.result))
    return (first, second)
  }

  @Test(arguments: [true, false]) func oneIterationAtMost(hessian: Bool) throws {
    for entry in [NonlinearInteriorPoint.entry, SQP.entry, AugmentedLagrangian.entry] {
      var solved = 0
      for p in TextCollection.hockSchittkowski {
        guard let (_, second) = try again(p, entry, hessian: hessian) else { continue }
        solved += 1
        let steps = second.count("iterations")
        let message = (try? second.result.text("message")) ?? ""
        #expect(
          second.status == .solved && steps <= 1,
          "\(entry.spec.name) \(p.name) \(steps) \(message)")
      }
      #expect(solved >= 91)
    }
  }
}
