import CKantorKernels

/// What a factorisation does about its pivots.
public struct PivotRule: Sendable {
  /// Added to the diagonal with the expected sign before anything else.
  public var shift: Double
  /// A pivot whose part of the expected sign is not above this is replaced.
  public var threshold: Double
  /// Size of a replaced pivot; its sign is the expected one, or its own where none is expected.
  public var replacement: Double

  public init(shift: Double = 0, threshold: Double = 1e-13, replacement: Double = 2e-7) {
    self.shift = shift
    self.threshold = threshold
    self.replacement = replacement
  }

  /// `sign` has to stay valid for as long as the value is used.
  func inKernelForm(sign: UnsafePointer<Int8>?) -> kn_pivot_rule {
    kn_pivot_rule(sign: sign, shift: shift, threshold: threshold, replacement: replacement)
  }
}

/// How a factorisation went.
public struct FactorOutcome: Sendable, Equatable {
  /// Pivots that the rule replaced.
  public var replaced = 0
  /// Those of them that were large, but of the wrong sign.
  public var wrongSign = 0
  /// Signs of D after replacement: by Sylvester's law the inertia of the matrix that was factored,
  /// which is the given one when nothing was replaced or shifted.
  public var positive = 0
  public var negative = 0
  /// False when a NaN or an infinity turned up; the factor must not be used.
  public var isFinite = true
  /// Nor may it be when the host asked to stop half-way.
  public var isInterrupted = false

  public var isUsable: Bool { isFinite && !isInterrupted }

  init() {}

  init(_ counts: [kn_pivot_count], isInterrupted: Bool) {
    for c in counts {
      replaced += Int(c.replaced)
      wrongSign += Int(c.wrong_sign)
      positive += Int(c.positive)
      negative += Int(c.negative)
      if c.not_finite > 0 { isFinite = false }
    }
    self.isInterrupted = isInterrupted
  }
}
