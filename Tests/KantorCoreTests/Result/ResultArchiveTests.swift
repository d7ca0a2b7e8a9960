import KantorCore
import KantorNumerics
import TestSupport
import Testing

@Suite struct ResultArchiveTests {
  private let spec = ToyKind.adder().spec

  private func result() throws -> Result {
    var fields = ResultFields()
    fields.add("x", -0.0)
    fields.add("nothing", Double.nan)
    fields.add("k", Int.min)
    fields.add("word", "größer")
    fields.add("list", Tensor(try Buffer([1.0, 2, 3, 4, 5, 6]), shape: [2, 3]))
    fields.add("whole", Tensor(try Buffer<Int64>([7, -8])))
    fields.add("empty", Tensor(try Buffer<Double>(count: 0), shape: [0, 5]))
    fields.addLazily("late") { () throws(KantorError) in Tensor(try Buffer([9.0])) }
    fields.certify("gap", 0.25)
    return Result(spec: spec, status: .stalled, fields: fields)
  }

  private func bytes(_ result: Result) throws -> [UInt8] {
    let saved = try SavedResult(result, libraryVersion: "1.2.3")
    var bytes = [UInt8](repeating: 0x5A, count: saved.byteCount + 1)
    bytes.withUnsafeMutableBytes { memory in
      if let start = memory.baseAddress { saved.write(to: start) }
    }
    #expect(bytes.removeLast() == 0x5A)
    return bytes
  }

  private func load(_ bytes: [UInt8]) throws(KantorError) -> Result {
    do {
      return try bytes.withUnsafeBytes { memory in
        try Result.load(memory) { (kind, name) in
          kind == spec.kind && name == spec.name ? spec : nil
        }
      }
    } catch let error as KantorError {
      throw error
    } catch {
      throw KantorError(.internal, "\(error)")
    }
  }

  @Test func everyTypeComesBack() throws {
    let loaded = try load(try bytes(try result()))
    #expect(loaded.status == .stalled && loaded.spec.name == spec.name)
    #expect(
      loaded.fields.map(\.name) == ["x", "nothing", "k", "word", "list", "whole", "empty", "gap"])
    #expect(try loaded.real("x").sign == .minus)
    #expect(try loaded.real("nothing").isNaN)
    #expect(try loaded.int("k") == Int64.min)
    #expect(try loaded.text("word") == "größer")
    #expect(try loaded.array("list").shape == [2, 3])
    #expect(try loaded.array("list").list() == [1, 2, 3, 4, 5, 6])
    #expect(try loaded.array("whole").type == .i64)
    #expect(try loaded.array("whole").list() == [7, -8])
    #expect(try loaded.array("empty").shape == [0, 5])
    #expect(loaded.fields.filter(\.isCertificate).map(\.name) == ["gap"])
  }

  @Test func arraysAreSavedOnceTheyAreMade() throws {
    let result = try result()
    #expect(!(try load(try bytes(result)).has("late")))
    _ = try result.array("late")
    #expect(try load(try bytes(result)).array("late").list() == [9])
  }

  @Test func savingALoadedResultGivesTheSameBytes() throws {
    let first = try bytes(try result())
    #expect(try bytes(try load(first)) == first)
  }

  @Test func arraysWithStridesAreSavedRowByRow() throws {
    let memory = try Buffer([1.0, 2, 3, 4])
    var fields = ResultFields()
    fields.add(
      "turned",
      Tensor(
        type: .f64, shape: [2, 2], strides: [1, 2],
        base: UnsafeMutableRawPointer(memory.pointer), owner: memory))
    let result = Result(spec: spec, status: .solved, fields: fields)
    #expect(try load(try bytes(result)).array("turned").list() == [1, 3, 2, 4])
  }

  @Test func derivativesAreRefused() throws {
    let loaded = try load(try bytes(try result()))
    #expect(
      failure { () throws(KantorError) in _ = try loaded.vjp(cotangents: [:], wanted: []) }
        == .unsupported)
    #expect(
      failure { () throws(KantorError) in _ = try loaded.jvp(tangents: [:], wanted: []) }
        == .unsupported)
  }

  @Test func everyBitCounts() throws {
    let good = try bytes(try result())
    for k in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[k] ^= UInt8(1 << bit)
        let code = failure { () throws(KantorError) in _ = try load(bad) }
        #expect(code == .format || code == .version && (4..<8).contains(k))
      }
    }
  }

  @Test func partsAndAdditionsAreRefused() throws {
    let good = try bytes(try result())
    for length in 0..<good.count {
      #expect(
        failure { () throws(KantorError) in _ = try load(Array(good[..<length])) } == .format)
    }
    #expect(failure { () throws(KantorError) in _ = try load(good + [0]) } == .format)
  }

  @Test func unknownMethodsAndStatusesAreOfANewerLibrary() throws {
    let good = try bytes(try result())
    let foreign = try #require(good.firstIndex(of: UInt8(ascii: "a")))
    var bad = good
    bad[foreign] = UInt8(ascii: "b")
    let error = error { () throws(KantorError) in _ = try load(resealed(bad)) }
    #expect(error?.code == .version)
    #expect(error?.message.contains("1.2.3") == true)
  }

  /// Damage that the checksum does not show must not do any harm either.
  @Test func damageUnderARightChecksum() throws {
    let good = try bytes(try result())
    var stream = RandomStream(seed: 5)
    var loaded = 0
    for _ in 0..<20_000 {
      var bad = good
      for _ in 0...stream.index(below: 3) {
        bad[16 + stream.index(below: good.count - 20)] = UInt8(stream.index(below: 256))
      }
      do throws(KantorError) {
        _ = try load(resealed(bad))
        loaded += 1
      } catch {
        #expect([.format, .version, .tooLarge].contains(error.code))
      }
    }
    #expect(loaded > 1000)
  }

  private func resealed(_ bytes: [UInt8]) -> [UInt8] {
    let body = bytes.dropLast(4)
    var crc: UInt32 = .max
    for byte in body {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = (crc & 1 == 1 ? 0xEDB8_8320 : 0) ^ (crc >> 1) }
    }
    return body + (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> (8 * $0)) }
  }
}
