import BlockingThread
import Glibc
import Logging
import Synchronization
import Ticketing

/// Ends the process when a decision does not end: decisions are made on the threads of Swift's pool, which nothing else can get back.
/// What was under way is delivered again, and found out about then.
actor DecisionWatch {
  /// How long the decisions of one batch may take: a thousand times what the largest needs.
  static let patience = Duration.seconds(5)
  /// Counted in these, and not by a clock, so that a process that was stopped and goes on is not taken for one that hangs.
  private static let tick = Duration.milliseconds(250)

  /// What is being decided by one consumer. Written by the consumer and read by the watch, without a lock.
  final class Mark: Sendable {
    let partition: Int
    /// Odd while something is being decided.
    fileprivate let turn = Atomic<UInt64>(0)
    /// The command's id, if it is alone; else 0.
    fileprivate let high = Atomic<UInt64>(0)
    fileprivate let low = Atomic<UInt64>(0)

    init(partition: Int) { self.partition = partition }

    /// Must be followed by ``end()``, without waiting for anything in between.
    func begin(_ command: CommandID?) {
      high.store(UInt64(truncatingIfNeeded: (command?.rawValue ?? 0) >> 64), ordering: .relaxed)
      low.store(UInt64(truncatingIfNeeded: command?.rawValue ?? 0), ordering: .relaxed)
      turn.add(1, ordering: .releasing)
    }

    func end() { turn.add(1, ordering: .releasing) }

    fileprivate var command: CommandID? {
      let id = UInt128(high.load(ordering: .relaxed)) << 64 | UInt128(low.load(ordering: .relaxed))
      return id == 0 ? nil : CommandID(id)
    }
  }

  private struct Watched {
    let mark: Mark
    var turn: UInt64 = 0
    var ticks = 0
  }

  private let thread = BlockingThread(name: "decision-watch")
  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
  private let patience: Duration
  private let onHang: @Sendable (Int, CommandID?) -> Void
  private var marks: [ObjectIdentifier: Watched] = [:]

  /// - Parameter onHang: gets the partition and, if only one command was being decided, that one.
  init(patience: Duration = DecisionWatch.patience, onHang: @escaping @Sendable (Int, CommandID?) -> Void) {
    self.patience = patience
    self.onHang = onHang
  }

  /// What a worker process does.
  static func endingTheProcess(_ logger: Logger) -> DecisionWatch {
    DecisionWatch { partition, command in
      logger.critical(
        "a decision does not end; this process does, and the decision is tried again",
        metadata: ["partition": "\(partition)", "command": "\(command.map { "\($0)" } ?? "one of a batch")"])
      _exit(70)
    }
  }

  func watch(_ mark: Mark) {
    marks[ObjectIdentifier(mark)] = Watched(mark: mark)
    guard marks.count == 1 else { return }
    // No file descriptor, only the interval.
    thread.watch(-1, every: Self.tick) { [unowned self] in assumeIsolated { $0.look() } }
  }

  func forget(_ mark: Mark) {
    marks[ObjectIdentifier(mark)] = nil
    if marks.isEmpty { thread.unwatch() }
  }

  private func look() {
    for (key, watched) in marks {
      let turn = watched.mark.turn.load(ordering: .acquiring)
      let isSame = turn == watched.turn && !turn.isMultiple(of: 2)
      let ticks = isSame ? watched.ticks + 1 : 0
      marks[key]?.turn = turn
      marks[key]?.ticks = ticks
      if Self.tick * ticks >= patience { onHang(watched.mark.partition, watched.mark.command) }
    }
  }

  isolated deinit {
    thread.unwatch()
    thread.finish()
  }
}
