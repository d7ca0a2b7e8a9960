import KantorBlocks
import KantorCore

/// The lower level of a problem with another objective,
///
///     a f + b F + |y - centre|^2 / (2 rho)
///       + (|max(0, z + g2 g)|^2 - |z|^2) / (2 g2) + (z_h.h + g2 |h|^2 / 2),
///
/// as a bilevel problem of its own, so that every solver of lower levels can be put to work on it.
/// The last line, if asked for, stands in the place of the rows. Weights, centre and multipliers
/// may change between solves. All calls go through the oracle of the given problem, which counts
/// them.
final class LowerBlend: @unchecked Sendable {
  typealias Point = UnsafePointer<Double>
  typealias Out = UnsafeMutablePointer<Double>

  struct Shape {
    /// Rows are kept, or taken into the objective with multipliers z.
    var keepsRows = true
    /// Whether second derivatives are passed on.
    var second = true
  }

  let base: BilevelOracle
  private(set) var problem: BilevelProblem
  private(set) var oracle: BilevelOracle
  /// Weights of f and F.
  var lowerWeight = 1.0
  var upperWeight = 0.0
  /// Strength of the proximal term, 1 / rho; its centre; strength and multipliers of the rows.
  var proximal = 0.0
  let centre: Buffer<Double>
  var strength = 1.0
  let z: Buffer<Double>
  /// max(0, z + g2 g) and z + g2 h at the last point.
  let multipliers: Buffer<Double>
  private var failure: KantorError?
  private let shape: Shape
  private let room: Buffer<Double>
  private let rows: Buffer<Double>
  private let weights: Buffer<Double>
  private let jacobian: Buffer<Double>

  init(_ base: BilevelOracle, _ shape: Shape = Shape()) throws(KantorError) {
    self.base = base
    self.shape = shape
    let given = base.problem
    centre = try Buffer(count: given.ny)
    z = try Buffer(count: given.lower.rows)
    multipliers = try Buffer(count: given.lower.rows)
    rows = try Buffer(count: given.lower.rows)
    weights = try Buffer(count: given.lower.rows)
    room = try Buffer(count: given.n)
    jacobian = try Buffer(
      count: shape.keepsRows
        ? 0 : try checkedProduct(given.lower.rows, given.n, of: "Jacobian"))
    problem = given
    oracle = base
    problem = BilevelProblem(
      upper: .init(functions: upperFunctions(), rows: 0, equalities: 0, components: 0),
      lower: .init(
        functions: lowerFunctions(), rows: shape.keepsRows ? given.lower.rows : 0,
        equalities: shape.keepsRows ? given.lower.equalities : 0, components: 0),
      startX: given.startX, startY: given.startY, xBounds: (given.xLower, given.xUpper),
      yBounds: (given.yLower, given.yUpper), xSet: given.xSet)
    oracle = try BilevelOracle(problem, monitor: base.monitor)
  }

  /// An error of a call below, which the codes of functions cannot carry.
  func rethrow() throws(KantorError) {
    guard let failure else { return }
    self.failure = nil
    throw failure
  }

  // MARK: Functions

  private func code(_ body: () throws(KantorError) -> Bool) -> Int32 {
    do {
      if try body() { return 0 }
    } catch {
      failure = failure ?? error
      base.monitor.end(.numericalError)
      return -1
    }
    return base.stopped ? -1 : 1
  }

  private func upperFunctions() -> Functions {
    var functions = Functions()
    functions.value = { [unowned self] w, out in
      code { () throws(KantorError) in
        out[0] = try base.value(.upper, w)
        return out[0].isFinite
      }
    }
    functions.gradient = { [unowned self] w, out in
      code { () throws(KantorError) in try base.gradient(.upper, w, out) }
    }
    functions.hessianProduct = { [unowned self] w, sigma, _, v, out in
      code { () throws(KantorError) in
        try base.hessianProduct(.upper, w, sigma: sigma, times: v, out)
      }
    }
    return functions
  }

  private func lowerFunctions() -> Functions {
    var functions = Functions()
    functions.value = { [unowned self] w, out in
      code { () throws(KantorError) in
        out[0] = try value(w)
        return out[0].isFinite
      }
    }
    functions.gradient = { [unowned self] w, out in
      code { () throws(KantorError) in try gradient(w, out) }
    }
    if shape.keepsRows, base.problem.lower.rows > 0 {
      functions.map = { [unowned self] w, out in
        code { () throws(KantorError) in try base.constraints(.lower, w, out) }
      }
      functions.jacobian = { [unowned self] w, out in
        code { () throws(KantorError) in try base.jacobian(.lower, w, out) }
      }
    }
    guard shape.second, base.offersSecondDerivative(.lower) else { return functions }
    functions.hessianProduct = { [unowned self] w, sigma, y, v, out in
      code { () throws(KantorError) in try product(w, sigma, y, v, out) }
    }
    return functions
  }

  private func value(_ w: Point) throws(KantorError) -> Double {
    let given = base.problem
    var sum = 0.0
    if lowerWeight != 0 { sum += lowerWeight * (try base.value(.lower, w)) }
    if upperWeight != 0, sum.isFinite { sum += upperWeight * (try base.value(.upper, w)) }
    guard sum.isFinite else { return .infinity }
    if proximal > 0 {
      var square = 0.0
      for j in 0..<given.ny {
        let d = w[given.nx + j] - centre.pointer[j]
        square += d * d
      }
      sum += 0.5 * proximal * square
    }
    guard !shape.keepsRows, given.lower.rows > 0 else { return sum }
    guard try placeMultipliers(w) else { return .infinity }
    for i in 0..<given.lower.rows {
      let (old, row) = (z.pointer[i], rows.pointer[i])
      // (m^2 - z^2) / (2 g2) with m = z + g2 g, without its cancellation.
      let isActive = i >= given.lower.inequalities || old + strength * row > 0
      sum += isActive ? row * (old + 0.5 * strength * row) : -old * old / (2 * strength)
    }
    return sum
  }

  /// The multipliers at w from the rows there.
  func placeMultipliers(_ w: Point) throws(KantorError) -> Bool {
    guard try base.constraints(.lower, w, rows.pointer) else { return false }
    let level = base.problem.lower
    for i in 0..<level.rows {
      let moved = z.pointer[i] + strength * rows.pointer[i]
      multipliers.pointer[i] = i < level.inequalities ? max(0, moved) : moved
    }
    return true
  }

  private func gradient(_ w: Point, _ out: Out) throws(KantorError) -> Bool {
    let given = base.problem
    let (nx, n) = (given.nx, given.n)
    if shape.keepsRows || given.lower.rows == 0 {
      guard try base.gradient(.lower, w, out) else { return false }
      if lowerWeight != 1 { for i in 0..<n { out[i] *= lowerWeight } }
    } else {
      guard try placeMultipliers(w),
        try base.lagrangianGradient(
          .lower, w, sigma: lowerWeight, multipliers.pointer, out)
      else { return false }
    }
    if upperWeight != 0 {
      guard try base.gradient(.upper, w, room.pointer) else { return false }
      for i in 0..<n { out[i] += upperWeight * room.pointer[i] }
    }
    if proximal > 0 {
      for j in 0..<given.ny { out[nx + j] += proximal * (w[nx + j] - centre.pointer[j]) }
    }
    return true
  }

  private func product(
    _ w: Point, _ sigma: Double, _ y: Point, _ v: Point, _ out: Out
  ) throws(KantorError) -> Bool {
    let given = base.problem
    let (nx, n, level) = (given.nx, given.n, given.lower)
    let isTaken = !shape.keepsRows && level.rows > 0
    if isTaken {
      guard try placeMultipliers(w) else { return false }
      for i in 0..<level.rows { weights.pointer[i] = sigma * multipliers.pointer[i] }
    }
    guard
      try base.hessianProduct(
        .lower, w, sigma: sigma * lowerWeight, isTaken ? UnsafePointer(weights.pointer) : y,
        times: v, out)
    else { return false }
    if upperWeight != 0 {
      guard
        try base.hessianProduct(
          .upper, w, sigma: sigma * upperWeight, times: v, room.pointer)
      else { return false }
      for i in 0..<n { out[i] += room.pointer[i] }
    }
    if proximal > 0 { for j in 0..<given.ny { out[nx + j] += sigma * proximal * v[nx + j] } }
    guard isTaken else { return true }
    guard try base.jacobian(.lower, w, jacobian.pointer) else { return false }
    for i in 0..<level.rows where i >= level.inequalities || multipliers.pointer[i] > 0 {
      let row = jacobian.pointer + i * n
      var dot = 0.0
      for k in 0..<n { dot += row[k] * v[k] }
      for k in 0..<n { out[k] += sigma * strength * dot * row[k] }
    }
    return true
  }
}
