import Glibc
import KantorBilevel
import KantorCone
import KantorCore
import TestSupport
import Testing

/// Quadratic programs as lower levels: closed forms, and differences where everything moves.
@Suite struct NestedConeTests {
  /// min |z|^2/2 - x'z with sum z = 1: z = x - (sum x - 1)/n.
  @Test(arguments: ["interior_point", "active_set", "first_order"])
  func projection(_ method: String) throws {
    let entries = [InteriorPoint.entry, ActiveSet.entry, FirstOrder.entry]
    let entry = try #require(entries.first { $0.spec.name == method })
    let lower = try Problem.of(
      ConeKind.kind,
      [
        ("P", [1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]), ("q", [0, 0, 0], []), ("A", [1, 1, 1], [1, 3]),
        ("b", [1], []),
      ], words: ["cones": "zero 1"])
    let nested = try NestedCase(
      lower: lower, by: entry, fields: "q", answers: "x", size: 3, start: [0, 0, 0],
      upper: .distance(nx: 3, to: [0.5, 1, -0.2], weight: 0.1)
    ).matrix([[-1, 0, 0], [0, -1, 0], [0, 0, -1]])
    let result = try nested.solve()
    #expect(result.status == .solved)
    // In the mean-free part x = t / 1.1; along the ones z does not move, so x does not either.
    let mean = 1.3 / 3
    for (x, t) in zip(try result.array("x").list(), [0.5, 1, -0.2]) {
      #expect(abs(x - (t - mean) / 1.1) < 1e-5)
    }
    #expect(try result.text("lower_status") == "solved")
    #expect(try result.text("reason") == "none")
  }

  /// min |z|^2/2 with a'z = x: z = a x / |a|^2.
  @Test func rightHandSide() throws {
    let lower = try Problem.of(
      ConeKind.kind,
      [("P", [1, 0, 0, 1], [2, 2]), ("q", [0, 0], []), ("A", [3, 4], [1, 2]), ("b", [0], [])],
      words: ["cones": "zero 1"])
    let nested = try NestedCase(
      lower: lower, by: InteriorPoint.entry, fields: "b", answers: "x", size: 2, start: [1],
      upper: .distance(nx: 1, to: [1, 2])
    ).matrix([[1]])
    let result = try nested.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.array("x").list()[0] - 11) < 1e-5)
    // (1, 2) is off the line of (3, 4) by |(-0.32, 0.24)|.
    #expect(abs(try result.real("objective") - 0.08) < 1e-9)
    let z = try result.array("answer").list()
    #expect(abs(z[0] - 33 / 25) < 1e-6 && abs(z[1] - 44 / 25) < 1e-6)
  }

  /// Tolls on two roads, one with delay equal to its flow, one with delay 1: the toll 1/2 brings
  /// the total delay from 1 down to 3/4.
  @Test func tolls() throws {
    let lower = try Problem.of(
      ConeKind.kind,
      [
        ("P", [1, 0, 0, 0], [2, 2]), ("q", [0, 1], []), ("A", [1, 1, -1, 0, 0, -1], [3, 2]),
        ("b", [1, 0, 0], []),
      ], words: ["cones": "zero 1, nonnegative 2"])
    let nested = try NestedCase(
      lower: lower, by: InteriorPoint.entry, fields: "q", answers: "x", size: 2, start: [0.1],
      upper: .of { w, g in
        (g[0], g[1], g[2]) = (0, 2 * w[1], 1)
        return w[1] * w[1] + w[2]
      }
    ).matrix([[1], [0]]).bounds([0], [2])
    let result = try nested.solve()
    #expect(result.status == .solved)
    #expect(abs(try result.array("x").list()[0] - 0.5) < 1e-6)
    #expect(abs(try result.real("objective") - 0.75) < 1e-9)
  }

  /// P (its stored values), q, A, b and bounds all move with x; the derivative is that of
  /// differences.
  @Test func everythingMoves() throws {
    let lower = Problem(kind: ConeKind.kind)
    let p = try SparseTensor(
      format: .csc, rows: 3, columns: 3, values: Tensor(try Buffer([4.0, 1, 3, 0.5, 2])),
      indices: Tensor(try Buffer([0, 0, 1, 1, 2] as [Int64])),
      offsets: Tensor(try Buffer([0, 1, 3, 5] as [Int64])))
    try lower.set("P", .sparse(p))
    for (name, numbers, shape) in [
      ("q", [1.0, -2, 0.5], [3]), ("A", [1, 1, 1, 1, -1, 0, 0, 1, -0.5], [3, 3]),
      ("b", [1, 0.2, 0], [3]), ("lower", [-0.3], [1]), ("upper", [0.1], [1]),
    ] as [(String, [Double], [Int])] {
      try lower.set(name, .array(Tensor(try Buffer(numbers), shape: shape)))
    }
    try lower.set("cones", .text("zero 1, nonnegative 1, box 1"))
    var map = Functions()
    // 5 + 3 + 9 + 3 + 1 + 1 numbers, each its base plus a different smooth function of two x.
    let base: [Double] = [
      4, 1, 3, 0.5, 2, 1, -2, 0.5, 1, 1, 1, 1, -1, 0, 0, 1, -0.5, 1, 0.2, 0, -0.3, 0.1,
    ]
    map.map = { x, out in
      for (k, b) in base.enumerated() {
        let (c, d) = (Double(k % 3) - 1, Double(k % 5) - 2)
        out[k] = b + 0.05 * c * x[0] + 0.03 * d * x[1] * x[1]
      }
      return 0
    }
    map.jacobianTransposeProduct = { x, v, out in
      (out[0], out[1]) = (0, 0)
      for k in 0..<base.count {
        let (c, d) = (Double(k % 3) - 1, Double(k % 5) - 2)
        out[0] += 0.05 * c * v[k]
        out[1] += 0.06 * d * x[1] * v[k]
      }
      return 0
    }
    let nested = try NestedCase(
      lower: lower, by: InteriorPoint.entry, fields: "P, q, A, b, lower, upper",
      answers: "x, z, objective", size: 7, start: [0.3, -0.4],
      upper: .of { w, g in
        var sum = 0.0
        for i in 0..<9 {
          g[i] = slope(w[i], i)
          sum += bend(w[i], i)
        }
        return sum
      }
    ).map(map)
    for x in [[0.3, -0.4], [-1, 0.8], [0, 2]] {
      let result = try nested.hypergradient(
        x, ["check_directions": .int(3), "lower_tolerance": .real(1e-12)])
      #expect(result.status == .solved)
      let check = try result.real("derivative_check")
      let answer = try result.array("answer").list()
      #expect(check < 1e-5, "\(check) at \(x), \(answer)")
      #expect(try result.array("lower_values").shape == [22])
    }
  }

  /// Hyperparameter of ridge regression written as a program: the penalty is the diagonal of P.
  @Test func ridge() throws {
    // One feature: z = a'y / (a'a + e^x), validation error (v z - u)^2 / 2 with z* = u / v.
    let (a, y, v, u) = ([1.0, 2, 2], [1.0, 1, 3], 2.0, 1.5)
    let (aa, ay) = (9.0, a[0] * y[0] + a[1] * y[1] + a[2] * y[2])
    let lower = try Problem.of(ConeKind.kind, [("P", [aa], [1, 1]), ("q", [-ay], [])])
    var map = Functions()
    map.map = { x, out in
      out[0] = aa + exp(x[0])
      return 0
    }
    map.jacobian = { x, out in
      out[0] = exp(x[0])
      return 0
    }
    let nested = try NestedCase(
      lower: lower, by: InteriorPoint.entry, fields: "P", answers: "x", size: 1, start: [0],
      upper: .of { w, g in
        (g[0], g[1]) = (0, v * (v * w[1] - u))
        return 0.5 * (v * w[1] - u) * (v * w[1] - u)
      }
    ).map(map)
    let result = try nested.solve()
    #expect(result.status == .solved)
    #expect(abs(exp(try result.array("x").list()[0]) - (ay * v / u - aa)) < 1e-3)
    #expect(try result.int("map_values") >= result.int("lower_solves"))
  }
}

@Sendable private func bend(_ t: Double, _ i: Int) -> Double {
  let s = t + 0.1 * Double(i)
  return s * s * s / 3 + 0.5 * s
}
@Sendable private func slope(_ t: Double, _ i: Int) -> Double {
  let s = t + 0.1 * Double(i)
  return s * s + 0.5
}
