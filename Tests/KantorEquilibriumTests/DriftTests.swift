import KantorCore
import KantorEquilibrium
import TestSupport
import Testing

/// Inclusions without solution: the least displacement is found and shown.
@Suite struct DriftTests {
  private static let methods: [MethodEntry] = [
    FastExtragradient.entry, Extragradient.entry, PastExtragradient.entry,
    ForwardReflectedBackward.entry, GoldenRatio.entry, Halpern.entry, ProximalPoint.entry,
  ]

  private func sees(
    _ sample: Sample, _ entry: MethodEntry, _ direction: [Double?]
  ) throws {
    let result = try sample.solve(entry, ["max_iterations": .int(20_000)])
    let message = try result.text("message")
    #expect(result.status == .stalled, "\(entry.spec.name): \(message)")
    #expect(message.contains("every solution is farther"), "\(entry.spec.name): \(message)")
    #expect(try result.real("solution_distance") > 1e7, "\(entry.spec.name)")
    let size = norm(direction.map { $0 ?? 0 })
    for (w, v) in zip(try result.array("displacement").list(), direction) {
      if let v { #expect(abs(w - v) < 1e-2 * max(abs(v), size), "\(entry.spec.name): \(w)") }
    }
  }

  @Test(arguments: methods.indices) func constantFields(_ method: Int) throws {
    try sees(Sample([0, 0]) { _ in [1, 0] }, Self.methods[method], [1, 0])
    // As small as the tolerance of inaccurate answers: none all the same.
    try sees(Sample([3, 1]) { _ in [0, -1e-4] }, Self.methods[method], [0, -1e-4])
  }

  /// A rotation and a shift; an orthant along which F points outwards.
  @Test func shiftsBesideSolvableParts() throws {
    let rotation = Sample([1, 2, 3]) { [0.5, $0[2] - 1, -$0[1]] }
    let orthant = Sample([1, 1], prox: "nonnegative") { [-2, $0[1] - 3] }
    try sees(rotation, PastExtragradient.entry, [0.5, 0, 0])
    for entry in [FastExtragradient.entry, Extragradient.entry, ForwardReflectedBackward.entry] {
      try sees(orthant, entry, [-2, 0])
    }
  }

  /// min x1 + x2, x1 + x2 = -1, x >= 0: the multiplier has no bound.
  @Test func linearProgramsWithoutPoints() throws {
    let sample = Sample([0, 0, 0], prox: "box") { z in
      [1 - z[2], 1 - z[2], z[0] + z[1] + 1]
    }
    var posed = sample
    posed.lower = [0, 0, -.infinity]
    for entry in [FastExtragradient.entry, Extragradient.entry, ForwardReflectedBackward.entry] {
      // Normals of the orthant make up for any slope of x.
      try sees(posed, entry, [nil, nil, 1])
    }
  }

  /// The slope is constant up to a solution that is far away.
  @Test(arguments: methods.indices) func solutionsFarAway(_ method: Int) throws {
    let sample = Sample([0]) { [max(-1, min(1, $0[0] - 1e5))] }
    let result = try sample.solve(Self.methods[method], ["max_iterations": .int(3000)])
    #expect(throws: (any Error).self) { try result.real("solution_distance") }
    #expect(result.status == .solved || result.status == .iterationLimit)
  }

  /// No solution, but points as good as one likes.
  @Test func infimaThatAreNotAttained() throws {
    let sample = Sample([0, 0]) { [-1 / (1 + max($0[0], 0)), $0[1]] }
    let result = try sample.solve(
      ForwardReflectedBackward.entry, ["tolerance": .real(1e-3), "max_iterations": .int(5000)])
    #expect(result.status == .solved)
  }
}
