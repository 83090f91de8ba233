import Logging
import Pipeline
import Ticketing

/// Finds out which command it is that no worker survives, without harm to the others.
///
/// A worker that dies leaves what it was at in front of its queue, so only what comes back first is suspicious: the rest was on its way
/// and never begun. What is suspicious is noted before it is begun. A batch that was noted and comes back is begun one command at a
/// time, and a command that comes back twice after it was begun alone is set aside: with the first time, among others, three times.
/// Nobody is suspected for having been in the same batch, however often workers are killed; and where nothing died, nothing is written.
struct Isolation {
  /// How often a command is begun before it is set aside: once among others, and then alone.
  static let maximumAttempts = 3
  /// So few commands are begun one at a time at once: it takes no longer than a batch that must be noted.
  static let fewCommands = 16

  /// How some commands in a row are to be settled.
  enum Step: Equatable {
    /// As always.
    case freely([QueuedCommand])
    /// In one batch, which is noted.
    case together([QueuedCommand])
    /// Noted, and with nothing else under way.
    case alone(QueuedCommand)

    /// The same commands one at a time.
    var apart: [Step] {
      switch self {
      case .freely(let commands), .together(let commands): commands.map(Step.alone)
      case .alone: [self]
      }
    }
  }

  private let partition: Int
  private let journal: any Journal
  private let quarantine: any Quarantine
  private let turn: Turn
  private let time: Timekeeper
  private let logger: Logger
  /// How many more of the commands that come back may have been under way.
  private var suspiciousLeft = PartitionConsumer.maximumBatch + CommandMessage.maximumCommands
  /// Whether all that was under way has been settled, so that its attempts need not be known any more.
  private var isOver = false
  /// What must not be decided, as of the last time that one of them came.
  private var setAside: Set<CommandID> = []

  /// - Parameter turn: the process's, for commands that may be what ends it.
  init(
    partition: Int, journal: any Journal, quarantine: any Quarantine, turn: Turn, time: Timekeeper, logger: Logger
  ) {
    self.partition = partition
    self.journal = journal
    self.quarantine = quarantine
    self.turn = turn
    self.time = time
    self.logger = logger
  }

  /// To be called when the partition is taken over.
  mutating func takeOver() async throws(JournalFailure) { setAside = try await quarantine.commandsSetAside(in: partition) }

  /// From now on the command is not decided, unless an operator has it replayed.
  mutating func noteSetAside(_ command: CommandID) { setAside.insert(command) }

  /// How the commands of a batch are to be settled, in their order. Those that are set aside are left out.
  mutating func steps(for commands: [QueuedCommand], redelivered: Bool) async throws(JournalFailure) -> [Step] {
    let (commands, replayed) = try await withoutThoseSetAside(commands)
    if commands.isEmpty { return [.freely([])] }
    if redelivered && suspiciousLeft > 0 { return try await carefulSteps(for: commands) }
    if !redelivered && !isOver {
      suspiciousLeft = 0
      try await quarantine.clearAttempts(in: partition)
      isOver = true
    }
    return replayed.isEmpty ? [.freely(commands)] : Self.steps(for: commands, freely: true) { replayed.contains($0) }
  }

  /// A command that was set aside may be sent again by its customer, who still sees it waiting.
  private mutating func withoutThoseSetAside(
    _ commands: [QueuedCommand]
  ) async throws(JournalFailure) -> (commands: [QueuedCommand], replayed: Set<CommandID>) {
    if setAside.isEmpty { return (commands, []) }
    let known = Set(commands.map(\.command.id)).intersection(setAside)
    if known.isEmpty { return (commands, []) }
    setAside = try await quarantine.commandsSetAside(in: partition)
    let left = commands.filter { $0.command.isDiscard || !setAside.contains($0.command.id) }
    if left.count < commands.count {
      logger.notice("commands that are set aside came again", metadata: ["commands": "\(commands.count - left.count)"])
    }
    return (left, known.subtracting(setAside))
  }

  private mutating func carefulSteps(for commands: [QueuedCommand]) async throws(JournalFailure) -> [Step] {
    let ids = commands.map(\.command.id)
    let decided = try await journal.decided(ids)
    // A command that is there twice is begun once.
    var met = decided
    let open = commands.filter { met.insert($0.command.id).inserted }
    suspiciousLeft -= open.count
    // Those that are decided go first, if only so that they are shown.
    let shown = decided.isEmpty ? [] : [Step.freely(commands.filter { decided.contains($0.command.id) })]
    if open.count <= Self.fewCommands { return shown + open.map(Step.alone) }
    let attempts = try await quarantine.attempts(at: open.map(\.command.id))
    return shown + Self.steps(for: open, freely: false) { attempts[$0] != nil }
  }

  /// Cuts the commands into those that are to be settled alone, and the runs between them.
  private static func steps(for commands: [QueuedCommand], freely: Bool, isAlone: (CommandID) -> Bool) -> [Step] {
    var steps: [Step] = []
    var run: [QueuedCommand] = []
    func endRun() {
      if !run.isEmpty { steps.append(freely ? .freely(run) : .together(run)) }
      run = []
    }
    for command in commands {
      if isAlone(command.command.id) {
        endRun()
        steps.append(.alone(command))
      } else {
        run.append(command)
      }
    }
    endRun()
    return steps
  }

  /// Settles a command with nothing else under way, or finds that it can't be.
  ///
  /// One that was begun alone before waits until no such command of another partition is under way in this process: whichever of them ends
  /// it, the others would come back with one attempt more.
  /// - Throws: ``CancellationError`` only.
  func settleAlone(
    _ queued: QueuedCommand, with settler: inout Settler, isGivenUp: () -> Bool
  ) async throws -> Settlement {
    let id = queued.command.id
    var reason = "whoever decided it did not survive it, or did not come to an end"
    var pause = Duration.milliseconds(50)
    let mayBeCulprit = await wasBegunAlone(id)
    if mayBeCulprit { await turn.take() }
    defer { if mayBeCulprit { turn.pass() } }
    while true {
      var isNoted = false
      do throws(JournalFailure) {
        let attempts = try await quarantine.noteAttempt(at: [id], in: partition)[id]?.alone ?? 1
        isNoted = true
        if attempts >= Self.maximumAttempts {
          return Settlement(undecidable: [Undecidable(command: queued, reason: reason, attempts: Self.maximumAttempts)])
        }
        if attempts > 1 {
          logger.warning("a suspicious command is tried again", metadata: ["command": "\(id)", "attempt": "\(attempts)"])
        }
        return try await settler.attemptOnce([queued], due: [])
      } catch {
        if case .refused(let why) = error, isNoted {
          reason = why
          continue
        }
        // The database was away, or somebody else has decided for the event: that says nothing about the command.
        logger.warning("a command will be tried again", metadata: ["command": "\(id)", "reason": "\(error)"])
        try await withdrawAttempt(at: id, isGivenUp: isGivenUp)
        if isGivenUp() { throw CancellationError() }
        try await time.sleep(pause)
        pause = min(pause * 2, .seconds(1))
      }
    }
  }

  /// True also where nobody can tell.
  private func wasBegunAlone(_ command: CommandID) async -> Bool {
    do throws(JournalFailure) {
      return try await quarantine.attempts(at: [command])[command]?.alone ?? 0 > 0
    } catch {
      return true
    }
  }

  /// Until it is certain: whether the note was written may not be known. One too few costs another attempt, one too many an innocent
  /// command.
  private func withdrawAttempt(at command: CommandID, isGivenUp: () -> Bool) async throws {
    while true {
      do throws(JournalFailure) {
        return try await quarantine.withdrawAttempt(at: command)
      } catch {
        if isGivenUp() { throw CancellationError() }
        try await time.sleep(.milliseconds(100))
      }
    }
  }

  /// To be called before commands are settled together.
  func noteTogether(_ commands: [QueuedCommand]) async throws(JournalFailure) {
    _ = try await quarantine.noteAttempt(at: commands.map(\.command.id), in: partition)
  }
}

extension Command {
  fileprivate var isDiscard: Bool { if case .discard = action { true } else { false } }
}
