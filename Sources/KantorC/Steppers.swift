import CKantor
import KantorCatalog
import KantorCore

@_cdecl("kantor_problem_set_questions")
public func kantorProblemSetQuestions(
  _ problem: OpaquePointer?, _ field: UnsafePointer<CChar>?, _ members: UnsafePointer<CChar>?
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let field = try name(field, "name")
    try problem.kind.check(field, .functions)
    var asked: [Functions.Member] = []
    for word in try text(members, "members").split(separator: " ") {
      guard let member = Functions.Member(rawValue: String(word)) else {
        throw unknownName(
          "member of kantor_functions", String(word),
          among: Functions.Member.allCases.map(\.rawValue))
      }
      if !asked.contains(member) { asked.append(member) }
    }
    guard !asked.isEmpty else {
      throw KantorError(.missing, "argument 'members' names no function")
    }
    try problem.set(field, .functions(.asked(asked, field: field)))
  }
}

@_cdecl("kantor_stepper_create")
public func kantorStepperCreate(
  _ problem: OpaquePointer?, _ method: UnsafePointer<CChar>?, _ settings: OpaquePointer?,
  _ stepper: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(stepper, "stepper") { () throws(KantorError) in
    try Stepper(
      Catalog.standard, try enter(problem, Problem.self),
      method: try optionalName(method, "method"),
      settings: settings == nil ? nil : try enter(settings, Settings.self))
  }
}

@_cdecl("kantor_stepper_next")
public func kantorStepperNext(
  _ stepper: OpaquePointer?, _ question: UnsafeMutablePointer<kantor_question>?
) -> Int32 {
  call { () throws(KantorError) in
    let stepper = try enter(stepper, Stepper.self)
    let out = try StructOut(question, first: kantor_question.firstSize, "question")
    var told = kantor_question()
    if let asked = try stepper.next() {
      told.field = StaticText.pointer(asked.field)
      told.member = StaticText.pointer(asked.member.rawValue)
      told.x = asked.x
      told.v = asked.v
      told.y = asked.y
      told.indices = asked.indices
      told.count = Int64(asked.count)
      told.sigma = asked.sigma
      told.step = asked.step
      told.out = asked.out
      told.out_second = asked.second
    }
    out.write(told)
  }
}

@_cdecl("kantor_stepper_answer")
public func kantorStepperAnswer(_ stepper: OpaquePointer?, _ code: Int32) -> Int32 {
  call { () throws(KantorError) in
    try enter(stepper, Stepper.self).answer(code)
  }
}

@_cdecl("kantor_stepper_result")
public func kantorStepperResult(
  _ stepper: OpaquePointer?, _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  create(result, "result") { () throws(KantorError) in
    try enter(stepper, Stepper.self).result()
  }
}

@_cdecl("kantor_stepper_free")
public func kantorStepperFree(_ stepper: OpaquePointer?) {
  free(stepper, Stepper.self)
}
