import Pipeline
import Ticketing

@testable import Gateway

/// The clock of all tests: 2030-03-17T17:46:40Z.
let present = Timestamp(microseconds: 1_900_000_000_000_000)
let organiser = CustomerID(0xA)
let customer = CustomerID(0xC)

extension EventRecord {
  /// On sale for an hour from an hour ago: `floor` with 500 places and `block-a` with the rows A, of ten seats, and B, of eight.
  static func sample(
    id: UInt128 = 0xE, status: Event.Status = .published, startsAt: Timestamp = present.adding(seconds: 86_400)
  ) -> EventRecord {
    let price = Money(amount: 3200, currency: "EUR")
    let event = Event(
      id: EventID(id), status: status, salesOpenAt: present.adding(seconds: -3600), salesCloseAt: present.adding(seconds: 3600),
      holdSeconds: 600, maxExtensions: 1, maxTicketsPerCustomer: 8,
      sections: [
        Section(id: "floor", name: "Floor", kind: .generalAdmission(capacity: 500), price: price),
        Section(
          id: "block-a", name: "Block A",
          kind: .seated(rows: [Row(name: "A", seats: 10, aislesAfter: [5]), Row(name: "B", seats: 8)]), price: price),
      ])
    return EventRecord(
      event: event, organiser: GatewayTests.organiser, name: "Sample", venue: "Hall", description: nil, startsAt: startsAt,
      createdAt: present.adding(seconds: -7200))
  }
}

extension KnownEvent {
  static let sample = KnownEvent(.sample(), partitioning: Partitioning(count: 16))
}

/// Parses a text that must be JSON.
func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

/// What is wrong, a line each: its pointer and, behind a colon, the detail. Empty if nothing is.
func complaints(_ read: () throws -> Void) throws -> [String] {
  do {
    try read()
    return []
  } catch let problem as Problem {
    return problem.errors.map { "\($0.pointer): \($0.detail)" }
  }
}

/// Only the pointers of what is wrong.
func pointers(_ read: () throws -> Void) throws -> [String] {
  try complaints(read).map { String($0.prefix { $0 != ":" }) }
}
