import KantorBlocks
import KantorCore
import KantorNumerics

/// min 1/2 x'Px + q'x subject to Ax + s = b, s in K: the caller's data, validated.
///
/// Its dual, with z in K*: Px + A'z + q = 0, and the dual objective is
///     -1/2 x'Px - b'z + (sum over box rows of min(lower_i z_i, upper_i z_i)).
/// For rows of a box, z is free; it is <= 0 where upper is active, >= 0 where lower is.
public final class ConeProblem: SealedProblem {
  public let n: Int
  public let m: Int
  /// Upper triangle of the symmetric P; without entries for linear objectives.
  public let p: SparseMatrix
  public let q: Buffer<Double>
  public let a: SparseMatrix
  public let b: Buffer<Double>
  public let cones: [Cone]
  /// First row of each cone, and m at the end.
  public let rowStarts: [Int]
  /// Bounds of every row that belongs to a box, -infinity and +infinity in all other rows; nil
  /// when there is no box.
  public let lower: Buffer<Double>?
  public let upper: Buffer<Double>?
  /// P and A in the caller's form.
  public let pEntries: MatrixEntries
  public let aEntries: MatrixEntries

  public init(
    p: SparseMatrix, q: Buffer<Double>, a: SparseMatrix, b: Buffer<Double>, cones: [Cone],
    lower: Buffer<Double>? = nil, upper: Buffer<Double>? = nil, pEntries: MatrixEntries? = nil,
    aEntries: MatrixEntries? = nil
  ) {
    n = q.count
    m = b.count
    self.p = p
    self.q = q
    self.a = a
    self.b = b
    self.cones = cones
    var starts = [0]
    starts.reserveCapacity(cones.count + 1)
    for cone in cones { starts.append((starts.last ?? 0) + cone.rows) }
    rowStarts = starts
    self.lower = lower
    self.upper = upper
    self.pEntries = pEntries ?? MatrixEntries.missing(rows: n, columns: n)
    self.aEntries = aEntries ?? MatrixEntries.missing(rows: m, columns: n)
    precondition(p.rows == n && p.columns == n && a.rows == m && a.columns == n)
    precondition(starts.last == m)
  }

  /// True when every cone is zero, nonnegative or box: a linear or quadratic program.
  public var isLinear: Bool { cones.allSatisfy(\.isLinear) }
}
