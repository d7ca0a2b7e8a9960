import KantorBlocks
import KantorCore

extension Catalog {
  /// Everything that can be asked of the library, as JSON: bindings, manuals and completions are
  /// made from it.
  public func description() -> String {
    var json = JSONWriter()
    json.object { json in
      json.member("version", LibraryVersion.text)
      json.member("abi", Int64(LibraryVersion.abi))
      json.member("codes", CodeNames.all) { json, code in
        json.object {
          $0.member("code", Int64(code))
          $0.member("name", CodeNames.name(code))
        }
      }
      json.member("kinds", kinds) { $0.write($1) }
      json.member("methods", methods) { $0.write($1.spec) }
      json.member("proximal_maps", ProximalLibrary.all) { $0.write($1) }
    }
    return json.text
  }
}

extension JSONWriter {
  fileprivate mutating func write(_ kind: ProblemKind) {
    object { json in
      json.member("name", kind.name)
      json.member("summary", kind.summary)
      json.member("fields", kind.fields) { $0.write($1) }
    }
  }

  fileprivate mutating func write(_ map: ProximalEntry) {
    object { json in
      json.member("name", map.name)
      json.member("form", map.form.rawValue)
      json.member("summary", map.summary)
      json.member("source", map.source)
      json.member("takes_matrix", map.takesMatrix)
      json.member("parameters", map.parameters) { json, parameter in
        json.object {
          $0.member("name", parameter.name)
          $0.member("shape", parameter.shape)
          $0.member("is_required", parameter.isRequired)
          $0.member("doc", parameter.doc)
        }
      }
    }
  }

  fileprivate mutating func write(_ spec: MethodSpec) {
    object { json in
      json.member("name", spec.name)
      json.member("kind", spec.kind)
      json.member("summary", spec.summary)
      json.member("source", spec.source)
      json.member("guarantee", spec.guarantee)
      json.member("uses_warm_start", spec.usesWarmStart)
      json.member("has_derivatives", spec.hasDerivatives)
      let own = spec.ownOptions.count
      json.member("options", spec.options.enumerated()) { json, item in
        json.write(item.element, isCommon: item.offset >= own)
      }
      json.member("outputs", spec.outputs) { $0.write($1) }
    }
  }

  private mutating func write(_ field: FieldSpec) {
    object { json in
      json.member("name", field.name)
      json.member("type", field.type.rawValue)
      json.member("role", field.role.rawValue)
      if field.type == .array || field.type == .sparse {
        json.member("shape", field.shape)
        if field.role == .input {
          json.member("ranks", field.allowedRanks) { $0.number(Int64($1)) }
        }
      }
      if !field.choices.isEmpty { json.member("choices", field.choices) { $0.string($1) } }
      json.member("unit", field.unit)
      json.member("doc", field.doc)
    }
  }

  private mutating func write(_ option: OptionSpec, isCommon: Bool) {
    object { json in
      json.member("name", option.name)
      json.member("type", option.typeName)
      switch option.domain {
      case .real(let value, let low, let high):
        json.member("default", value)
        json.member("min", low)
        json.member("max", high)
      case .int(let value, let low, let high):
        json.member("default", value)
        json.member("min", low)
        json.member("max", high)
      case .flag(let value):
        json.member("default", value)
      case .text(let value, let choices):
        json.member("default", value)
        json.member("choices", choices) { $0.string($1) }
      }
      json.member("unit", option.unit)
      json.member("doc", option.doc)
      json.member("advanced", option.isAdvanced)
      json.member("common", isCommon)
    }
  }
}
