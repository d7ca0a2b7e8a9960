import KantorCore
import KantorNumerics
import Testing

@Suite struct SparseMatrixTests {
  private static let shapes = [(1, 1), (6, 9), (40, 25)]

  @Test(arguments: shapes)
  func transposeTwiceIsTheSame(rows: Int, columns: Int) throws {
    let a = try Triplets.random(rows, columns, count: 4 * rows, seed: 3).matrix()
    let (t, places) = try a.transposed()
    #expect(t.isInOrder)
    let (d, e) = (a.dense, t.dense)
    for i in 0..<rows {
      for j in 0..<columns { #expect(d[i * columns + j] == e[j * rows + i]) }
    }
    for k in 0..<a.count { #expect(t.values[Int(places[k])] == a.values[k]) }
    #expect(try t.transposed().matrix.dense == d)
  }

  @Test(arguments: shapes)
  func productsAgreeWithDenseOnes(rows: Int, columns: Int) throws {
    let a = try Triplets.random(rows, columns, count: 4 * rows, seed: 4).matrix()
    let d = a.dense
    let x = try Buffer<Double>((0..<columns).map { Double($0 % 7) - 3 })
    let z = try Buffer<Double>((0..<rows).map { Double($0 % 5) - 2 })
    let y = try Buffer<Double>(count: rows, repeating: 10)
    let w = try Buffer<Double>(count: columns, repeating: -10)
    a.multiply(x.pointer, into: y.pointer, scale: 2)
    a.multiplyTransposed(z.pointer, into: w.pointer, scale: -3)
    for i in 0..<rows {
      #expect(y[i] == 10 + 2 * (0..<columns).reduce(0) { $0 + d[i * columns + $1] * x[$1] })
    }
    for j in 0..<columns {
      #expect(w[j] == -10 - 3 * (0..<rows).reduce(0) { $0 + d[$1 * columns + j] * z[$1] })
    }
  }

  @Test func symmetricProductAndForm() throws {
    let n = 17
    let (s, _) = try Triplets.random(n, n, count: 60, seed: 6).matrix().upperTriangle()
    #expect(s.isUpperTriangular)
    let d = s.dense
    func full(_ i: Int, _ j: Int) -> Double { i <= j ? d[i * n + j] : d[j * n + i] }
    let x = try Buffer<Double>((0..<n).map { Double($0 % 7) - 3 })
    let y = try Buffer<Double>(count: n, repeating: 1)
    s.multiplySymmetric(x.pointer, into: y.pointer, scale: 2)
    var form = 0.0
    for i in 0..<n {
      let row = (0..<n).reduce(0) { $0 + full(i, $1) * x[$1] }
      #expect(y[i] == 1 + 2 * row)
      form += row * x[i]
    }
    #expect(s.quadraticForm(x.pointer) == form)
    let norms = try Buffer<Double>(count: n)
    s.symmetricNorms(.largest, into: norms.pointer)
    for j in 0..<n { #expect(norms[j] == (0..<n).map { abs(full($0, j)) }.max()) }
    s.symmetricNorms(.one, into: norms.pointer)
    for j in 0..<n { #expect(norms[j] == (0..<n).reduce(0) { $0 + abs(full($1, j)) }) }
  }

  @Test func normsOfRowsAndColumns() throws {
    let a = try matrix([[3, 0, -4], [4, 0, 3], [0, 0, 0]])
    let out = try Buffer<Double>(count: 3)
    a.columnNorms(.two, into: out.pointer)
    #expect(out.list == [5, 0, 5])
    a.rowNorms(.two, into: out.pointer)
    #expect(out.list == [5, 5, 0])
    a.rowNorms(.one, into: out.pointer)
    #expect(out.list == [7, 7, 0])
    a.columnNorms(.largest, into: out.pointer)
    #expect(out.list == [4, 0, 4])
    // Squares would overflow.
    let huge = try matrix([[3e200], [4e200]])
    huge.columnNorms(.two, into: out.pointer)
    #expect(abs(out[0] / 5e200 - 1) < 1e-15)
  }

  @Test func scaledCopies() throws {
    let a = try matrix([[1, 2], [3, 4]])
    let rows = try Buffer<Double>([10, 100])
    let columns = try Buffer<Double>([1, -1])
    #expect(try a.scaled(rows: rows, columns: columns, by: 2).dense == [20, -40, 600, -800])
    #expect(try a.scaled(rows: rows).dense == [10, 20, 300, 400])
    #expect(try a.scaled(columns: columns).dense == [1, -2, 3, -4])
    a.scale(rows: nil, columns: nil, by: 3, into: a)
    #expect(a.dense == [3, 6, 9, 12])
  }

  @Test func entriesByPlace() throws {
    let a = try matrix([[0, 5, 0], [1, 0, 2]])
    #expect(a[0, 1] == 5 && a[1, 2] == 2 && a[0, 0] == 0)
    #expect(a.position(row: 1, column: 1) == nil)
    #expect(a.position(row: -1, column: 0) == nil && a.position(row: 0, column: 3) == nil)
    #expect(try SparseMatrix.diagonal(Buffer([2, 0])).dense == [2, 0, 0, 0])
    #expect(try SparseMatrix.zero(rows: 2, columns: 3).count == 0)
  }

  @Test func asymmetryNamesThePair() throws {
    #expect(try matrix([[1, 2], [2, 3]]).asymmetry(tolerance: 0) == nil)
    let found = try matrix([[1, 2, 0], [2, 3, 0], [1, 0, 0]]).asymmetry(tolerance: 1e-12)
    #expect(found?.row == 0 && found?.column == 2)
    #expect(try matrix([[1, 1 + 1e-15], [1, 1]]).asymmetry(tolerance: 1e-12) == nil)
  }

  @Test func permutedTriangleAndItsPlaces() throws {
    let n = 12
    let (s, _) = try Triplets.random(n, n, count: 50, seed: 9).matrix().upperTriangle()
    let order: [Int32] = [5, 3, 11, 0, 1, 8, 2, 10, 9, 4, 7, 6]
    let (c, places) = try s.permutedSymmetric(Buffer(order))
    #expect(c.isInOrder && c.isUpperTriangular)
    let (d, e) = (s.dense, c.dense)
    for a in 0..<n {
      for b in a..<n {
        let (i, j) = (Int(min(order[a], order[b])), Int(max(order[a], order[b])))
        #expect(e[a * n + b] == d[i * n + j])
      }
    }
    for k in 0..<s.count { #expect(c.values[Int(places[k])] == s.values[k]) }
  }

  @Test func assemblyOfAKKTSystem() throws {
    let p = try matrix([[2, 1], [0, 0]])
    let a = try matrix([[1, 0], [3, 4]])
    var system = try SymmetricAssembly(order: 4)
    let hessian = try system.append(p, rowOffset: 0, columnOffset: 0)
    let rows = try system.append(a, rowOffset: 2, columnOffset: 0)
    let shift = try system.appendDiagonal(at: 0, count: 2, value: 0.5)
    let block = try system.appendTriangle(at: 2, order: 2)
    let (k, places) = try system.finish()
    #expect(k.isInOrder && k.isUpperTriangular)
    #expect(k.dense == [2.5, 1, 1, 3, 0, 0.5, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0])
    // The diagonal is stored throughout, zeros too.
    for j in 0..<4 { #expect(k.position(row: j, column: j) != nil) }
    #expect(hessian.count == 2 && rows.count == 3 && shift.count == 2 && block.count == 3)
    for (slot, x) in zip(block, [-7.0, -8, -9]) { k.values[Int(places[slot])] = x }
    #expect(k[2, 2] == -7 && k[2, 3] == -8 && k[3, 3] == -9)
    #expect(places[hessian.lowerBound] == places[shift.lowerBound])
  }
}
