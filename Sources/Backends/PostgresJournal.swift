public import Pipeline
public import PostgreSQL
public import Ticketing

/// The journal in PostgreSQL, with the rows that follow from it.
public struct PostgresJournal: Journal {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

  // MARK: Reading

  public func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] {
    let ids = PostgresValue.uuids(events.map(\.rawValue))
    return try await journal {
      let rows = try await pool.transaction(isolation: .repeatableRead, readOnly: true) { transaction in
        try await transaction.pipeline(
          [PostgresQuery(Self.heads, ids), PostgresQuery(Self.live, ids)] + PostgresEventStore.queries(ids))
      }
      let heads = try rows[0].byEvent()
      let live = try rows[1].byEvent()
      return try PostgresEventStore.records(rows[2...]).compactMap { record in
        let id = record.event.id
        guard let head = heads[id]?.first else { return nil }
        let state = try EventState(
          event: record.event, version: head.int8(1), lastDecidedAt: Timestamp(microseconds: head.timestamp(3)),
          live: live[id, default: []].map(Self.liveReservation))
        return LoadedEvent(state: state, head: try head.bytes(2))
      }
    }
  }

  private static let heads = PostgresStatement(
    "journal_heads", "SELECT event_id, version, head, decided_at FROM event_streams WHERE event_id = ANY ($1)")

  private static let live = PostgresStatement(
    "journal_live",
    """
    SELECT event_id, reservation_id, sequence, customer_id, section_index, quantity, seats, expires_at, extensions_used, version
      FROM reservations WHERE event_id = ANY ($1) AND status = 1
    """)

  private static func liveReservation(_ row: PostgresRow) throws(PostgresError) -> LiveReservation {
    LiveReservation(
      id: ReservationID(try row.uuid(1)), sequence: try row.int8(2), customer: CustomerID(try row.uuid(3)),
      allocation: try allocation(section: row.optionalInt2(4), quantity: row.int2(5), seats: row.optionalInt4s(6)),
      expiresAt: Timestamp(microseconds: try row.timestamp(7)), extensionsUsed: Int(try row.int2(8)),
      version: Int64(try row.int4(9)))
  }

  static func allocation(section: Int16?, quantity: Int16, seats: [Int32]?) -> Allocation {
    if let section { .places(section: Int(section), quantity: Int(quantity)) } else { .seats(seats ?? []) }
  }

  public func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> {
    try await journal {
      let rows = try await pool.query(PostgresQuery(Self.decidedCommands, .uuids(commands.map(\.rawValue))))
      return Set(try rows.map { CommandID(try $0.uuid(0)) })
    }
  }

  private static let decidedCommands = PostgresStatement(
    "journal_decided", "SELECT command_id FROM decisions WHERE command_id = ANY ($1)")

  public func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try await journal {
      try await pool.query(PostgresQuery(PostgresReservationStore.byID, .uuids(ids.map(\.rawValue))))
        .compactMap { try PostgresReservationStore.record($0, from: 0) }
    }
  }

  public func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await streams(Self.streams, of: partition, in: partitioning)
  }

  public func streamsWithHolds(
    of partition: Int, in partitioning: Partitioning
  ) async throws(JournalFailure) -> [EventStream] {
    try await streams(Self.streamsWithHolds, of: partition, in: partitioning)
  }

  private func streams(
    _ statement: PostgresStatement, of partition: Int, in partitioning: Partitioning
  ) async throws(JournalFailure) -> [EventStream] {
    try await journal {
      let query = PostgresQuery(statement, .int8(Int64(partitioning.count)), .int8(Int64(partition)))
      return try await pool.query(query).map { row in
        EventStream(
          event: EventID(try row.uuid(0)), version: try row.int8(1),
          nextExpiry: try row.optionalTimestamp(2).map { Timestamp(microseconds: $0) })
      }
    }
  }

  private static let streams = PostgresStatement(
    "journal_streams",
    """
    SELECT event_id, version, next_expiry FROM event_streams WHERE version > 0 AND mod(partition_hash, $1::bigint) = $2::bigint
    """)

  private static let streamsWithHolds = PostgresStatement(
    "journal_streams_with_holds",
    """
    SELECT event_id, version, next_expiry FROM event_streams WHERE next_expiry IS NOT NULL AND mod(partition_hash, $1::bigint) = $2::bigint
    """)

  public func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    let id = PostgresValue.uuid(event.rawValue)
    return try await journal {
      try await pool.transaction(isolation: .repeatableRead, readOnly: true) { transaction in
        let rows = try await transaction.pipeline([
          PostgresQuery(Self.heads, .uuids([event.rawValue])),
          PostgresQuery(Self.decisionsAfter, id, .int8(version), .int8(Int64(limit)), .int8(viewLifetimeSeconds)),
        ])
        let head = try rows[0].first?.int8(1) ?? 0
        let toVersion = try rows[1].last?.int8(0) ?? version
        var reservations: [ReservationID: (record: ReservationRecord, isForgotten: Bool)] = [:]
        for row in rows[1] {
          guard let record = try PostgresReservationStore.record(row, from: 2) else { continue }
          reservations[record.id] = (record, try row.bool(1))
        }
        var changes = JournalChanges(
          toVersion: toVersion, reservations: reservations.values.filter { !$0.isForgotten }.map(\.record),
          forgotten: reservations.values.filter(\.isForgotten).map(\.record), present: nil)
        if toVersion == head {
          let present = try await transaction.pipeline([
            PostgresQuery(PostgresReservationStore.counters, id), PostgresQuery(PostgresReservationStore.allocations, id),
            PostgresQuery(PostgresReservationStore.seatedSections, id),
          ])
          changes.present = (
            Availability(version: head, sections: try present[0].map(PostgresReservationStore.counts)),
            try PostgresReservationStore.letters(sections: present[2], allocations: present[1])
          )
        }
        return changes
      }
    }
  }

  // Each reservation by its key, as in ``PostgresReservationStore``: with all of the event's to be compared with every decision, it took
  // minutes.
  private static let decisionsAfter = PostgresStatement(
    "journal_decisions_after",
    """
    SELECT d.version, d.decided_at < now() - $4::bigint * interval '1 second', d.command, d.outcome, d.version, r.reservation_id,
           r.event_id, r.sequence, r.status, r.version, r.request, r.section_index, r.quantity, r.seats, r.expires_at,
           r.extensions_used, r.created_at
      FROM decisions d
      LEFT JOIN LATERAL (SELECT * FROM reservations WHERE event_id = d.event_id AND sequence = d.reservation LIMIT 1) r ON true
     WHERE d.event_id = $1 AND d.version > $2 ORDER BY d.version LIMIT $3
    """)

  // MARK: Writing

  public func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    let statements = JournalStatements(batches)
    return try await journal {
      let results: [PostgresRows]
      do {
        results = try await pool.pipeline(statements.queries)
      } catch let error as PostgresError where error.isLockTimeout {
        _ = try await pool.query(PostgresQuery(Self.endAbandoned))
        throw error
      }
      guard let index = statements.updateIndex else { return [] }
      return try results[index].compactMap { try PostgresReservationStore.reservation($0, from: 0) }
    }
  }

  /// Ends transactions of workers that were stopped in the middle of sending one: the server waits for the rest of it, which none of its
  /// time limits counts, and keeps the event's row locked. Nobody is longer at it than five seconds who is not stopped.
  private static let endAbandoned = PostgresStatement(
    "journal_end_abandoned",
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE usename = current_user AND application_name LIKE 'tickethub worker%' AND pid <> pg_backend_pid()
       AND state <> 'idle' AND wait_event = 'ClientRead' AND xact_start < clock_timestamp() - interval '4 seconds'
    """)

  public func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) {
    let queries = letters.flatMap { letter in
      let command = letter.command.map { PostgresValue.uuid($0.rawValue) } ?? .null(.uuid)
      // The letter that this finds under the command's name has the bytes of what was to be discarded.
      let isDiscard = if case .discard? = letter.queuedCommand?.command.action { true } else { false }
      return [
        PostgresQuery(
          Self.insertDeadLetter, .uuid(letter.id.rawValue), .int2(Int16(letter.partition)), command,
          letter.event.map { .uuid($0.rawValue) } ?? .null(.uuid),
          .text(isDiscard ? "discarding it failed: \(letter.reason)" : letter.reason), .int4(Int32(letter.attempts)),
          .bytes(letter.payload)),
        PostgresQuery(Self.forgetAttempts, command),
      ]
    }
    try await journal { _ = try await pool.pipeline(queries) }
  }

  // One that was replayed, or whose bytes were discarded, and came again waits for an operator once more. Its bytes stay: what
  // comes under a command's name is the same command, or its discard, with which what was asked for would be lost.
  private static let insertDeadLetter = PostgresStatement(
    "journal_set_aside",
    """
    INSERT INTO dead_letters (dead_letter_id, partition, command_id, event_id, reason, attempts, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (dead_letter_id) DO UPDATE
       SET status = 0, reason = excluded.reason, attempts = excluded.attempts, dead_at = now(), changed_at = now()
     WHERE dead_letters.status <> 0
    """)

  private static let forgetAttempts = PostgresStatement(
    "journal_forget_attempts", "DELETE FROM attempts WHERE command_id = $1")
}

extension PostgresRows {
  /// The rows of each event, in their order. The first column is the event's id.
  func byEvent() throws(PostgresError) -> [EventID: [PostgresRow]] {
    var rows: [EventID: [PostgresRow]] = [:]
    for row in self { rows[EventID(try row.uuid(0)), default: []].append(row) }
    return rows
  }
}

/// Asks the database, and tells what it refuses for good from what another attempt may bring.
func journal<Answer>(_ body: () async throws -> Answer) async throws(JournalFailure) -> Answer {
  do {
    return try await body()
  } catch let error as PostgresError {
    throw JournalFailure(error)
  } catch let contradiction as Contradiction {
    throw .refused(contradiction.description)
  } catch let failure as CodingFailure {
    throw .refused(failure.description)
  } catch {
    throw .unavailable("\(error)")
  }
}

extension JournalFailure {
  /// What `advance_streams` raises.
  private static let streamMoved = "TH001"

  fileprivate init(_ error: PostgresError) {
    // A decision that is there already was written by somebody else; whatever else is there twice stays so.
    let isRepetition = error.isUniqueViolation && error.table == "decisions"
    if error.sqlState == Self.streamMoved || isRepetition || error.isSerializationFailure || error.isDeadlock {
      self = .conflict
    } else if error.code == .decoding || error.sqlState.map({ $0.hasPrefix("22") || $0.hasPrefix("23") }) == true {
      // Data exceptions and violated constraints; see appendix A of PostgreSQL's documentation.
      self = .refused(error.description)
    } else {
      self = .unavailable(error.message)
    }
  }
}
