import Glibc
import KantorBlocks
import KantorCore
import KantorNumerics
import TestSupport
import Testing

/// Answers known beforehand, limits, and refusals.
@Suite struct ProximalAnswerTests {
  private func isNear(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-13) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
  }

  @Test func smallAnswers() throws {
    func check(
      _ name: String, _ x: [Double], _ want: [Double], _ numbers: [String: Double] = [:],
      _ vectors: [String: [Double]] = [:], step: Double = 1
    ) throws {
      let sample = ProximalSample(name: name, count: x.count, numbers: numbers, vectors: vectors)
      let got = try sample.apply(x, step: step)
      #expect(isNear(got, want), "\(name): \(got), not \(want)")
    }
    try check("l1", [3, -0.5, -2], [2, 0, -1])
    try check("simplex", [1, 2, 3], [0, 0, 1])
    try check("simplex", [0.5, 0.5, 0.4], [0.5 - 0.4 / 3, 0.5 - 0.4 / 3, 0.4 - 0.4 / 3])
    try check("budget", [0.2, -1, 0.3], [0.2, 0, 0.3])
    try check("l1_ball", [3, -1], [1, 0])
    try check("l1_ball", [1, -1], [0.5, -0.5])
    try check("l2", [3, 4], [2.4, 3.2])
    try check("l2_ball", [3, 4], [0.6, 0.8])
    try check("linf", [3, 1, -2.5], [2.25, 1, -2.25])
    try check("second_order", [0, 3, 4], [2.5, 1.5, 2])
    try check("psd", [1, 2, 2, 1], [1.5, 1.5, 1.5, 1.5])
    try check("halfspace", [2, 2], [1, 1], ["bound": 2])
    try check("isotonic", [3, 1, 2, 5, 4], [2, 2, 2, 4.5, 4.5])
    try check("total_variation", [0, 0, 10, 10], [0.5, 0.5, 9.5, 9.5])
    try check("total_variation", [1, 2, 6], [3, 3, 3], ["weight": 100])
    try check("sorted_l1", [3, -3, 1], [1.5, -1.5, 0], [:], ["weights": [2, 1, 1]])
    try check("nuclear", [3, 0, 0, 1], [2, 0, 0, 0], ["rows": 2])
    try check("spectral_ball", [0, 3, -0.5, 0], [0, 1, -0.5, 0], ["rows": 2])
    try check("huber", [3, 0.5, -3], [2, 0.25, -2])
    try check("kullback_leibler", [1, 0], [1, (5.0.squareRoot() - 1) / 2])
    try check("box_sum", [1, 2, 3], [0, 0.5, 1.5], ["total": 2])
    try check("box_sum", [1, 2, 3], [0, 1, 1], ["total": 2, "upper": 1])
    try check("mirror_simplex", [log(2), 0, log(5)], [0.25, 0.125, 0.625])
    try check(
      "mirror_simplex", [0, log(3)], [0.25, 0.75], [:], ["center": [3, 1]], step: 2)
  }

  @Test func mirrorStepsHaveTheirDerivative() throws {
    let sample = ProximalSample(name: "mirror_simplex", count: 3, numbers: ["radius": 2])
    let (x, v, d) = ([0.3, -0.2, 0.9], [1.0, 2, -1], [0.5, -0.7, 0.2])
    var out = v
    #expect(try sample.make().pullback(x, step: 1.4, v, into: &out))
    let h = 1e-6
    let a = try sample.apply(zip(x, d).map { $0 + h * $1 }, step: 1.4)
    let b = try sample.apply(zip(x, d).map { $0 - h * $1 }, step: 1.4)
    let quotient = zip(v, zip(a, b)).reduce(0) { $0 + $1.0 * ($1.1.0 - $1.1.1) / (2 * h) }
    #expect(abs(zip(out, d).reduce(0) { $0 + $1.0 * $1.1 } - quotient) < 1e-8)
  }

  /// Against sorting and a search over all supports.
  @Test func largeSimplexProjectionsAgreeWithSorting() throws {
    var stream = RandomStream(seed: 3)
    for spread in [1.0, 1e-3, 1e6] {
      let x = (0..<5000).map { _ in spread * stream.uniform() }
      let got = try ProximalSample(name: "simplex", count: x.count).apply(x)
      let sorted = x.sorted(by: >)
      var (sum, tau) = (0.0, 0.0)
      for (k, y) in sorted.enumerated() {
        sum += y
        let t = (sum - 1) / Double(k + 1)
        if t < y { tau = t }
      }
      let want: [Double] = x.map { max($0 - tau, 0) }
      #expect(isNear(got, want, 1e-10 * spread))
      #expect(abs(got.reduce(0, +) - 1) < 1e-9 * max(1, spread * 1e-3))
    }
  }

  @Test func wideRangesAreSurvived() throws {
    let far = try ProximalSample(name: "simplex", count: 3).apply([1e300, -1e300, 0])
    #expect(far == [1, 0, 0])
    let both = try ProximalSample(name: "l1_ball", count: 3).apply([-1e300, 1e300, 5])
    #expect(both == [-0.5, 0.5, 0])
    let long = try ProximalSample(name: "l2_ball", count: 2).apply([3e200, 4e200])
    #expect(isNear(long, [0.6, 0.8]))
    let spread = try ProximalSample(name: "simplex_entropy", count: 3).apply([1e6, 0, -1e6])
    #expect(isNear(spread, [1, 0, 0]))
    let flat = try ProximalSample(name: "total_variation", count: 4, numbers: ["weight": 0])
      .apply([4, 1, 3, 2])
    #expect(flat == [4, 1, 3, 2])
    let omega = try ProximalSample(name: "relative_entropy", count: 1).apply([1e9])
    #expect(abs(omega[0] + log(omega[0]) - 1e9) < 1e-6)
  }

  @Test func emptySetsAndBadParametersAreRefused() throws {
    func refusal(_ sample: ProximalSample) -> KantorError? {
      do {
        _ = try sample.make()
        return nil
      } catch {
        return error as? KantorError
      }
    }
    func check(_ code: KantorError.Code, _ word: String, _ sample: ProximalSample) {
      let found = refusal(sample)
      #expect(found?.code == code, "\(sample.name)")
      #expect(found?.message.contains(word) == true, "\(found?.message ?? "")")
    }
    check(.range, "radius", ProximalSample(name: "simplex", numbers: ["radius": 0]))
    check(.range, "radius", ProximalSample(name: "l2_ball", numbers: ["radius": -1]))
    check(.notFinite, "radius", ProximalSample(name: "l1_ball", numbers: ["radius": .infinity]))
    check(.range, "lower[0]", ProximalSample(name: "box", numbers: ["lower": 1, "upper": 0]))
    check(.shape, "(6,)", ProximalSample(name: "box", vectors: ["lower": [1, 2]]))
    check(.name, "radius", ProximalSample(name: "simplex", numbers: ["radus": 1]))
    check(.name, "no parameters", ProximalSample(name: "zero", numbers: ["weight": 1]))
    check(.name, "simplex", ProximalSample(name: "simplx"))
    check(.missing, "bound", ProximalSample(name: "halfspace"))
    check(.range, "normal", ProximalSample(name: "halfspace", numbers: ["normal": 0, "bound": 1]))
    check(.shape, "5 places", ProximalSample(name: "group_l2", vectors: ["sizes": [2, 3]]))
    check(.range, "sizes[1]", ProximalSample(name: "group_l2", vectors: ["sizes": [2, 0, 4]]))
    check(.shape, "groups of 4", ProximalSample(name: "group_l2", numbers: ["sizes": 4]))
    check(
      .range, "row 2",
      ProximalSample(
        name: "affine", count: 2, vectors: ["rhs": [1, 2, 4]],
        matrices: ["matrix": [[1, 1], [1, -1], [2, 0]]]))
    check(
      .range, "row 0",
      ProximalSample(
        name: "affine", count: 2, vectors: ["rhs": [1]], matrices: ["matrix": [[0, 0]]]))
    check(.range, "empty", ProximalSample(name: "box_sum", numbers: ["upper": 1, "total": 7]))
    check(.shape, "square", ProximalSample(name: "psd"))
    check(.shape, "rows", ProximalSample(name: "nuclear", numbers: ["rows": 4]))
    check(.shape, "multiple of 3", ProximalSample(name: "exponential", count: 4))
    check(.range, "labels[0]", ProximalSample(name: "logistic", numbers: ["labels": 2]))
    check(.range, "weights[1]", ProximalSample(
      name: "sorted_l1", count: 2, vectors: ["weights": [1, 2]]))
    check(.range, "eigenvalue", ProximalSample(
      name: "quadratic", count: 2, matrices: ["matrix": [[1, 2], [2, 1]]]))
    check(.range, "symmetric", ProximalSample(
      name: "quadratic", count: 2, matrices: ["matrix": [[1, 2], [0, 1]]]))
    check(.range, "target", ProximalSample(name: "relative_entropy", numbers: ["target": 0]))
  }

  /// A kind of problem that has nothing but a map.
  private func read(_ set: (inout ProblemFields, ProblemKind) throws -> Void) throws
    -> ProximalChoice
  {
    let slot = ProximalSlot("prox")
    let kind = ProblemKind(
      name: "toy", summary: "", fields: slot.fields("g"),
      seal: { (_) throws(KantorError) in throw KantorError(.internal, "not sealed") },
      defaultMethod: { _ in "" })
    var fields = ProblemFields()
    try set(&fields, kind)
    return try slot.read(fields, count: 5)
  }

  @Test func slotsCutVectorsIntoParts() throws {
    let choice = try read { (fields, kind) in
      try fields.set("prox", .text("simplex"), of: kind)
      try fields.set("prox_blocks", .array(Tensor(try Buffer([2.0, 3.0]))), of: kind)
      try fields.set("prox_radius", .array(Tensor(try Buffer([1.0, 3.0]))), of: kind)
    }
    var out = [Double](repeating: 0, count: 5)
    #expect(try choice.make().apply([5, 0, 1, 1, 1], step: 1, into: &out))
    #expect(isNear(out, [1, 0, 1, 1, 1]))
    #expect(try choice.make().value([0.5, 0.25, 1, 1, 1]).violation == 0.25)
    #expect(try choice.make().conjugate([5, 0, 1, 2, 1]).value == 11)
    let zero = try read { (_, _) in }
    #expect(zero.parts.map { $0.entry?.name } == ["zero"])
    let shared = try read { (fields, kind) in
      try fields.set("prox", .text("l1"), of: kind)
      try fields.set("prox_blocks", .array(Tensor(try Buffer([1.0, 4.0]))), of: kind)
      try fields.set("prox_weight", .array(Tensor(try Buffer([1.0, 2, 3, 4, 5]))), of: kind)
    }
    #expect(try shared.make().apply([9, 9, 9, 9, 9], step: 1, into: &out))
    #expect(out == [8, 7, 6, 5, 4])
  }

  /// Texts with numbers, one entry for each part; arrays for what has no number in the text.
  @Test func slotsReadNumbersInTheirText() throws {
    let choice = try read { (fields, kind) in
      try fields.set("prox", .text("simplex 2, box 0 upper=1"), of: kind)
      try fields.set("prox_blocks", .array(Tensor(try Buffer([2.0, 3.0]))), of: kind)
    }
    var out = [Double](repeating: 0, count: 5)
    #expect(try choice.make().apply([5, 0, -1, 0.5, 2], step: 1, into: &out))
    #expect(isNear(out, [2, 0, 0, 0.5, 1]))
    let l1 = try read { (fields, kind) in
      try fields.set("prox", .text("l1 2"), of: kind)
    }
    #expect(try l1.make().apply([3, -3, 1, 0, 9], step: 1, into: &out))
    #expect(isNear(out, [1, -1, 0, 0, 7]))
  }

  @Test func slotsNameTheirField() throws {
    func check(_ word: String, _ set: (inout ProblemFields, ProblemKind) throws -> Void) {
      do {
        _ = try read(set)
        Issue.record("nothing was refused")
      } catch {
        #expect((error as? KantorError)?.message.contains(word) == true, "\(error)")
      }
    }
    check("field 'prox': simplex: parameter 'radius' is -1.0") { (fields, kind) in
      try fields.set("prox", .text("simplex"), of: kind)
      try fields.set("prox_radius", .array(Tensor(try Buffer([-1.0]), shape: [])), of: kind)
    }
    check("field 'prox_blocks'") { (fields, kind) in
      try fields.set("prox_blocks", .array(Tensor(try Buffer([2.0, 2.0]))), of: kind)
    }
    check("no place for '3'") { (fields, kind) in
      try fields.set("prox", .text("simplex 1 3"), of: kind)
    }
    check("2 entries") { (fields, kind) in
      try fields.set("prox", .text("simplex 1, zero"), of: kind)
    }
    check("no map named here has a parameter 'radius'") { (fields, kind) in
      try fields.set("prox", .text("l1 1"), of: kind)
      try fields.set("prox_radius", .array(Tensor(try Buffer([1.0]), shape: [])), of: kind)
    }
    check("mirror_simplex") { (fields, kind) in
      try fields.set("prox", .text("mirror_simplex"), of: kind)
    }
  }
}
