import Glibc
public import Pipeline
public import Ticketing

/// A new random identifier.
public func random<ID: Identifier>(_ type: ID.Type = ID.self) -> ID { ID(.random(in: 1 ... .max)) }

/// Now, in whole microseconds.
@Sendable public func wallClock() -> Timestamp {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
}

extension EventRecord {
  /// On sale since an hour ago, for a day.
  public static func onSale(
    _ sections: [Section], id: EventID = random(), organiser: CustomerID = random(), holdSeconds: Int = 600,
    maxExtensions: Int = 1, limit: Int = 100, status: Event.Status = .published, startsAt: Timestamp? = nil
  ) -> EventRecord {
    let now = wallClock()
    return EventRecord(
      event: Event(
        id: id, status: status, salesOpenAt: now.adding(seconds: -3600), salesCloseAt: now.adding(seconds: 86_400),
        holdSeconds: holdSeconds, maxExtensions: maxExtensions, maxTicketsPerCustomer: limit, sections: sections),
      organiser: organiser, name: "Żółć & Ōtani", venue: "Großes Haus", description: "with 🎻", startsAt: startsAt ?? now,
      createdAt: now.adding(seconds: -7200))
  }
}

extension Section {
  /// A section without seats.
  public static func standing(_ capacity: Int, id: String = "floor") -> Section {
    Section(id: id, name: "Floor \(id)", kind: .generalAdmission(capacity: capacity), price: Money(amount: 3200, currency: "EUR"))
  }

  /// So many rows of so many seats, with an aisle in the middle.
  public static func seated(rows: Int, of seats: Int, id: String = "block-a") -> Section {
    Section(
      id: id, name: "Block \(id)",
      kind: .seated(rows: (0..<rows).map { Row(name: "R\($0)", seats: seats, aislesAfter: seats > 2 ? [seats / 2] : []) }),
      price: Money(amount: 9900, currency: "EUR"))
  }
}

extension Command {
  /// A customer's request for the best tickets.
  public static func reserve(
    _ quantity: Int = 1, of section: SectionIndex = 0, event: EventID, by customer: CustomerID = random(),
    id: CommandID = random(), at time: Timestamp = wallClock()
  ) -> Command {
    Command(
      id: id, event: event,
      action: .reserve(Request(customer: customer, selection: .best(section: section, quantity: quantity, adjacent: false))),
      acceptedAt: time)
  }

  /// A customer's request for these seats.
  public static func reserve(
    seats: [SeatIndex], event: EventID, by customer: CustomerID = random(), id: CommandID = random(),
    at time: Timestamp = wallClock()
  ) -> Command {
    Command(
      id: id, event: event, action: .reserve(Request(customer: customer, selection: .seats(seats))), acceptedAt: time)
  }

  /// The end of a reservation.
  public static func release(_ reservation: ReservationID, event: EventID, id: CommandID = random()) -> Command {
    Command(id: id, event: event, action: .release(reservation), acceptedAt: wallClock())
  }

  /// More time for a reservation.
  public static func extend(_ reservation: ReservationID, event: EventID, id: CommandID = random()) -> Command {
    Command(id: id, event: event, action: .extend(reservation), acceptedAt: wallClock())
  }
}
