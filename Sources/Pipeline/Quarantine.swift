public import Ticketing

/// How often a command was begun by workers that did not finish it.
public struct Attempts: Hashable, Sendable {
  /// With nothing else under way: it is this command that they did not survive.
  public var alone: Int
  /// In a batch, where another one may be the culprit.
  public var together: Int

  public init(alone: Int = 0, together: Int = 0) {
    self.alone = alone
    self.together = together
  }
}

/// What workers write down about commands that may be what kills them, so that their successors know.
public protocol Quarantine: Sendable {
  /// The commands of a partition that must not be decided: they are set aside, or discarded.
  func commandsSetAside(in partition: Int) async throws(JournalFailure) -> Set<CommandID>
  /// What is known of these commands; nothing of one that was never noted.
  func attempts(at commands: [CommandID]) async throws(JournalFailure) -> [CommandID: Attempts]
  /// Notes that these commands are about to be decided together, or one alone, and gives how often each was, with this time.
  func noteAttempt(at commands: [CommandID], in partition: Int) async throws(JournalFailure) -> [CommandID: Attempts]
  /// Takes back what was noted of a command alone: it was not decided, and not by its fault.
  func withdrawAttempt(at command: CommandID) async throws(JournalFailure)
  /// Forgets what was noted of a partition: what its former workers did not finish is finished.
  func clearAttempts(in partition: Int) async throws(JournalFailure)
}
