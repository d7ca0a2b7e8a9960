import KantorBlocks
import KantorCore
import KantorNumerics

/// min F(x, z) over x in X with G(x, z) <= 0 and H(x, z) = 0, where z are named results of another
/// problem some of whose fields depend on x: the caller's data, validated.
public final class NestedProblem: SealedProblem {
  /// A field of the lower problem that depends on x.
  struct Part: Sendable {
    enum Form: Sendable {
      case number
      case array(shape: [Int])
      // In a box: of a larger case the compiler reads bytes that were never written.
      indirect case sparse(SparseTensor)
    }
    let name: String
    let form: Form
    /// Its numbers in the lower problem as it was handed over: elements in row-major order, or the
    /// stored values.
    let base: Buffer<Double>

    func value(_ numbers: UnsafePointer<Double>) throws(KantorError) -> FieldValue {
      switch form {
      case .number: return .real(numbers[0])
      case .array(let shape):
        return .array(Tensor(try Buffer(copying: numbers, count: base.count), shape: shape))
      case .sparse(let matrix):
        return .sparse(
          try SparseTensor(
            format: matrix.format, rows: matrix.rows, columns: matrix.columns,
            values: Tensor(try Buffer(copying: numbers, count: base.count)),
            indices: matrix.indices, offsets: matrix.offsets))
      }
    }
  }

  /// How the fields, one after another, follow from x.
  enum Dependence: Sendable {
    /// The fields as they were set plus M x.
    case matrix(SparseMatrix)
    /// `map` of the host, and its derivative.
    case functions(Functions)
  }

  let lower: Subproblem
  let parts: [Part]
  let dependence: Dependence
  /// Numbers of all parts.
  let partCount: Int
  /// Fields of the lower result that make up z, one after another.
  let answers: [String]
  /// Functions of the joined vector (x, z).
  let upper: Functions
  /// Rows of the upper map: inequalities <= 0, then equations.
  let rows: Int
  let equalities: Int
  public let startX: Buffer<Double>
  public let leader: LeaderSet
  public let nz: Int

  public var nx: Int { startX.count }
  var n: Int { nx + nz }
  var inequalities: Int { rows - equalities }

  init(
    lower: Subproblem, parts: [Part], dependence: Dependence, answers: [String], nz: Int,
    upper: Functions, rows: (count: Int, equalities: Int), startX: Buffer<Double>, leader: LeaderSet
  ) {
    self.lower = lower
    self.parts = parts
    self.dependence = dependence
    self.answers = answers
    self.nz = nz
    self.upper = upper
    (self.rows, equalities) = rows
    self.startX = startX
    self.leader = leader
    partCount = parts.reduce(0) { $0 + $1.base.count }
  }
}
