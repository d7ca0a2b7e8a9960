import KantorBilevel
import KantorCore
import TestSupport
import Testing

@Suite struct BsvrbTests {
  private let sum = BlockSum()

  private func solve(
    _ options: [String: OptionValue] = [:], batches: Bool = true
  ) throws -> Result {
    try solveBilevel(Bsvrb.self, try sum.sealed(batches: batches), options)
  }

  private func error(_ result: Result) throws -> Double {
    zip(try result.array("x").list(), sum.solution).map { abs($0 - $1) }.max() ?? .nan
  }

  /// The mean of the iterates is near the closed form; the polish takes the rest away.
  @Test(arguments: ["vector", "matrix"]) func closedForm(_ form: String) throws {
    let options: [String: OptionValue] = [
      "adjoint_form": .text(form), "max_iterations": .int(1500), "batch_size": .int(4),
    ]
    let rough = try solve(options.merging(["polish": .flag(false)]) { $1 })
    #expect(try error(rough) < 0.05)
    #expect(try rough.int("blocks_used") == 8)
    let result = try solve(options)
    #expect(result.status == .solved)
    #expect(try error(result) < 1e-6)
  }

  /// All blocks in a step, where nothing can be sampled.
  @Test func wholeFunctions() throws {
    let result = try solve(["polish": .flag(false), "max_iterations": .int(2000)], batches: false)
    #expect(try result.int("blocks_used") == 20)
    let off = try error(result)
    #expect(off < 0.02, "\(off)")
  }

  @Test func publishedSteps() throws {
    let options: [String: OptionValue] = [
      "variant": .text("published"), "eta": .real(0.05), "max_iterations": .int(2000),
    ]
    #expect(try error(try solve(options)) < 0.1)
  }

  @Test func repeats() throws {
    let options: [String: OptionValue] = ["max_iterations": .int(50), "polish": .flag(false)]
    let (a, b) = (try solve(options), try solve(options))
    #expect(try a.array("x").list() == b.array("x").list())
  }

  @Test func limitsAreExact() throws {
    for limit: Int64 in [1, 7, 60] {
      let result = try solve(["max_evaluations": .int(limit)])
      #expect(result.status == .evaluationLimit)
      #expect(try result.int("evaluations") <= limit)
    }
  }

  /// Blocks that are none are found out, and named.
  @Test func refusesCoupledBlocks() throws {
    let problem = try BilevelCase.named("quad_2x3").problem()
    try problem.set("blocks", .int(3))
    let sealed = try #require(try problem.seal() as? BilevelProblem)
    #expect(
      message { _ = try solveBilevel(Bsvrb.self, sealed) }
        .contains("f couples y at 0..<1, the first block"))
    #expect(
      message { _ = try sum.sealed(blocks: 7) }
        .contains("blocks is 7; a divisor of the size of start_y, 60"))
    #expect(
      message { _ = try solveBilevel(Bsvrb.self, try BilevelCase.named("svm_1c").sealed()) }
        .contains("'bsvrb' takes no rows"))
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return (error as? KantorError)?.message ?? "\(error)"
    }
  }

  /// Blocks that are declared save products: three make the whole inverse.
  @Test func implicitUsesTheBlocks() throws {
    let declared = try solveBilevel(Implicit.self, try sum.sealed(batches: false))
    let plain = try solveBilevel(Implicit.self, try sum.sealed(blocks: 1, batches: false))
    #expect(declared.status == .solved)
    #expect(try error(declared) < 1e-4)
    let (few, many) = (
      try declared.int("hessian_products"), try plain.int("hessian_products")
    )
    #expect(few < many, "\(few) against \(many)")
  }
}
