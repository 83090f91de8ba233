/// What became of a command, and when: one entry of an event's history.
public struct Decision: Hashable, Sendable {
  /// Its place in the event's order of decisions, from 1.
  public var version: Int64
  public var command: Command
  /// Never earlier than the decision before it.
  public var decidedAt: Timestamp
  public var outcome: Outcome

  public init(version: Int64, command: Command, decidedAt: Timestamp, outcome: Outcome) {
    self.version = version
    self.command = command
    self.decidedAt = decidedAt
    self.outcome = outcome
  }
}

/// The closed list of what a decision can be.
public enum Outcome: Hashable, Sendable {
  /// A new reservation holds these tickets until then.
  case held(Allocation, expiresAt: Timestamp)
  /// A new reservation was refused; it holds nothing and never will.
  case rejected(Rejection)
  /// The hold lasts until then.
  case extended(expiresAt: Timestamp)
  /// The customer gave the tickets back.
  case released
  /// The hold's time was over; the tickets are back on sale.
  case expired
  /// An extension, release or expiry that had nothing to change, or a request that has been decided before.
  case unchanged(Unchanged)
}

/// Why a command changed nothing.
public enum Unchanged: UInt8, Sendable {
  /// The event knows no such live reservation: it is unknown, rejected, released or expired.
  case notHeld = 0
  /// All the extensions that the event allows are used.
  case noExtensionLeft = 1
  /// An expiry that came too early, since the hold was extended meanwhile.
  case notDue = 2
  /// A request whose reservation is live already.
  case alreadyHeld = 3
}

/// Which tickets a reservation has.
public enum Allocation: Hashable, Sendable {
  /// So many places of a general-admission section.
  case places(section: SectionIndex, quantity: Int)
  /// These seats, ascending.
  case seats([SeatIndex])

  /// How many tickets these are.
  public var quantity: Int {
    switch self {
    case .places(_, let quantity): quantity
    case .seats(let seats): seats.count
    }
  }
}

/// Why a request got no tickets. If it named fallbacks, this is about its first selection.
public enum Rejection: Hashable, Sendable {
  case soldOut(section: SectionIndex, requested: Int, available: Int)
  /// Those of the seats that somebody else has.
  case seatsTaken([SeatIndex])
  /// Enough seats are free, but not so many side by side.
  case noAdjacentSeats(section: SectionIndex, requested: Int)
  case limitExceeded(limit: Int, alreadyHas: Int, requested: Int)
  /// The request was accepted before the sale opened or after it closed.
  case notOnSale
  case salesPaused
  case unknownSection
  case unknownSeat
  case eventCancelled
  /// An operator discarded the command.
  case discarded
}

/// A reservation that has tickets, as the event knows it.
public struct LiveReservation: Hashable, Sendable {
  public var id: ReservationID
  /// The version of the decision that made it.
  public var sequence: Int64
  public var customer: CustomerID
  public var allocation: Allocation
  public var expiresAt: Timestamp
  public var extensionsUsed: Int
  /// Grows by one with every change of this reservation, from 1.
  public var version: Int64

  public init(
    id: ReservationID, sequence: Int64, customer: CustomerID, allocation: Allocation, expiresAt: Timestamp,
    extensionsUsed: Int = 0, version: Int64 = 1
  ) {
    self.id = id
    self.sequence = sequence
    self.customer = customer
    self.allocation = allocation
    self.expiresAt = expiresAt
    self.extensionsUsed = extensionsUsed
    self.version = version
  }
}
