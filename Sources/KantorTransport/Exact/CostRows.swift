import CKantorKernels
import KantorCore

/// Rows of a cost matrix in f64, whatever the geometry: dense f64 rows are read where they are,
/// all others are made in a buffer of one row.
struct CostRows {
  let kernel: UnsafePointer<kn_cost>
  let n: Int
  let m: Int
  /// The matrix itself, or the buffer of one row.
  private let values: UnsafeMutablePointer<Double>
  private let leading: Int
  private let isDense: Bool
  private let owned: (Buffer<kn_cost>, Buffer<Double>?)

  init(_ cost: kn_cost) throws(KantorError) {
    let box = try Buffer<kn_cost>(count: 1)
    box.pointer[0] = cost
    kernel = UnsafePointer(box.pointer)
    n = Int(cost.rows)
    m = Int(cost.columns)
    leading = Int(cost.leading)
    if cost.kind == Int32(KN_COST_DENSE_F64), let matrix = cost.dense64 {
      values = UnsafeMutablePointer(mutating: matrix)
      isDense = true
      owned = (box, nil)
    } else {
      let row = try Buffer<Double>(count: m)
      values = row.pointer
      isDense = false
      owned = (box, row)
    }
  }

  /// Costs of row i, columns [first, first + count), at their own indices. Valid until the next
  /// call.
  @inline(__always)
  func row(_ i: Int, first: Int, count: Int) -> UnsafePointer<Double> {
    if isDense { return UnsafePointer(values + i &* leading) }
    kn_cost_row_f64(kernel, Int64(i), Int64(first), Int64(count), values + first)
    return UnsafePointer(values)
  }

  @inline(__always) func row(_ i: Int) -> UnsafePointer<Double> { row(i, first: 0, count: m) }

  /// The cost of one pair.
  @inline(__always)
  func entry(_ i: Int, _ j: Int) -> Double {
    if isDense { return values[i &* leading &+ j] }
    var value = 0.0
    kn_cost_row_f64(kernel, Int64(i), Int64(j), 1, &value)
    return value
  }

  /// The largest finite |C_ij|.
  func largestFinite() -> Double {
    var largest = 0.0
    for i in 0..<n {
      let c = row(i)
      for j in 0..<m {
        let size = abs(c[j])
        if size > largest && size < .infinity { largest = size }
      }
    }
    return largest
  }
}
