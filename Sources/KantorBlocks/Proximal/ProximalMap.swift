import KantorCore

/// A convex function g of n numbers with what first-order methods ask of it.
///
/// An object owns the work memory of its algorithms: not for two threads at once. Its data do not
/// change, so that each solve may make one for itself.
public protocol ProximalMap: AnyObject {
  /// n.
  var count: Int { get }

  /// out <- the minimiser u of g(u) + |u - x|^2 / (2 step); for an indicator the nearest point of
  /// its set, whatever the step. `out` may be `x`. False, and `out` is of no use, when a number is
  /// not finite or an inner computation failed.
  func apply(
    _ x: UnsafePointer<Double>, step: Double, into out: UnsafeMutablePointer<Double>
  ) -> Bool

  /// g(x), from its definition.
  func value(_ x: UnsafePointer<Double>) -> ConvexValue

  /// g*(y) = sup over x of y'x - g(x): the support function of a set.
  func conjugate(_ y: UnsafePointer<Double>) -> ConvexValue

  /// out <- J'v with the derivative J of `apply` at x. At kinks it is the one of the branch that a
  /// comparison by >= takes. `out` may be `v`.
  func pullback(
    _ x: UnsafePointer<Double>, step: Double, _ v: UnsafePointer<Double>,
    into out: UnsafeMutablePointer<Double>
  ) -> Bool
}

/// The value of a convex function that may be infinite: what it is on its domain, and by how much
/// the point violates the worst condition of the domain. Points that ought to lie in it are off by
/// rounding; the reader decides how much is too much.
public struct ConvexValue: Sendable, Equatable {
  public var value: Double
  public var violation: Double

  public init(_ value: Double = 0, violation: Double = 0) {
    self.value = value
    self.violation = violation
  }
}

/// A parameter of a proximal map.
public struct ProximalParameter: Sendable {
  public let name: String
  public let shape: String
  public let isRequired: Bool
  public let doc: String

  public init(_ name: String, shape: String = "()", isRequired: Bool = false, _ doc: String) {
    self.name = name
    self.shape = shape
    self.isRequired = isRequired
    self.doc = doc
  }
}

/// A proximal map of the library, before it is made for data.
public struct ProximalEntry: Sendable {
  public enum Form: String, Sendable {
    case function
    /// g is 0 on a set and infinite elsewhere: the map is the projection on the set.
    case indicator
    /// Distances are measured by another function than half the squared length; methods that need
    /// Euclidean maps refuse it.
    case mirror
  }

  public let name: String
  public let form: Form
  /// The formula of g.
  public let summary: String
  public let parameters: [ProximalParameter]
  /// x stands for a matrix by rows.
  public let takesMatrix: Bool
  public let source: String
  let build: @Sendable (ProximalArguments) throws(KantorError) -> any ProximalMap

  init(
    _ name: String, _ form: Form, _ summary: String, _ parameters: [ProximalParameter] = [],
    takesMatrix: Bool = false, source: String,
    _ build: @escaping @Sendable (ProximalArguments) throws(KantorError) -> any ProximalMap
  ) {
    self.name = name
    self.form = form
    self.summary = summary
    self.parameters = parameters
    self.takesMatrix = takesMatrix
    self.source = source
    self.build = build
  }

  /// The map for vectors of `count` numbers. A parameter that is not known, is missing, or for
  /// which g makes no sense (an empty set, a negative weight) is refused.
  public func make(
    count: Int, _ values: [String: Tensor] = [:]
  ) throws(KantorError) -> any ProximalMap {
    guard count >= 1 else {
      throw KantorError(.shape, "\(name) of \(count) numbers; at least 1 is needed")
    }
    return try build(try ProximalArguments(self, count: count, values))
  }
}
