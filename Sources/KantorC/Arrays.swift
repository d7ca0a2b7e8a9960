import CKantor
import KantorCore

/// Memory that the caller lends. `release` is called when the last tensor that refers to it ends,
/// or when the call that brought it fails: once in any case.
final class Loan: Sendable {
  private let release: kantor_release_fn?
  private nonisolated(unsafe) let owner: UnsafeMutableRawPointer?

  init(_ release: kantor_release_fn?, _ owner: UnsafeMutableRawPointer?) {
    self.release = release
    self.owner = owner
  }

  deinit { release?(owner) }
}

/// Where empty arrays point when the caller gave NULL.
private nonisolated(unsafe) let nothing = UnsafeMutableRawPointer.allocate(
  byteCount: 64, alignment: 64)

/// A view of the caller's array, checked in every way that does not read its elements.
func view(
  _ pointer: UnsafePointer<kantor_array>?, _ argument: StaticString, owner: AnyObject? = nil
) throws(KantorError) -> Tensor {
  let array = try descriptor(pointer, argument)
  guard let type = ElementType(rawValue: array.dtype) else {
    throw KantorError(.layout, "\(argument)->dtype is \(array.dtype); 1 (f64) to 5 (u8) is allowed")
  }
  guard array.ndim >= 0 && array.ndim <= 4 else {
    throw KantorError(.shape, "\(argument)->ndim is \(array.ndim); 0 to 4 is allowed")
  }
  let rank = Int(array.ndim)
  let extents = [array.shape.0, array.shape.1, array.shape.2, array.shape.3]
  let steps = [array.stride.0, array.stride.1, array.stride.2, array.stride.3]
  var shape: [Int] = []
  for k in 0..<rank {
    guard extents[k] >= 0, let extent = Int(exactly: extents[k]) else {
      throw KantorError(.shape, "\(argument)->shape[\(k)] is \(extents[k]); 0 or more is needed")
    }
    shape.append(extent)
  }
  let isEmpty = shape.contains(0)
  if !isEmpty {
    var bytes = type.size
    for extent in shape { bytes = try checkedProduct(bytes, extent, of: "\(argument)") }
  }
  // The step of an extent of 1 is never taken: whatever stands there, it is made regular.
  var strides = Tensor.rowMajor(shape)
  for k in 0..<rank where shape[k] > 1 && !isEmpty { strides[k] = Int(steps[k]) }
  let base = isEmpty ? array.data ?? nothing : try need(array.data, "array->data")
  guard UInt(bitPattern: base) % UInt(type.size) == 0 || isEmpty else {
    throw KantorError(
      .layout,
      "\(argument)->data is not aligned to its elements (\(type.name), \(type.size) bytes)")
  }
  if !isEmpty { try checkReach(base, shape, strides, type.size, argument) }
  return Tensor(type: type, shape: shape, strides: strides, base: base, owner: owner)
}

/// Every element lies at an address that exists.
private func checkReach(
  _ base: UnsafeMutableRawPointer, _ shape: [Int], _ strides: [Int], _ elementSize: Int,
  _ argument: StaticString
) throws(KantorError) {
  var low = 0
  var high = 0
  var overflows = false
  for (extent, stride) in zip(shape, strides) {
    let (steps, o1) = (extent - 1).multipliedReportingOverflow(by: stride)
    let (bytes, o2) = steps.multipliedReportingOverflow(by: elementSize)
    let (sum, o3) = (bytes < 0 ? low : high).addingReportingOverflow(bytes)
    if bytes < 0 { low = sum } else { high = sum }
    overflows = overflows || o1 || o2 || o3
  }
  let address = UInt(bitPattern: base)
  overflows = overflows || address < low.magnitude
  overflows = overflows || UInt.max - address < high.magnitude
  guard !overflows else {
    throw KantorError(
      .tooLarge, "\(argument): shape and strides reach addresses that do not exist")
  }
}

/// A tensor to keep: a copy of the caller's array, or his memory on loan.
func keep(
  _ pointer: UnsafePointer<kantor_array>?, _ argument: StaticString, loan: Loan?
) throws(KantorError) -> Tensor {
  let tensor = try view(pointer, argument, owner: loan)
  guard loan != nil else { return try tensor.copied() }
  guard tensor.type == .f64 || tensor.type == .f32 else {
    throw KantorError(
      .layout, "\(argument) has elements of type \(tensor.type.name); f64 or f32 can be borrowed")
  }
  guard tensor.strides.last ?? 1 == 1 else {
    throw KantorError(
      .layout,
      "the last stride of \(argument) is \(tensor.strides.last ?? 1); 1 is needed to borrow it")
  }
  return tensor
}

/// A copy of the caller's sparse matrix; its indices are checked when the problem is sealed.
func keep(
  _ pointer: UnsafePointer<kantor_sparse>?, _ argument: StaticString
) throws(KantorError) -> SparseTensor {
  let matrix = try descriptor(pointer, argument)
  guard let format = SparseTensor.Format(rawValue: matrix.format) else {
    throw KantorError(
      .layout, "\(argument)->format is \(matrix.format); 1 (CSC), 2 (CSR) or 3 (COO) is allowed")
  }
  guard let rows = Int(exactly: matrix.rows), let columns = Int(exactly: matrix.columns) else {
    throw KantorError(.tooLarge, "\(argument) has \(matrix.rows) x \(matrix.columns) elements")
  }
  let parts = try SparseTensor(
    format: format, rows: rows, columns: columns,
    values: try view(matrix.values, "matrix->values"),
    indices: try view(matrix.indices, "matrix->indices"),
    offsets: try view(matrix.offsets, "matrix->offsets"))
  return try SparseTensor(
    format: format, rows: rows, columns: columns, values: try parts.values.copied(),
    indices: try parts.indices.copied(), offsets: try parts.offsets.copied())
}

/// A view for the caller.
func describe(_ tensor: Tensor) -> kantor_array {
  func four(_ values: [Int]) -> (Int64, Int64, Int64, Int64) {
    func at(_ k: Int) -> Int64 { k < values.count ? Int64(values[k]) : 1 }
    return (at(0), at(1), at(2), at(3))
  }
  return kantor_array(
    struct_size: MemoryLayout<kantor_array>.size, dtype: tensor.type.rawValue,
    ndim: Int32(truncatingIfNeeded: tensor.rank), data: tensor.base, shape: four(tensor.shape),
    stride: four(tensor.strides))
}

/// Copies f64 elements in row-major order to the caller, who has room for them.
func copy(_ tensor: Tensor, to out: UnsafeMutablePointer<Double>) throws(KantorError) {
  if tensor.isRowMajor {
    let source = UnsafePointer(tensor.base.assumingMemoryBound(to: Double.self))
    withExtendedLifetime(tensor) { out.update(from: source, count: tensor.count) }
  } else {
    let values = try tensor.doubles()
    withExtendedLifetime(values) { out.update(from: values.pointer, count: values.count) }
  }
}

/// Writes numbers in row-major order through a view of the caller's f64 array.
func scatter(_ values: Buffer<Double>, into target: Tensor) {
  guard values.count > 0 else { return }
  let pad = [Int](repeating: 1, count: max(0, 4 - target.rank))
  let extents = pad + target.shape
  let steps = [Int](repeating: 0, count: pad.count) + target.strides
  let base = target.base.assumingMemoryBound(to: Double.self)
  var k = 0
  for i0 in 0..<extents[0] {
    for i1 in 0..<extents[1] {
      for i2 in 0..<extents[2] {
        let row = base + (i0 * steps[0] + i1 * steps[1] + i2 * steps[2])
        for i3 in 0..<extents[3] {
          row[i3 * steps[3]] = values.pointer[k]
          k += 1
        }
      }
    }
  }
}
