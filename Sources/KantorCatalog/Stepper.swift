import Glibc
import KantorCore
import Synchronization

/// A solve that its caller drives: it asks for the values of functions instead of calling them.
///
/// The solve runs on a thread of its own, which waits whenever its caller has the word; so every
/// method can be driven this way, and no method knows about it. `next` gives a question, `answer`
/// goes on, until `next` gives nil and `result` is there.
public final class Stepper: Sendable {
  private struct State {
    var isAsked = false
    var isFinished = false
  }
  private let work: Work
  private let state = Mutex(State())

  /// Checks names, settings and data at once, as a solve does, and starts.
  public init(
    _ catalog: Catalog, _ problem: Problem, method: String?, settings: Settings?
  ) throws(KantorError) {
    try catalog.check(problem, method: method, settings: settings)
    work = Work(catalog, problem, method, settings)
    try work.start()
  }

  deinit {
    work.desk.close()
    work.join()
  }

  /// The next question; nil when the solve has ended.
  public func next() throws(KantorError) -> Question? {
    try state.withLock { (state) throws(KantorError) in
      guard !state.isAsked else {
        throw KantorError(.state, "the stepper waits for the answer to its last question")
      }
      if state.isFinished { return nil }
      let question = work.desk.next()
      state.isAsked = question != nil
      state.isFinished = question == nil
      return question
    }
  }

  /// Goes on after the question's outputs were written. A code as functions return it.
  public func answer(_ code: Int32) throws(KantorError) {
    try state.withLock { (state) throws(KantorError) in
      guard state.isAsked else {
        throw KantorError(.state, "the stepper has no open question; ask for the next one first")
      }
      state.isAsked = false
      work.desk.answer(code)
    }
  }

  public func result() throws(KantorError) -> Result {
    guard state.withLock({ $0.isFinished }) else {
      throw KantorError(.state, "the stepper has not ended: it still has questions")
    }
    return try work.outcome().get()
  }
}

/// The thread of one stepper.
private final class Work: @unchecked Sendable {
  let desk = QuestionDesk()
  private let catalog: Catalog
  private let problem: Problem
  private let method: String?
  private let settings: Settings?
  private let result = Mutex<Swift.Result<Result, KantorError>?>(nil)
  private var thread = pthread_t()
  private var runs = false

  init(_ catalog: Catalog, _ problem: Problem, _ method: String?, _ settings: Settings?) {
    self.catalog = catalog
    self.problem = problem
    self.method = method
    self.settings = settings
  }

  func start() throws(KantorError) {
    let me = Unmanaged.passRetained(self)
    let code = pthread_create(&thread, nil, { work in
      guard let work else { return nil }
      Unmanaged<Work>.fromOpaque(work).takeRetainedValue().run()
      return nil
    }, me.toOpaque())
    guard code == 0 else {
      me.release()
      throw KantorError(.outOfMemory, "no thread for the stepper: pthread_create gave \(code)")
    }
    runs = true
  }

  private func run() {
    desk.serve {
      let found: Swift.Result<Result, KantorError>
      do throws(KantorError) {
        found = .success(try catalog.solve(problem, method: method, settings: settings))
      } catch {
        found = .failure(error)
      }
      result.withLock { $0 = found }
    }
    desk.finish()
  }

  func join() {
    if runs { pthread_join(thread, nil) }
  }

  func outcome() -> Swift.Result<Result, KantorError> {
    result.withLock { $0 }
      ?? .failure(KantorError(.internal, "the stepper ended without an outcome"))
  }
}
