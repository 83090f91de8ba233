import NIOCore

/// When those who are refused are told to ask again.
///
/// Where all are told the same they all come at the same moment, and nearly all are refused again: serving 60,000 who came again every two
/// seconds took three times as long. So there are as many places in a second as may be taken then, and each who is refused makes the line
/// of them one place longer. He is told some place of it, not the last: those who are refused at the same moment would else all come in
/// the same few moments again, since they are told whole seconds.
struct ReturnTimes {
  /// The longest that anybody is told to wait, in seconds.
  static let longest = 30
  private static let shortest = TimeAmount.seconds(1)
  /// Of the golden ratio. Its multiples' fractions lie evenly, however many they are.
  private static let step = 0.618_033_988_749_895

  /// When the line ends.
  private var end: NIODeadline
  /// Where in the line the next one's place is, 0 to 1.
  private var part = 0.0

  init(at now: NIODeadline) { end = now }

  /// After how many seconds the next one is to ask again, 2 to ``longest``: its place is more than a second away.
  /// - Parameter rate: how many may be taken in a second.
  mutating func take(at now: NIODeadline, rate: Double) -> Int {
    let first = now + Self.shortest
    end = min(max(end, first) + .nanoseconds(Int64(1e9 / rate)), now + .seconds(Int64(Self.longest)))
    part += Self.step
    if part >= 1 { part -= 1 }
    let wait = Self.shortest.nanoseconds + Int64(part * Double((end - first).nanoseconds))
    return min(Self.longest, Int((wait + 999_999_999) / 1_000_000_000))
  }
}
