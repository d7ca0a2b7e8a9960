import KantorCore
import KantorNumerics

/// How the caller gave a matrix: derivatives with respect to it take the same form.
public struct MatrixEntries: Sendable {
  enum Form: Sendable {
    case missing
    /// Row-major, zeros included.
    case dense
    /// The numbers stored: `pattern` has them in canonical order, `places` tells where each went.
    case stored(pattern: SparseMatrix, places: SparsePlaces)
  }

  let form: Form
  let rows: Int
  let columns: Int
  /// The upper triangle stands for a symmetric matrix: a number off the diagonal counts twice.
  let isTriangle: Bool

  static func missing(rows: Int, columns: Int) -> MatrixEntries {
    MatrixEntries(form: .missing, rows: rows, columns: columns, isTriangle: false)
  }

  /// The shape of derivatives with respect to the matrix.
  var shape: [Int] {
    switch form {
    case .missing: return [0]
    case .dense: return [rows, columns]
    case .stored(_, let places): return [places.given]
    }
  }

  /// Row and column of each number, in the caller's order.
  func forEach(_ body: (_ k: Int, _ i: Int, _ j: Int) -> Void) throws(KantorError) {
    switch form {
    case .missing: return
    case .dense:
      for i in 0..<rows {
        for j in 0..<columns { body(i &* columns &+ j, i, j) }
      }
    case .stored(let pattern, let places):
      let (first, row) = (pattern.starts.pointer, pattern.indices.pointer)
      guard let place = places.place else {
        for j in 0..<pattern.columns {
          for k in first[j]..<first[j + 1] { body(k, Int(row[k]), j) }
        }
        return
      }
      let column = try Buffer<Int32>(count: pattern.count)
      for j in 0..<pattern.columns {
        for k in first[j]..<first[j + 1] { column.pointer[k] = Int32(truncatingIfNeeded: j) }
      }
      for k in 0..<places.given {
        let p = Int(place.pointer[k])
        body(k, Int(row[p]), Int(column.pointer[p]))
      }
    }
  }
}

extension SparseMatrix {
  /// No entry off the diagonal.
  var isDiagonal: Bool {
    for j in 0..<columns {
      for k in starts.pointer[j]..<starts.pointer[j + 1] where Int(indices.pointer[k]) != j {
        return false
      }
    }
    return true
  }
}
