import Crypto
package import Pipeline
import Synchronization
import Ticketing

/// An event as the gateway has it at hand.
package final class KnownEvent: Sendable {
  let record: EventRecord
  let plan: SeatPlan
  let partition: Int
  /// As clients read it.
  let json: [UInt8]
  let tag: String

  package init(_ record: EventRecord, partitioning: Partitioning) {
    self.record = record
    self.partition = partitioning.partition(of: record.event.id)
    plan = SeatPlan(record.event.sections)
    json = record.json
    tag = "\"\(Base16.encode(SHA256.hash(data: json).prefix(8)))\""
  }

  var event: Event { record.event }
}

/// The events by their ids: from memory, else from Redis, else from PostgreSQL.
struct EventDirectory: Sendable {
  /// How many events stay in memory.
  private static let maximumEvents = 4096

  private let view: any CatalogueView
  private let store: any EventStore
  let partitioning: Partitioning
  private let known = Known()

  private final class Known: Sendable {
    let events = Mutex<[EventID: KnownEvent]>([:])
  }

  init(view: any CatalogueView, store: any EventStore, partitioning: Partitioning) {
    self.view = view
    self.store = store
    self.partitioning = partitioning
  }

  /// The event, whoever asks. Nil if there is none.
  func event(_ id: EventID) async throws -> KnownEvent? {
    if let known = known.events.withLock({ $0[id] }) { return known }
    let record: EventRecord?
    do throws(StoreUnavailable) {
      if let viewed = await viewed(id) { record = viewed } else { record = try await store.event(id) }
    } catch {
      throw Problem(.unavailable, "Events can't be read at the moment.", retryAfter: 2)
    }
    return record.map(remember)
  }

  /// The event if this reader may see it: a draft is nobody's business but its organiser's and the operators'.
  /// - Throws: `404` otherwise.
  func event(_ id: EventID, for reader: AccessToken?) async throws -> KnownEvent {
    guard let known = try await event(id) else { throw Problem.notFound }
    if known.event.status == .draft, reader?.role != .operator_, reader?.user != known.record.organiser { throw Problem.notFound }
    return known
  }

  func remember(_ record: EventRecord) -> KnownEvent {
    let event = KnownEvent(record, partitioning: partitioning)
    known.events.withLock { events in
      if events.count >= Self.maximumEvents, let any = events.keys.first { events[any] = nil }
      events[record.event.id] = event
    }
    return event
  }

  private func viewed(_ id: EventID) async -> EventRecord? {
    do throws(ViewUnavailable) {
      return try await view.events([id])[0]
    } catch {
      // The database has it too.
      return nil
    }
  }
}

/// Bytes in hexadecimal.
enum Base16 {
  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
