import KantorCore

/// A preconditioner for Laplacians of weighted graphs, with an excess on the diagonal.
///
/// Vertices are eliminated in order of their degree. Exact elimination of a vertex with weights
/// w_1 .. w_L would join all its neighbours; here each neighbour is joined to one other, drawn in
/// proportion to the weights and weighted so that the expectation is exact. The number of edges
/// never grows, and because only positive numbers are added and multiplied, weights may span the
/// whole floating-point range. The excess is an edge to a ground vertex, eliminated last.
///
/// Source: R. Kyng, S. Sachdeva, "Approximate Gaussian elimination for Laplacians: fast, sparse,
/// and simple" (2016), with the merging of parallel edges and the order by weight of Y. Gao,
/// R. Kyng, D. A. Spielman, "Robust and practical solution of Laplacian equations by approximate
/// elimination" (2023).
public struct ApproximateCholesky {
  private struct Edge {
    var target: Int32
    var next: Int32
    var weight: Double
  }

  private struct Neighbour {
    var vertex: Int32
    var weight: Double
  }

  private struct Factor {
    var vertex: Int32
    var fraction: Double
  }

  /// Vertices without the ground, which has this number.
  public let count: Int
  private let edges: Buffer<Edge>
  private var edgeCount = 0
  private var free: Int32 = -1
  /// First edge of each vertex; an edge is kept at the end that is eliminated first.
  private let head: Buffer<Int32>
  private let degree: Buffer<Int32>
  private let rank: Buffer<Int32>
  private let order: Buffer<Int32>
  private let slot: Buffer<Int32>
  private let near: Buffer<Neighbour>
  private let sums: Buffer<Double>
  private var factors: GrowingList<Factor>
  private let factorStart: Buffer<Int64>
  private let pivot: Buffer<Double>
  private let work: Buffer<Double>

  /// Room for a graph of `count` vertices and `edgeCount` edges, ground edges not counted.
  public init(count: Int, edgeCount: Int) throws(KantorError) {
    guard count < Int(Int32.max) - 1, edgeCount < Int(Int32.max) - count - 1 else {
      throw KantorError(.tooLarge, "a graph of \(count) vertices and \(edgeCount) edges")
    }
    self.count = count
    edges = try Buffer(count: edgeCount + count)
    head = try Buffer(count: count + 1)
    degree = try Buffer(count: count + 1)
    rank = try Buffer(count: count + 1)
    order = try Buffer(count: count)
    slot = try Buffer(count: count + 1)
    near = try Buffer(count: count + 1)
    sums = try Buffer(count: count + 1)
    factors = try GrowingList(capacity: edgeCount + count)
    factorStart = try Buffer(count: count + 1)
    pivot = try Buffer(count: count)
    work = try Buffer(count: count + 1)
  }

  /// Starts a new graph; vertices are then ranked by the degrees given here.
  public mutating func begin(degrees: UnsafePointer<Int32>) throws(KantorError) {
    edgeCount = 0
    free = -1
    head.fill(-1)
    slot.fill(-1)
    factors.removeAll()
    let largest = 64
    // Counting sort: degrees above the last bin share it.
    var bins = [Int](repeating: 0, count: largest + 2)
    for v in 0..<count { bins[min(Int(degrees[v]), largest) + 1] += 1 }
    for k in 1..<bins.count { bins[k] += bins[k - 1] }
    for v in 0..<count {
      let bin = min(Int(degrees[v]), largest)
      rank.pointer[v] = Int32(bins[bin])
      order.pointer[bins[bin]] = Int32(v)
      bins[bin] += 1
    }
    rank.pointer[count] = Int32(count)
  }

  /// Joins two vertices; `count` is the ground. Weights of 0 are ignored.
  @inline(__always)
  public mutating func join(_ u: Int, _ v: Int, _ weight: Double) {
    guard weight > 0 else { return }
    let first = rank.pointer[u] < rank.pointer[v] ? u : v
    let place: Int32
    if free >= 0 {
      place = free
      free = edges.pointer[Int(place)].next
    } else if edgeCount < edges.count {
      place = Int32(truncatingIfNeeded: edgeCount)
      edgeCount &+= 1
    } else {
      return
    }
    edges.pointer[Int(place)] = Edge(
      target: Int32(truncatingIfNeeded: first == u ? v : u), next: head.pointer[first],
      weight: weight)
    head.pointer[first] = place
  }

  /// False when `shouldStop` said so, which is asked now and then; nothing can be solved then.
  public mutating func factorise(
    random: inout RandomStream, shouldStop: () -> Bool = { false }
  ) throws(KantorError) -> Bool {
    for k in 0..<count {
      if k & 1023 == 1023, shouldStop() { return false }
      let v = Int(order.pointer[k])
      factorStart.pointer[k] = Int64(factors.count)
      let neighbours = gather(v)
      pivot.pointer[v] = 0
      if neighbours > 0 { try eliminate(v, neighbours, &random) }
    }
    factorStart.pointer[count] = Int64(factors.count)
    return true
  }

  /// The distinct neighbours of v, by increasing weight; its edges become free.
  private mutating func gather(_ v: Int) -> Int {
    var found = 0
    var place = head.pointer[v]
    while place >= 0 {
      let edge = edges.pointer[Int(place)]
      let target = Int(edge.target)
      let seen = Int(slot.pointer[target])
      if seen >= 0 {
        near.pointer[seen].weight += edge.weight
      } else {
        slot.pointer[target] = Int32(truncatingIfNeeded: found)
        near.pointer[found] = Neighbour(vertex: edge.target, weight: edge.weight)
        found &+= 1
      }
      edges.pointer[Int(place)].next = free
      free = place
      place = edge.next
    }
    for k in 0..<found { slot.pointer[Int(near.pointer[k].vertex)] = -1 }
    sort(found)
    return found
  }

  private func sort(_ found: Int) {
    let list = near.pointer
    if found > 24 {
      var view = UnsafeMutableBufferPointer(start: list, count: found)
      view.sort {
        ($0.weight, $0.vertex) < ($1.weight, $1.vertex)
      }
      return
    }
    for k in stride(from: 1, to: found, by: 1) {
      let item = list[k]
      var place = k
      while place > 0 && list[place &- 1].weight > item.weight {
        list[place] = list[place &- 1]
        place &-= 1
      }
      list[place] = item
    }
  }

  private mutating func eliminate(
    _ v: Int, _ neighbours: Int, _ random: inout RandomStream
  ) throws(KantorError) {
    let (list, sum) = (near.pointer, sums.pointer)
    var total = 0.0
    for k in 0..<neighbours {
      total += list[k].weight
      sum[k] = total
    }
    // What is left of the neighbours' weights and of the pivot as they are taken one by one.
    var (scale, remaining) = (1.0, total)
    for k in 0..<(neighbours - 1) {
      let fraction = list[k].weight * scale / remaining
      let other = draw(sum, from: k, neighbours, random.uniform())
      join(
        Int(list[k].vertex), Int(list[other].vertex), fraction * (1 - fraction) * remaining)
      try factors.append(Factor(vertex: list[k].vertex, fraction: fraction))
      scale *= 1 - fraction
      remaining *= (1 - fraction) * (1 - fraction)
    }
    try factors.append(Factor(vertex: list[neighbours - 1].vertex, fraction: 1))
    pivot.pointer[v] = list[neighbours - 1].weight * scale
  }

  /// One of the neighbours after k, by weight.
  @inline(__always)
  private func draw(
    _ sum: UnsafePointer<Double>, from k: Int, _ neighbours: Int, _ u: Double
  ) -> Int {
    let wanted = sum[k] + u * (sum[neighbours - 1] - sum[k])
    var (low, high) = (k + 1, neighbours - 1)
    while low < high {
      let middle = (low + high) / 2
      if sum[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// x = M^-1 r in place, over the vertices; the ground is at 0.
  public func solve(_ x: UnsafeMutablePointer<Double>) {
    let y = work.pointer
    for v in 0..<count { y[v] = x[v] }
    y[count] = 0
    let list = factors.pointer
    for k in 0..<count {
      let (first, end) = (Int(factorStart.pointer[k]), Int(factorStart.pointer[k + 1]))
      guard first < end else { continue }
      let v = Int(order.pointer[k])
      var value = y[v]
      for e in first..<(end - 1) {
        y[Int(list[e].vertex)] += list[e].fraction * value
        value *= 1 - list[e].fraction
      }
      y[Int(list[end - 1].vertex)] += value
      y[v] = value
    }
    y[count] = 0
    for v in 0..<count { y[v] = pivot.pointer[v] > 0 ? y[v] / pivot.pointer[v] : 0 }
    for k in stride(from: count - 1, through: 0, by: -1) {
      let (first, end) = (Int(factorStart.pointer[k]), Int(factorStart.pointer[k + 1]))
      guard first < end else { continue }
      let v = Int(order.pointer[k])
      var value = y[v] + y[Int(list[end - 1].vertex)]
      for e in stride(from: end - 2, through: first, by: -1) {
        value += list[e].fraction * (y[Int(list[e].vertex)] - value)
      }
      y[v] = value
    }
    for v in 0..<count { x[v] = y[v] }
  }
}
