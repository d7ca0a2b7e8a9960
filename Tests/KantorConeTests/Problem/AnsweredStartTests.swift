import KantorCatalog
import KantorCone
import KantorCore
import TestSupport
import Testing

/// A start that already is the answer costs no iteration, and only then is it taken as it is.
@Suite struct AnsweredStartTests {
  private static let methods = ["interior_point", "first_order", "active_set"]

  /// A transport problem between four places each: degenerate, with as many solutions as you like.
  private var transport: ConeSample {
    let n = 16
    var rows: [[Double]] = []
    for i in 0..<4 { rows.append((0..<n).map { $0 / 4 == i ? 1 : 0 }) }
    for i in 0..<4 { rows.append((0..<n).map { $0 % 4 == i ? 1 : 0 }) }
    for j in 0..<n { rows.append((0..<n).map { $0 == j ? -1 : 0 }) }
    return ConeSample(
      q: (0..<n).map { Double(($0 * 7) % 5) }, a: rows,
      b: [Double](repeating: 0.25, count: 8) + [Double](repeating: 0, count: n),
      cones: "zero 8, nonnegative 16")
  }

  private func again(
    _ sample: ConeSample, _ method: String, from result: Result, _ names: [String]
  ) throws -> Result {
    try sample.solve(method) {
      for name in names { $0.setStart(name, try result.array(name)) }
    }
  }

  @Test(arguments: methods) func pointsAsArrays(method: String) throws {
    let cold = try transport.solve(method)
    #expect(try cold.status == .solved && cold.int("iterations") > 2)
    let warm = try again(transport, method, from: cold, ["x", "z"])
    #expect(try warm.status == .solved && warm.int("iterations") == 0)
    #expect(try warm.array("x").list() == cold.array("x").list())
    var dearer = transport
    dearer.q[0] += 3
    dearer.q[5] += 3
    let moved = try again(dearer, method, from: cold, ["x", "z"])
    let direct = try dearer.solve(method)
    #expect(moved.status == .solved)
    #expect(abs(try moved.real("objective") - direct.real("objective")) < 1e-5)
  }

  @Test(arguments: methods) func raysOfInfeasiblePrograms(method: String) throws {
    let sample = ConeSample(
      q: [1, 2], a: [[1, 1], [-1, 0], [0, -1]], b: [-1, 0, 0], cones: "nonnegative 3")
    let cold = try sample.solve(method)
    #expect(cold.status == .infeasible)
    let warm = try sample.solve(method) { $0.setStart(cold) }
    #expect(try warm.status == .infeasible && warm.int("iterations") == 0)
    // The same ray proves nothing once there is room.
    var wider = sample
    wider.b[0] = 1
    #expect(try wider.solve(method) { $0.setStart(cold) }.status == .solved)
  }

  @Test(arguments: methods) func stationaryPointsAreNoSolutions(method: String) throws {
    let hill = ConeSample(
      p: [[-1, 0], [0, 1]], q: [0, 0], a: [[1, 0]], b: [1], cones: "nonnegative 1")
    let flat = ConeSample(
      p: [[1, 0], [0, 1]], q: [0, 0], a: [[1, 0]], b: [1], cones: "nonnegative 1")
    let top = try flat.solve(method)
    let code = failure { () throws(KantorError) in
      do {
        _ = try again(hill, method, from: top, ["x", "z"])
      } catch let error as KantorError {
        throw error
      } catch {
        throw KantorError(.internal, "another error")
      }
    }
    #expect(code == .range)
  }

  /// More than half full matrices are factored whole.
  @Test(arguments: methods) func denseObjectives(method: String) throws {
    let n = 12
    var numbers = Numbers(7)
    let root = (0..<n).map { _ in (0..<n / 2).map { _ in numbers.next() } }
    var sample = ConeSample(
      q: root.map { $0.reduce(0, +) }, a: [], b: [], cones: "")
    // Of rank n / 2, which rounding makes indefinite.
    sample.p = root.map { r in root.map { zip(r, $0).reduce(0) { $0 + $1.0 * $1.1 } } }
    #expect(try sample.solve(method).status == .solved)
    for i in 0..<n { sample.p[i][i] -= 0.01 }
    let code = failure { () throws(KantorError) in
      do {
        _ = try sample.solve(method)
      } catch let error as KantorError {
        throw error
      } catch {
        throw KantorError(.internal, "another error")
      }
    }
    #expect(code == .range)
  }
}
