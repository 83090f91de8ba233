public import Ticketing

/// The events in the database.
public protocol EventStore: Sendable {
  /// Creates the event. If there is one with this id already, gives that one and changes nothing.
  func create(_ event: EventRecord) async throws(StoreUnavailable) -> EventRecord
  /// Those that there are, in the order of the ids.
  func events(_ ids: [EventID]) async throws(StoreUnavailable) -> [EventRecord]
  /// Published events, soonest first, from the one after `after`.
  func publishedEvents(after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord]
  /// How many events are published.
  func publishedCount() async throws(StoreUnavailable) -> Int
  /// All of an organiser's events, drafts included, soonest first, from the one after `after`.
  func events(of organiser: CustomerID, after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord]
}

/// What the database knows of reservations, for when the view does not.
public protocol ReservationStore: Sendable {
  /// Those of the reservations that there are, as they were decided, in any order; as `queued` where one was set aside, and its decision
  /// is an operator's.
  func reservations(_ ids: [ReservationID]) async throws(StoreUnavailable) -> [ReservationRecord]
  /// A customer's reservations that were given tickets, newest first.
  func reservations(of customer: CustomerID, after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [ReservationRecord]
  /// The letters of a section's seats.
  func seats(of event: Event, section: SectionIndex) async throws(StoreUnavailable) -> ViewedSeats?
  /// Whether the database answers.
  func isReady() async -> Bool
}

/// The database does not answer, or has more to do than it may have.
public struct StoreUnavailable: Error, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
