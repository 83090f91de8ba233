import Pipeline
import Synchronization

/// What a process has seen of the partitions' lines. Where Redis was emptied, or restored from an old copy, its lines would begin anew
/// while the workers go on counting: those who wait would be told that nobody is ahead of them.
final class LineMemory: Sendable {
  struct Line: Sendable {
    /// The last place that this process was given.
    var last: Int64 = 0
    var progress = Progress.none
  }

  private let lines = Mutex<[Int: Line]>([:])

  /// A partition's line as it was seen last.
  subscript(_ partition: Int) -> Line { lines.withLock { $0[partition] ?? Line() } }

  func note(_ last: Int64, in partition: Int) {
    lines.withLock { $0[partition, default: Line()].last = max(last, $0[partition]?.last ?? 0) }
  }

  /// Notes how far a line is said to have come, and gives how far it has: lines don't go back.
  func note(_ progress: Progress, of partition: Int) -> Progress {
    lines.withLock { lines in
      let known = lines[partition]?.progress ?? .none
      if progress.ordinal < known.ordinal { return known }
      lines[partition, default: Line()].progress = progress
      return progress
    }
  }
}
