import Ticketing

let opening = Timestamp(microseconds: 1_900_000_000_000_000)

extension Event {
  /// On sale from `opening` for an hour; a hold lasts ten seconds.
  static func onSale(
    _ sections: [Section], limit: Int = 100, maxExtensions: Int = 1, status: Status = .published
  ) -> Event {
    Event(
      id: EventID(0xE), status: status, salesOpenAt: opening, salesCloseAt: opening.adding(seconds: 3600), holdSeconds: 10,
      maxExtensions: maxExtensions, maxTicketsPerCustomer: limit, sections: sections)
  }
}

extension Section {
  static func standing(_ capacity: Int, id: String = "floor", name: String = "Floor") -> Section {
    Section(id: id, name: name, kind: .generalAdmission(capacity: capacity), price: Money(amount: 3200, currency: "EUR"))
  }

  /// Rows named A, B and so on, front row first, each drawn as in `...|..`: a dot or any other letter is a seat, a bar is an
  /// aisle.
  static func seated(_ drawings: [String], id: String = "block-a", name: String = "Block A") -> Section {
    let rows = drawings.enumerated().map { index, drawing in
      var seats = 0
      var aisles: [Int] = []
      for character in drawing {
        if character == "|" { aisles.append(seats) } else { seats += 1 }
      }
      return Row(name: String(UnicodeScalar(UInt8(65 + index))), seats: seats, aislesAfter: aisles)
    }
    return Section(id: id, name: name, kind: .seated(rows: rows), price: Money(amount: 3200, currency: "EUR"))
  }
}

/// An event's state and a clock, and somebody who decides and applies.
struct Sale {
  var state: EventState
  var now = opening
  private var lastID: UInt128 = 1000

  init(_ event: Event) { state = EventState(event: event) }
  init(_ state: EventState) { self.state = state }

  @discardableResult
  mutating func reserve(
    _ selection: Selection, or fallbacks: Selection..., by customer: UInt128 = 1, acceptedAt: Timestamp? = nil
  ) -> Outcome {
    lastID += 1
    return perform(
      .reserve(Command.Request(customer: CustomerID(customer), selection: selection, fallbacks: fallbacks)),
      acceptedAt: acceptedAt)
  }

  @discardableResult
  mutating func perform(_ action: Command.Action, acceptedAt: Timestamp? = nil) -> Outcome {
    let command = Command(id: CommandID(lastID), event: state.event.id, action: action, acceptedAt: acceptedAt ?? now)
    let decision = decide(command, given: state, at: now)
    state.apply(decision)
    return decision.outcome
  }

  /// The reservation that was asked for last.
  var last: ReservationID { ReservationID(lastID) }

  /// The names of the last reservation's seats.
  var lastSeats: [String] {
    guard case .seats(let seats) = state.reservation(last)?.allocation else { return [] }
    return seats.map(state.plan.name)
  }
}

extension Allocation {
  /// None in general admission.
  var seats: [SeatIndex] {
    if case .seats(let seats) = self { seats } else { [] }
  }
}
