import CKantor
import KantorCone
import KantorCore

@_cdecl("kantor_qp_workspace")
public func kantorQpWorkspace(_ n: Int64, _ m: Int64) -> Int64 {
  count { () throws(KantorError) in
    let (n, m) = try sizes(n, m)
    return try DenseAnswer.room(n, m)
  }
}

@_cdecl("kantor_qp_dense")
public func kantorQpDense(
  _ problem: UnsafePointer<kantor_qp>?, _ answer: UnsafeMutablePointer<kantor_qp_answer>?,
  _ workspace: UnsafeMutablePointer<Double>?, _ count: Int64
) -> Int32 {
  do {
    return try solve(problem, answer, workspace, count).rawValue
  } catch {
    return report(error)
  }
}

private func solve(
  _ problem: UnsafePointer<kantor_qp>?, _ answer: UnsafeMutablePointer<kantor_qp_answer>?,
  _ workspace: UnsafeMutablePointer<Double>?, _ count: Int64
) throws(KantorError) -> Status {
  let given = try need(problem, "problem")
  _ = try size(UnsafeRawPointer(given), first: kantor_qp.firstSize, "problem")
  let out = try need(answer, "answer")
  _ = try size(UnsafeRawPointer(out), first: kantor_qp_answer.firstSize, "answer")
  let data = given.pointee
  let (n, m) = try sizes(data.n, data.m)
  let q = try need(data.q, "problem->q")
  if m > 0 { _ = try need(data.a, "problem->a") }
  let room = try DenseAnswer.room(n, m)
  var own: Buffer<Double>?
  if workspace != nil {
    guard count >= room else {
      throw KantorError(
        .buffer, "count is \(count); a workspace for n = \(n), m = \(m) has \(room) numbers")
    }
  } else {
    own = try Buffer<Double>(count: room)
  }
  guard let memory = workspace ?? own?.pointer else { return .numericalError }
  let target = out.pointee
  let found = try DenseAnswer.solve(
    DenseQP(
      n: n, m: m, p: data.p, q: q, a: m > 0 ? data.a : nil, rowLower: data.row_lower,
      rowUpper: data.row_upper, lower: data.lower, upper: data.upper),
    memory: memory, start: target.active, x: target.x, y: target.y, active: target.active)
  withExtendedLifetime(own) {}
  out.pointee.objective = found.certificate.objective
  out.pointee.primal_residual = found.certificate.primalResidual
  out.pointee.dual_residual = found.certificate.dualResidual
  out.pointee.gap = found.certificate.gap
  out.pointee.radius = found.radius
  out.pointee.iterations = Int64(found.steps)
  return found.status
}

private func sizes(_ n: Int64, _ m: Int64) throws(KantorError) -> (n: Int, m: Int) {
  guard n >= 1, n < 1 << 30, m >= 0, m < 1 << 30 else {
    throw KantorError(.range, "n is \(n) and m is \(m); n >= 1 and m >= 0 are needed, below 2^30")
  }
  return (Int(n), Int(m))
}
