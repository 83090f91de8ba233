public import Foundation

// The contract's schemas, as far as tests look at them. What a schema requires is not optional here.

public struct Problem: Decodable, Sendable {
  public var type: String
  public var title: String
  public var status: Int
  public var code: String
  public var errors: [FieldError]?

  public struct FieldError: Decodable, Sendable {
    public var pointer: String
    public var detail: String
  }
}

public struct Account: Decodable, Sendable {
  public var id: UUID
  public var email: String
  public var name: String
  public var role: String
  public var created_at: String
}

public struct Session: Decodable, Sendable {
  public var token: String
  public var expires_at: String
  public var user: Account
}

public struct Money: Decodable, Equatable, Sendable {
  public var amount: Int
  public var currency: String

  public init(amount: Int, currency: String) { (self.amount, self.currency) = (amount, currency) }
}

public struct Event: Decodable, Equatable, Sendable {
  public var id: UUID
  public var organiser_id: UUID
  public var name: String
  public var venue: String
  public var description: String?
  public var starts_at: String
  public var sales_open_at: String
  public var sales_close_at: String
  public var hold_seconds: Int
  public var max_extensions: Int
  public var max_tickets_per_customer: Int
  public var status: String
  public var sections: [Section]

  public struct Section: Decodable, Equatable, Sendable {
    public var id: String
    public var name: String
    public var kind: String
    public var capacity: Int
    public var price: Money
  }

  public var path: String { "/v1/events/\(id.uuidString.lowercased())" }
}

public struct Availability: Decodable, Sendable {
  public var event_id: UUID
  public var version: Int
  public var sections: [Section]

  public struct Section: Decodable, Sendable {
    public var id: String
    public var capacity: Int
    public var available: Int
    public var held: Int
    public var sold: Int
    public var level: String
  }
}

public struct SeatMap: Decodable, Sendable {
  public var event_id: UUID
  public var section: String
  public var version: Int
  public var rows: [Row]

  public struct Row: Decodable, Sendable {
    public var name: String
    public var aisles_after: [Int]?
    public var seats: String
  }
}

public struct Reservation: Decodable, Sendable {
  public var id: UUID
  public var event_id: UUID
  public var status: String
  public var version: Int
  public var sequence: Int?
  public var selection: JSON
  public var queue: Queue?
  public var tickets: [Ticket]?
  public var total: Money?
  public var expires_at: String?
  public var extensions_left: Int?
  public var rejection: Rejection?
  public var created_at: String
  public var server_time: String

  public struct Queue: Decodable, Sendable {
    public var position: Int
    public var estimated_wait_seconds: Double?
  }

  public struct Ticket: Decodable, Sendable {
    public var section: String
    public var seat: String?
    public var price: Money
  }

  public struct Rejection: Decodable, Sendable {
    public var code: String
    public var message: String
  }

  public var path: String { "/v1/reservations/\(id.uuidString.lowercased())" }
  public var seats: [String] { (tickets ?? []).compactMap(\.seat) }
}

public struct Page<Item: Decodable & Sendable>: Decodable, Sendable {
  public var items: [Item]
  public var next_cursor: String?
}

public struct DeadLetter: Decodable, Sendable {
  public var id: UUID
  public var command_id: String
  public var event_id: String
  public var reason: String
  public var attempts: Int
  public var dead_at: String
  public var status: String
  public var payload: String?
}

public struct Health: Decodable, Sendable {
  public var status: String
  public var checks: [String: String]
}

/// The moment that a time of the contract means.
public func moment(_ time: String?) throws -> Date {
  guard let time else { throw Unexpected("there is no time") }
  // Milliseconds are left out where they are zero.
  return try Date(time, strategy: time.contains(".") ? withMilliseconds : .iso8601)
}
