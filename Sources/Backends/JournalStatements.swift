import Pipeline
import PostgreSQL
import Ticketing

/// The statements that write a batch: seven at most, however large it is, sent together and committed as one transaction.
///
/// What they change they look for by `= ANY (ARRAY[…])`. With `=` PostgreSQL may as well read a whole table, in its index's order, and
/// compare each row with the whole batch; it does where it believes that the table has few rows, as it had when the statement was planned.
/// By a range of one key, which would say the same, it reads all of an event's keys.
struct JournalStatements {
  private(set) var queries: [PostgresQuery] = []
  /// Which of them gives back the reservations that it changed; nil if none does.
  private(set) var updateIndex: Int?

  /// The statements' order matters: the streams first, since that is what stops a writer who has been replaced; seats are freed before
  /// they are taken again.
  init(_ batches: [EventBatch]) {
    queries.append(Self.advance(batches))
    queries.append(Self.insertDecisions(batches))
    if let query = Self.insertReservations(batches) { queries.append(query) }
    if let query = Self.updateReservations(batches) {
      updateIndex = queries.count
      queries.append(query)
    }
    if let query = Self.freeSeats(batches) { queries.append(query) }
    if let query = Self.takeSeats(batches) { queries.append(query) }
    if let query = Self.updateCounters(batches) { queries.append(query) }
  }

  private static func advance(_ batches: [EventBatch]) -> PostgresQuery {
    PostgresQuery(
      advanceStreams, .uuids(batches.map(\.event.rawValue)), .int8s(batches.map(\.fromVersion)), .int8s(batches.map(\.toVersion)),
      .bytesArray(batches.map { $0.entries[$0.entries.count - 1].hash }),
      .timestamps(batches.map { $0.entries[$0.entries.count - 1].decision.decidedAt.microseconds }),
      .optionalTimestamps(batches.map { $0.nextExpiry?.microseconds }))
  }

  private static let advanceStreams = PostgresStatement(
    "journal_advance", "SELECT advance_streams($1, $2, $3, $4, $5, $6)")

  private static func insertDecisions(_ batches: [EventBatch]) -> PostgresQuery {
    let entries = batches.flatMap(\.entries)
    return PostgresQuery(
      insertDecisionsStatement, .uuids(entries.map(\.decision.command.event.rawValue)), .int8s(entries.map(\.decision.version)),
      .optionalUUIDs(entries.map(commandID)), .int8s(entries.map(\.sequence)),
      .uuids(entries.map(\.decision.command.reservation.rawValue)), .timestamps(entries.map(\.decision.decidedAt.microseconds)),
      .bytesArray(entries.map(\.command)), .bytesArray(entries.map(\.outcome)), .bytesArray(entries.map(\.hash)))
  }

  /// Expiries come from the worker itself, once, and need no name to be told apart by.
  private static func commandID(_ entry: JournalEntry) -> UInt128? {
    if case .expire = entry.decision.command.action { nil } else { entry.decision.command.id.rawValue }
  }

  private static let insertDecisionsStatement = PostgresStatement(
    "journal_insert_decisions",
    """
    INSERT INTO decisions (event_id, version, command_id, reservation, reservation_id, decided_at, command, outcome, hash)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::uuid[], $6::timestamptz[], $7::bytea[], $8::bytea[],
                         $9::bytea[])
    """)

  private static func insertReservations(_ batches: [EventBatch]) -> PostgresQuery? {
    let records = batches.flatMap(\.created).filter { $0.allocation != nil }
    if records.isEmpty { return nil }
    return PostgresQuery(
      insertReservationsStatement, .uuids(records.map(\.event.rawValue)), .int8s(records.map(\.sequence)),
      .uuids(records.map(\.id.rawValue)), .uuids(records.map(\.customer.rawValue)),
      .int2s(records.map { Int16($0.status.rawValue) }),
      .int4s(records.map { Int32($0.version) }), .bytesArray(records.map(encodedRequest)), .optionalInt2s(records.map(section)),
      .int2s(records.map { Int16($0.allocation?.quantity ?? 0) }), .optionalTexts(records.map(seatList)),
      .timestamps(records.map { $0.expiresAt?.microseconds ?? 0 }), .int2s(records.map { Int16($0.extensionsUsed) }),
      .timestamps(records.map(\.createdAt.microseconds)))
  }

  // unnest can't take arrays of different lengths apart, so each list of seats comes as the text of an array.
  private static let insertReservationsStatement = PostgresStatement(
    "journal_insert_reservations",
    """
    INSERT INTO reservations (event_id, sequence, reservation_id, customer_id, status, version, request, section_index, quantity, seats,
                              expires_at, extensions_used, created_at)
    SELECT event_id, sequence, reservation_id, customer_id, status, version, request, section_index, quantity, seats::integer[],
           expires_at, extensions_used, created_at
      FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::smallint[], $6::integer[], $7::bytea[], $8::smallint[],
                  $9::smallint[], $10::text[], $11::timestamptz[], $12::smallint[], $13::timestamptz[])
        AS t (event_id, sequence, reservation_id, customer_id, status, version, request, section_index, quantity, seats,
              expires_at, extensions_used, created_at)
    """)

  private static func encodedRequest(_ record: ReservationRecord) -> [UInt8] {
    var writer = ByteWriter(capacity: 32)
    writer.write(record.request)
    return writer.bytes
  }

  private static func section(_ record: ReservationRecord) -> Int16? {
    if case .places(let section, _) = record.allocation { Int16(section) } else { nil }
  }

  private static func seatList(_ record: ReservationRecord) -> String? {
    guard case .seats(let seats) = record.allocation else { return nil }
    return "{" + seats.map(String.init).joined(separator: ",") + "}"
  }

  private static func updateReservations(_ batches: [EventBatch]) -> PostgresQuery? {
    let updates = batches.flatMap { batch in batch.updated.map { (event: batch.event, update: $0) } }
    if updates.isEmpty { return nil }
    return PostgresQuery(
      updateReservationsStatement, .uuids(updates.map(\.event.rawValue)), .int8s(updates.map(\.update.sequence)),
      .int2s(updates.map { Int16($0.update.status.rawValue) }), .int4s(updates.map { Int32($0.update.version) }),
      .timestamps(updates.map(\.update.expiresAt.microseconds)), .int2s(updates.map { Int16($0.update.extensionsUsed) }))
  }

  private static let updateReservationsStatement = PostgresStatement(
    "journal_update_reservations",
    """
    UPDATE reservations AS r
       SET status = t.status, version = t.version, expires_at = t.expires_at, extensions_used = t.extensions_used
      FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::integer[], $5::timestamptz[], $6::smallint[])
             AS t (event_id, sequence, status, version, expires_at, extensions_used)
     WHERE r.event_id = ANY (ARRAY[t.event_id]) AND r.sequence = t.sequence
    RETURNING r.reservation_id, r.event_id, r.sequence, r.status, r.version, r.request, r.section_index, r.quantity, r.seats,
              r.expires_at, r.extensions_used, r.created_at
    """)

  private static func freeSeats(_ batches: [EventBatch]) -> PostgresQuery? {
    let freed = batches.flatMap { batch in batch.freedSeats.map { (event: batch.event, seat: $0) } }
    if freed.isEmpty { return nil }
    return PostgresQuery(freeSeatsStatement, .uuids(freed.map(\.event.rawValue)), .int4s(freed.map(\.seat)))
  }

  private static let freeSeatsStatement = PostgresStatement(
    "journal_free_seats",
    """
    DELETE FROM seat_allocations AS s USING unnest($1::uuid[], $2::integer[]) AS t (event_id, seat_index)
     WHERE s.event_id = ANY (ARRAY[t.event_id]) AND s.seat_index = t.seat_index
    """)

  private static func takeSeats(_ batches: [EventBatch]) -> PostgresQuery? {
    let taken = batches.flatMap { batch in batch.takenSeats.map { (event: batch.event, seat: $0.seat, sequence: $0.sequence) } }
    if taken.isEmpty { return nil }
    return PostgresQuery(
      takeSeatsStatement, .uuids(taken.map(\.event.rawValue)), .int4s(taken.map(\.seat)), .int8s(taken.map(\.sequence)))
  }

  private static let takeSeatsStatement = PostgresStatement(
    "journal_take_seats",
    "INSERT INTO seat_allocations (event_id, seat_index, sequence) SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[])")

  private static func updateCounters(_ batches: [EventBatch]) -> PostgresQuery? {
    let changed = batches.flatMap { batch in
      batch.changedSections.map { (event: batch.event, section: $0, counts: batch.counts[$0]) }
    }
    if changed.isEmpty { return nil }
    return PostgresQuery(
      updateCountersStatement, .uuids(changed.map(\.event.rawValue)), .int2s(changed.map { Int16($0.section) }),
      .int4s(changed.map { Int32($0.counts.held) }), .int4s(changed.map { Int32($0.counts.sold) }))
  }

  private static let updateCountersStatement = PostgresStatement(
    "journal_update_counters",
    """
    UPDATE section_counters AS c SET held = t.held, sold = t.sold
      FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::integer[]) AS t (event_id, section_index, held, sold)
     WHERE c.event_id = ANY (ARRAY[t.event_id]) AND c.section_index = t.section_index
    """)
}
