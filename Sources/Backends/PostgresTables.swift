public import Pipeline
public import PostgreSQL
public import Ticketing
public import Verification

/// The tables of one moment, for their verification.
///
/// Each is read in pieces, from one key to the next. The number of rows stands in the SQL and not in a parameter: else the server would
/// plan for a large part of the table, and sort it for every piece.
public struct PostgresTables: StoredTables {
  private let snapshot: PostgresTransaction
  private let pool: PostgresPool
  /// The key before the first row that is wanted, and the last event that is.
  private let before: UInt128
  private let last: UInt128

  /// Calls the body with the tables as of the present moment, and the database's time then. They stay as they are until it returns.
  /// - Parameters:
  ///   - pool: of two connections at least. Nobody may end its transactions for being idle.
  ///   - event: nil for all.
  public static func read<Answer>(
    from pool: PostgresPool, only event: EventID?, _ body: (PostgresTables, Timestamp) async throws -> Answer
  ) async throws(StoreUnavailable) -> Answer {
    try await store {
      try await pool.transaction(isolation: .repeatableRead, readOnly: true) { snapshot in
        let time = try await snapshot.query(PostgresQuery(Self.time)).first?.timestamp(0) ?? 0
        let tables = PostgresTables(
          snapshot: snapshot, pool: pool, before: event.map { $0.rawValue &- 1 } ?? 0, last: event?.rawValue ?? .max)
        return try await body(tables, Timestamp(microseconds: time))
      }
    }
  }

  private static let time = PostgresStatement("verify_time", "SELECT now()")

  /// The rows after a key.
  private func rows<Row>(
    _ statement: PostgresStatement, after event: EventID?, _ key: PostgresValue..., read: (PostgresRow) throws -> Row
  ) async throws(StoreUnavailable) -> [Row] {
    try await store {
      let query = PostgresQuery(
        statement, parameters: [.uuid(last), .uuid(event?.rawValue ?? before)] + key)
      return try await snapshot.query(query).map(read)
    }
  }

  // MARK: The offer

  public func events(after row: StoredEvent?) async throws(StoreUnavailable) -> [StoredEvent] {
    try await rows(Self.events, after: row?.event) { row in
      let status = try row.int2(11)
      let event = Event(
        id: EventID(try row.uuid(0)), status: Event.Status(rawValue: UInt8(clamping: status)) ?? .draft,
        salesOpenAt: Timestamp(microseconds: try row.timestamp(6)), salesCloseAt: Timestamp(microseconds: try row.timestamp(7)),
        holdSeconds: Int(try row.int4(8)), maxExtensions: Int(try row.int2(9)), maxTicketsPerCustomer: Int(try row.int2(10)),
        sections: [])
      let record = EventRecord(
        event: event, organiser: CustomerID(try row.uuid(1)), name: try row.text(2), venue: try row.text(3),
        description: try row.optionalText(4), startsAt: Timestamp(microseconds: try row.timestamp(5)),
        createdAt: Timestamp(microseconds: try row.timestamp(12)))
      return StoredEvent(record, status: Int(status), offerHash: try row.bytes(13))
    }
  }

  private static let events = PostgresStatement(
    "verify_events",
    """
    SELECT event_id, organiser_id, name, venue, description, starts_at, sales_open_at, sales_close_at, hold_seconds, max_extensions,
           max_tickets_per_customer, status, created_at, offer_hash
      FROM events WHERE event_id <= $1 AND event_id > $2 ORDER BY event_id LIMIT 500
    """)

  public func sections(after row: StoredSection?) async throws(StoreUnavailable) -> [StoredSection] {
    try await rows(Self.sections, after: row?.event, .int2(row.map { Int16($0.index) } ?? .max)) { row in
      StoredSection(
        event: EventID(try row.uuid(0)), index: Int(try row.int2(1)), id: try row.text(2), name: try row.text(3),
        isSeated: try row.bool(4), capacity: Int(try row.int4(5)),
        price: Money(amount: try row.int8(6), currency: try row.text(7)))
    }
  }

  private static let sections = PostgresStatement(
    "verify_sections",
    """
    SELECT event_id, section_index, section_id, name, seated, capacity, price_amount, price_currency
      FROM sections WHERE event_id <= $1 AND (event_id, section_index) > ($2, $3)
     ORDER BY event_id, section_index LIMIT 2000
    """)

  public func seatRows(after row: StoredSeatRow?) async throws(StoreUnavailable) -> [StoredSeatRow] {
    let section = row.map { Int16($0.section) } ?? .max
    let index = row.map { Int16($0.index) } ?? .max
    return try await rows(Self.seatRows, after: row?.event, .int2(section), .int2(index)) { row in
      StoredSeatRow(
        event: EventID(try row.uuid(0)), section: Int(try row.int2(1)), index: Int(try row.int2(2)),
        row: Row(name: try row.text(3), seats: Int(try row.int2(4)), aislesAfter: try row.int2s(5).map(Int.init)))
    }
  }

  private static let seatRows = PostgresStatement(
    "verify_seat_rows",
    """
    SELECT event_id, section_index, row_index, name, seats, aisles_after
      FROM seat_rows WHERE event_id <= $1 AND (event_id, section_index, row_index) > ($2, $3, $4)
     ORDER BY event_id, section_index, row_index LIMIT 2000
    """)

  // MARK: The history

  public func streams(after row: StoredStream?) async throws(StoreUnavailable) -> [StoredStream] {
    try await rows(Self.streams, after: row?.event) { row in
      StoredStream(
        event: EventID(try row.uuid(0)), version: try row.int8(1), head: try row.bytes(2),
        decidedAt: Timestamp(microseconds: try row.timestamp(3)),
        nextExpiry: try row.optionalTimestamp(4).map { Timestamp(microseconds: $0) }, isInItsPartition: try row.bool(5))
    }
  }

  private static let streams = PostgresStatement(
    "verify_streams",
    """
    SELECT event_id, version, head, decided_at, next_expiry, partition_hash IS NOT DISTINCT FROM fnv1a(event_id)
      FROM event_streams WHERE event_id <= $1 AND event_id > $2 ORDER BY event_id LIMIT 2000
    """)

  public func decisions(after row: StoredDecision?) async throws(StoreUnavailable) -> [StoredDecision] {
    try await rows(Self.decisions, after: row?.event, .int8(row?.version ?? .max), read: Self.decision)
  }

  private static let decisions = PostgresStatement(
    "verify_decisions",
    """
    SELECT event_id, version, command_id, reservation, reservation_id, decided_at, command, outcome, hash
      FROM decisions WHERE event_id <= $1 AND (event_id, version) > ($2, $3) ORDER BY event_id, version LIMIT 2000
    """)

  private static func decision(_ row: PostgresRow) throws(PostgresError) -> StoredDecision {
    StoredDecision(
      event: EventID(try row.uuid(0)), version: try row.int8(1), commandID: try row.optionalUUID(2), sequence: try row.int8(3),
      reservation: ReservationID(try row.uuid(4)), decidedAt: Timestamp(microseconds: try row.timestamp(5)),
      command: try row.bytes(6), outcome: try row.bytes(7), hash: try row.bytes(8))
  }

  public func newDecisions(of event: EventID, after version: Int64) async throws(StoreUnavailable) -> [StoredDecision] {
    try await store {
      // Outside of the snapshot: it is about what has been decided since.
      let query = PostgresQuery(Self.decisions, .uuid(event.rawValue), .uuid(event.rawValue), .int8(version))
      return try await pool.query(query).map(Self.decision)
    }
  }

  // MARK: What follows from it

  public func reservations(after row: StoredReservation?) async throws(StoreUnavailable) -> [StoredReservation] {
    try await rows(Self.reservations, after: row?.event, .int8(row?.sequence ?? .max)) { row in
      StoredReservation(
        event: EventID(try row.uuid(0)), sequence: try row.int8(1), id: ReservationID(try row.uuid(2)),
        customer: CustomerID(try row.uuid(3)), status: Int(try row.int2(4)), version: Int64(try row.int4(5)),
        request: try row.bytes(6), section: try row.optionalInt2(7).map { Int($0) }, quantity: Int(try row.int2(8)),
        seats: try row.optionalInt4s(9), expiresAt: Timestamp(microseconds: try row.timestamp(10)),
        extensionsUsed: Int(try row.int2(11)), createdAt: Timestamp(microseconds: try row.timestamp(12)))
    }
  }

  private static let reservations = PostgresStatement(
    "verify_reservations",
    """
    SELECT event_id, sequence, reservation_id, customer_id, status, version, request, section_index, quantity, seats, expires_at,
           extensions_used, created_at
      FROM reservations WHERE event_id <= $1 AND (event_id, sequence) > ($2, $3) ORDER BY event_id, sequence LIMIT 2000
    """)

  public func allocations(after row: StoredAllocation?) async throws(StoreUnavailable) -> [StoredAllocation] {
    try await rows(Self.allocations, after: row?.event, .int4(row?.seat ?? .max)) { row in
      StoredAllocation(event: EventID(try row.uuid(0)), seat: try row.int4(1), sequence: try row.int8(2))
    }
  }

  private static let allocations = PostgresStatement(
    "verify_allocations",
    """
    SELECT event_id, seat_index, sequence
      FROM seat_allocations WHERE event_id <= $1 AND (event_id, seat_index) > ($2, $3)
     ORDER BY event_id, seat_index LIMIT 5000
    """)

  public func counters(after row: StoredCounter?) async throws(StoreUnavailable) -> [StoredCounter] {
    try await rows(Self.counters, after: row?.event, .int2(row.map { Int16($0.section) } ?? .max)) { row in
      StoredCounter(
        event: EventID(try row.uuid(0)), section: Int(try row.int2(1)), capacity: Int(try row.int4(2)),
        held: Int(try row.int4(3)), sold: Int(try row.int4(4)))
    }
  }

  private static let counters = PostgresStatement(
    "verify_counters",
    """
    SELECT event_id, section_index, capacity, held, sold
      FROM section_counters WHERE event_id <= $1 AND (event_id, section_index) > ($2, $3)
     ORDER BY event_id, section_index LIMIT 2000
    """)
}
