import KantorCatalog
import KantorCore
import TestSupport
import Testing

/// What every method of the catalogue must tell about itself, and how its options behave.
@Suite struct MethodDescriptionTests {
  private func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first >= 97, first <= 122 else { return false }
    return name.utf8.allSatisfy { $0 == 95 || (97...122).contains($0) || (48...57).contains($0) }
  }

  private func isSentence(_ text: String) -> Bool {
    text.hasSuffix(".") && !text.contains("\n") && text.count > 3
  }

  @Test(arguments: MethodCase.all) func methodIsDescribed(method: MethodCase) {
    let spec = method.spec
    #expect(isName(spec.name))
    #expect(isSentence(spec.summary) && spec.summary.count <= 120)
    #expect(isSentence(spec.guarantee))
    #expect(spec.source.count > 10)
    #expect(spec.source.contains { $0.isNumber }, "the source has no year")
  }

  @Test(arguments: MethodCase.all) func optionsAreDescribed(method: MethodCase) throws {
    let options = method.spec.options
    #expect(Set(options.map(\.name)).count == options.count)
    for option in options {
      #expect(isName(option.name))
      #expect(isSentence(option.doc), "\(option.name): \(option.doc)")
      #expect(try option.validate(option.defaultValue) == option.defaultValue, "\(option.name)")
    }
  }

  @Test(arguments: MethodCase.all) func outputsAreDescribed(method: MethodCase) {
    let outputs = method.spec.outputs
    #expect(Set(outputs.map(\.name)).count == outputs.count)
    for output in outputs {
      #expect(isName(output.name))
      #expect(isSentence(output.doc), "\(output.name): \(output.doc)")
      #expect((output.type == .array) == !output.shape.isEmpty, "\(output.name)")
      #expect(output.role != .input)
    }
    #expect(outputs.contains { $0.role == .certificate })
    for name in ["objective", "status", "message", "iterations", "seconds"] {
      #expect(outputs.contains { $0.name == name }, "\(name)")
    }
  }

  @Test func kindsAreDescribed() {
    for kind in Catalog.standard.kinds {
      #expect(isName(kind.name) && isSentence(kind.summary))
      #expect(Set(kind.fields.map(\.name)).count == kind.fields.count)
      for field in kind.fields {
        // Matrices go by the capital letters that they have in formulas.
        #expect(isName(field.name.lowercased()) && isSentence(field.doc) && field.role == .input)
        let hasShape = field.type == .array || field.type == .sparse
        #expect(hasShape == !field.shape.isEmpty)
        #expect((field.type == .array) == !field.ranks.isEmpty)
      }
    }
  }

  /// Values inside and values outside an option's range.
  private func values(_ option: OptionSpec) -> (allowed: [OptionValue], refused: [OptionValue]) {
    switch option.domain {
    case .real(let value, let low, let high):
      var refused: [OptionValue] = [.real(.nan), .text("1"), .flag(true)]
      if low > -.infinity { refused += [.real(low.nextDown), .real(-.infinity)] }
      if high < .infinity { refused += [.real(high.nextUp), .real(.infinity)] }
      return ([.real(value), .real(low), .real(high)], refused)
    case .int(let value, let low, let high):
      var refused: [OptionValue] = [.real(1), .text("1"), .flag(true)]
      if low > .min { refused += [.int(low - 1), .int(.min)] }
      if high < .max { refused += [.int(high + 1), .int(.max)] }
      return ([.int(value), .int(low), .int(high)], refused)
    case .flag:
      return ([.flag(true), .flag(false), .int(1)], [.int(2), .int(-1), .real(1), .text("true")])
    case .text(let value, let choices):
      let refused: [OptionValue] = choices.isEmpty ? [] : [.text(""), .text(value + "x")]
      return ((choices + [value]).map { .text($0) }, refused + [.int(1), .flag(true)])
    }
  }

  @Test(arguments: MethodCase.all) func optionsTakeWhatTheyPromise(method: MethodCase) throws {
    let settings = Settings(method: method.spec)
    for option in method.spec.options {
      #expect(try settings.get(option.name) == option.defaultValue)
      let values = values(option)
      for value in values.allowed {
        try settings.set(option.name, value)
        if case .flag = option.domain { continue }
        #expect(try settings.get(option.name) == value, "\(option.name)")
      }
      let last = try settings.get(option.name)
      for value in values.refused {
        let code = failure { () throws(KantorError) in try settings.set(option.name, value) }
        #expect(code == .range || code == .type, "\(option.name): \(value)")
      }
      #expect(try settings.get(option.name) == last)
    }
  }

  @Test(arguments: MethodCase.all) func misspeltOptionsAreCorrected(method: MethodCase) throws {
    let settings = Settings(method: method.spec)
    for option in method.spec.options {
      let slip = option.name + "x"
      let error = try #require(
        error { () throws(KantorError) in try settings.set(slip, option.defaultValue) })
      #expect(error.code == .name)
      #expect(error.message.contains("'\(option.name)'"), "\(error.message)")
    }
  }
}
