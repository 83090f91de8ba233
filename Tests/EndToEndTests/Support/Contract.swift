import Foundation

// The contract's schemas, as far as tests look at them. What a schema requires is not optional here.

struct Problem: Decodable {
  var type: String
  var title: String
  var status: Int
  var code: String
  var errors: [FieldError]?

  struct FieldError: Decodable {
    var pointer: String
    var detail: String
  }
}

struct Account: Decodable {
  var id: UUID
  var email: String
  var name: String
  var role: String
  var created_at: String
}

struct Session: Decodable {
  var token: String
  var expires_at: String
  var user: Account
}

struct Money: Decodable, Equatable {
  var amount: Int
  var currency: String
}

struct Event: Decodable, Equatable {
  var id: UUID
  var organiser_id: UUID
  var name: String
  var venue: String
  var description: String?
  var starts_at: String
  var sales_open_at: String
  var sales_close_at: String
  var hold_seconds: Int
  var max_extensions: Int
  var max_tickets_per_customer: Int
  var status: String
  var sections: [Section]

  struct Section: Decodable, Equatable {
    var id: String
    var name: String
    var kind: String
    var capacity: Int
    var price: Money
  }

  var path: String { "/v1/events/\(id.uuidString.lowercased())" }
}

struct Availability: Decodable {
  var event_id: UUID
  var version: Int
  var sections: [Section]

  struct Section: Decodable {
    var id: String
    var capacity: Int
    var available: Int
    var held: Int
    var sold: Int
    var level: String
  }
}

struct SeatMap: Decodable {
  var event_id: UUID
  var section: String
  var version: Int
  var rows: [Row]

  struct Row: Decodable {
    var name: String
    var aisles_after: [Int]?
    var seats: String
  }
}

struct Reservation: Decodable {
  var id: UUID
  var event_id: UUID
  var status: String
  var version: Int
  var sequence: Int?
  var selection: JSON
  var queue: Queue?
  var tickets: [Ticket]?
  var total: Money?
  var expires_at: String?
  var extensions_left: Int?
  var rejection: Rejection?
  var created_at: String
  var server_time: String

  struct Queue: Decodable {
    var position: Int
    var estimated_wait_seconds: Double?
  }

  struct Ticket: Decodable {
    var section: String
    var seat: String?
    var price: Money
  }

  struct Rejection: Decodable {
    var code: String
    var message: String
  }

  var path: String { "/v1/reservations/\(id.uuidString.lowercased())" }
  var seats: [String] { (tickets ?? []).compactMap(\.seat) }
}

struct Page<Item: Decodable>: Decodable {
  var items: [Item]
  var next_cursor: String?
}

struct DeadLetter: Decodable {
  var id: UUID
  var command_id: String
  var event_id: String
  var reason: String
  var attempts: Int
  var dead_at: String
  var status: String
  var payload: String?
}

struct Health: Decodable {
  var status: String
  var checks: [String: String]
}

/// The moment that a time of the contract means.
func moment(_ time: String?) throws -> Date {
  guard let time else { throw Unexpected("there is no time") }
  // Milliseconds are left out where they are zero.
  return try Date(time, strategy: time.contains(".") ? withMilliseconds : .iso8601)
}
