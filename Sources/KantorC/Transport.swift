import KantorCore
import KantorTransport

@_cdecl("kantor_transport_exact")
public func kantorTransportExact(
  _ n: Int64, _ m: Int64, _ cost: UnsafePointer<Double>?, _ a: UnsafePointer<Double>?,
  _ b: UnsafePointer<Double>?, _ objective: UnsafeMutablePointer<Double>?,
  _ f: UnsafeMutablePointer<Double>?, _ g: UnsafeMutablePointer<Double>?, _ capacity: Int64,
  _ planRow: UnsafeMutablePointer<Int64>?, _ planColumn: UnsafeMutablePointer<Int64>?,
  _ planValue: UnsafeMutablePointer<Double>?, _ count: UnsafeMutablePointer<Int64>?
) -> Int32 {
  status { () throws(KantorError) in
    let (n, m) = (try extent(n, "n"), try extent(m, "m"))
    let cost = try need(cost, "cost")
    guard (planRow == nil) == (planColumn == nil), (planRow == nil) == (planValue == nil) else {
      throw KantorError(.null, "plan_row, plan_column, plan_value: all must be NULL or none")
    }
    let answer = try ExactTransport.solve(cost: cost, n: n, m: m, a: a, b: b)
    let plan = answer.plan
    // Infeasible, or nothing that is worth writing.
    guard plan.count > 0 else { return answer.status }
    if let planRow, let planColumn, let planValue {
      let count = try need(count, "count")
      guard capacity >= Int64(plan.count) else {
        throw KantorError(.buffer, "capacity is \(capacity); the plan has \(plan.count) entries")
      }
      planRow.update(from: plan.rows.pointer, count: plan.count)
      planColumn.update(from: plan.columns.pointer, count: plan.count)
      planValue.update(from: plan.values.pointer, count: plan.count)
      count.pointee = Int64(plan.count)
    }
    objective?.pointee = answer.objective
    f?.update(from: answer.f.pointer, count: n)
    g?.update(from: answer.g.pointer, count: m)
    return answer.status
  }
}

private func extent(_ n: Int64, _ argument: StaticString) throws(KantorError) -> Int {
  guard n >= 1, let extent = Int(exactly: n) else {
    throw KantorError(.range, "argument '\(argument)' is \(n); at least 1 is needed")
  }
  return extent
}

private func status(_ body: () throws(KantorError) -> Status) -> Int32 {
  do {
    return try body().rawValue
  } catch {
    return report(error)
  }
}
