import KantorCore
import KantorNumerics

/// Solves [P A'; A -H] [x; z] = [top; bottom] for the scalings at hand.
protocol EmbeddingSystem: AnyObject {
  /// Entries of the factor, for the caller to see.
  var entries: Int { get }
  /// What a later solve of the same pattern may use.
  var analysis: PatternAnalysis? { get }
  /// True when solves meet the rows of A x - H z = bottom only nearly: what is missing goes to the
  /// slacks, so that A x + s = b keeps.
  var leavesRows: Bool { get }
  /// False when the host asked to stop or the numbers broke down.
  func refactor(_ interruption: Interruption) -> Bool
  func solve(_ top: Given, _ bottom: Given, _ x: Entries, _ z: Entries) -> Bool
}

/// By the sparse factor of the whole matrix.
final class SparseEmbeddingSystem: EmbeddingSystem {
  private let form: EmbeddingForm
  private let system: KKTSystem
  private let right: Buffer<Double>
  private let left: Buffer<Double>

  /// Nil when the host asked to stop.
  init?(
    _ form: EmbeddingForm, reuse: PatternAnalysis?, threads: Int, interruption: Interruption
  ) throws(KantorError) {
    self.form = form
    var signs: [Int8] = []
    var places: [Int] = []
    for block in form.blocks {
      places.append(form.n + form.m + signs.count)
      signs.append(contentsOf: block.extraSigns)
    }
    let extra = KKTSystem.Extra(rows: signs.count, signs: signs) {
      (assembly) throws(KantorError) in
      for (k, block) in form.blocks.enumerated() {
        try block.append(&assembly, at: form.n + block.row, extra: places[k])
      }
    }
    guard
      let system = try KKTSystem(
        p: form.p, a: form.a, extra: extra, reuse: reuse, rounds: 15, leastGain: 1.5,
        threads: threads, interruption: interruption)
    else { return nil }
    self.system = system
    right = try Buffer(count: system.order)
    left = try Buffer(count: system.order)
  }

  var entries: Int { system.shared.analysis.factorEntries }
  var analysis: PatternAnalysis? { system.shared }
  var leavesRows: Bool { false }

  func refactor(_ interruption: Interruption) -> Bool {
    for block in form.blocks { block.write(system, at: form.n + block.row) }
    // H of a matrix or another dense cone may span more digits than there are: rounding turns signs
    // of pivots. A larger shift keeps them, and refinement takes it back.
    while system.factor(interruption) || !system.outcome.isInterrupted {
      let outcome = system.outcome
      if outcome.replaced == 0 || system.shift >= Self.mostShift { return outcome.isUsable }
      system.shift *= 10
    }
    return false
  }

  private static let mostShift = 1e-6

  func solve(_ top: Given, _ bottom: Given, _ x: Entries, _ z: Entries) -> Bool {
    let (n, m) = (form.n, form.m)
    right.pointer.update(from: top, count: n)
    (right.pointer + n).update(from: bottom, count: m)
    for i in (n + m)..<right.count { right.pointer[i] = 0 }
    guard system.solve(right.pointer, into: left.pointer) else { return false }
    x.update(from: left.pointer, count: n)
    z.update(from: left.pointer + n, count: m)
    return true
  }
}
