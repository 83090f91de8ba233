import Pipeline
import Synchronization
import Ticketing

/// A journal after whose answer about changes something happens before it arrives, and that can't read what happened to some events.
final class RacingJournal: Journal {
  let fake: FakeJournal
  private let next = Mutex<(@Sendable (EventID) async -> Void)?>(nil)
  private let unreadable = Mutex<Set<EventID>>([])
  private let asked = Mutex<[EventID]>([])

  init(_ fake: FakeJournal) { self.fake = fake }

  /// - Parameter body: is told which event's changes they are.
  func afterNextChanges(_ body: @escaping @Sendable (EventID) async -> Void) { next.withLock { $0 = body } }
  func damage(_ event: EventID) { unreadable.withLock { _ = $0.insert(event) } }
  /// Whose changes were asked for, in order.
  var eventsAsked: [EventID] { asked.withLock { $0 } }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    asked.withLock { $0.append(event) }
    if unreadable.withLock({ $0.contains(event) }) { throw .refused("damaged by the test") }
    let changes = try await fake.changes(of: event, after: version, limit: limit)
    let body = next.withLock { next in
      defer { next = nil }
      return next
    }
    await body?(event)
    return changes
  }

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] { try await fake.load(events) }
  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> { try await fake.decided(commands) }
  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try await fake.reservations(ids)
  }
  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] { try await fake.commit(batches) }
  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await fake.streams(of: partition, in: partitioning)
  }
  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await fake.streamsWithHolds(of: partition, in: partitioning)
  }
  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) { try await fake.setAside(letters) }
}
