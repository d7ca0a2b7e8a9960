import CKantorKernels
import KantorCore
import KantorNumerics

/// Sweeps around a tree by messages in the log domain. What measure v tells its neighbour u is
///     m_v>u(i) = log sum_j exp(h_v(j) + sum of messages to v but that of u - w C_uv(i, j) / eps),
/// and log marginal_u = h_u + the sum of the messages to u.
final class TreeSweep: MultimarginalSweep {
  /// An edge with its costs read from both ends.
  private struct Link {
    let edge: MultimarginalProblem.Edge
    let toU: Geometry
    let toV: Geometry
    let blocksU: RowBlocks
    let blocksV: RowBlocks
    /// Messages that arrive at u and at v.
    let atU: Buffer<Double>
    let atV: Buffer<Double>
  }

  /// Sends along an edge; `arrives` if its receiver is met for the first time in the sweep.
  private struct Move {
    let edge: Int
    let receiver: Int
    let arrives: Bool
  }

  private let problem: MultimarginalProblem
  private let monitor: Monitor
  private var links: [Link] = []
  private var moves: [Move] = []
  private let order: TreeOrder
  private let belief: Buffer<Double>
  private let gamma: Buffer<Double>
  private let message: Buffer<Double>
  private let scratch: Buffer<UInt8>
  private let scratchStep: Int
  private var epsilon = 1.0

  init(_ problem: MultimarginalProblem, _ run: Run) throws(KantorError) {
    self.problem = problem
    monitor = run.monitor
    order = TreeOrder(problem)
    let largest = problem.sizes.max() ?? 1
    var threads = 1
    for edge in problem.edges {
      let back = try edge.geometry.transposed()
      let link = Link(
        edge: edge, toU: edge.geometry, toV: back,
        blocksU: RowBlocks(edge.geometry, threads: run.threads, monitor: nil),
        blocksV: RowBlocks(back, threads: run.threads, monitor: nil),
        atU: try Buffer(count: edge.geometry.n), atV: try Buffer(count: edge.geometry.m))
      threads = max(threads, link.blocksU.parallel.threads)
      links.append(link)
    }
    belief = try Buffer(count: problem.points)
    gamma = try Buffer(count: largest)
    message = try Buffer(count: largest)
    scratchStep = (Int(kn_sweep_scratch(Int64(largest))) + 127) / 64 * 64
    scratch = try Buffer(count: scratchStep * threads)
    walk()
  }

  /// Down to each child and back, depth first.
  private func walk() {
    var children = [[TreeOrder.Step]](repeating: [], count: problem.count)
    for step in order.steps { children[step.parent].append(step) }
    var stack: [(node: Int, next: Int, edge: Int, parent: Int)] = [(0, 0, -1, -1)]
    while let top = stack.last {
      if top.next < children[top.node].count {
        let step = children[top.node][top.next]
        stack[stack.count - 1].next += 1
        moves.append(Move(edge: step.edge, receiver: step.child, arrives: true))
        stack.append((step.child, 0, step.edge, top.node))
      } else {
        stack.removeLast()
        if top.parent >= 0 {
          moves.append(Move(edge: top.edge, receiver: top.parent, arrives: false))
        }
      }
    }
  }

  /// Messages from the leaves to measure 0.
  func set(_ epsilon: Double, _ h: Buffer<Double>) {
    self.epsilon = epsilon
    for link in links {
      link.atU.fill(0)
      link.atV.fill(0)
    }
    refresh(h)
    for step in order.steps.reversed() {
      guard send(step.edge, to: step.parent) else { return }
    }
  }

  /// Beliefs from messages; sums of differences would drift.
  private func refresh(_ h: Buffer<Double>) {
    belief.pointer.update(from: h.pointer, count: h.count)
    for link in links {
      let (u, v) = (problem.first[link.edge.u], problem.first[link.edge.v])
      for i in 0..<link.atU.count { belief.pointer[u + i] += link.atU.pointer[i] }
      for j in 0..<link.atV.count { belief.pointer[v + j] += link.atV.pointer[j] }
    }
  }

  func run(_ h: Buffer<Double>) -> Double? {
    refresh(h)
    var error = update(0, h)
    for move in moves {
      guard send(move.edge, to: move.receiver) else { return nil }
      let met = update(move.receiver, h)
      if move.arrives { error += met }
    }
    return error
  }

  private func send(_ e: Int, to receiver: Int) -> Bool {
    let link = links[e]
    let isU = receiver == link.edge.u
    let sender = isU ? link.edge.v : link.edge.u
    let (known, back) = (belief.pointer + problem.first[sender], isU ? link.atV : link.atU)
    for j in 0..<problem.sizes[sender] { gamma.pointer[j] = known[j] - back.pointer[j] }
    let (geometry, blocks) = isU ? (link.toU, link.blocksU) : (link.toV, link.blocksV)
    let inverse = link.edge.weight / epsilon
    let (out, room) = (message.pointer, scratch.pointer)
    let isDone = blocks.forEach(
      { part, first, end in
        var cost = geometry.cost
        kn_softmin_rows_f64(
          &cost, Int64(first), Int64(end), inverse, gamma.pointer, out, room + part * scratchStep)
      }, after: { _, _ in monitor.heartbeat() == nil })
    guard isDone else { return false }
    let (target, own) = (isU ? link.atU : link.atV, belief.pointer + problem.first[receiver])
    for i in 0..<target.count {
      own[i] -= target.pointer[i] + out[i]
      target.pointer[i] = -out[i]
    }
    return true
  }

  /// Makes the marginal of a measure right; the L1 error that it had.
  private func update(_ k: Int, _ h: Buffer<Double>) -> Double {
    var error = CompensatedSum()
    for i in problem.first[k]..<problem.first[k + 1] where problem.weights.pointer[i] > 0 {
      let a = problem.weights.pointer[i]
      error.add(abs(Double.exp(belief.pointer[i]) - a))
      let log = Double.log(a)
      h.pointer[i] += log - belief.pointer[i]
      belief.pointer[i] = log
    }
    return error.value
  }

  func softMinimum(_ k: Int, _ h: Buffer<Double>) throws(KantorError) -> Buffer<Double> {
    let out = try Buffer<Double>(count: problem.sizes[k])
    for link in links {
      if link.edge.u == k { for i in 0..<out.count { out.pointer[i] -= link.atU.pointer[i] } }
      if link.edge.v == k { for i in 0..<out.count { out.pointer[i] -= link.atV.pointer[i] } }
    }
    for i in 0..<out.count { out.pointer[i] *= epsilon }
    return out
  }

  func costs() throws(KantorError) -> (mean: Double, least: Double) {
    var (mean, least) = (0.0, 0.0)
    for link in links {
      let edge = link.edge
      let pair = try TransportProblem(
        geometry: edge.geometry,
        a: try Buffer(
          copying: problem.weights.pointer + problem.first[edge.u], count: problem.sizes[edge.u]),
        b: try Buffer(
          copying: problem.weights.pointer + problem.first[edge.v], count: problem.sizes[edge.v]))
      let summary = try CostSummary(pair, sampled: false, monitor)
      mean += edge.weight * summary.mean
      least += edge.weight * min(summary.least, summary.mean)
    }
    return (mean, least)
  }
}
