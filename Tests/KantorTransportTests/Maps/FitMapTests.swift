import Glibc
import KantorCore
import KantorTransport
import TestSupport
import Testing

@Suite struct FitMapTests {
  private func data(
    _ x: [[Double]], _ y: [[Double]], _ words: [String: String] = [:]
  ) -> MapData {
    var data = MapData(kind: MapFitKind.kind)
    data.set("points_source", x)
    data.set("points_target", y)
    data.words = words
    return data
  }

  private func apply(_ a: [[Double]], _ b: [Double], _ x: [[Double]]) -> [[Double]] {
    x.map { p in
      a.indices.map { c in b[c] + zip(a[c], p).map { $0 * $1 }.reduce(0, +) }
    }
  }

  private let x = MapData.cloud(60, 2, 31)

  /// For images of the sources under a symmetric positive matrix the optimal map is that matrix. A
  /// small epsilon leaves a small bias.
  @Test func affineMapsAreFound() throws {
    let matrix = [[2.0, 0.7], [0.7, 1]]
    let y = apply(matrix, [3, -1], x)
    var last = Double.infinity
    for epsilon in [0.2, 0.05, 0.0125] {
      let result = try data(x, y).solve(FitMap.entry, ["epsilon": .real(epsilon)])
      #expect(result.status == .solved)
      let found = try result.array("matrix").list()
      let error = zip(found, matrix.flatMap { $0 }).map { abs($0 - $1) }.max() ?? .nan
      #expect(error < 0.5 * last)
      last = error
      let offset = try result.array("offset").list()
      #expect(abs(offset[0] - 3) < 0.02 && abs(offset[1] + 1) < 0.02)
    }
    #expect(last < 2e-3)
  }

  /// The identity turned by the gap towards the symmetric root: without it any rotation fits.
  @Test func theGapPicksTheGradientAmongMaps() throws {
    let turned = x.map { [-$0[1], $0[0]] }
    let with = try data(x, turned).solve(FitMap.entry, ["epsilon": .real(0.05)])
    #expect(with.status == .solved)
    let a = try with.array("matrix").list()
    #expect(abs(a[1] - a[2]) < 0.05)
    #expect(a[0] > 0.7 && a[3] > 0.7)
    #expect(try with.real("monge_gap") < 0.01)
  }

  @Test func valuesAreThoseOfOtherMethods() throws {
    let y = MapData.cloud(45, 2, 32).map { [exp($0[0]), $0[1] + $0[0] * $0[0]] }
    let words = ["family": "radial", "metric": "euclidean"]
    // True at any map, also far from the best one.
    let result = try data(x, y, words).solve(
      FitMap.entry, ["gap_weight": .real(0.5), "max_iterations": .int(12)])
    let flat = try result.array("mapped").list()
    let mapped = (0..<60).map { [flat[2 * $0], flat[2 * $0 + 1]] }
    let divergence = try EntropicData(x: mapped, y: y).solve(
      SinkhornDivergence.entry, ["epsilon": .real(try result.real("epsilon"))])
    #expect(abs(try divergence.real("objective") - (try result.real("fitting_loss"))) < 1e-7)
    let gap = try MapData(x, mapped, metric: "euclidean").solve(
      MongeGap.entry,
      ["epsilon": .real(try result.real("gap_epsilon")), "form": .text("debiased")])
    #expect(abs(try gap.real("objective") - (try result.real("monge_gap"))) < 1e-7)
    let weights = try result.array("radial_weights").list()
    let penalty = 1e-3 * weights.map { $0 * $0 }.reduce(0, +) / 16
    #expect(abs(penalty - (try result.real("penalty"))) < 1e-12)
    let sum = try result.real("fitting_loss") + 0.5 * result.real("monge_gap") + penalty
    #expect(abs(sum - (try result.real("objective"))) < 1e-12)
  }

  /// A small step of any parameter does not lower the loss by more than its curvature allows.
  @Test func theAnswerIsAMinimumNearby() throws {
    let y = MapData.cloud(40, 2, 33).map { [tanh(2 * $0[0]), $0[1]] }
    let result = try data(x, y).solve(FitMap.entry, ["tolerance": .real(1e-8)])
    #expect(result.status == .solved)
    let best = try result.real("objective")
    let epsilon = try result.real("epsilon")
    let a = try result.array("matrix").list()
    let b = try result.array("offset").list()
    func loss(_ a: [Double], _ b: [Double]) throws -> Double {
      let mapped = apply([[a[0], a[1]], [a[2], a[3]]], b, x)
      let fit = try EntropicData(x: mapped, y: y).solve(
        SinkhornDivergence.entry, ["epsilon": .real(epsilon), "tolerance": .real(1e-12)])
      let gap = try MapData(x, mapped).solve(
        MongeGap.entry,
        [
          "epsilon": .real(epsilon), "form": .text("debiased"), "tolerance": .real(1e-12),
        ])
      return try fit.real("objective") + gap.real("objective")
    }
    #expect(abs(try loss(a, b) - best) < 1e-9)
    for k in 0..<4 {
      var (up, down) = (a, a)
      up[k] += 1e-3
      down[k] -= 1e-3
      let (high, low) = (try loss(up, b), try loss(down, b))
      #expect(high > best && low > best)
      #expect(abs(high - low) < 0.02 * (high + low - 2 * best))
    }
  }

  @Test func newPointsAreMappedByTheFormula() throws {
    var radial = data(x, x.map { [$0[0] * $0[0], $0[1]] }, ["family": "radial"])
    radial.set("centres", [[0, 0], [0.5, 0.5], [-0.5, 0]])
    radial.reals["width"] = 0.6
    radial.set("points_new", [[0.1, 0.2], [5, -3]])
    let result = try radial.solve(FitMap.entry)
    #expect(result.status == .solved)
    #expect(try result.real("width") == 0.6)
    let (a, b) = (try result.array("matrix").list(), try result.array("offset").list())
    let w = try result.array("radial_weights").list()
    let c = try result.array("centres").list()
    let mapped = try result.array("mapped_new").list()
    for (i, p) in [[0.1, 0.2], [5.0, -3]].enumerated() {
      for l in 0..<2 {
        var expected = b[l] + a[2 * l] * p[0] + a[2 * l + 1] * p[1]
        for k in 0..<3 {
          let square = pow(p[0] - c[2 * k], 2) + pow(p[1] - c[2 * k + 1], 2)
          expected += w[2 * k + l] * exp(-square / (2 * 0.36))
        }
        #expect(abs(expected - mapped[2 * i + l]) < 1e-12)
      }
    }
  }

  @Test func radialMapsFitWhatAffineOnesCannot() throws {
    let y = MapData.cloud(60, 2, 34).map { [$0[0], $0[1] + $0[0] * $0[0]] }
    let affine = try data(x, y).solve(FitMap.entry).real("fitting_loss")
    let radial = try data(x, y, ["family": "radial"]).solve(FitMap.entry)
    #expect(radial.status == .solved)
    #expect(try radial.real("fitting_loss") < 0.6 * affine)
  }

  @Test func unitsDoNotMatter() throws {
    let y = MapData.cloud(30, 2, 35).map { [2 * $0[0], $0[1] * $0[1]] }
    let plain = try data(x, y).solve(FitMap.entry)
    let moved = x.map { [1000 * $0[0] + 5e4, 1000 * $0[1]] }
    let scaled = try data(moved, y.map { [1e3 * $0[0], 1e3 * $0[1]] }).solve(FitMap.entry)
    #expect(scaled.status == .solved)
    // The gap sees the shift of all points; the maps differ by nothing but it.
    let (one, two) = (try plain.array("matrix").list(), try scaled.array("matrix").list())
    #expect(zip(one, two).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func aWrongAnswerIsNotCertified() throws {
    let y = apply([[2, 0], [0, 1]], [0, 0], x)
    let early = try data(x, y).solve(FitMap.entry, ["max_iterations": .int(1)])
    #expect(early.status == .iterationLimit)
    #expect(try early.real("gradient_residual") > 1e-6)
    #expect(try early.real("marginal_residual") < 1e-6)
  }

  @Test func wrongDataAreRefused() throws {
    func code(_ data: MapData, _ change: (Problem) throws -> Void = { _ in }) -> KantorError.Code? {
      do {
        let problem = try data.problem()
        try change(problem)
        _ = try problem.seal()
        return nil
      } catch let error as KantorError { return error.code } catch { return nil }
    }
    let good = data(x, x)
    #expect(code(good) == nil)
    #expect(code(MapData(kind: MapFitKind.kind)) == .missing)
    #expect(code(data(x, [[1, 2, 3]])) == .shape)
    #expect(code(good) { try $0.set("width", .real(1)) } == .state)
    #expect(code(good) { try $0.set("centre_count", .int(3)) } == .state)
    let radial = data(x, x, ["family": "radial"])
    #expect(code(radial) { try $0.set("centre_count", .int(3)) } == nil)
    #expect(code(radial) { try $0.set("centre_count", .int(0)) } == .range)
    #expect(code(radial) { try $0.set("centre_count", .int(61)) } == .range)
    #expect(code(radial) { try $0.set("width", .real(0)) } == .range)
    #expect(code(radial) { try $0.set("family", .text("cubic")) } == .range)
    var centres = radial
    centres.set("centres", [[1, 2, 3]])
    #expect(code(centres) == .shape)
  }
}
