/// Everything that the decisions about one event depend on, in memory: who holds what, until when. It changes by nothing but
/// decisions.
public struct EventState: Sendable {
  public private(set) var event: Event
  /// Where the event's seats are, and what they are called.
  public var plan: SeatPlan { inventory.plan }
  /// The number of decisions so far.
  public internal(set) var version: Int64
  /// No decision has been made later than that.
  public internal(set) var lastDecidedAt: Timestamp
  var inventory: Inventory
  var table: ReservationTable

  /// Before the first decision: version 0, everything free.
  public init(event: Event) {
    let plan = SeatPlan(event.sections)
    self.event = event
    version = 0
    lastDecidedAt = Timestamp(microseconds: .min)
    inventory = Inventory(plan)
    table = ReservationTable(seatCount: plan.seatCount)
  }

  /// As it was written down after a decision.
  /// - Parameters:
  ///   - version: The number of decisions until then.
  ///   - lastDecidedAt: When the last one was made.
  ///   - live: The reservations that have tickets, in any order; their seats ascending.
  /// - Throws: What contradicts itself: a seat that two reservations have, more places than there are, and the like.
  public init(
    event: Event, version: Int64, lastDecidedAt: Timestamp, live: some Sequence<LiveReservation>
  ) throws(Contradiction) {
    self.init(event: event)
    self.version = version
    self.lastDecidedAt = lastDecidedAt
    for reservation in live {
      if reservation.sequence < 1 || reservation.sequence > version {
        throw contradiction(.decisionUnknown(reservation.id, sequence: reservation.sequence))
      }
      try hold(reservation)
    }
    let reservations = reservations
    for (one, other) in zip(reservations, reservations.dropFirst()) where one.sequence == other.sequence {
      throw contradiction(.decisionTwice(one.id, other.id, sequence: one.sequence))
    }
  }

  /// Per section, in the event's order.
  public var counts: [SectionCounts] {
    plan.sections.indices.map { section in
      SectionCounts(capacity: plan.capacity(of: section), available: inventory.available[section])
    }
  }

  /// How many reservations have tickets.
  public var reservationCount: Int { table.count }

  /// All reservations that have tickets, the oldest first. It copies them: for audits and snapshots, not for every decision.
  public var reservations: [LiveReservation] {
    table.expiries.slots.map(table.reservation).sorted { ($0.sequence, $0.id) < ($1.sequence, $1.id) }
  }

  /// The reservation, if it has tickets.
  public func reservation(_ id: ReservationID) -> LiveReservation? { table.slot(of: id).map(table.reservation) }

  /// How many tickets the customer has over all live reservations: what the limit is about.
  public func tickets(of customer: CustomerID) -> Int { table.tickets(of: customer) }

  /// When the first of the live holds expires.
  public var nextExpiry: Timestamp? { table.expiries.slots.first.map { table[$0].expiresAt } }

  /// The holds whose time is over at `now`, the first to expire first, the older one first of two that expire together; `limit`
  /// at most. They stay live until their expiry is decided.
  public func dueExpiries(at now: Timestamp, upTo limit: Int) -> [ReservationID] {
    table.expiries.due(at: now, limit: limit, table.records).map { table[$0].id }
  }

  /// Whether somebody has the seat. The event must have it.
  public func seatIsTaken(_ seat: SeatIndex) -> Bool { inventory.letters[Int(seat)] != Inventory.free }

  /// A section's seat map: a letter a seat, row by row from the front, left to right; ASCII `a` available, `h` held, `s` sold.
  /// Where a row begins and ends tells ``SeatPlan/seats(ofRow:in:)``. It is a view, not a copy: let go of it before the next
  /// decision is applied.
  public func seatMap(of section: SectionIndex) -> ArraySlice<UInt8> {
    let seats = plan.seats(of: section)
    return inventory.letters[Int(seats.lowerBound)..<Int(seats.upperBound)]
  }

  func contradiction(_ kind: Contradiction.Kind) -> Contradiction {
    Contradiction(event: event.id, version: version, kind: kind)
  }
}

/// Two states are equal if nobody can tell them apart: they decide alike from there on.
extension EventState: Equatable {
  public static func == (left: EventState, right: EventState) -> Bool {
    left.event == right.event && left.version == right.version && left.lastDecidedAt == right.lastDecidedAt
      && left.inventory.letters == right.inventory.letters && left.inventory.available == right.inventory.available
      && left.reservations == right.reservations
  }
}

/// How much of a section is left.
public struct SectionCounts: Hashable, Sendable {
  public var capacity: Int
  public var available: Int
  public var sold: Int

  public init(capacity: Int, available: Int, sold: Int = 0) {
    self.capacity = capacity
    self.available = available
    self.sold = sold
  }

  public var held: Int { capacity - available - sold }
}
