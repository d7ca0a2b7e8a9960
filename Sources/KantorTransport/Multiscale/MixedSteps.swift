import KantorCore

/// Anderson's acceleration of steps of gamma.
final class MixedSteps {
  private let memory: AndersonMemory
  private let work: Buffer<Double>
  private let one: Buffer<Double>

  init(_ state: EntropicState) throws(KantorError) {
    memory = try AndersonMemory(rows: 1, columns: state.m)
    work = try Buffer(count: state.m)
    one = try Buffer(count: 1, repeating: 1)
  }

  /// Before a plain step.
  func begin(_ state: EntropicState) {
    read(state)
    memory.begin(work.pointer, 1, work.pointer)
  }

  /// After it.
  func mix(_ state: EntropicState) {
    read(state)
    memory.mix(
      work.pointer, 1, work.pointer, lambda: one.pointer, mass: UnsafePointer(state.b.pointer))
    for j in 0..<state.m where state.b.pointer[j] > 0 {
      state.gamma.pointer[j] = work.pointer[j]
    }
  }

  /// Targets without mass have no potential that a mean could be taken of.
  private func read(_ state: EntropicState) {
    for j in 0..<state.m {
      work.pointer[j] = state.b.pointer[j] > 0 ? state.gamma.pointer[j] : 0
    }
  }
}
