import CKantor
import KantorCone
import KantorCore

@_cdecl("kantor_cone_bound")
public func kantorConeBound(
  _ problem: OpaquePointer?, _ z: UnsafePointer<kantor_array>?, _ x: UnsafePointer<kantor_array>?,
  _ lower: UnsafePointer<kantor_array>?, _ upper: UnsafePointer<kantor_array>?,
  _ bound: UnsafeMutablePointer<Double>?
) -> Int32 {
  call { () throws(KantorError) in
    let problem = try enter(problem, Problem.self)
    let target = try need(bound, "bound")
    guard let sealed = try problem.seal() as? ConeProblem else {
      throw KantorError(
        .unsupported, "the problem is of the kind \(problem.kind.name); cone is needed")
    }
    let (n, m) = (sealed.n, sealed.m)
    let multipliers = try numbers(try view(z, "z"), m, "z", allowed: nil)
    let answer = try ConeBound(
      sealed, z: multipliers,
      x: try x.map { (a) throws(KantorError) in
        try numbers(try view(a, "x"), n, "x", allowed: nil)
      },
      lower: try lower.map { (a) throws(KantorError) in
        try numbers(try view(a, "lower"), n, "lower", allowed: -.infinity)
      },
      upper: try upper.map { (a) throws(KantorError) in
        try numbers(try view(a, "upper"), n, "upper", allowed: .infinity)
      })
    target.pointee = answer.value
  }
}

/// A vector of numbers; one infinity may be allowed.
private func numbers(
  _ tensor: Tensor, _ count: Int, _ name: String, allowed: Double?
) throws(KantorError) -> Buffer<Double> {
  guard tensor.shape == [count] else {
    throw KantorError(
      .shape, "\(name) has the shape \(tensor.shapeText); needed is (\(count),)")
  }
  let values = try tensor.doubles()
  for i in 0..<count where !values.pointer[i].isFinite && values.pointer[i] != allowed {
    throw KantorError(.notFinite, "\(name) is \(values.pointer[i]) at \(i)")
  }
  return values
}
