import Pipeline
import Synchronization
import Ticketing

/// A catalogue in memory, which the test can take away.
final class FakeCatalogue: CatalogueView {
  private let state = Mutex(
    (isAway: false, isComplete: false, events: [EventID: EventRecord](), lost: Set<EventID>(), looks: 0))

  private let gate = Mutex<(@Sendable () async -> Void)?>(nil)

  /// How many single events were asked for.
  var looks: Int { state.withLock { $0.looks } }
  func takeAway() { state.withLock { $0.isAway = true } }
  func put(_ record: EventRecord) { state.withLock { $0.events[record.event.id] = record } }
  /// Single events are told once this returns.
  func wait(_ body: @escaping @Sendable () async -> Void) { gate.withLock { $0 = body } }
  /// What the view has of it from now on is its place in the list.
  func lose(_ id: EventID) { state.withLock { _ = $0.lost.insert(id) } }

  private func present() throws(ViewUnavailable) {
    if state.withLock({ $0.isAway }) { throw ViewUnavailable("taken away by the test") }
  }

  func events(_ ids: [EventID]) async throws(ViewUnavailable) -> [EventRecord?] {
    await gate.withLock { $0 }?()
    state.withLock { $0.looks += ids.count }
    try present()
    return state.withLock { state in ids.map { state.lost.contains($0) ? nil : state.events[$0] } }
  }

  func publishedIDs(after: PageMark, limit: Int) async throws(ViewUnavailable) -> [EventID]? {
    try present()
    return state.withLock { $0.isComplete ? page(Array($0.events.values), after, limit).map(\.event.id) : nil }
  }

  func list(_ events: [EventRecord]) async throws(ViewUnavailable) {
    try present()
    for event in events { put(event) }
  }

  func list(new event: EventRecord) async throws(ViewUnavailable) { try await list([event]) }

  func listedCount() async throws(ViewUnavailable) -> Int? {
    try present()
    return state.withLock { $0.isComplete ? $0.events.count : nil }
  }

  func markListComplete() async throws(ViewUnavailable) {
    try present()
    state.withLock { $0.isComplete = true }
  }
}

/// A database of events in memory, which the test can take away.
final class FakeEventStore: EventStore {
  private let state = Mutex((isAway: false, events: [EventID: EventRecord](), looks: 0))

  private let counting = Mutex<(@Sendable () -> Void)?>(nil)

  var looks: Int { state.withLock { $0.looks } }
  func takeAway() { state.withLock { $0.isAway = true } }
  func put(_ record: EventRecord) { state.withLock { $0.events[record.event.id] = record } }
  /// Called before events are counted.
  func onCount(_ body: @escaping @Sendable () -> Void) { counting.withLock { $0 = body } }

  private func present() throws(StoreUnavailable) {
    if state.withLock({ $0.isAway }) { throw StoreUnavailable("taken away by the test") }
  }

  func create(_ event: EventRecord) async throws(StoreUnavailable) -> EventRecord {
    try present()
    return state.withLock { state in
      let created = state.events[event.event.id] ?? event
      state.events[event.event.id] = created
      return created
    }
  }

  func events(_ ids: [EventID]) async throws(StoreUnavailable) -> [EventRecord] {
    state.withLock { $0.looks += ids.count }
    try present()
    return state.withLock { state in ids.compactMap { state.events[$0] } }
  }

  func publishedEvents(after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord] {
    try present()
    return state.withLock { page(Array($0.events.values.filter { $0.event.status == .published }), after, limit) }
  }

  func publishedCount() async throws(StoreUnavailable) -> Int {
    counting.withLock { $0 }?()
    try present()
    return state.withLock { $0.events.values.count { $0.event.status == .published } }
  }

  func events(of organiser: CustomerID, after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord] {
    try present()
    return state.withLock { page(Array($0.events.values.filter { $0.organiser == organiser }), after, limit) }
  }
}

private func page(_ events: [EventRecord], _ after: PageMark?, _ limit: Int) -> [EventRecord] {
  let sorted = events.sorted { ($0.pageMark.time, $0.pageMark.id) < ($1.pageMark.time, $1.pageMark.id) }
  guard let after else { return Array(sorted.prefix(limit)) }
  return Array(sorted.drop { ($0.pageMark.time, $0.pageMark.id) <= (after.time, after.id) }.prefix(limit))
}
