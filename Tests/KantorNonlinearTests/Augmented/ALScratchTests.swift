import Glibc
import KantorCore
import KantorNonlinear
import Testing

nonisolated(unsafe) let logHandle = fopen(
  getenv("OUT").map { String(cString: $0) } ?? "/tmp/al.log", "w")!
func note(_ text: String) { fputs(text + "\n", logHandle); fflush(logHandle) }

@Suite struct ALScratchTests {
  @Test func table() throws {
    let which = getenv("HESS").map { String(cString: $0) } ?? "1"
    let only = getenv("ONLY").map { String(cString: $0) }
    let method = getenv("METHOD").map { String(cString: $0) } ?? "al"
    var good = 0
    var all = 0
    var options: [String: OptionValue] = [:]
    if let inner = getenv("INNER") { options["inner"] = .text(String(cString: inner)) }
    if getenv("TOL") != nil { options["tolerance"] = .real(1e-4) }
    if getenv("PUB") != nil { options["variant"] = .text("published") }
    for p in TextCollection.all where only == nil || p.name == only {
      if method == "sk" && !p.isEqualityOnly { continue }
      all += 1
      do {
        let entry = method == "al" ? AugmentedLagrangian.entry : SketchedNewton.entry
        let s = try p.solve(entry, hessian: which == "1", options)
        let ok = s.status == .solved && p.isOptimum(s.objective)
        if ok { good += 1 }
        let text = (try? s.result.text("message")) ?? ""
        note("\(ok ? "ok  " : (s.status == .solved ? "LOC " : "BAD ")) \(p.name) it \(s.count("iterations")) ev \(s.count("evaluations")) out \(s.count("outer_iterations")) pen \(s.number("penalty")) inner \(s.count("inner_steps")) fl \(s.number("flops")) fb \(s.count("fallbacks")) f \(s.objective) \(p.optima.first ?? 0) \(ok ? "" : text)")
      } catch { note("ERR \(p.name) \(error)") }
    }
    note("good \(good) of \(all)")
  }
}
