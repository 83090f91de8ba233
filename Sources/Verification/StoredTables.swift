public import Pipeline
public import Ticketing

// The tables as they are, before anybody has made sense of them.

/// A row of a table that the journal explains, with the event that it belongs to.
public protocol StoredRow: Sendable {
  var event: EventID { get }
}

/// What the tables say, all as of one moment. Each call gives the next rows after one in the order of their keys, which begin with
/// the event; none at the table's end.
public protocol StoredTables: Sendable {
  func events(after row: StoredEvent?) async throws(StoreUnavailable) -> [StoredEvent]
  func sections(after row: StoredSection?) async throws(StoreUnavailable) -> [StoredSection]
  func seatRows(after row: StoredSeatRow?) async throws(StoreUnavailable) -> [StoredSeatRow]
  func streams(after row: StoredStream?) async throws(StoreUnavailable) -> [StoredStream]
  func decisions(after row: StoredDecision?) async throws(StoreUnavailable) -> [StoredDecision]
  func reservations(after row: StoredReservation?) async throws(StoreUnavailable) -> [StoredReservation]
  func allocations(after row: StoredAllocation?) async throws(StoreUnavailable) -> [StoredAllocation]
  func counters(after row: StoredCounter?) async throws(StoreUnavailable) -> [StoredCounter]
  /// What an event has been decided since that moment: the first decisions after a version.
  func newDecisions(of event: EventID, after version: Int64) async throws(StoreUnavailable) -> [StoredDecision]
}

/// A row of `events`.
public struct StoredEvent: StoredRow {
  public var record: EventRecord
  /// As it is stored: ``record`` has another one where this is none.
  public var status: Int
  /// As it was when the event was created; empty if it was not kept then.
  public var offerHash: HashChain.Hash

  /// - Parameter record: without its sections.
  public init(_ record: EventRecord, status: Int, offerHash: HashChain.Hash) {
    (self.record, self.status, self.offerHash) = (record, status, offerHash)
  }

  public var event: EventID { record.event.id }
}

/// A row of `sections`.
public struct StoredSection: StoredRow {
  public var event: EventID
  public var index: Int
  public var id: String
  public var name: String
  public var isSeated: Bool
  public var capacity: Int
  public var price: Money

  public init(event: EventID, index: Int, id: String, name: String, isSeated: Bool, capacity: Int, price: Money) {
    self.event = event
    self.index = index
    self.id = id
    self.name = name
    self.isSeated = isSeated
    self.capacity = capacity
    self.price = price
  }
}

/// A row of `seat_rows`.
public struct StoredSeatRow: StoredRow {
  public var event: EventID
  public var section: Int
  public var index: Int
  public var row: Row

  public init(event: EventID, section: Int, index: Int, row: Row) {
    (self.event, self.section, self.index, self.row) = (event, section, index, row)
  }
}

/// A row of `event_streams`.
public struct StoredStream: StoredRow {
  public var event: EventID
  public var version: Int64
  public var head: HashChain.Hash
  public var decidedAt: Timestamp
  public var nextExpiry: Timestamp?
  /// Whether it is found among those of the event's partition.
  public var isInItsPartition: Bool

  public init(
    event: EventID, version: Int64, head: HashChain.Hash, decidedAt: Timestamp, nextExpiry: Timestamp?, isInItsPartition: Bool
  ) {
    self.event = event
    self.version = version
    self.head = head
    self.decidedAt = decidedAt
    self.nextExpiry = nextExpiry
    self.isInItsPartition = isInItsPartition
  }
}

/// A row of `decisions`.
public struct StoredDecision: StoredRow {
  public var event: EventID
  public var version: Int64
  public var commandID: UInt128?
  public var sequence: Int64
  public var reservation: ReservationID
  public var decidedAt: Timestamp
  public var command: [UInt8]
  public var outcome: [UInt8]
  public var hash: HashChain.Hash

  public init(
    event: EventID, version: Int64, commandID: UInt128?, sequence: Int64, reservation: ReservationID, decidedAt: Timestamp,
    command: [UInt8], outcome: [UInt8], hash: HashChain.Hash
  ) {
    self.event = event
    self.version = version
    self.commandID = commandID
    self.sequence = sequence
    self.reservation = reservation
    self.decidedAt = decidedAt
    self.command = command
    self.outcome = outcome
    self.hash = hash
  }
}

/// A row of `reservations`.
public struct StoredReservation: StoredRow, Hashable {
  public var event: EventID
  public var sequence: Int64
  public var id: ReservationID
  public var customer: CustomerID
  public var status: Int
  public var version: Int64
  public var request: [UInt8]
  public var section: Int?
  public var quantity: Int
  public var seats: [SeatIndex]?
  public var expiresAt: Timestamp
  public var extensionsUsed: Int
  public var createdAt: Timestamp

  public init(
    event: EventID, sequence: Int64, id: ReservationID, customer: CustomerID, status: Int, version: Int64, request: [UInt8],
    section: Int?, quantity: Int, seats: [SeatIndex]?, expiresAt: Timestamp, extensionsUsed: Int, createdAt: Timestamp
  ) {
    self.event = event
    self.sequence = sequence
    self.id = id
    self.customer = customer
    self.status = status
    self.version = version
    self.request = request
    self.section = section
    self.quantity = quantity
    self.seats = seats
    self.expiresAt = expiresAt
    self.extensionsUsed = extensionsUsed
    self.createdAt = createdAt
  }
}

/// A row of `seat_allocations`.
public struct StoredAllocation: StoredRow, Hashable {
  public var event: EventID
  public var seat: SeatIndex
  public var sequence: Int64

  public init(event: EventID, seat: SeatIndex, sequence: Int64) {
    (self.event, self.seat, self.sequence) = (event, seat, sequence)
  }
}

/// A row of `section_counters`.
public struct StoredCounter: StoredRow {
  public var event: EventID
  public var section: Int
  public var capacity: Int
  public var held: Int
  public var sold: Int

  public init(event: EventID, section: Int, capacity: Int, held: Int, sold: Int) {
    self.event = event
    self.section = section
    self.capacity = capacity
    self.held = held
    self.sold = sold
  }
}
