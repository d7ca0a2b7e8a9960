import CKantorKernels
import Testing

/// All kernel tests, one after another: they choose the CPU level for the whole process.
@Suite(.serialized) struct KernelTests {
  @Suite struct Levels {
    @Test func everyLevelOfTheMachineCanBeChosen() {
      let highest = levels.last ?? 0
      for level in levels {
        #expect(kn_level_select(level) == 1)
        #expect(kn_level() == level)
        #expect(String(cString: kn_level_name()) == (level == 0 ? "base" : "v\(level)"))
      }
      #expect(kn_level() == highest)
    }

    @Test func unknownLevelsAreRefusedAndChangeNothing() {
      kn_level_select(0)
      for level: Int32 in [-1, 1, 5, 64] {
        #expect(kn_level_select(level) == 0)
        #expect(kn_level() == 0)
      }
      kn_level_select(levels.last ?? 0)
    }
  }
}

/// The levels this machine has, lowest first. Every level contains the ones below.
let levels: [Int32] = {
  let chosen = kn_level()
  defer { kn_level_select(chosen) }
  return [0, 2, 3, 4].filter { kn_level_select($0) == 1 }
}()

/// Runs `body` at every level and returns to the highest.
func atEveryLevel(_ body: (Int32) -> Void) {
  for level in levels {
    kn_level_select(level)
    body(level)
  }
}

/// Sizes around the vector widths and the internal block sizes.
let oddSizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 257]

/// A reproducible sequence (SplitMix64).
struct Sequence64 {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ low: Double = 0, _ high: Double = 1) -> Double {
    low + (high - low) * Double(next() >> 11) * 0x1p-53
  }

  mutating func happens(_ probability: Double) -> Bool { uniform() < probability }
}

/// A number that may differ from 0 by `tolerance` at most, the worst of many.
struct Worst {
  private(set) var value = 0.0

  /// NaN counts as infinitely bad.
  mutating func add(_ error: Double) {
    value = max(value, error.isNaN ? .infinity : error)
  }

  /// Equal infinities agree.
  mutating func addDifference(_ x: Double, _ y: Double) {
    if x != y { add(abs(x - y)) }
  }

  mutating func addRelative(_ x: Double, _ y: Double, floor: Double = 0) {
    if x != y { add(abs(x - y) / max(abs(x), abs(y), floor)) }
  }
}
