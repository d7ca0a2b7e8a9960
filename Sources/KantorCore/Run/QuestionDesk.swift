import CKantorSupport
import Dispatch
import Synchronization

/// One value that a running solve needs and somebody else computes.
public struct Question: @unchecked Sendable {
  public let field: String
  public let member: Functions.Member
  public let x: Functions.Point
  /// The vector of a product, or the imaginary part of a complex point.
  public var v: Functions.Point?
  public var y: Functions.Point?
  public var sigma = 1.0
  public var step = 0.0
  public var indices: Functions.Indices?
  public var count = 0
  public let out: Functions.Out
  /// The gradient beside a value, or the imaginary part of a complex output.
  public var second: Functions.Out?

  init(_ field: String, _ member: Functions.Member, _ x: Functions.Point, _ out: Functions.Out) {
    self.field = field
    self.member = member
    self.x = x
    self.out = out
  }
}

/// Where a solve on a thread of its own leaves its questions and waits for the answers.
///
/// The two threads take turns, one of them always waits; so what they hand each other needs no
/// further lock.
public final class QuestionDesk: @unchecked Sendable {
  private let asked = DispatchSemaphore(value: 0)
  private let answered = DispatchSemaphore(value: 0)
  private let closed = Atomic<Bool>(false)
  private var question: Question?
  private var code: Int32 = 0

  public init() {}

  /// The solve's side: leaves a question and waits. A closed desk ends the solve.
  func ask(_ question: Question) -> Int32 {
    if closed.load(ordering: .acquiring) { return Self.nobody }
    self.question = question
    asked.signal()
    answered.wait()
    return closed.load(ordering: .acquiring) ? Self.nobody : code
  }

  /// The solve's side: there will be no further question.
  public func finish() {
    question = nil
    asked.signal()
  }

  /// The other side: waits for the next question; nil when the solve has ended.
  public func next() -> Question? {
    asked.wait()
    return question
  }

  public func answer(_ code: Int32) {
    self.code = code
    answered.signal()
  }

  /// The other side goes away: questions asked now or later are answered with "stop". The signal
  /// is for one that may be on its way to wait.
  public func close() {
    closed.store(true, ordering: .releasing)
    answered.signal()
  }

  /// What a question gets that nobody answers, as a negative code of the caller.
  static let nobody = KantorError.Code.state.rawValue

  /// Runs `body` on the calling thread, whose questions come to this desk.
  public func serve(_ body: () -> Void) {
    withExtendedLifetime(self) {
      kn_desk_set(Unmanaged.passUnretained(self).toOpaque())
      body()
      kn_desk_set(nil)
    }
  }

  static func ask(_ question: Question) -> Int32 {
    guard let desk = kn_desk_get() else { return nobody }
    return Unmanaged<QuestionDesk>.fromOpaque(desk).takeUnretainedValue().ask(question)
  }
}

extension Functions {
  /// Functions that the caller of a stepper answers one by one; `field` is the problem's field that
  /// they stand in.
  public static func asked(_ members: [Member], field: String) -> Functions {
    var functions = Functions()
    for member in members { functions.ask(member, field) }
    return functions
  }

  private mutating func ask(_ member: Member, _ field: String) {
    let at: At = { QuestionDesk.ask(Question(field, member, $0, $1)) }
    let product: Product = { x, v, out in
      var question = Question(field, member, x, out)
      question.v = v
      return QuestionDesk.ask(question)
    }
    let second: Second = { x, sigma, y, out in
      var question = Question(field, member, x, out)
      (question.sigma, question.y) = (sigma, y)
      return QuestionDesk.ask(question)
    }
    let complex: Complex = { re, im, outRe, outIm in
      var question = Question(field, member, re, outRe)
      (question.v, question.second) = (im, outIm)
      return QuestionDesk.ask(question)
    }
    let batch: Batch = { x, indices, count, out in
      var question = Question(field, member, x, out)
      (question.indices, question.count) = (indices, count)
      return QuestionDesk.ask(question)
    }
    switch member {
    case .value: value = at
    case .gradient: gradient = at
    case .valueGradient:
      valueGradient = { x, value, gradient in
        var question = Question(field, member, x, value)
        question.second = gradient
        return QuestionDesk.ask(question)
      }
    case .map: map = at
    case .jacobian: jacobian = at
    case .jacobianProduct: jacobianProduct = product
    case .jacobianTransposeProduct: jacobianTransposeProduct = product
    case .hessian: hessian = second
    case .hessianProduct:
      hessianProduct = { x, sigma, y, v, out in
        var question = Question(field, member, x, out)
        (question.sigma, question.y, question.v) = (sigma, y, v)
        return QuestionDesk.ask(question)
      }
    case .valueComplex: valueComplex = complex
    case .mapComplex: mapComplex = complex
    case .batchValue: batchValue = batch
    case .batchGradient: batchGradient = batch
    case .batchMap: batchMap = batch
    case .batchHessianProduct:
      batchHessianProduct = { x, indices, count, v, out in
        var question = Question(field, member, x, out)
        (question.indices, question.count, question.v) = (indices, count, v)
        return QuestionDesk.ask(question)
      }
    case .prox:
      prox = { x, step, out in
        var question = Question(field, member, x, out)
        question.step = step
        return QuestionDesk.ask(question)
      }
    case .parameterGradient: parameterGradient = second
    case .parameterJacobian: parameterJacobian = at
    case .parameterValue: parameterValue = at
    }
  }
}
