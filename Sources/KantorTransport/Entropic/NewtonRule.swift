import KantorCore

/// Which entries of the plan a sparse Newton matrix keeps.
enum NewtonRule {
  /// What a column leaves out has at most this share of the gradient's norm, so that the matrix
  /// becomes exact as the gradient goes to 0, and the rate is superlinear.
  case droppedMass(Double)
  /// The largest entries, this share of all pairs (tang2024sns): a linear rate where more matter.
  case share(Double)

  /// Entries below this are left out.
  func threshold(
    _ values: UnsafePointer<Double>, count: Int, n: Int, m: Int, gradientNorm: Double,
    bins: UnsafeMutablePointer<Int64>
  ) -> Double {
    switch self {
    case .droppedMass(let nu):
      return nu * gradientNorm / Double(n)
    case .share(let lambda):
      let wanted = (lambda * Double(n) * Double(m)).rounded(.up)
      guard wanted < Double(count) else { return 0 }
      return Self.largest(max(1, Int(wanted)), of: values, count, bins)
    }
  }

  static let binCount = 1 << 16

  /// The k-th largest of non-negative numbers, 1 <= k <= count: such numbers are ordered as their
  /// bits are, so 16 bits are found at a time.
  static func largest(
    _ k: Int, of values: UnsafePointer<Double>, _ count: Int, _ bins: UnsafeMutablePointer<Int64>
  ) -> Double {
    var prefix: UInt64 = 0
    var rank = Int64(k)
    for shift in stride(from: UInt64(48), through: 0, by: -16) {
      bins.update(repeating: 0, count: binCount)
      for i in 0..<count {
        let bits = values[i].bitPattern
        guard shift == 48 || bits >> (shift + 16) == prefix else { continue }
        bins[Int((bits >> shift) & 0xFFFF)] += 1
      }
      var bin = binCount - 1
      while bin > 0, bins[bin] < rank {
        rank -= bins[bin]
        bin -= 1
      }
      prefix = prefix << 16 | UInt64(bin)
    }
    return Double(bitPattern: prefix)
  }
}
