import KantorCore

/// What the host answered about one point, bit for bit; asking again would cost a call and tell
/// nothing new.
public struct KnownAnswers: Sendable {
  let point: Buffer<Double>
  let answers: [(member: Functions.Member, values: Buffer<Double>)]

  init(point: Buffer<Double>, answers: [(Functions.Member, Buffer<Double>)]) {
    self.point = point
    self.answers = answers
  }

  /// The output of `member`, of `count` numbers, at a point; nil where it is not known.
  func values(
    _ member: Functions.Member, at x: Functions.Point, _ count: Int
  ) -> Buffer<Double>? {
    for answer in answers where answer.member == member && answer.values.count == count {
      return Self.areSame(point.pointer, x, point.count) ? answer.values : nil
    }
    return nil
  }

  static func areSame(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ count: Int
  ) -> Bool {
    for j in 0..<count where a[j].bitPattern != b[j].bitPattern { return false }
    return true
  }
}
