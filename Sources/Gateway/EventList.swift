import Logging
import Pipeline
import Synchronization
import Ticketing

/// An event as lists show it.
final class ListedEvent: Sendable {
  let id: EventID
  /// As clients read it.
  let json: [UInt8]
  /// Its place in the list.
  let mark: PageMark

  init(_ record: EventRecord) {
    id = record.event.id
    json = record.json
    mark = record.pageMark
  }
}

/// The list of published events, which everybody opens first: their order from Redis, and themselves from memory, else from Redis; all of
/// it from PostgreSQL where Redis can't tell.
struct EventList: Sendable {
  /// How much JSON stays in memory, in bytes: some thousand clubs, or a hundred halls.
  static let maximumBytes = 4 << 20

  /// What was shown before. Nothing changes an event once it was created.
  private final class Memory: Sendable {
    let shown = Mutex(RecentlyUsed<EventID, ListedEvent>(maximumSize: EventList.maximumBytes) { $0.json.count })
  }

  let view: any CatalogueView
  let store: any EventStore
  let logger: Logger
  private let memory = Memory()

  init(view: any CatalogueView, store: any EventStore, logger: Logger) {
    self.view = view
    self.store = store
    self.logger = logger
  }

  /// Those that start after `mark`, soonest first.
  func events(after mark: PageMark, limit: Int) async throws -> [ListedEvent] {
    do throws(ViewUnavailable) {
      if let ids = try await view.publishedIDs(after: mark, limit: limit), let events = try await viewed(ids) { return events }
    } catch {
      logger.debug("the list comes from the database", metadata: ["reason": "\(error)"])
    }
    do throws(StoreUnavailable) {
      let records = try await store.publishedEvents(after: mark, limit: limit)
      let known = remembered(records.map(\.event.id))
      return zip(records, known).map { record, known in known ?? remember(record) }
    } catch {
      throw Problem(.unavailable, "Events can't be listed at the moment.", retryAfter: 2)
    }
  }

  /// Nil where Redis has not one of them.
  private func viewed(_ ids: [EventID]) async throws(ViewUnavailable) -> [ListedEvent]? {
    var events = remembered(ids)
    let missing = ids.indices.filter { events[$0] == nil }
    if missing.isEmpty { return events.compactMap(\.self) }
    for (index, record) in zip(missing, try await view.events(missing.map { ids[$0] })) {
      guard let record else { return nil }
      events[index] = remember(record)
    }
    return events.compactMap(\.self)
  }

  private func remembered(_ ids: [EventID]) -> [ListedEvent?] { memory.shown.withLock { shown in ids.map { shown.value($0) } } }

  private func remember(_ record: EventRecord) -> ListedEvent {
    let event = ListedEvent(record)
    memory.shown.withLock { $0.insert(event, as: event.id) }
    return event
  }
}
