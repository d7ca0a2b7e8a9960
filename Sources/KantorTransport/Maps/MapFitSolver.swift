import KantorCore
import KantorNumerics

/// The state of one `fit_map` solve; see `FitMap`.
final class MapFitSolver {
  let problem: MapFitProblem
  let gapWeight: Double
  let ridge: Double
  let tolerance: Double
  private(set) var epsilon: Double
  private(set) var gapEpsilon: Double
  private(set) var evaluations = 0

  private let run: Run
  private let inner: InnerRun
  private let innerTolerance: Double
  /// F, n x p, and the weights W, p x d, in units of `unit`.
  private let features: Buffer<Double>
  /// L with L L' = F' diag(a) F + penalty; steps are made in V = L' W, where the loss has nearly
  /// the same curvature in all directions.
  private let factor: Buffer<Double>
  private let variables: Buffer<Double>
  private let weightSlope: Buffer<Double>
  private let featureCount: Int
  private let mean: Buffer<Double>
  private let spread: Double
  private let unit: Double

  /// The entropic problems at the last images, and those of the iterate that is kept.
  private var current: [MapFitCheck.Part] = []
  private(set) var parts: [MapFitCheck.Part] = []
  private let weights: Buffer<Double>
  private let images: Buffer<Double>
  private let slope: Buffer<Double>

  /// The inner problems are solved this much better than the outer one.
  private static let innerFactor = 1e-4
  private static let finest = 1e-13
  /// Beyond this many passes the error left is that of outliers, whose potentials hardly matter;
  /// the certificate says how large it is.
  private static let innerLimit = 500

  init(_ problem: MapFitProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    self.run = run
    inner = InnerRun(run: run)
    let options = run.options
    gapWeight = options.real("gap_weight")
    ridge = options.real("ridge")
    tolerance = options.real("tolerance")
    innerTolerance = max(Self.finest, Self.innerFactor * tolerance)
    epsilon = options.real("epsilon")
    gapEpsilon = options.real("gap_epsilon")
    let (n, d, k) = (problem.n, problem.dimension, problem.centres.count)
    featureCount = d + 1 + k
    features = try Buffer(count: try checkedProduct(n, featureCount, of: "features"))
    weights = try Buffer(count: try checkedProduct(featureCount, d, of: "parameters"))
    variables = try Buffer(count: weights.count)
    weightSlope = try Buffer(count: weights.count)
    images = try Buffer(count: n * d)
    slope = try Buffer(count: n * d)
    mean = try Self.mean(problem.source, problem.a)
    spread = Self.spread(problem.source, problem.a, mean)
    let goal = try Self.mean(problem.target, problem.b)
    unit = Self.spread(problem.target, problem.b, goal)
    factor = try Buffer(count: try checkedProduct(featureCount, featureCount, of: "features"))
    try buildFeatures()
    factorise()
    // The identity, moved to the targets' mean: V = L' W.
    for r in 0...d {
      for l in 0..<d {
        let shift = (goal.pointer[l] - mean.pointer[l]) / unit
        variables.pointer[r * d + l] = factor.pointer[d * featureCount + r] * shift
      }
    }
    try chooseEpsilon()
  }

  private static func mean(
    _ cloud: MapFitProblem.Cloud, _ weights: Buffer<Double>
  ) throws(KantorError) -> Buffer<Double> {
    let d = cloud.dimension
    let out = try Buffer<Double>(count: d)
    for i in 0..<cloud.count {
      for l in 0..<d { out.pointer[l] += weights.pointer[i] * cloud.points.pointer[i * d + l] }
    }
    return out
  }

  /// Root mean square distance from the mean per coordinate; 1 for a single point.
  private static func spread(
    _ cloud: MapFitProblem.Cloud, _ weights: Buffer<Double>, _ mean: Buffer<Double>
  ) -> Double {
    let d = cloud.dimension
    var sum = 0.0
    for i in 0..<cloud.count {
      for l in 0..<d {
        let step = cloud.points.pointer[i * d + l] - mean.pointer[l]
        sum += weights.pointer[i] * step * step
      }
    }
    return sum > 0 ? (sum / Double(d)).squareRoot() : 1
  }

  private func buildFeatures() throws(KantorError) {
    let (n, d, p) = (problem.n, problem.dimension, featureCount)
    let scale = -0.5 / (problem.width * problem.width)
    for i in 0..<n {
      let (x, row) = (problem.source.points.pointer + i * d, features.pointer + i * p)
      for l in 0..<d { row[l] = (x[l] - mean.pointer[l]) / spread }
      row[d] = 1
      for k in 0..<problem.centres.count {
        let c = problem.centres.points.pointer + k * d
        var square = 0.0
        for l in 0..<d { square += (x[l] - c[l]) * (x[l] - c[l]) }
        row[d + 1 + k] = Double.exp(scale * square)
      }
    }
  }

  /// Cholesky; pivots that are rounding, of features that depend on each other, are raised.
  private func factorise() {
    let (n, p, k) = (problem.n, featureCount, problem.centres.count)
    let l = factor.pointer
    for i in 0..<n {
      let (row, weight) = (features.pointer + i * p, problem.a.pointer[i])
      for r in 0..<p { for c in 0...r { l[r * p + c] += weight * row[r] * row[c] } }
    }
    for r in (p - k)..<p { l[r * p + r] += ridge / Double(max(k, 1)) }
    for c in 0..<p {
      let before = l[c * p + c]
      for j in 0..<c { l[c * p + c] -= l[c * p + j] * l[c * p + j] }
      l[c * p + c] = max(l[c * p + c], max(Self.leastPivot * before, 1e-30)).squareRoot()
      for r in (c + 1)..<max(p, c + 1) {
        for j in 0..<c { l[r * p + c] -= l[r * p + j] * l[c * p + j] }
        l[r * p + c] /= l[c * p + c]
      }
    }
  }

  private static let leastPivot = 1e-8

  /// W = L'^-1 V.
  private func unpack(_ v: UnsafePointer<Double>) {
    let (d, p, l, w) = (problem.dimension, featureCount, factor.pointer, weights.pointer)
    for r in stride(from: p - 1, through: 0, by: -1) {
      for c in 0..<d {
        var sum = v[r * d + c]
        for q in (r + 1)..<max(p, r + 1) { sum -= l[q * p + r] * w[q * d + c] }
        w[r * d + c] = sum / l[r * p + r]
      }
    }
  }

  /// The gradient for V from that for W: L^-1.
  private func pull(_ gradient: UnsafeMutablePointer<Double>) {
    let (d, p, l, g) = (problem.dimension, featureCount, factor.pointer, weightSlope.pointer)
    for r in 0..<p {
      for c in 0..<d {
        var sum = g[r * d + c]
        for q in 0..<r { sum -= l[r * p + q] * gradient[q * d + c] }
        gradient[r * d + c] = sum / l[r * p + r]
      }
    }
  }

  private func chooseEpsilon() throws(KantorError) {
    let isSame = problem.metric == .sqeuclidean
    if epsilon == 0 { epsilon = try typicalEpsilon(.sqeuclidean, 2) }
    if gapEpsilon == 0 {
      gapEpsilon = isSame ? epsilon : try typicalEpsilon(problem.metric, problem.power)
    }
  }

  private func typicalEpsilon(_ metric: Metric, _ power: Double) throws(KantorError) -> Double {
    let (y, m) = (problem.target.points, problem.m)
    let within = try TransportProblem(
      geometry: .points(
        x: y, n: m, y: y, m: m, dimension: problem.dimension, metric: metric, power: power),
      a: problem.b, b: problem.b)
    return try CostSummary(within, sampled: false, run.monitor).automaticEpsilon
  }

  /// What the images' own problem counts in the loss: -1/2 for the divergence, lambda/2 for the gap
  /// where both are the same problem.
  private var isShared: Bool { problem.metric == .sqeuclidean && gapEpsilon == epsilon }

  // MARK: The course

  func solve() throws(KantorError) {
    let monitor = run.monitor
    // Before anything may stop the iteration; they have no part in the gradient.
    let constants = [
      try part(.targets, .target, .target, .sqeuclidean, epsilon, -0.5),
      try part(.pairSources, .source, .source, problem.metric, gapEpsilon, 0.5 * gapWeight),
    ]
    var method = try LBFGS(count: weights.count, memory: 20)
    let kept = try Buffer<Double>(count: weights.count)
    _ = try method.minimise(
      x: variables.pointer, tolerance: 0.1 * tolerance,
      maxIterations: run.options.int("max_iterations"),
      evaluate: { (x, gradient) throws(KantorError) in try evaluate(x, gradient) },
      goesOn: { iterate in
        // A failed search leaves the problems of another point behind; those kept stay.
        if lastX.span.elementsEqual(
          UnsafeBufferPointer(start: iterate.x, count: kept.count))
        {
          parts = current
          kept.pointer.update(from: iterate.x, count: kept.count)
        }
        let stop = monitor.check(
          iteration: iterate.iteration, objective: iterate.value * unit * unit,
          residual: iterate.gradient)
        return stop == nil && !(iterate.gradient > 0.1 * tolerance
          && monitor.reachesIterationLimit(iterate.iteration))
      })
    unpack(kept.pointer)
    parts += constants
  }

  /// Where the last evaluation was.
  private lazy var lastX: Buffer<Double> = variables

  private func move() {
    let x = weights.pointer
    let (n, d, p) = (problem.n, problem.dimension, featureCount)
    for i in 0..<n {
      let (row, source) = (features.pointer + i * p, problem.source.points.pointer + i * d)
      let out = images.pointer + i * d
      for l in 0..<d { out[l] = source[l] }
      for r in 0..<p {
        let value = unit * row[r]
        for l in 0..<d { out[l] += value * x[r * d + l] }
      }
    }
  }

  /// The loss over unit^2 without its constants, and its gradient.
  private func evaluate(
    _ x: UnsafePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
  ) throws(KantorError) -> Double {
    let (n, d, p) = (problem.n, problem.dimension, featureCount)
    evaluations += 1
    unpack(x)
    move()
    for k in 0..<images.count where !(abs(images.pointer[k]) < 1e140) { return .infinity }
    slope.fill(0)
    let before = current
    current = []
    var value = try add(.cross, .images, .target, .sqeuclidean, epsilon, 1, before)
    value += try add(
      .images, .images, .images, .sqeuclidean, epsilon,
      isShared ? 0.5 * (gapWeight - 1) : -0.5, before)
    let metric = problem.metric
    value += try add(.pair, .source, .images, metric, gapEpsilon, -gapWeight, before)
    if !isShared {
      value += try add(.pairImages, .images, .images, metric, gapEpsilon, 0.5 * gapWeight, before)
    }
    if gapWeight > 0 { value += try addPairing() }
    // Problems that were stopped half-way have no value; the first point is kept all the same.
    if evaluations > 1, run.monitor.stop != nil { return .infinity }
    lastX = try Buffer(copying: x, count: weights.count)
    let (w, total) = (weights.pointer, weightSlope.pointer)
    weightSlope.fill(0)
    let scale = 1 / unit
    for i in 0..<n {
      let (row, g) = (features.pointer + i * p, slope.pointer + i * d)
      for r in 0..<p {
        let factor = scale * row[r]
        for l in 0..<d { total[r * d + l] += factor * g[l] }
      }
    }
    // The penalty in units of unit^2, like everything here.
    let count = problem.centres.count
    value /= unit * unit
    for e in (d + 1) * d..<(d + 1 + count) * d {
      value += ridge / Double(count) * w[e] * w[e]
      total[e] += 2 * ridge / Double(count) * w[e]
    }
    pull(gradient)
    return value
  }

  // MARK: Entropic problems

  private func points(_ side: MapFitCheck.Side) -> (points: Buffer<Double>, count: Int) {
    switch side {
    case .source: return (problem.source.points, problem.n)
    case .target: return (problem.target.points, problem.m)
    case .images: return (images, problem.n)
    }
  }

  private func transport(
    _ first: MapFitCheck.Side, _ second: MapFitCheck.Side, _ metric: Metric
  ) throws(KantorError) -> TransportProblem {
    let (x, y) = (points(first), points(second))
    return try TransportProblem(
      geometry: .points(
        x: try x.points.copy(), n: x.count, y: try y.points.copy(), m: y.count,
        dimension: problem.dimension, metric: metric, power: problem.power),
      a: first == .target ? problem.b : problem.a, b: second == .target ? problem.b : problem.a)
  }

  private func part(
    _ role: MapFitCheck.Role, _ first: MapFitCheck.Side, _ second: MapFitCheck.Side,
    _ metric: Metric, _ epsilon: Double, _ coefficient: Double
  ) throws(KantorError) -> MapFitCheck.Part {
    try solved(try transport(first, second, metric), epsilon, isSymmetric: first == second, nil)
      .map(role, first, second, metric, problem.power, epsilon, coefficient)
  }

  private struct Solved {
    let f: Buffer<Double>
    let g: Buffer<Double>

    func map(
      _ role: MapFitCheck.Role, _ first: MapFitCheck.Side, _ second: MapFitCheck.Side,
      _ metric: Metric, _ power: Double, _ epsilon: Double, _ coefficient: Double
    ) -> MapFitCheck.Part {
      MapFitCheck.Part(
        role: role, first: first, second: second, metric: metric, power: power, epsilon: epsilon,
        coefficient: coefficient, f: f, g: g)
    }
  }

  /// A cloud against itself starts from the averaged iteration's answer; one pass of the general
  /// method then makes its value exact to second order.
  private func solved(
    _ transport: TransportProblem, _ epsilon: Double, isSymmetric: Bool,
    _ start: MapFitCheck.Part?
  ) throws(KantorError) -> Solved {
    let monitor = inner.monitor(iterationLimit: Self.innerLimit)
    var g = start?.g
    if isSymmetric {
      let level = try CostSummary(transport, sampled: true, monitor).spread
      let method = try SymmetricSinkhorn(
        transport.geometry, a: transport.a, threads: run.threads, monitor: monitor)
      let outcome = method.run(
        from: level, to: epsilon, tolerance: 0.5 * innerTolerance,
        next: { _ in monitor.heartbeat() == nil })
      if outcome == .converged || outcome == .slow { g = try method.potential(epsilon) }
    }
    let solver = try SinkhornSolver(
      transport,
      SinkhornSettings(epsilon: epsilon, tolerance: innerTolerance, threads: run.threads),
      monitor, warmG: g)
    try solver.run()
    let potentials = try EntropicPotentials(solver.state, transport)
    return Solved(f: potentials.f, g: potentials.g)
  }

  /// Solves one of the problems at the images and adds its share of value and slope.
  private func add(
    _ role: MapFitCheck.Role, _ first: MapFitCheck.Side, _ second: MapFitCheck.Side,
    _ metric: Metric, _ epsilon: Double, _ coefficient: Double, _ before: [MapFitCheck.Part]
  ) throws(KantorError) -> Double {
    let transport = try transport(first, second, metric)
    let answer = try solved(
      transport, epsilon, isSymmetric: first == second, before.first { $0.role == role })
    current.append(
      answer.map(role, first, second, metric, problem.power, epsilon, coefficient))
    guard coefficient != 0 else { return 0 }
    var value = CompensatedSum()
    for i in 0..<answer.f.count { value.add(transport.a.pointer[i] * answer.f.pointer[i]) }
    for j in 0..<answer.g.count { value.add(transport.b.pointer[j] * answer.g.pointer[j]) }
    var wanted: [String] = []
    if first == .images { wanted.append("points_source") }
    if second == .images { wanted.append("points_target") }
    let one = Tensor(try Buffer([coefficient]), shape: [])
    let gradients = try TransportDerivative.entropic(
      transport, epsilon: epsilon, f: answer.f, g: answer.g, tolerance: innerTolerance
    )(["objective": one], wanted)
    for name in wanted {
      guard let part = try gradients[name]?.doubles() else { continue }
      for k in 0..<slope.count { slope.pointer[k] += part.pointer[k] }
    }
    return coefficient * value.value
  }

  /// lambda sum a_i c(x_i, T(x_i)).
  private func addPairing() throws(KantorError) -> Double {
    let pairs = try transport(.source, .images, problem.metric)
    guard let derivative = CostDerivative(pairs.geometry) else { return .nan }
    let cost = try CheckedCost(pairs.geometry)
    var sum = CompensatedSum()
    for i in 0..<problem.n {
      let weight = gapWeight * problem.a.pointer[i]
      sum.add(weight * cost.entry(i, i))
      derivative.add(i, i, weight, nil, slope.pointer)
    }
    return sum.value
  }

  /// In the caller's terms.
  func parameters() throws(KantorError) -> MapParameters {
    let (d, w) = (problem.dimension, weights.pointer)
    let out = try MapParameters(dimension: d, centres: problem.centres.count)
    for c in 0..<d {
      var offset = unit * w[d * d + c]
      for l in 0..<d {
        let slope = unit * w[l * d + c] / spread
        out.matrix.pointer[c * d + l] = slope + (c == l ? 1 : 0)
        offset -= slope * mean.pointer[l]
      }
      out.offset.pointer[c] = offset
    }
    for e in 0..<out.radial.count { out.radial.pointer[e] = unit * w[(d + 1) * d + e] }
    return out
  }
}
