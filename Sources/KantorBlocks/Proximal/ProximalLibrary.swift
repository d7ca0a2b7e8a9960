import KantorCore
import KantorNumerics

/// All proximal maps by name.
public enum ProximalLibrary {
  public static let all: [ProximalEntry] =
    separable + balls + sets + cones + matrices + entropies + sequences

  public static func entry(_ name: String) throws(KantorError) -> ProximalEntry {
    if let entry = all.first(where: { $0.name == name }) { return entry }
    throw unknownName("proximal map", name, among: all.map(\.name))
  }

  // MARK: Parameters

  private static let weight = ProximalParameter("weight", "w >= 0, 1 if not given")
  private static let weights = ProximalParameter(
    "weight", shape: "() or (n,)", "w >= 0, 1 if not given")
  private static let radius = ProximalParameter("radius", "r > 0, 1 if not given")
  private static let rows = ProximalParameter(
    "rows", isRequired: true, "rows of the matrix that x stands for, row after row")

  private static let parikh = "parikh2014proximal"
  private static let combettes = "combettes2011proximal"

  // MARK: Sums of functions of one number

  private static let separable: [ProximalEntry] = [
    ProximalEntry("zero", .function, "0; the map is the identity", source: parikh) {
      (a) throws(KantorError) in SeparableMap(ZeroFunction(), count: a.count)
    },
    ProximalEntry(
      "box", .indicator, "lower <= x <= upper",
      [
        ProximalParameter("lower", shape: "() or (n,)", "may be -inf, which it is if not given"),
        ProximalParameter("upper", shape: "() or (n,)", "may be inf, which it is if not given"),
      ], source: parikh
    ) { (a) throws(KantorError) in SeparableMap(try BoxFunction(a), count: a.count) },
    ProximalEntry("nonnegative", .indicator, "x >= 0", source: parikh) {
      (a) throws(KantorError) in
      SeparableMap(
        BoxFunction(
          Entries(try Buffer(count: 1), isOne: true),
          Entries(try Buffer(count: 1, repeating: .infinity), isOne: true)), count: a.count)
    },
    ProximalEntry("l1", .function, "sum w |x|", [weights], source: parikh) {
      (a) throws(KantorError) in
      SeparableMap(AbsoluteFunction(weight: try a.weights("weight", or: 1)), count: a.count)
    },
    ProximalEntry(
      "huber", .function, "sum w h(x), h(x) = x^2/2 for |x| <= delta, delta (|x| - delta/2) beyond",
      [weights, ProximalParameter("delta", "delta > 0, 1 if not given")], source: combettes
    ) { (a) throws(KantorError) in
      SeparableMap(
        HuberFunction(
          weight: try a.weights("weight", or: 1), delta: try a.positive("delta", or: 1)),
        count: a.count)
    },
    ProximalEntry(
      "logistic", .function, "sum w log(1 + exp(-b x))",
      [weights, ProximalParameter("labels", shape: "() or (n,)", "b, 1 or -1, 1 if not given")],
      source: combettes
    ) { (a) throws(KantorError) in SeparableMap(try LogisticFunction(a), count: a.count) },
    ProximalEntry(
      "kullback_leibler", .function, "sum w (x - b + b log(b/x)), x >= 0",
      [weights, ProximalParameter("target", shape: "() or (n,)", "b >= 0, 1 if not given")],
      source: combettes
    ) { (a) throws(KantorError) in
      SeparableMap(
        PoissonFunction(
          weight: try a.weights("weight", or: 1), target: try a.weights("target", or: 1)),
        count: a.count)
    },
    ProximalEntry(
      "relative_entropy", .function, "sum w (x log(x/q) - x + q), x >= 0",
      [weights, ProximalParameter("target", shape: "() or (n,)", "q > 0, 1 if not given")],
      source: combettes
    ) { (a) throws(KantorError) in
      SeparableMap(
        EntropyFunction(
          weight: try a.weights("weight", or: 1),
          target: try a.weights("target", or: 1, positive: true)), count: a.count)
    },
    ProximalEntry(
      "quadratic", .function, "x'Qx/2 + c'x",
      [
        ProximalParameter(
          "matrix", shape: "(), (n,) or (n, n)",
          "Q, positive semidefinite, or its diagonal; 1 if not given"),
        ProximalParameter("linear", shape: "() or (n,)", "c, 0 if not given"),
      ], source: parikh
    ) { (a) throws(KantorError) in try QuadraticMap(a) },
  ]

  // MARK: Norms and their balls

  private static let balls: [ProximalEntry] = [
    ProximalEntry("l2", .function, "w |x|_2", [weight], source: parikh) {
      (a) throws(KantorError) in try GroupMap(a, groups: false)
    },
    ProximalEntry("linf", .function, "w max |x|", [weight], source: parikh) {
      (a) throws(KantorError) in try LargestMap(count: a.count, weight: try number(a))
    },
    ProximalEntry(
      "group_l2", .function, "sum over groups of w_g |x_g|_2",
      [
        ProximalParameter(
          "sizes", shape: "() or (groups,)", isRequired: true,
          "places of each group, which follow one another; a number: all alike"),
        ProximalParameter("weight", shape: "() or (groups,)", "w >= 0, 1 if not given"),
      ], source: combettes
    ) { (a) throws(KantorError) in try GroupMap(a, groups: true) },
    ProximalEntry("l1_ball", .indicator, "sum |x| <= r", [radius], source: "condat2016fast") {
      (a) throws(KantorError) in
      try AbsoluteBallMap(count: a.count, radius: try a.radius())
    },
    ProximalEntry("l2_ball", .indicator, "|x|_2 <= r", [radius], source: parikh) {
      (a) throws(KantorError) in try LengthBallMap(a)
    },
    ProximalEntry("linf_ball", .indicator, "max |x| <= r", [radius], source: parikh) {
      (a) throws(KantorError) in try cube(a.count, try a.radius())
    },
  ]

  private static func number(_ a: ProximalArguments) throws(KantorError) -> Double {
    let weight = try a.real("weight", or: 1)
    guard weight >= 0 else { throw a.refuse("weight", weight, "a number >= 0 is needed") }
    return weight
  }

  private static func one(_ value: Double) throws(KantorError) -> Entries {
    Entries(try Buffer(count: 1, repeating: value), isOne: true)
  }

  private static func cube(
    _ count: Int, _ r: Double
  ) throws(KantorError) -> SeparableMap<BoxFunction> {
    SeparableMap(BoxFunction(try one(-r), try one(r)), count: count)
  }

  // MARK: Polyhedra

  private static let sets: [ProximalEntry] = [
    ProximalEntry("simplex", .indicator, "x >= 0, sum x = r", [radius], source: "condat2016fast") {
      (a) throws(KantorError) in try SimplexMap(a, isFilled: false)
    },
    ProximalEntry("budget", .indicator, "x >= 0, sum x <= r", [radius], source: "condat2016fast") {
      (a) throws(KantorError) in try SimplexMap(a, isFilled: true)
    },
    ProximalEntry(
      "box_sum", .indicator, "lower <= x <= upper, total_lower <= a'x <= total_upper",
      [
        ProximalParameter("lower", shape: "() or (n,)", "may be -inf; 0 if not given"),
        ProximalParameter("upper", shape: "() or (n,)", "may be inf, which it is if not given"),
        ProximalParameter("coefficients", shape: "() or (n,)", "a > 0, 1 if not given"),
        ProximalParameter("total", "a'x, in place of the two below"),
        ProximalParameter("total_lower", "none if not given"),
        ProximalParameter("total_upper", "none if not given"),
      ], source: "kiwiel2008breakpoint"
    ) { (a) throws(KantorError) in try KnapsackMap(a) },
    ProximalEntry(
      "halfspace", .indicator, "a'x <= b",
      [
        ProximalParameter("normal", shape: "() or (n,)", "a, not 0; 1 if not given"),
        ProximalParameter("bound", isRequired: true, "b"),
      ], source: parikh
    ) { (a) throws(KantorError) in try HalfspaceMap(a) },
    ProximalEntry(
      "affine", .indicator, "A x = b",
      [
        ProximalParameter("matrix", shape: "(m, n)", isRequired: true, "A"),
        ProximalParameter("rhs", shape: "() or (m,)", "b, 0 if not given"),
      ], source: parikh
    ) { (a) throws(KantorError) in try AffineMap(a) },
  ]

  // MARK: Cones and matrices

  private static let cones: [ProximalEntry] = [
    ProximalEntry("second_order", .indicator, "x_0 >= |(x_1, ...)|_2", source: parikh) {
      (a) throws(KantorError) in try ConeSetMap.secondOrder(a)
    },
    ProximalEntry(
      "exponential", .indicator, "x_1 exp(x_0/x_1) <= x_2, x_1 > 0, and the closure, by threes",
      source: "friberg2021projection"
    ) { (a) throws(KantorError) in try ConeSetMap.exponential(a) },
    ProximalEntry(
      "psd", .indicator, "symmetric positive semidefinite matrices",
      [ProximalParameter("rows", "rows of the matrix; found from n if not given")],
      takesMatrix: true, source: "higham1988nearest"
    ) { (a) throws(KantorError) in try SemidefiniteMap(a) },
  ]

  private static let matrices: [ProximalEntry] = [
    ProximalEntry(
      "nuclear", .function, "w times the sum of singular values", [rows, weight],
      takesMatrix: true, source: "lewis1995convex"
    ) { (a) throws(KantorError) in
      let w = try number(a)
      return try SpectralMap(a) { (k) throws(KantorError) in
        SeparableMap(AbsoluteFunction(weight: try one(w)), count: k)
      }
    },
    ProximalEntry(
      "spectral", .function, "w times the largest singular value", [rows, weight],
      takesMatrix: true, source: "lewis1995convex"
    ) { (a) throws(KantorError) in
      let w = try number(a)
      return try SpectralMap(a) { (k) throws(KantorError) in try LargestMap(count: k, weight: w) }
    },
    ProximalEntry(
      "nuclear_ball", .indicator, "sum of singular values <= r", [rows, radius],
      takesMatrix: true, source: "lewis1995convex"
    ) { (a) throws(KantorError) in
      let r = try a.radius()
      return try SpectralMap(a) { (k) throws(KantorError) in
        try AbsoluteBallMap(count: k, radius: r)
      }
    },
    ProximalEntry(
      "spectral_ball", .indicator, "largest singular value <= r", [rows, radius],
      takesMatrix: true, source: "lewis1995convex"
    ) { (a) throws(KantorError) in
      let r = try a.radius()
      return try SpectralMap(a) { (k) throws(KantorError) in try cube(k, r) }
    },
  ]

  // MARK: Entropies and sequences

  private static let entropies: [ProximalEntry] = [
    ProximalEntry(
      "simplex_entropy", .function, "w sum x log x on x >= 0, sum x = r",
      [ProximalParameter("weight", "w > 0, 1 if not given"), radius], source: combettes
    ) { (a) throws(KantorError) in try SimplexEntropyMap(a) },
    ProximalEntry(
      "mirror_simplex", .mirror,
      "x >= 0, sum x = r, with the divergence KL from q: out = argmax x'u - KL(u|q)/step",
      [ProximalParameter("center", shape: "() or (n,)", "q > 0, 1 if not given"), radius],
      source: "beck2003mirror"
    ) { (a) throws(KantorError) in try MirrorSimplexMap(a) },
  ]

  private static let sequences: [ProximalEntry] = [
    ProximalEntry(
      "total_variation", .function, "w sum |x_{i+1} - x_i|", [weight], source: "johnson2013dynamic"
    ) { (a) throws(KantorError) in try VariationMap(a) },
    ProximalEntry("isotonic", .indicator, "x_1 <= x_2 <= ... <= x_n", source: "best1990active") {
      (a) throws(KantorError) in try IsotonicMap(a)
    },
    ProximalEntry(
      "sorted_l1", .function, "sum w_k |x|_(k), sizes in falling order",
      [
        ProximalParameter(
          "weights", shape: "() or (n,)", "w_1 >= w_2 >= ... >= 0, 1 if not given")
      ], source: "bogdan2015slope"
    ) { (a) throws(KantorError) in try SortedAbsoluteMap(a) },
  ]
}
