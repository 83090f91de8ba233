import Pipeline
import Ticketing

/// The events of one partition that its worker has in memory, and when the earliest holds of all its events end.
struct EventCache {
  /// So many events stay in memory from one batch to the next, whatever they take.
  private let minimumEvents: Int
  /// Beyond them as many as fit, in bytes: thousands of small events that are sold at the same time. To load one again costs as much as
  /// several decisions.
  private let maximumBytes: Int

  private var events: [EventID: LoadedEvent] = [:]
  private var lastUse: [EventID: UInt64] = [:]
  private var uses: UInt64 = 0
  /// Of all events of the partition that have holds, loaded or not.
  private var expiries: [EventID: Timestamp] = [:]
  /// The earliest of `expiries`.
  private(set) var nextExpiry: Timestamp?

  init(minimumEvents: Int = 256, maximumBytes: Int = 4 << 20) {
    self.minimumEvents = minimumEvents
    self.maximumBytes = maximumBytes
  }

  subscript(_ event: EventID) -> LoadedEvent? { events[event] }

  /// Puts a loaded event in memory.
  mutating func insert(_ event: LoadedEvent) {
    let id = event.state.event.id
    events[id] = event
    noteUse(of: id)
    noteExpiry(of: id, at: event.state.nextExpiry)
  }

  /// Forgets those that have been unused for longest where there are too many, and a few more, so that it is not to be done again soon.
  /// Not while a batch is decided: it may be of more events than are kept, and needs all of them.
  mutating func forgetUnused() {
    if events.count <= minimumEvents { return }
    var bytes = events.values.reduce(0) { $0 + $1.approximateBytes }
    if bytes <= maximumBytes { return }
    for (event, _) in lastUse.sorted(by: { $0.value < $1.value }).prefix(events.count - minimumEvents) {
      if bytes <= maximumBytes / 8 * 7 { return }
      bytes -= events[event]?.approximateBytes ?? 0
      forget(event)
    }
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

extension LoadedEvent {
  /// What it takes in memory, as measured for small events and for halls.
  fileprivate var approximateBytes: Int { 2_048 + 12 * state.plan.seatCount + 96 * state.reservationCount }
}

extension Timestamp {
  fileprivate static let distantFuture = Timestamp(microseconds: .max)
}
