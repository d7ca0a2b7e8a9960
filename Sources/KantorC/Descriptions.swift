import CKantor
import KantorCatalog
import KantorCore

// Entries of the catalogue as the structs of the header.

/// An element by the index that C gave.
func element<T>(
  _ index: Int64, of list: [T], _ what: @autoclosure () -> String
) throws(KantorError) -> T {
  guard let k = Int(exactly: index), list.indices.contains(k) else {
    throw KantorError(
      .range, "index is \(index); there are \(list.count) \(what()), counted from 0")
  }
  return list[k]
}

func describe(_ spec: MethodSpec) -> kantor_method_info {
  kantor_method_info(
    struct_size: 0, name: StaticText.pointer(spec.name), kind: StaticText.pointer(spec.kind),
    summary: StaticText.pointer(spec.summary), source: StaticText.pointer(spec.source),
    guarantee: StaticText.pointer(spec.guarantee), option_count: Int64(spec.options.count),
    output_count: Int64(spec.outputs.count), uses_warm_start: spec.usesWarmStart ? 1 : 0,
    has_derivatives: spec.hasDerivatives ? 1 : 0)
}

func describe(_ option: OptionSpec) -> kantor_option_info {
  var info = kantor_option_info()
  info.name = StaticText.pointer(option.name)
  info.is_advanced = option.isAdvanced ? 1 : 0
  info.unit = StaticText.pointer(option.unit)
  info.doc = StaticText.pointer(option.doc)
  info.default_text = StaticText.pointer("")
  info.choices = StaticText.pointer("")
  switch option.domain {
  case .real(let value, let low, let high):
    info.type = Int32(KANTOR_REAL)
    (info.default_number, info.min, info.max) = (value, low, high)
  case .int(let value, let low, let high):
    info.type = Int32(KANTOR_INT)
    (info.default_number, info.min, info.max) = (Double(value), Double(low), Double(high))
  case .flag(let value):
    info.type = Int32(KANTOR_FLAG)
    (info.default_number, info.min, info.max) = (value ? 1 : 0, 0, 1)
  case .text(let value, let choices):
    info.type = Int32(KANTOR_TEXT)
    info.default_text = StaticText.pointer(value)
    info.choices = StaticText.pointer(choices.joined(separator: "|"))
  }
  return info
}

func describe(_ field: FieldSpec) -> kantor_field_info {
  var info = kantor_field_info()
  info.name = StaticText.pointer(field.name)
  switch field.type {
  case .real: info.type = Int32(KANTOR_REAL)
  case .int: info.type = Int32(KANTOR_INT)
  case .text: info.type = Int32(KANTOR_TEXT)
  case .array: info.type = Int32(KANTOR_ARRAY)
  case .sparse: info.type = Int32(KANTOR_SPARSE)
  case .functions: info.type = Int32(KANTOR_FUNCTIONS)
  case .problem: info.type = Int32(KANTOR_PROBLEM)
  }
  info.is_certificate = field.role == .certificate ? 1 : 0
  info.shape = StaticText.pointer(field.shape)
  info.choices = StaticText.pointer(field.choices.joined(separator: "|"))
  info.unit = StaticText.pointer(field.unit)
  info.doc = StaticText.pointer(field.doc)
  return info
}
