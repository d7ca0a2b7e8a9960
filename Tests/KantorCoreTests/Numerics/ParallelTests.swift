import KantorNumerics
import Synchronization
import Testing

@Suite struct ParallelTests {
  @Test(arguments: [1, 2, 3, 7, 64], [0, 1, 2, 63, 64, 65, 1000])
  func cutsCoverEveryRowOnce(threads: Int, count: Int) {
    let parallel = Parallel(threads: threads)
    #expect(parallel.bound(0, of: count) == 0)
    #expect(parallel.bound(threads, of: count) == count)
    for part in 0..<threads {
      let size = parallel.bound(part + 1, of: count) - parallel.bound(part, of: count)
      #expect(size == count / threads || size == count / threads + 1)
    }
    let visits = Mutex([Int](repeating: 0, count: count))
    let parts = Mutex(0)
    parallel.forEach(count) { part, first, end in
      parts.withLock { $0 += 1 }
      for row in first..<end { visits.withLock { $0[row] += 1 } }
    }
    #expect(visits.withLock { $0.allSatisfy { $0 == 1 } })
    #expect(parts.withLock { $0 } == threads)
  }

  @Test func nonsenseIsOneThread() {
    #expect(Parallel(threads: 0).threads == 1)
    #expect(Parallel(threads: .min).threads == 1)
  }
}
