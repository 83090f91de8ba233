/// When requests are sent.
enum Pace: Equatable {
  /// Each connection sends the next one when it has its answer.
  case closed
  /// At moments that were fixed beforehand, evenly, so many a second, whether answers come or not.
  case open(perSecond: Double)

  /// When a request is due, in nanoseconds from the start; nil in a closed loop: whenever a connection is free.
  func due(_ number: Int) -> Int64? {
    switch self {
    case .closed: nil
    case .open(let rate): Int64(Double(number) * 1e9 / rate)
    }
  }

  /// How many of `count` requests are due, `elapsed` nanoseconds after the start.
  func countDue(after elapsed: Int64, of count: Int) -> Int {
    switch self {
    case .closed: return count
    case .open(let rate):
      guard elapsed >= 0 else { return 0 }
      // Rounding may leave one out, or count one too many.
      var due = Int(Double(elapsed) * rate / 1e9)
      while let next = self.due(due), next <= elapsed { due += 1 }
      while due > 0, let last = self.due(due - 1), last > elapsed { due -= 1 }
      return min(due, count)
    }
  }
}
