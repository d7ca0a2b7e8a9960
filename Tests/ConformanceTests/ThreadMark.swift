import Foundation

/// An object of the current thread's own, to tell threads apart.
final class ThreadMark {
  static var current: ThreadMark {
    if let mark = Thread.current.threadDictionary["mark"] as? ThreadMark { return mark }
    let mark = ThreadMark()
    Thread.current.threadDictionary["mark"] = mark
    return mark
  }
}
