import Pipeline
import Synchronization
import Ticketing

/// A journal that carries out a number of commits and then, like the process that it stands for, does nothing any more: the last
/// commit is in the database, and nobody learns of it.
final class DyingJournal: Journal {
  private let journal: any Journal
  private let commitsLeft: Atomic<Int>
  private let death: AsyncStream<Void>
  private let dead: AsyncStream<Void>.Continuation

  init(_ journal: any Journal, commits: Int) {
    self.journal = journal
    commitsLeft = Atomic(commits)
    (death, dead) = AsyncStream.makeStream()
  }

  func waitUntilDead() async { for await _ in death {} }

  private var isDead: Bool { commitsLeft.load(ordering: .relaxed) <= 0 }

  private func expectLife() throws(JournalFailure) {
    if isDead { throw .unavailable("dead") }
  }

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] {
    try expectLife()
    return try await journal.load(events)
  }

  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> {
    try expectLife()
    return try await journal.decided(commands)
  }

  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try expectLife()
    return try await journal.reservations(ids)
  }

  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    try expectLife()
    let updated = try await journal.commit(batches)
    commitsLeft.subtract(1, ordering: .relaxed)
    if isDead { dead.finish() }
    try expectLife()
    return updated
  }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    try expectLife()
    return try await journal.changes(of: event, after: version, limit: limit)
  }

  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try expectLife()
    return try await journal.streams(of: partition, in: partitioning)
  }

  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try expectLife()
    return try await journal.streamsWithHolds(of: partition, in: partitioning)
  }

  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) {
    try expectLife()
    try await journal.setAside(letters)
  }
}
