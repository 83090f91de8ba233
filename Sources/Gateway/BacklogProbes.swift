import Synchronization

/// Lets a request now and then into a partition whose backlog seems to be too long.
///
/// A backlog is told from places in the line, and those are taken also by requests that are refused in the end. Where nothing is
/// queued any more, nothing is decided, so that nothing would ever show how far the line has come: one that is let through does.
final class BacklogProbes: Sendable {
  private static let interval = Duration.seconds(1)

  private let next = Mutex<[Int: ContinuousClock.Instant]>([:])

  func mayPass(_ partition: Int, at time: ContinuousClock.Instant) -> Bool {
    next.withLock { next in
      let isDue = next[partition].map { $0 <= time } ?? false
      if isDue || next[partition] == nil { next[partition] = time + Self.interval }
      return isDue
    }
  }
}
