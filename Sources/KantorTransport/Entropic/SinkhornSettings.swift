import KantorCore

/// The options of `sinkhorn`, read once.
struct SinkhornSettings {
  var epsilon: Double
  var tolerance: Double
  var gapTolerance = 0.0
  var engine = "auto"
  var precisionName = "auto"
  var scalesEpsilon = true
  var scalingFactor = 0.25
  var relaxation = Relaxation.Mode.automatic
  var newtonDensity = 0.15
  var newtonRule = NewtonRule.droppedMass(0.01)
  /// Sweeps at the target before Newton's method; 0 for as many as the error asks for.
  var firstSweeps = 0
  /// Steps that correct the Newton matrix of plans too dense to be stored; 0 for sweeps instead.
  var lowRank = 0
  var rounds = false
  var planThreshold = 0.0
  var threads: Int

  /// Relative rounding of f32.
  static let singleUnit = 6e-8
  /// Errors that f32 exponentials can tell from rounding; also those of a stored f32 kernel, whose
  /// sums are taken in f64.
  static let singleFloor = 1e-6
  static let kernelFloor = 3e-7
  /// Largest C / eps whose difference still has enough digits in f32.
  static let singleRange = 50.0

  /// Everything but these at its default.
  init(epsilon: Double, tolerance: Double, threads: Int) {
    self.epsilon = epsilon
    self.tolerance = tolerance
    self.threads = threads
  }

  init(_ run: Run) {
    let options = run.options
    epsilon = options.real("epsilon")
    tolerance = options.real("tolerance")
    gapTolerance = options.real("gap_tolerance")
    engine = options.text("engine")
    precisionName = options.text("precision")
    scalesEpsilon = options.flag("epsilon_scaling")
    scalingFactor = options.real("scaling_factor")
    let omega = options.real("overrelaxation")
    relaxation = omega == 0 ? .automatic : omega == 1 ? .off : .fixed(omega)
    newtonDensity = options.real("newton_density")
    newtonRule = .droppedMass(options.real("newton_drop"))
    rounds = options.flag("round")
    planThreshold = options.real("plan_threshold")
    threads = run.threads
  }

  var usesNewton: Bool { engine == "auto" || engine == "newton" }
  var endsInDouble: Bool { precisionName == "auto" || precisionName == "double" }

  func precision(cost: Double, epsilon: Double) -> SweepPrecision {
    switch precisionName {
    case "double": return .double
    case "single": return .single
    case "mixed": return .mixed
    default: return cost / epsilon < Self.singleRange ? .single : .mixed
    }
  }

  /// A stored kernel would break the promise of O(n + m) memory for points.
  func usesKernel(_ geometry: Geometry) -> Bool {
    if engine == "scaling" { return true }
    return engine == "auto" && !geometry.isPoints
  }

  /// How many pairs Newton's method may store: a share of all, and for points a multiple of their
  /// number, so that memory stays O(n + m).
  static func storedLimit(_ geometry: Geometry, density: Double) -> Int {
    let pairs = Double(geometry.n) * Double(geometry.m)
    let share = Int(min(density * pairs, 1e15))
    guard geometry.isPoints else { return share }
    return min(share, max(1 << 20, 64 * (geometry.n + geometry.m)))
  }
}
