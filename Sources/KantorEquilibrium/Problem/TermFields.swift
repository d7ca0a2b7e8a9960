import KantorBlocks
import KantorCore

extension InclusionFields {
  /// The term of all n variables from the fields of one slot.
  func term(
    _ name: String, n: Int, sizes: [Int]? = nil, hasHostProx: Bool
  ) throws(KantorError) -> ProximalTerm {
    try term([(name, n)], sizes: sizes, hasHostProx: hasHostProx)
  }

  /// The term of consecutive slots; `sizes` are the parts where the slots do not say them.
  func term(
    _ slots: [(name: String, count: Int)], sizes: [Int]? = nil, hasHostProx: Bool
  ) throws(KantorError) -> ProximalTerm {
    let n = slots.reduce(0) { $0 + $1.count }
    let lower = try Buffer<Double>(count: n, repeating: -.infinity)
    let upper = try Buffer<Double>(count: n, repeating: .infinity)
    var blocks: [TermBlock] = []
    var offset = 0
    for slot in slots {
      let parts = try ProximalSlot(slot.name).parts(
        fields, count: slot.count, sizes: sizes, hasHostProx: hasHostProx && slots.count == 1)
      for part in parts {
        let start = offset + part.start
        blocks.append(
          TermBlock(
            start: start, count: part.count,
            shape: try shape(part, lower.pointer + start, upper.pointer + start)))
      }
      offset += slot.count
    }
    return ProximalTerm(n: n, blocks: blocks, lower: lower, upper: upper)
  }

  /// The sets that have code of their own here, with bounds of boxes in `lower` and `upper`; all
  /// parameters were checked.
  private func shape(
    _ part: ProximalPart, _ lower: UnsafeMutablePointer<Double>,
    _ upper: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> TermShape {
    guard let entry = part.entry else { return .host }
    switch entry.name {
    case "zero": return .zero
    case "nonnegative": return .nonnegative
    case "simplex": return .simplex(radius: try part.values["radius"]?.doubles()[0] ?? 1)
    case "box":
      for (key, bounds) in [("lower", lower), ("upper", upper)] {
        guard let given = try part.values[key]?.doubles() else { continue }
        for i in 0..<part.count { bounds[i] = given[given.count == 1 ? 0 : i] }
      }
      return .box
    default: return .library(entry, part.values)
    }
  }
}
