import Pipeline
import Ticketing

/// The events of one partition that its worker has in memory, and when the earliest holds of all its events end.
struct EventCache {
  /// How many events stay in memory from one batch to the next: an event that is not on sale now is loaded again in milliseconds.
  static let maximumEvents = 256

  private var events: [EventID: LoadedEvent] = [:]
  private var lastUse: [EventID: UInt64] = [:]
  private var uses: UInt64 = 0
  /// Of all events of the partition that have holds, loaded or not.
  private var expiries: [EventID: Timestamp] = [:]
  /// The earliest of `expiries`.
  private(set) var nextExpiry: Timestamp?

  subscript(_ event: EventID) -> LoadedEvent? { events[event] }

  /// Puts a loaded event in memory.
  mutating func insert(_ event: LoadedEvent) {
    let id = event.state.event.id
    events[id] = event
    noteUse(of: id)
    noteExpiry(of: id, at: event.state.nextExpiry)
  }

  /// Forgets those that have been unused for longest where there are too many. Not while a batch is decided: it may be of more events
  /// than are kept, and needs all of them.
  mutating func forgetUnused() {
    let surplus = events.count - Self.maximumEvents
    if surplus <= 0 { return }
    for event in lastUse.sorted(by: { $0.value < $1.value }).prefix(surplus) { forget(event.key) }
  }

  mutating func noteUse(of event: EventID) {
    if events[event] == nil { return }
    uses += 1
    lastUse[event] = uses
  }

  /// Changes an event in place.
  mutating func update(_ id: EventID, _ change: (inout LoadedEvent) -> Void) {
    guard let index = events.index(forKey: id) else { preconditionFailure("event \(id) is not loaded") }
    change(&events.values[index])
  }

  /// The next use loads it again. When its holds end stays known.
  mutating func forget(_ event: EventID) {
    events[event] = nil
    lastUse[event] = nil
  }

  mutating func noteExpiry(of event: EventID, at time: Timestamp?) {
    let before = expiries.updateValue(time ?? .distantFuture, forKey: event)
    if time == nil { expiries[event] = nil }
    if let time, time <= nextExpiry ?? .distantFuture {
      nextExpiry = time
    } else if before == nextExpiry {
      nextExpiry = expiries.values.min()
    }
  }

  /// The events of which at least one hold's time is over.
  func eventsWithDueHolds(at now: Timestamp) -> [EventID] {
    guard let nextExpiry, nextExpiry <= now else { return [] }
    return expiries.filter { $0.value <= now }.map(\.key).sorted()
  }
}

extension Timestamp {
  fileprivate static let distantFuture = Timestamp(microseconds: .max)
}
