import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct SparseInputTests {
  @Test(arguments: [(0, 0), (0, 4), (4, 0), (1, 1), (7, 5), (30, 40)])
  func tripletsInAnyOrderAreSortedAndAddedUp(rows: Int, columns: Int) throws {
    let data = Triplets.random(rows, columns, count: 3 * (rows + columns), seed: 5)
    let a = try data.matrix()
    #expect(a.isInOrder)
    #expect(a.dense == data.dense)
  }

  @Test func unsortedColumnsWithRepeats() throws {
    let input = SparseInput(rows: 3, columns: 2, name: "A")
    let (a, places) = try input.compressedColumns(
      starts: Buffer([0, 4, 5]), indices: Buffer([2, 0, 2, 1, 1]),
      values: Buffer([1, 2, 10, 3, 4]))
    #expect(a.starts.list == [0, 3, 4])
    #expect(a.indices.list == [0, 1, 2, 1])
    #expect(a.values.list == [2, 3, 11, 4])
    try places.fill(a, from: Buffer([5, 6, 7, 8, 9]), name: "A")
    #expect(a.values.list == [6, 8, 12, 9])
  }

  @Test func sortedColumnsAreTakenAsTheyStand() throws {
    let (a, places) = try SparseInput(rows: 3, columns: 2, name: "A").compressedColumns(
      starts: Buffer([0, 2, 3]), indices: Buffer([0, 2, 1]), values: Buffer([1, 2, 3]))
    #expect(places.place == nil)
    #expect(a.dense == [1, 0, 0, 3, 2, 0])
    try places.fill(a, from: Buffer([4, 5, 6]), name: "A")
    #expect(a.dense == [4, 0, 0, 6, 5, 0])
  }

  @Test func rowsAndColumnsMeanTheSame() throws {
    let data = Triplets.random(9, 6, count: 40, seed: 2)
    let a = try data.matrix()
    let (t, _) = try a.transposed()
    // The columns of the transpose are the rows of the matrix.
    let byRows = try SparseInput(rows: 9, columns: 6, name: "A").compressedRows(
      starts: t.starts, indices: Buffer(t.indices.span.map { Int($0) }), values: t.values)
    #expect(byRows.matrix.dense == data.dense)
    #expect(byRows.matrix.isInOrder)
  }

  @Test func denseZerosAreLeftOut() throws {
    let a = try matrix([[0, 1], [2, 0], [0, 3]])
    #expect(a.count == 3)
    #expect(a.dense == [0, 1, 2, 0, 0, 3])
  }

  @Test func integerTensors() throws {
    let wide = try Buffer<Int64>([0, -1, 7, -1, 9])
    let strided = Tensor(
      type: .i64, shape: [3], strides: [2], base: UnsafeMutableRawPointer(wide.pointer),
      owner: wide)
    #expect(try Buffer<Int>(integers: strided, name: "starts").list == [0, 7, 9])
    let real = Tensor(try Buffer<Double>([1]), count: 1)
    #expect(failure { () throws(KantorError) in _ = try Buffer<Int>(integers: real, name: "x") }
      == .type)
  }

  @Test func whatLiesOutsideIsNamed() {
    let input = SparseInput(rows: 3, columns: 2, name: "field 'A'")
    let row = error { () throws(KantorError) in
      _ = try input.compressedColumns(
        starts: Buffer([0, 1, 2]), indices: Buffer([0, 3]), values: Buffer([1, 1]))
    }
    #expect(row?.code == .range)
    #expect(row?.message == "field 'A' indices[1] is 3; allowed is 0 to 2")
    let column = error { () throws(KantorError) in
      _ = try input.triplets(
        rowIndices: Buffer([0]), columnIndices: Buffer([-1]), values: Buffer([1]))
    }
    #expect(column?.message == "field 'A' columns[0] is -1; allowed is 0 to 1")
  }

  @Test func brokenArraysAreRefused() {
    let input = SparseInput(rows: 3, columns: 2, name: "A")
    func code(_ starts: [Int], _ indices: [Int], _ values: [Double]) -> KantorError.Code? {
      failure { () throws(KantorError) in
        _ = try input.compressedColumns(
          starts: Buffer(starts), indices: Buffer(indices), values: Buffer(values))
      }
    }
    #expect(code([0, 1], [0], [1]) == .shape)
    #expect(code([0, 1, 1], [0], [1, 2]) == .shape)
    #expect(code([1, 1, 1], [0], [1]) == .range)
    #expect(code([0, 2, 1], [0], [1]) == .range)
    #expect(code([0, 0, 2], [0], [1]) == .range)
    #expect(code([0, .min, 1], [0], [1]) == .range)
    #expect(code([0, 1, 1], [0], [.nan]) == .notFinite)
    #expect(code([0, 1, 1], [0], [.infinity]) == .notFinite)
    #expect(code([0, 2, 2], [1, 1], [1e308, 1e308]) == .notFinite)
    let tooLarge = failure { () throws(KantorError) in
      _ = try SparseInput(rows: .max, columns: 1, name: "A").triplets(
        rowIndices: Buffer(count: 0), columnIndices: Buffer(count: 0), values: Buffer(count: 0))
    }
    #expect(tooLarge == .tooLarge)
  }
}
