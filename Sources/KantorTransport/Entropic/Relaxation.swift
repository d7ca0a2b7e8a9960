import CKantorKernels
import KantorCore

/// Over-relaxed Sinkhorn iteration on gamma alone.
///
/// Near the solution a sweep is a linear map of gamma whose error eigenvalues lie in [0, theta].
/// Successive over-relaxation of both half-steps by w is, on gamma alone, the two-term recurrence
///     gamma <- gamma + w^2 log(b / column sums) + (w - 1)^2 (gamma - gamma_old),
/// which needs one fused sweep per step. The best w is 2 / (1 + sqrt(1 - theta)); theta is taken
/// from the decrease of the error, first without relaxation and then, by the recurrence's
/// characteristic equation, with it.
///
/// Source: T. Lehmann, M.-K. von Renesse, A. Sambale, A. Uschmajew, "A note on overrelaxation in
/// the Sinkhorn algorithm" (2022); D. M. Young, "Iterative solution of large linear systems"
/// (1971), for the recurrence.
final class Relaxation {
  enum Mode {
    case automatic
    case off
    case fixed(Double)
  }

  private let mode: Mode
  private let step: Buffer<Double>
  private let previous: Buffer<Double>
  private var hasPrevious = false
  private var omega = 1.0
  private var goal = 0.0
  /// Errors since omega was last set.
  private var age = 0
  private var startError = Double.infinity
  private var lastError = Double.infinity
  private var lastRate = 0.0
  private var bestError = Double.infinity
  /// gamma at the best error since relaxation began.
  private let bestGamma: Buffer<Double>

  /// With larger changes of gamma than this the iteration is not yet in its linear regime, and
  /// with such as these it has left it.
  static let linearRegime = 0.3
  static let longestStep = 1.0
  /// Relaxation does not pay when plain sweeps would be done after so many more.
  static let fewSweeps = 6.0

  init(_ m: Int, mode: Mode) throws(KantorError) {
    self.mode = mode
    step = try Buffer(count: m)
    previous = try Buffer(count: m)
    bestGamma = try Buffer(count: m)
    reset(goal: 0)
  }

  /// For a new problem, to be solved to `goal`.
  func reset(goal: Double) {
    self.goal = goal
    hasPrevious = false
    age = 0
    (startError, lastError, lastRate, bestError) = (.infinity, .infinity, 0, .infinity)
    if case .fixed(let value) = mode { omega = value } else { omega = 1 }
  }

  /// Sweeps needed to get from `error` to `goal`, as far as is known; infinity before.
  func predictedSweeps(from error: Double, to goal: Double) -> Double {
    guard error > goal else { return 0 }
    let rate = omega > 1 ? max(omega - 1, lastRate) : lastRate
    guard rate > 0, rate < 1 else { return .infinity }
    return Double.log(error / goal) / -Double.log(rate)
  }

  /// Moves gamma by one step, given the column sums and error of the last pass.
  func advance(_ state: EntropicState, _ pass: any EntropicPass, error: Double) {
    let (m, gamma, old) = (state.m, state.gamma.pointer, previous.pointer)
    let (b, sums, log) = (state.b.pointer, state.columnSum.pointer, step.pointer)
    for j in 0..<m { log[j] = sums[j] > 0 ? b[j] / sums[j] : 1 }
    kn_log_f64(log, log, Int64(m))
    var longest = 0.0
    for j in 0..<m where b[j] > 0 { longest = max(longest, abs(log[j])) }
    if adapt(error, longest, state) { return }
    let push = omega * omega
    let keep = hasPrevious ? (omega - 1) * (omega - 1) : 0
    for j in 0..<m where b[j] > 0 {
      let now = gamma[j]
      gamma[j] = now + push * log[j] + (keep > 0 ? keep * (now - old[j]) : 0)
      old[j] = now
    }
    hasPrevious = true
    if omega == 1 { pass.mendColumns(state) }
  }

  /// True when gamma was set back and the next pass has to tell where that is.
  private func adapt(_ error: Double, _ longest: Double, _ state: EntropicState) -> Bool {
    defer { lastError = error }
    guard case .automatic = mode else { return false }
    age += 1
    if omega == 1 {
      adaptPlain(error, longest)
    } else if !(error < 30 * bestError) || longest > Self.longestStep {
      state.gamma.pointer.update(from: bestGamma.pointer, count: state.m)
      calmDown()
      return true
    } else {
      adaptRelaxed(error)
    }
    if omega > 1, error <= bestError {
      bestError = error
      bestGamma.pointer.update(from: state.gamma.pointer, count: state.m)
    }
    return false
  }

  private func adaptPlain(_ error: Double, _ longest: Double) {
    let rate = error / lastError
    let isSteady = abs(rate - lastRate) < 0.15 * (1 - rate)
    lastRate = rate.isFinite ? rate : 0
    guard age >= 4, longest < Self.linearRegime, isSteady, rate < 1,
      predictedSweeps(from: error, to: goal) > Self.fewSweeps
    else { return }
    bestError = .infinity
    relax(theta: min(rate, 0.9999), error)
  }

  private func relax(theta: Double, _ error: Double) {
    omega = 2 / (1 + (1 - theta).squareRoot())
    (age, startError) = (0, error)
  }

  /// Every few periods of the recurrence: is the error going down as the theory says?
  private func adaptRelaxed(_ error: Double) {
    let period = max(8, Int(min(1000, 2 / (2 - omega))))
    guard age >= period else { return }
    let rate = Double.exp(Double.log(error / startError) / Double(age))
    lastRate = rate
    let expected = omega - 1
    if rate >= 1 {
      omega = max(1, omega - 0.5 * (omega - 1))
      (age, startError) = (0, error)
    } else if rate > expected + 0.25 * (1 - expected) {
      // The slowest mode has the real root z = rate of z^2 - (1 + keep - push mu) z + keep = 0.
      let (push, keep) = (omega * omega, expected * expected)
      let mu = (1 - rate) * (1 - keep / rate) / push
      relax(theta: min(1 - mu, 0.99999), error)
    } else {
      (age, startError) = (0, error)
    }
  }

  /// The error grew: back to plain sweeps.
  private func calmDown() {
    hasPrevious = false
    omega = 1
    (age, startError, lastRate, bestError) = (0, .infinity, 0, .infinity)
  }
}

extension Double {
  static func log(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_log_f64(&input, &output, 1)
    return output
  }

  static func exp(_ x: Double) -> Double {
    var (input, output) = (x, 0.0)
    kn_exp_f64(&input, &output, 1)
    return output
  }
}
