/// Tells when a descent creeps: over the last steps neither the value has fallen by more than
/// rounding nor the residual by half, as happens at a kink of f.
struct Creep {
  private var last: [(value: Double, residual: Double)] = []
  private(set) var isCreeping = false
  private static let steps = 12

  /// Notes a point; true once the descent creeps.
  mutating func noted(_ value: Double, _ residual: Double) -> Bool {
    last.append((value, residual))
    guard last.count > Self.steps else { return false }
    let old = last.removeFirst()
    let least = last.reduce(residual) { min($0, $1.residual) }
    isCreeping = old.value - value <= 1e-13 * (1 + abs(value)) && least > 0.5 * old.residual
    return isCreeping
  }
}
