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

  /// What it takes in memory: the JSON, and its parts as they are decoded.
  fileprivate var approximateBytes: Int { 1_024 + 3 * json.count }
}

/// The events by their ids: from memory, else from Redis, else from PostgreSQL.
///
/// Those that ask while a look-up is under way share the next one. So a crowd for an event that is not in memory costs little more than
/// one request, and so does one that follows a link to an event that does not exist.
struct EventDirectory: Sendable {
  /// What the events in memory take at most, in bytes: five thousand clubs, or a few hundred halls.
  static let maximumBytes = 32 << 20

  let partitioning: Partitioning
  private let known: Known
  private let lookUps: LookUps<EventID, Result<KnownEvent?, StoreUnavailable>>

  private final class Known: Sendable {
    let events: Mutex<RecentlyUsed<EventID, KnownEvent>>

    init(maximumBytes: Int) { events = Mutex(RecentlyUsed(maximumSize: maximumBytes) { $0.approximateBytes }) }
  }

  init(
    view: any CatalogueView, store: any EventStore, partitioning: Partitioning, maximumBytes: Int = Self.maximumBytes
  ) {
    self.partitioning = partitioning
    let known = Known(maximumBytes: maximumBytes)
    self.known = known
    lookUps = LookUps { ids in
      do throws(StoreUnavailable) {
        let found = try await Self.records(Set(ids), view, store).mapValues { KnownEvent($0, partitioning: partitioning) }
        known.events.withLock { events in for (id, event) in found { events.insert(event, as: id) } }
        return ids.map { .success(found[$0]) }
      } catch {
        return ids.map { _ in .failure(error) }
      }
    }
  }

  /// The event, whoever asks. Nil if there is none.
  func event(_ id: EventID) async throws -> KnownEvent? {
    if let known = known.events.withLock({ $0.value(id) }) { return known }
    guard case .success(let event)? = await lookUps.answer(to: id) else {
      throw Problem(.unavailable, "Events can't be read at the moment.", retryAfter: 2)
    }
    return event
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
    known.events.withLock { $0.insert(event, as: record.event.id) }
    return event
  }

  private static func records(
    _ ids: Set<EventID>, _ view: any CatalogueView, _ store: any EventStore
  ) async throws(StoreUnavailable) -> [EventID: EventRecord] {
    let ids = Array(ids)
    var records: [EventRecord] = []
    do throws(ViewUnavailable) {
      records = try await view.events(ids).compactMap(\.self)
    } catch {
      // The database has them too.
    }
    let viewed = Set(records.map(\.event.id))
    let missing = ids.filter { !viewed.contains($0) }
    if !missing.isEmpty { records += try await store.events(missing) }
    return Dictionary(records.map { ($0.event.id, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

/// Bytes in hexadecimal.
enum Base16 {
  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
