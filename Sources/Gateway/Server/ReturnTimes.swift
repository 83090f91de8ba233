import NIOCore

/// When those who are refused are told to ask again: one after the other, as many in a second as are taken.
///
/// Where all are told the same they all come at the same moment, and nearly all are refused again: serving 60,000 who came again every two
/// seconds took three times as long.
struct ReturnTimes {
  /// The longest that anybody is told to wait, in seconds.
  static let longest = 30
  private static let shortest = TimeAmount.seconds(1)

  /// When the next place is free.
  private var next: NIODeadline

  init(at now: NIODeadline) { next = now }

  /// After how many seconds the next one is to ask again, 1 to ``longest``.
  /// - Parameter rate: how many are taken in a second.
  mutating func take(at now: NIODeadline, rate: Double) -> Int {
    // Places so far off are given twice: most of those who have them will be gone by then.
    if next - now > .seconds(Int64(Self.longest)) { next = now + .seconds(Int64(Self.longest / 2)) }
    next = max(next, now + Self.shortest)
    let wait = next - now
    next = next + .nanoseconds(Int64(1e9 / rate))
    return Int((wait.nanoseconds + 999_999_999) / 1_000_000_000)
  }
}
