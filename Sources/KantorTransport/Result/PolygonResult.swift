import KantorCore
import KantorNumerics

/// Turns potentials of points that share a polygon into a result: asks the checker, derives the
/// status from the certificate and names what the caller can read.
enum PolygonResult {
  static let outputs: [FieldSpec] = [
    FieldSpec("objective", .real, .output, "Transport cost of the plan by cells."),
    FieldSpec(
      "dual_objective", .real, .certificate,
      "Value of the potential in the semi-dual: a lower bound of the cost."),
    FieldSpec(
      "upper_bound", .real, .certificate, "Cost of a plan with the masses b: an upper bound."),
    FieldSpec("gap", .real, .certificate, "upper_bound minus dual_objective."),
    FieldSpec("relative_gap", .real, .certificate, "gap over the size of the bounds' terms."),
    FieldSpec(
      "marginal_residual", .real, .certificate,
      "|cell masses - b|_1 / mass, plus what the cells miss of the polygon's area."),
    FieldSpec("mass", .real, .output, "Mass of the points and of the density."),
    FieldSpec("message", .text, .output, "The status and the certificate in one line."),
    FieldSpec(
      "potential_target", .array, .output, shape: "(m,)",
      "g: cell j is where |x - y_j|^2 - g_j is least; of mean 0 under b."),
    FieldSpec("cell_masses", .array, .output, shape: "(m,)", "Masses of the cells."),
    FieldSpec(
      "cell_means", .array, .output, shape: "(m, 2)",
      "Centres of mass of the cells; the point itself where a cell is empty."),
    FieldSpec(
      "cell_corners", .array, .output, shape: "(c, 2)",
      "Corners of all cells, one cell after the other, counterclockwise."),
    FieldSpec(
      "cell_starts", .array, .output, shape: "(m + 1,)",
      "Where each cell's corners start, and their number (i64)."),
  ]

  static func make(
    _ spec: MethodSpec, _ problem: PolygonProblem, _ g: Buffer<Double>, _ run: Run
  ) throws(KantorError) -> Result {
    let m = problem.m
    var mean = CompensatedSum()
    for j in 0..<m { mean.add(problem.b.pointer[j] / problem.mass * g.pointer[j]) }
    for j in 0..<m { g.pointer[j] -= mean.value }
    let (certificate, cells) = try PolygonCheck(problem, threads: run.threads).certify(g)
    let status = Status.judge(
      residual: certificate.residual, tolerance: run.options.real("tolerance"),
      stop: run.monitor.stop)
    let gap = max(0, certificate.upper - certificate.dual)
    var fields = ResultFields()
    fields.add("objective", certificate.cost)
    fields.certify("dual_objective", certificate.dual)
    fields.certify("upper_bound", certificate.upper)
    fields.certify("gap", gap)
    fields.certify("relative_gap", gap / certificate.scale)
    fields.certify("marginal_residual", certificate.residual)
    fields.add("mass", problem.mass)
    fields.add(
      "message",
      "\(status.name): masses of the cells off by \(shortText(certificate.residual)), gap of the "
        + "cost \(shortText(gap)), \(run.monitor.iterations) iterations")
    let (masses, means) = (try Buffer<Double>(count: m), try Buffer<Double>(count: 2 * m))
    for j in 0..<m {
      let area = cells.areas.pointer[j]
      masses.pointer[j] = problem.density * area
      for c in 0..<2 {
        let shift = area > 0 ? cells.moments.pointer[2 * j + c] / area : 0
        means.pointer[2 * j + c] = problem.y.pointer[2 * j + c] + shift
      }
    }
    fields.add("potential_target", Tensor(g))
    fields.add("cell_masses", Tensor(masses))
    fields.add("cell_means", Tensor(means, shape: [m, 2]))
    try addOutlines(&fields, cells)
    return Result(
      spec: spec, status: status, fields: fields,
      derivative: SemiDiscreteOutputs.derivative(
        problem.y, shape: [m, 2], mass: problem.mass, g, masses, means, certificate.dual))
  }

  private static func addOutlines(
    _ fields: inout ResultFields, _ cells: PolygonCheck.Cells
  ) throws(KantorError) {
    let corners = try Buffer<Double>(count: 2 * cells.corners.count)
    for (k, p) in cells.corners.enumerated() {
      corners.pointer[2 * k] = p.x
      corners.pointer[2 * k + 1] = p.y
    }
    fields.add("cell_corners", Tensor(corners, shape: [cells.corners.count, 2]))
    let starts = try Buffer<Int64>(count: cells.starts.count)
    for (k, start) in cells.starts.enumerated() { starts.pointer[k] = start }
    fields.add("cell_starts", Tensor(starts, count: starts.count))
  }
}
