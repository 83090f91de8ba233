import Pipeline
import Synchronization
import Ticketing

/// A journal after whose answer about changes something happens before it arrives.
final class RacingJournal: Journal {
  let fake: FakeJournal
  private let next = Mutex<(@Sendable () async -> Void)?>(nil)

  init(_ fake: FakeJournal) { self.fake = fake }

  func afterNextChanges(_ body: @escaping @Sendable () async -> Void) { next.withLock { $0 = body } }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    let changes = try await fake.changes(of: event, after: version, limit: limit)
    let body = next.withLock { next in
      defer { next = nil }
      return next
    }
    await body?()
    return changes
  }

  func load(_ event: EventID) async throws(JournalFailure) -> LoadedEvent? { try await fake.load(event) }
  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> { try await fake.decided(commands) }
  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] { try await fake.commit(batches) }
  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await fake.streams(of: partition, in: partitioning)
  }
  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) { try await fake.setAside(letters) }
}
