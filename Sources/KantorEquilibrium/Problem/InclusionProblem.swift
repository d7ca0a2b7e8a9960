import KantorCore

/// 0 in F(x) + dg(x), validated: to this all kinds of the engine are reduced.
public final class InclusionProblem: SealedProblem {
  /// What the host posed; decides how results are named and what is certified in addition.
  package enum Form: Sendable {
    case inclusion
    /// min over the first `split` variables, max over the others.
    case saddle(split: Int)
    /// Players with consecutive variables.
    case game(sizes: [Int])
  }

  package let form: Form
  package let n: Int
  /// F as `map`, or as `batch_map` of a finite sum, or both; and `prox`.
  package let functions: Functions
  /// f of a saddle point: a function of x alone that is added to what `functions` say.
  package let primal: Functions?
  /// mu >= 0 of a saddle point: phi + mu |y|^2/2 is concave in y.
  package let strength: Double
  /// What the host gave; differs from `functions` where F was made from gradients.
  package let hostFunctions: Functions
  /// Number of components of the finite sum, 0 without.
  package let components: Int
  package let term: ProximalTerm
  package let start: Buffer<Double>
  /// Lipschitz constant of F; nil if not known.
  package let lipschitz: Double?
  /// <F(x) - F(y), x - y> >= comonotone |F(x) - F(y)|^2; nil if not known.
  package let comonotone: Double?
  /// Number of parameters of the host's functions.
  package let parameters: Int
  /// Shapes of the fields with the bounds of all variables, by name, where there are any.
  package let boundShapes: [String: [Int]]

  package init(
    form: Form, functions: Functions, hostFunctions: Functions, components: Int,
    term: ProximalTerm, start: Buffer<Double>, lipschitz: Double?, comonotone: Double?,
    parameters: Int = 0, boundShapes: [String: [Int]] = [:],
    primal: Functions? = nil, strength: Double = 0
  ) {
    self.form = form
    n = start.count
    self.functions = functions
    self.primal = primal
    self.strength = strength
    self.hostFunctions = hostFunctions
    self.components = components
    self.term = term
    self.start = start
    self.lipschitz = lipschitz
    self.comonotone = comonotone
    self.parameters = parameters
    self.boundShapes = boundShapes
  }

  /// Whether the host offers the values of all its functions.
  var offersValue: Bool {
    [hostFunctions, primal].allSatisfy { functions in
      functions == nil || functions?.value != nil || functions?.valueGradient != nil
    }
  }
}

/// Fields that the kinds of the engine share, read and checked.
struct InclusionFields {
  let fields: ProblemFields

  /// Functions of kinds whose F is the host's own.
  static let members: [Functions.Member] = [
    .map, .batchMap, .prox, .jacobian, .parameterJacobian,
  ]

  static let shared: [FieldSpec] = [
    FieldSpec(
      "lipschitz", .real, .input,
      "Lipschitz constant of F (for sampling methods: root of the mean square of those of the "
        + "components); estimated during the solve if not set."),
    FieldSpec(
      "comonotone", .real, .input,
      "A number r with <F(x) - F(y), x - y> >= r norm(F(x) - F(y))^2 for all x and y: 0 for "
        + "monotone, positive for cocoercive, negative for weakly nonmonotone F; for sampling "
        + "methods with the mean of the components' squares in place of the norm's. Unknown if not "
        + "set."),
    FieldSpec(
      "parameters", .array, .input, shape: "(p,)", ranks: [1],
      "Parameters that the functions depend on, for derivatives of the solution; the functions "
        + "have to know them by themselves."),
  ]

  var parameters: Int { fields.tensor("parameters")?.count ?? 0 }

  /// Shapes of the bounds that were set, where the term is a box of all variables.
  func boundShapes(_ term: ProximalTerm) throws(KantorError) -> [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    let isBox = term.blocks.allSatisfy { if case .box = $0.shape { true } else { false } }
    guard isBox else { return shapes }
    let sides = [(InclusionDerivative.lower, term.lower), (InclusionDerivative.upper, term.upper)]
    for (name, bounds) in sides {
      guard let tensor = fields.tensor(name) else { continue }
      let given = try tensor.doubles()
      guard given.count == 1 || given.count == term.n else { continue }
      // Parts of boxes may have read it in another order, or have numbers of their own.
      let isSame = (0..<term.n).allSatisfy {
        given.pointer[given.count == 1 ? 0 : $0] == bounds.pointer[$0]
      }
      if isSame { shapes[name] = tensor.shape }
    }
    return shapes
  }

  func functions() throws(KantorError) -> Functions {
    guard let functions = fields.functions("functions") else {
      throw KantorError(.missing, "field 'functions' has not been set")
    }
    return functions
  }

  func start(_ name: String) throws(KantorError) -> Buffer<Double> {
    guard let tensor = fields.tensor(name) else {
      throw KantorError(.missing, "field '\(name)' has not been set")
    }
    let start = try tensor.doubles()
    guard start.count >= 1 else {
      throw KantorError(.shape, "\(name) has the shape (0,); at least one variable is needed")
    }
    for i in 0..<start.count where !start.pointer[i].isFinite {
      throw KantorError(.notFinite, "\(name) is \(start.pointer[i]) at \(i); numbers are needed")
    }
    return start
  }

  /// Sizes of consecutive blocks that make up the n variables.
  func sizes(_ name: String, n: Int) throws(KantorError) -> [Int]? {
    guard let tensor = fields.tensor(name) else { return nil }
    let given = try tensor.doubles()
    defer { withExtendedLifetime(given) {} }
    if tensor.rank == 0, given.count == 1, let size = Int(exactly: given.pointer[0]), size >= 1,
      n % size == 0
    {
      return [Int](repeating: size, count: n / size)
    }
    var sizes: [Int] = []
    var sum = 0.0
    for k in 0..<given.count {
      let size = given.pointer[k]
      guard size.isFinite else {
        throw KantorError(.notFinite, "\(name) is \(size) at \(k); sizes are needed")
      }
      guard size >= 1, size <= Double(n), size.rounded() == size else {
        throw KantorError(
          .range, "\(name) is \(size) at \(k); whole numbers from 1 to \(n) are allowed")
      }
      sum += size
      sizes.append(Int(size))
    }
    guard sum == Double(n) else {
      throw KantorError(
        .shape, "the sizes in \(name) have the sum \(shortText(sum)); there are \(n) variables")
    }
    return sizes
  }

  func components() throws(KantorError) -> Int {
    guard let count = fields.int("components") else { return 0 }
    guard count >= 1, count <= 1 << 40 else {
      throw KantorError(.range, "components is \(count); allowed is 1 to 2^40")
    }
    return Int(count)
  }

  func lipschitz() throws(KantorError) -> Double? {
    guard let value = fields.real("lipschitz") else { return nil }
    guard value > 0 else {
      throw KantorError(.range, "lipschitz is \(value); a positive number is allowed")
    }
    return value
  }
}
