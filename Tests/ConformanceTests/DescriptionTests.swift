import Foundation
import KantorBlocks
import KantorCatalog
import KantorCore
import TestSupport
import Testing

@Suite struct DescriptionTests {
  private func read(_ text: String) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "not a JSON object")
  }

  private func list(_ value: Any?) throws -> [[String: Any]] {
    try #require(value as? [[String: Any]])
  }

  @Test func everythingInTheCatalogueIsThere() throws {
    let catalog = Catalog.standard
    let json = try read(catalog.description())
    #expect(json["version"] as? String == LibraryVersion.text)
    #expect(json["abi"] as? Int == LibraryVersion.abi)
    let kinds = try list(json["kinds"])
    #expect(kinds.compactMap { $0["name"] as? String } == catalog.kinds.map(\.name))
    for (kind, shown) in zip(catalog.kinds, kinds) {
      let fields = try list(shown["fields"])
      #expect(fields.compactMap { $0["name"] as? String } == kind.fields.map(\.name))
    }
    let methods = try list(json["methods"])
    #expect(methods.compactMap { $0["name"] as? String } == catalog.methods.map(\.spec.name))
    for (entry, shown) in zip(catalog.methods, methods) { try compare(shown, entry.spec) }
    let maps = try list(json["proximal_maps"])
    #expect(maps.compactMap { $0["name"] as? String } == ProximalLibrary.all.map(\.name))
    for (entry, shown) in zip(ProximalLibrary.all, maps) {
      let parameters = try list(shown["parameters"])
      #expect(parameters.compactMap { $0["name"] as? String } == entry.parameters.map(\.name))
    }
  }

  private func compare(_ shown: [String: Any], _ spec: MethodSpec) throws {
    for (key, text) in [
      ("kind", spec.kind), ("summary", spec.summary), ("source", spec.source),
      ("guarantee", spec.guarantee),
    ] {
      #expect(shown[key] as? String == text)
    }
    #expect(shown["uses_warm_start"] as? Bool == spec.usesWarmStart)
    #expect(shown["has_derivatives"] as? Bool == spec.hasDerivatives)
    for (option, json) in zip(spec.options, try list(shown["options"])) {
      #expect(json["name"] as? String == option.name)
      #expect(json["type"] as? String == option.typeName)
      #expect(json["doc"] as? String == option.doc)
      let isCommon = CommonOptions.specs.contains { $0.name == option.name }
      #expect(json["common"] as? Bool == isCommon)
      switch option.domain {
      case .real(let value, let low, let high):
        #expect(number(json["default"]) == value)
        #expect(number(json["min"]) == low)
        #expect(number(json["max"]) == high)
      case .int(let value, let low, let high):
        #expect((json["default"] as? NSNumber)?.int64Value == value)
        #expect((json["min"] as? NSNumber)?.int64Value == low)
        #expect((json["max"] as? NSNumber)?.int64Value == high)
      case .flag(let value):
        #expect(json["default"] as? Bool == value)
      case .text(let value, let choices):
        #expect(json["default"] as? String == value)
        #expect(json["choices"] as? [String] == choices)
      }
    }
    #expect(try list(shown["options"]).count == spec.options.count)
    for (field, json) in zip(spec.outputs, try list(shown["outputs"])) {
      #expect(json["name"] as? String == field.name)
      #expect(json["type"] as? String == field.type.rawValue)
      #expect(json["role"] as? String == field.role.rawValue)
      #expect((json["shape"] as? String ?? "") == field.shape)
    }
    #expect(try list(shown["outputs"]).count == spec.outputs.count)
  }

  private func number(_ value: Any?) -> Double? {
    switch value as? String {
    case "inf": return .infinity
    case "-inf": return -.infinity
    default: return (value as? NSNumber)?.doubleValue
    }
  }

  @Test func codesHaveNames() throws {
    let codes = try list(try read(Catalog.standard.description())["codes"])
    let names = codes.compactMap { $0["name"] as? String }
    #expect(names.count == KantorError.Code.allCases.count + 1 + Status.allCases.count)
    #expect(Set(names).count == names.count)
    #expect(CodeNames.name(0) == "ok")
    #expect(CodeNames.name(.min) == "unknown")
    #expect(CodeNames.name(-99) == "internal")
    #expect(CodeNames.name(1) == "solved")
  }

  @Test func textsOfEveryKindSurvive() throws {
    let strange = "\"quoted\" \\ back\nline\r\ttab \u{1}\u{1f} é 𝔼 \u{7f} </script>"
    let spec = MethodSpec(
      name: "m", kind: "k", summary: strange, source: strange, guarantee: "",
      options: [
        OptionSpec("x", .real(1e-300, min: -.infinity, max: 5e-324), unit: strange, strange),
        OptionSpec("k", .int(.min, min: .min, max: .max), ""),
        OptionSpec("t", .text(strange, choices: [strange, ""]), ""),
      ],
      outputs: [], usesWarmStart: false, hasDerivatives: false)
    let entry = MethodEntry(spec: spec) { (_, _) throws(KantorError) in
      throw KantorError(.unsupported, "")
    }
    let json = try read(Catalog(kinds: [], methods: [entry]).description())
    let method = try #require(try list(json["methods"]).first)
    try compare(method, spec)
    #expect(method["summary"] as? String == strange)
  }

  @Test func theBuildIsDescribed() throws {
    let json = try read(BuildInfo.json())
    #expect(json["version"] as? String == LibraryVersion.text)
    #expect((json["compiler"] as? String)?.isEmpty == false)
    let levels = try #require(json["cpu_levels"] as? [String])
    #expect(levels.first == "base")
    let level = try #require(json["cpu_level"] as? String)
    #expect(levels.contains(level))
  }
}
