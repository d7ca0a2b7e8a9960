import KantorBlocks
import KantorCone
import KantorCore
import KantorNumerics

/// The problem kind "bilinear": saddle points of data, without functions of the host.
public enum BilinearKind {
  public static let kind = ProblemKind(
    name: "bilinear",
    summary: "Saddle points min over x, max over y of x'Px/2 + c'x + g(x) + x'Ky - b'y - h(y) "
      + "- mu |y|^2/2 with g and h by name.",
    fields: fields, seal: seal, defaultMethod: { _ in "primal_dual_hybrid_gradient" })

  static let primal = ProximalSlot("g")
  static let dual = ProximalSlot("h")

  static let fields: [FieldSpec] =
    [
      FieldSpec("K", .sparse, .input, shape: "(n, m)", "Coupling of x and y."),
      FieldSpec("c", .array, .input, shape: "(n,)", ranks: [1], "Linear in x; 0 if not set."),
      FieldSpec("b", .array, .input, shape: "(m,)", ranks: [1], "Linear in y; 0 if not set."),
      FieldSpec(
        "P", .sparse, .input, shape: "(n, n)",
        "Symmetric positive semidefinite, quadratic in x; whole, or its upper triangle; 0 if not "
          + "set."),
      FieldSpec(
        "mu", .real, .input, "Strength of the quadratic in y, >= 0; 0 if not set."),
    ] + primal.fields("The function g of x") + dual.fields("The function h of y")

  static func seal(_ fields: ProblemFields) throws(KantorError) -> any SealedProblem {
    guard let coupling = try ConeKind.matrix(fields, "K")?.matrix else {
      throw KantorError(.missing, "field 'K' has not been set")
    }
    let (n, m) = (coupling.rows, coupling.columns)
    guard n >= 1, m >= 1 else {
      throw KantorError(
        .shape, "K has the shape (\(n), \(m)); at least one row and one column are needed")
    }
    let mu = fields.real("mu") ?? 0
    guard mu >= 0 else { throw KantorError(.range, "mu is \(mu); a number >= 0 is needed") }
    return try BilinearProblem(
      coupling: coupling, c: try vector(fields, "c", n), b: try vector(fields, "b", m),
      quadratic: try quadratic(fields, n), mu: mu, primal: try primal.read(fields, count: n),
      dual: try dual.read(fields, count: m))
  }

  private static func vector(
    _ fields: ProblemFields, _ name: String, _ count: Int
  ) throws(KantorError) -> Buffer<Double> {
    guard let tensor = fields.tensor(name) else { return try Buffer(count: count) }
    guard tensor.shape == [count] else {
      throw KantorError(
        .shape, "\(name) has the shape \(tensor.shapeText); needed is (\(count),), as K says")
    }
    let values = try tensor.doubles()
    for i in 0..<count where !values.pointer[i].isFinite {
      throw KantorError(.notFinite, "\(name) is \(values.pointer[i]) at \(i)")
    }
    return values
  }

  /// The upper triangle of P.
  private static func quadratic(
    _ fields: ProblemFields, _ n: Int
  ) throws(KantorError) -> SparseMatrix? {
    guard let p = try ConeKind.quadratic(fields, n) else { return nil }
    try Convexity.check(p, .never)
    return p.count == 0 ? nil : p
  }
}

/// Data of a saddle point, checked.
public final class BilinearProblem: SealedProblem {
  /// n x m.
  package let coupling: SparseMatrix
  package let c: Buffer<Double>
  package let b: Buffer<Double>
  /// The upper triangle of P.
  package let quadratic: SparseMatrix?
  package let mu: Double
  package let primal: ProximalChoice
  package let dual: ProximalChoice

  package var n: Int { coupling.rows }
  package var m: Int { coupling.columns }

  package init(
    coupling: SparseMatrix, c: Buffer<Double>, b: Buffer<Double>, quadratic: SparseMatrix?,
    mu: Double, primal: ProximalChoice, dual: ProximalChoice
  ) throws(KantorError) {
    self.coupling = coupling
    self.c = c
    self.b = b
    self.quadratic = quadratic
    self.mu = mu
    self.primal = primal
    self.dual = dual
  }
}
