import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Fields on which simpler methods fail, and what methods then say.
@Suite struct NonmonotoneTests {
  private func posed(_ rho: Double) -> Sample {
    var sample = Known.rotation(rho: rho)
    sample.lipschitz = 1
    sample.comonotone = -rho
    return sample
  }

  /// Plain descent-ascent, for contrast.
  @Test func descentAscentRunsAway() {
    var z = [1.0, 0.0]
    for _ in 0..<1000 { z = [z[0] - 0.1 * z[1], z[1] + 0.1 * z[0]] }
    #expect(norm(z) > 100)
  }

  @Test(arguments: [0.1, 0.3, 0.45, 0.49]) func fastExtragradient(rho: Double) throws {
    let result = try posed(rho).solve(FastExtragradient.entry, ["max_iterations": .int(200_000)])
    #expect(result.status == .solved)
    #expect(norm(try result.array("x").list()) < 1e-5)
  }

  @Test(arguments: [0.1, 0.3, 0.45]) func theConstantIsFound(rho: Double) throws {
    let result = try Known.rotation(rho: rho).solve(
      FastExtragradient.entry, ["max_iterations": .int(200_000)])
    #expect(result.status == .solved)
    #expect(try result.real("comonotone") < -0.9 * rho)
  }

  @Test func equalStepsOfExtragradient() throws {
    for rho in [0.05, 0.1, 0.125] {
      let result = try posed(rho).solve(
        Extragradient.entry, ["step": .real(0.5), "update": .real(1)])
      #expect(result.status == .solved, "\(rho)")
    }
    let step: [String: OptionValue] = ["step": .real(0.5), "update": .real(1)]
    #expect(
      failure { () throws(KantorError) in
        _ = try posed(0.2).solve(Extragradient.entry, step)
      } == .range)
    var forced = step
    forced["force"] = .flag(true)
    let result = try posed(0.2).solve(Extragradient.entry, forced)
    #expect(result.status == .stalled)
    let message = try result.text("message")
    #expect(message.contains("the residual grew") || message.contains("ran away"))
    // The best point is given back, not the last.
    #expect(norm(try result.array("x").list()) <= norm(posed(0.2).start) * (1 + 1e-12))
  }

  @Test(arguments: [0.2, 0.4]) func smallUpdates(rho: Double) throws {
    let result = try posed(rho).solve(Extragradient.entry)
    #expect(result.status == .solved)
    #expect(try result.real("update") < 1 - 2 * rho)
    let other = try posed(rho).solve(
      Extragradient.entry, ["step": .real(1), "update": .real(0.05)])
    #expect(other.status == .solved)
  }

  @Test func pastExtragradient() throws {
    // -4r = 1/(3.1 L) at r = -0.0806.
    #expect(try posed(0.08).solve(PastExtragradient.entry).status == .solved)
    #expect(
      failure { () throws(KantorError) in
        _ = try posed(0.2).solve(PastExtragradient.entry)
      } == .range)
    let forced = try posed(0.2).solve(
      PastExtragradient.entry, ["step": .real(1 / 3.1), "force": .flag(true)])
    #expect(forced.status == .stalled)
  }

  @Test(arguments: [0.2, 0.4]) func proximalPoint(rho: Double) throws {
    let result = try posed(rho).solve(ProximalPoint.entry, ["tolerance": .real(1e-5)])
    #expect(result.status == .solved)
    #expect(
      failure { () throws(KantorError) in
        _ = try posed(rho).solve(ProximalPoint.entry, ["step": .real(1.9 * rho)])
      } == .range)
  }

  @Test func beyondAllProofs() throws {
    // rho = 0.9: no step of this kind helps.
    let result = try Known.rotation(rho: 0.9).solve(
      FastExtragradient.entry, ["max_iterations": .int(50_000)])
    #expect(result.status != .solved && result.status != .solvedInaccurate)
    let message = try result.text("message")
    #expect(message.contains("not monotone"), "\(message)")
  }

  @Test func halpernTellsThatItIsNotCocoercive() throws {
    let result = try Known.square.solve(Halpern.entry)
    #expect(result.status != .solved)
    let message = try result.text("message")
    #expect(message.contains("not cocoercive"), "\(message)")
  }

  @Test func stepsBeyondTheLipschitzConstant() throws {
    var sample = Known.square
    sample.lipschitz = 1
    for entry in [Extragradient.entry, PastExtragradient.entry, ForwardReflectedBackward.entry] {
      let error = try #require(
        error { () throws(KantorError) in
          _ = try sample.solve(entry, ["step": .real(3)])
        })
      #expect(error.code == .range && error.message.contains("'force'"))
    }
    sample.comonotone = -0.1
    for entry in [PastExtragradient.entry, ForwardReflectedBackward.entry, Halpern.entry] {
      #expect(failure { () throws(KantorError) in _ = try sample.solve(entry) } == .range)
    }
  }
}
