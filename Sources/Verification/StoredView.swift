public import Pipeline
public import Ticketing

/// What the view says, as bytes: what the gateway would pass over as unreadable is a finding here.
public protocol StoredView: Sendable {
  /// An event's version, counts and seats, all as of one moment.
  func head(of event: Event) async throws(ViewUnavailable) -> ViewHead
  /// The records of an event's reservations; nil where there is none.
  func records(_ ids: [ReservationID]) async throws(ViewUnavailable) -> [[UInt8]?]
  /// The newest of each customer's reservations, so many at most.
  func lists(of customers: [CustomerID], limit: Int) async throws(ViewUnavailable) -> [[ReservationID]]
  /// Whether each of these is in its customer's list.
  func areListed(_ reservations: [(customer: CustomerID, mark: PageMark)]) async throws(ViewUnavailable) -> [Bool]
}

/// What the view says of an event as a whole.
public struct ViewHead: Sendable {
  public var version: Int64
  /// As ``Availability/encoded``; nil if there is none.
  public var availability: [UInt8]?
  /// The letters of each seated section, by its index; what is missing at the end is free, as is a zero.
  public var seats: [SectionIndex: [UInt8]]
  /// As ``EventRecord/encoded``; nil if the catalogue in the view does not have the event.
  public var event: [UInt8]?

  public init(version: Int64, availability: [UInt8]?, seats: [SectionIndex: [UInt8]], event: [UInt8]?) {
    self.version = version
    self.availability = availability
    self.seats = seats
    self.event = event
  }
}
