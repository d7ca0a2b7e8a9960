import KantorBlocks
import KantorCore

/// Asks the checker, now and then, whether the way of the iterates is one on which a side gains
/// without end: without a saddle point they run away in the direction of the least displacement.
final class RaySearch {
  enum Claim {
    case infeasible
    case unbounded
  }

  private(set) var claim: (kind: Claim, ray: Buffer<Double>)?
  private let check: BilinearCheck
  private let lastX: Buffer<Double>
  private let lastY: Buffer<Double>
  private let wayX: Buffer<Double>
  private let wayY: Buffer<Double>
  private var milestone = 80

  init(_ problem: BilinearProblem) throws(KantorError) {
    check = BilinearCheck(problem)
    lastX = try Buffer(count: problem.n)
    lastY = try Buffer(count: problem.m)
    wayX = try Buffer(count: problem.n)
    wayY = try Buffer(count: problem.m)
  }

  /// True when the checker agrees that there is no saddle point.
  func observe(
    _ iteration: Int, _ x: Buffer<Double>, _ y: Buffer<Double>
  ) throws(KantorError) -> Bool {
    guard iteration >= milestone else { return false }
    milestone = iteration + iteration / 4
    for (way, (now, last)) in [(wayX, (x, lastX)), (wayY, (y, lastY))] {
      for i in 0..<now.count { way.pointer[i] = now.pointer[i] - last.pointer[i] }
      last.pointer.update(from: now.pointer, count: now.count)
    }
    if try check.infeasible(wayY).holds {
      claim = (.infeasible, wayY)
    } else if try check.unbounded(wayX).holds {
      claim = (.unbounded, wayX)
    }
    return claim != nil
  }
}
