/// Where rows lie in a program in x alone: inequalities first, among them that of a ball, then
/// equations, among them that of a simplex.
struct RowPlaces {
  /// The place of the row of the leader's set, where it has one.
  let set: Int?
  let count: Int
  let equalities: Int

  /// Of `rows` rows of the problem, the last `equalities` of them equations.
  init(_ leader: LeaderSet, rows: Int, equalities: Int) {
    count = rows + (leader.hasRow ? 1 : 0)
    self.equalities = equalities + (leader.isEquation ? 1 : 0)
    set = leader.hasRow ? (leader.isEquation ? rows : rows - equalities) : nil
  }

  /// The place of row r of the problem.
  func of(_ r: Int) -> Int {
    guard let set, r >= set else { return r }
    return r + 1
  }
}
