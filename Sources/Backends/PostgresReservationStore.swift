public import Pipeline
public import PostgreSQL
public import Ticketing

/// What the database knows of reservations, for the gateway's rare reads.
public struct PostgresReservationStore: ReservationStore {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

  public func reservations(_ ids: [ReservationID]) async throws(StoreUnavailable) -> [ReservationRecord] {
    // A reservation's id is that of the command that asked for it.
    let letters = ids.map { id in
      DeadLetter(partition: 0, command: CommandID(id.rawValue), event: nil, reason: "", attempts: 0, payload: []).id
    }
    return try await store {
      let rows = try await pool.pipeline([
        PostgresQuery(Self.byID, .uuids(ids.map(\.rawValue))), PostgresQuery(Self.setAside, .uuids(letters.map(\.rawValue))),
      ])
      let decided = try rows[0].compactMap { try Self.record($0, from: 0) }
      let known = Set(decided.map(\.id))
      return decided + (try rows[1].compactMap(Self.waiting)).filter { !known.contains($0.id) }
    }
  }

  /// All but what was discarded, which has a decision.
  private static let setAside = PostgresStatement(
    "reservation_set_aside", "SELECT payload FROM dead_letters WHERE dead_letter_id = ANY ($1) AND status <> 4")

  /// A reservation that waits for what an operator will have done with its command; nil where that asks for none.
  private static func waiting(_ row: PostgresRow) throws(PostgresError) -> ReservationRecord? {
    let letter = DeadLetter(partition: 0, command: nil, event: nil, reason: "", attempts: 0, payload: try row.bytes(0))
    guard var queued = letter.queuedCommand, case .reserve(let request) = queued.command.action else { return nil }
    // Its place in the line is long past.
    queued.ordinal = 0
    return ReservationRecord(queued: queued, request: request)
  }

  // Reservations are looked for by their keys, one by one, and not joined, since that could be done by comparing each row with all that
  // the event has. PostgreSQL does where it believes that there are few.

  /// A reservation's id is that of the command that asked for it. Rows as ``record(_:from:)`` wants them.
  static let byID = PostgresStatement(
    "reservations_by_id",
    """
    SELECT d.command, d.outcome, d.version, r.reservation_id, r.event_id, r.sequence, r.status, r.version, r.request,
           r.section_index, r.quantity, r.seats, r.expires_at, r.extensions_used, r.created_at
      FROM decisions d
      LEFT JOIN LATERAL (SELECT * FROM reservations WHERE event_id = d.event_id AND sequence = d.version LIMIT 1) r ON true
     WHERE d.command_id = ANY ($1)
    """)

  public func reservations(
    of customer: CustomerID, after mark: PageMark?, limit: Int
  ) async throws(StoreUnavailable) -> [ReservationRecord] {
    try await store {
      let time = PostgresValue.timestamp(microsecondsSince1970: mark?.time.microseconds ?? Self.latest)
      return try await pool.query(
        PostgresQuery(Self.ofCustomer, .uuid(customer.rawValue), time, .uuid(mark?.id ?? .max), .int8(Int64(limit)))
      ).compactMap { try Self.reservation($0, from: 0) }
    }
  }

  /// Later than any reservation: the year 9999.
  private static let latest: Int64 = 253_402_300_799_000_000

  private static let ofCustomer = PostgresStatement(
    "reservations_of_customer",
    """
    SELECT reservation_id, event_id, sequence, status, version, request, section_index, quantity, seats, expires_at,
           extensions_used, created_at
      FROM reservations WHERE customer_id = $1 AND (created_at, reservation_id) < ($2, $3)
     ORDER BY created_at DESC, reservation_id DESC LIMIT $4
    """)

  public func seats(of event: Event, section: SectionIndex) async throws(StoreUnavailable) -> ViewedSeats? {
    let id = PostgresValue.uuid(event.id.rawValue)
    return try await store {
      let rows = try await snapshot([
        PostgresQuery(Self.version, id), PostgresQuery(Self.allocations, id), PostgresQuery(Self.seatedSections, id),
      ])
      guard let version = try rows[0].first?.int8(0) else { return nil }
      let sections = try Self.letters(sections: rows[2], allocations: rows[1])
      guard let letters = sections.first(where: { $0.section == section })?.letters else { return nil }
      return ViewedSeats(version: version, letters: letters)
    }
  }

  public func isReady() async -> Bool {
    do {
      _ = try await pool.query(PostgresQuery(Self.ping))
      return true
    } catch {
      return false
    }
  }

  private static let ping = PostgresStatement("ping", "SELECT 1")

  /// The answers of all queries as of one moment.
  private func snapshot(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
    try await pool.transaction(isolation: .repeatableRead, readOnly: true) { try await $0.pipeline(queries) }
  }

  // MARK: Rows

  static let version = PostgresStatement("stream_version", "SELECT version FROM event_streams WHERE event_id = $1")

  static let counters = PostgresStatement(
    "counters", "SELECT held, sold FROM section_counters WHERE event_id = $1 ORDER BY section_index")

  static let allocations = PostgresStatement(
    "allocations",
    """
    SELECT s.seat_index, r.status
      FROM seat_allocations s
     CROSS JOIN LATERAL (SELECT status FROM reservations WHERE event_id = s.event_id AND sequence = s.sequence LIMIT 1) r
     WHERE s.event_id = $1 ORDER BY s.seat_index
    """)

  /// The seated sections, in the order in which their seats are counted.
  static let seatedSections = PostgresStatement(
    "seated_sections", "SELECT section_index, capacity FROM sections WHERE event_id = $1 AND seated ORDER BY section_index")

  static func counts(_ row: PostgresRow) throws(PostgresError) -> Availability.Counts {
    Availability.Counts(held: Int(try row.int4(0)), sold: Int(try row.int4(1)))
  }

  static func letters(
    sections: PostgresRows, allocations: PostgresRows
  ) throws -> [(section: SectionIndex, letters: [UInt8])] {
    var taken = allocations[...]
    var firstSeat = 0
    var result: [(section: SectionIndex, letters: [UInt8])] = []
    for row in sections {
      let capacity = Int(try row.int4(1))
      var letters = [UInt8](repeating: SeatLetter.available, count: capacity)
      while let allocation = taken.first, Int(try allocation.int4(0)) < firstSeat + capacity {
        let seat = Int(try allocation.int4(0)) - firstSeat
        guard letters.indices.contains(seat) else { throw CodingFailure("there is no seat \(seat + firstSeat)") }
        let isSold = try allocation.int2(1) == Int16(ReservationRecord.Status.confirmed.rawValue)
        letters[seat] = isSold ? SeatLetter.sold : SeatLetter.held
        taken = taken.dropFirst()
      }
      result.append((Int(try row.int2(0)), letters))
      firstSeat += capacity
    }
    return result
  }

  /// A reservation from its command, outcome and version, and its row of `reservations` if it was given tickets; nil if the decision is
  /// not about a reservation that ever was.
  static func record(_ row: PostgresRow, from column: Int) throws -> ReservationRecord? {
    if let reservation = try reservation(row, from: column + 3) { return reservation }
    var bytes = ByteReader(try row.bytes(column))
    let command = try bytes.readCommand()
    bytes = ByteReader(try row.bytes(column + 1))
    guard let request = command.request, case .rejected(let rejection) = try bytes.readOutcome() else { return nil }
    return ReservationRecord(
      id: command.reservation, event: command.event, status: .rejected, version: 1, request: request,
      createdAt: command.acceptedAt,
      sequence: try row.int8(column + 2), rejection: rejection)
  }

  /// A reservation from its row: id, event, sequence, status, version, request, section, quantity, seats, expiry, extensions, creation;
  /// nil if there is none.
  static func reservation(_ row: PostgresRow, from column: Int) throws -> ReservationRecord? {
    guard let id = try row.optionalUUID(column) else { return nil }
    var request = ByteReader(try row.bytes(column + 5))
    guard let status = UInt8(exactly: try row.int2(column + 3)).flatMap(ReservationRecord.Status.init) else {
      throw CodingFailure("reservation \(ReservationID(id)) has the unknown status \(try row.int2(column + 3))")
    }
    return ReservationRecord(
      id: ReservationID(id), event: EventID(try row.uuid(column + 1)), status: status, version: Int64(try row.int4(column + 4)),
      request: try request.readRequest(), createdAt: Timestamp(microseconds: try row.timestamp(column + 11)),
      sequence: try row.int8(column + 2),
      allocation: PostgresJournal.allocation(
        section: try row.optionalInt2(column + 6), quantity: try row.int2(column + 7), seats: try row.optionalInt4s(column + 8)),
      expiresAt: status == .held ? Timestamp(microseconds: try row.timestamp(column + 9)) : nil,
      extensionsUsed: Int(try row.int2(column + 10)))
  }
}

/// Runs queries of the gateway; whatever goes wrong, the database was no help.
func store<Answer>(_ body: () async throws -> Answer) async throws(StoreUnavailable) -> Answer {
  do {
    return try await body()
  } catch let error as PostgresError {
    throw StoreUnavailable(error.message)
  } catch {
    throw StoreUnavailable("\(error)")
  }
}
