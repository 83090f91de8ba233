/// What is for sale, and under which terms. The decisions depend on nothing else but the history.
public struct Event: Hashable, Sendable {
  /// Whether tickets can be asked for.
  public enum Status: UInt8, Sendable {
    case draft = 0, published = 1, paused = 2, cancelled = 3
  }

  public var id: EventID
  public var status: Status
  /// A request is in time if the gateway accepted it at or after `salesOpenAt` and before `salesCloseAt`.
  public var salesOpenAt: Timestamp
  public var salesCloseAt: Timestamp
  /// How long a hold lasts, and what an extension adds to it.
  public var holdSeconds: Int
  public var maxExtensions: Int
  /// Held and bought, over all of a customer's reservations of this event.
  public var maxTicketsPerCustomer: Int
  /// In the organiser's order. A section's place in it, and a seat's number, never change.
  public var sections: [Section]

  public init(
    id: EventID, status: Status, salesOpenAt: Timestamp, salesCloseAt: Timestamp, holdSeconds: Int, maxExtensions: Int,
    maxTicketsPerCustomer: Int, sections: [Section]
  ) {
    self.id = id
    self.status = status
    self.salesOpenAt = salesOpenAt
    self.salesCloseAt = salesCloseAt
    self.holdSeconds = holdSeconds
    self.maxExtensions = maxExtensions
    self.maxTicketsPerCustomer = maxTicketsPerCustomer
    self.sections = sections
  }
}

/// A part of the venue with one price.
public struct Section: Hashable, Sendable {
  /// Where the tickets of a section are: anywhere in it, or on a seat.
  public enum Kind: Hashable, Sendable {
    case generalAdmission(capacity: Int)
    /// Front row first.
    case seated(rows: [Row])
  }

  /// The organiser's name for it in URLs and seats: `block-a`.
  public var id: String
  /// What people call it: `Block A`.
  public var name: String
  public var kind: Kind
  public var price: Money

  public init(id: String, name: String, kind: Kind, price: Money) {
    self.id = id
    self.name = name
    self.kind = kind
    self.price = price
  }

  /// How many tickets there are in all.
  public var capacity: Int {
    switch kind {
    case .generalAdmission(let capacity): capacity
    case .seated(let rows): rows.reduce(0) { $0 + $1.seats }
    }
  }
}

/// A row of seats, numbered from 1, left to right.
public struct Row: Hashable, Sendable {
  public var name: String
  public var seats: Int
  /// Seat numbers after which an aisle runs, ascending. The seats on its two sides are not adjacent.
  public var aislesAfter: [Int]

  public init(name: String, seats: Int, aislesAfter: [Int] = []) {
    self.name = name
    self.seats = seats
    self.aislesAfter = aislesAfter
  }
}

/// An amount in the currency's minor unit: 3200 EUR is 32 euros.
public struct Money: Hashable, Sendable {
  public var amount: Int64
  /// ISO 4217, three capital letters.
  public var currency: String

  public init(amount: Int64, currency: String) {
    self.amount = amount
    self.currency = currency
  }
}
