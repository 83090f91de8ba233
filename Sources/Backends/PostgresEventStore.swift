public import Pipeline
public import PostgreSQL
public import Ticketing

/// The events in PostgreSQL.
public struct PostgresEventStore: EventStore {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

  public func create(_ record: EventRecord) async throws(StoreUnavailable) -> EventRecord {
    let queries = Self.insertions(record)
    try await store {
      do {
        _ = try await pool.pipeline(queries)
      } catch let error as PostgresError where error.isUniqueViolation {
        // Created before, under the same key.
      }
    }
    guard let event = try await events([record.event.id]).first else {
      throw StoreUnavailable("event \(record.event.id) was written and cannot be found")
    }
    return event
  }

  public func events(_ ids: [EventID]) async throws(StoreUnavailable) -> [EventRecord] {
    if ids.isEmpty { return [] }
    return try await store {
      let records = try Self.records(try await pool.pipeline(Self.queries(.uuids(ids.map(\.rawValue))))[...])
      let byID = Dictionary(records.map { ($0.event.id, $0) }, uniquingKeysWith: { first, _ in first })
      return ids.compactMap { byID[$0] }
    }
  }

  public func publishedEvents(after mark: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord] {
    let ids = try await store {
      try await pool.query(
        PostgresQuery(
          Self.published, Self.time(mark), .uuid(mark?.id ?? 0), .int8(Int64(limit)))
      ).map { EventID(try $0.uuid(0)) }
    }
    return try await events(ids)
  }

  public func publishedCount() async throws(StoreUnavailable) -> Int {
    try await store { Int(try await pool.query(PostgresQuery(Self.countPublished)).first?.int8(0) ?? 0) }
  }

  public func events(of organiser: CustomerID, after mark: PageMark?, limit: Int) async throws(StoreUnavailable) -> [EventRecord]
  {
    let ids = try await store {
      try await pool.query(
        PostgresQuery(
          Self.ofOrganiser, .uuid(organiser.rawValue), Self.time(mark), .uuid(mark?.id ?? 0), .int8(Int64(limit)))
      ).map { EventID(try $0.uuid(0)) }
    }
    return try await events(ids)
  }

  private static func time(_ mark: PageMark?) -> PostgresValue {
    .timestamp(microsecondsSince1970: mark?.time.microseconds ?? earliest)
  }

  /// Earlier than any event: the year 0.
  private static let earliest: Int64 = -62_167_219_200_000_000

  /// For ``records(_:)``.
  /// - Parameter ids: an array of them.
  static func queries(_ ids: PostgresValue) -> [PostgresQuery] {
    [terms, sections, seatRows].map { PostgresQuery($0, ids) }
  }

  /// The events that there are, in any order.
  /// - Parameter rows: what ``queries(_:)`` gave.
  static func records(_ rows: ArraySlice<PostgresRows>) throws -> [EventRecord] {
    let sections = try rows[rows.startIndex + 1].byEvent()
    let seatRows = try rows[rows.startIndex + 2].byEvent()
    return try rows[rows.startIndex].map { terms in
      let id = EventID(try terms.uuid(0))
      return try record(terms, sections: sections[id, default: []], seatRows: seatRows[id, default: []])
    }
  }

  // MARK: SQL

  private static let published = PostgresStatement(
    "events_published",
    """
    SELECT event_id FROM events WHERE status IN (1, 2) AND (starts_at, event_id) > ($1, $2)
     ORDER BY starts_at, event_id LIMIT $3
    """)

  private static let countPublished = PostgresStatement(
    "events_count_published", "SELECT count(*) FROM events WHERE status IN (1, 2)")

  private static let ofOrganiser = PostgresStatement(
    "events_of_organiser",
    """
    SELECT event_id FROM events WHERE organiser_id = $1 AND (starts_at, event_id) > ($2, $3)
     ORDER BY starts_at, event_id LIMIT $4
    """)

  private static let terms = PostgresStatement(
    "event_terms",
    """
    SELECT event_id, organiser_id, name, venue, description, starts_at, sales_open_at, sales_close_at, hold_seconds, max_extensions,
           max_tickets_per_customer, status, created_at
      FROM events WHERE event_id = ANY ($1)
    """)

  private static let sections = PostgresStatement(
    "event_sections",
    """
    SELECT event_id, section_index, section_id, name, seated, capacity, price_amount, price_currency
      FROM sections WHERE event_id = ANY ($1) ORDER BY section_index
    """)

  private static let seatRows = PostgresStatement(
    "event_seat_rows",
    """
    SELECT event_id, section_index, name, seats, aisles_after
      FROM seat_rows WHERE event_id = ANY ($1) ORDER BY section_index, row_index
    """)

  private static func record(_ row: PostgresRow, sections: [PostgresRow], seatRows: [PostgresRow]) throws -> EventRecord {
    let id = EventID(try row.uuid(0))
    guard let status = UInt8(exactly: try row.int2(11)).flatMap(Event.Status.init) else {
      throw CodingFailure("event \(id) has the unknown status \(try row.int2(11))")
    }
    var rows = seatRows[...]
    let event = Event(
      id: id, status: status, salesOpenAt: Timestamp(microseconds: try row.timestamp(6)),
      salesCloseAt: Timestamp(microseconds: try row.timestamp(7)), holdSeconds: Int(try row.int4(8)),
      maxExtensions: Int(try row.int2(9)), maxTicketsPerCustomer: Int(try row.int2(10)),
      sections: try sections.map { try section($0, rows: &rows) })
    return EventRecord(
      event: event, organiser: CustomerID(try row.uuid(1)), name: try row.text(2), venue: try row.text(3),
      description: try row.optionalText(4), startsAt: Timestamp(microseconds: try row.timestamp(5)),
      createdAt: Timestamp(microseconds: try row.timestamp(12)))
  }

  /// - Parameter rows: the seat rows from this section's on; what belongs to it is taken off.
  private static func section(_ row: PostgresRow, rows: inout ArraySlice<PostgresRow>) throws(PostgresError) -> Section {
    let index = try row.int2(1)
    var kind = Section.Kind.generalAdmission(capacity: Int(try row.int4(5)))
    if try row.bool(4) {
      var seats: [Row] = []
      while let next = rows.first, try next.int2(1) == index {
        seats.append(Row(name: try next.text(2), seats: Int(try next.int2(3)), aislesAfter: try next.int2s(4).map(Int.init)))
        rows = rows.dropFirst()
      }
      kind = .seated(rows: seats)
    }
    return Section(
      id: try row.text(2), name: try row.text(3), kind: kind, price: Money(amount: try row.int8(6), currency: try row.text(7)))
  }

  private static func insertions(_ record: EventRecord) -> [PostgresQuery] {
    let event = record.event
    let id = PostgresValue.uuid(event.id.rawValue)
    let seated = event.sections.enumerated().flatMap { index, section -> [(section: Int, row: Int, Row)] in
      guard case .seated(let rows) = section.kind else { return [] }
      return rows.enumerated().map { (section: index, row: $0.offset, $0.element) }
    }
    return [
      PostgresQuery(
        insertEvent, id, .uuid(record.organiser.rawValue), .text(record.name), .text(record.venue),
        record.description.map { .text($0) } ?? .null(.text), .timestamp(microsecondsSince1970: record.startsAt.microseconds),
        .timestamp(microsecondsSince1970: event.salesOpenAt.microseconds),
        .timestamp(microsecondsSince1970: event.salesCloseAt.microseconds), .int4(Int32(event.holdSeconds)),
        .int2(Int16(event.maxExtensions)), .int2(Int16(event.maxTicketsPerCustomer)), .int2(Int16(event.status.rawValue)),
        .timestamp(microsecondsSince1970: record.createdAt.microseconds), .bytes(HashChain.offer(record))),
      PostgresQuery(
        insertSections, id, .int2s(event.sections.indices.map { Int16($0) }), .texts(event.sections.map(\.id)),
        .texts(event.sections.map(\.name)), .bools(event.sections.map(\.isSeated)),
        .int4s(event.sections.map { Int32($0.capacity) }),
        .int8s(event.sections.map(\.price.amount)), .texts(event.sections.map(\.price.currency))),
      PostgresQuery(
        insertSeatRows, id, .int2s(seated.map { Int16($0.section) }), .int2s(seated.map { Int16($0.row) }),
        .texts(seated.map(\.2.name)), .int2s(seated.map { Int16($0.2.seats) }),
        .texts(seated.map { "{" + $0.2.aislesAfter.map(String.init).joined(separator: ",") + "}" })),
      PostgresQuery(
        insertCounters, id, .int2s(event.sections.indices.map { Int16($0) }), .int4s(event.sections.map { Int32($0.capacity) })),
      PostgresQuery(
        insertStream, id, .bytes(HashChain.origin(of: event)), .timestamp(microsecondsSince1970: record.createdAt.microseconds)),
    ]
  }

  private static let insertEvent = PostgresStatement(
    "event_insert",
    """
    INSERT INTO events (event_id, organiser_id, name, venue, description, starts_at, sales_open_at, sales_close_at, hold_seconds,
                        max_extensions, max_tickets_per_customer, status, created_at, offer_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    """)

  private static let insertSections = PostgresStatement(
    "event_insert_sections",
    """
    INSERT INTO sections (event_id, section_index, section_id, name, seated, capacity, price_amount, price_currency)
    SELECT $1, * FROM unnest($2::smallint[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::bigint[], $8::text[])
    """)

  private static let insertSeatRows = PostgresStatement(
    "event_insert_seat_rows",
    """
    INSERT INTO seat_rows (event_id, section_index, row_index, name, seats, aisles_after)
    SELECT $1, section_index, row_index, name, seats, aisles_after::smallint[]
      FROM unnest($2::smallint[], $3::smallint[], $4::text[], $5::smallint[], $6::text[])
        AS t (section_index, row_index, name, seats, aisles_after)
    """)

  private static let insertCounters = PostgresStatement(
    "event_insert_counters",
    """
    INSERT INTO section_counters (event_id, section_index, capacity) SELECT $1, * FROM unnest($2::smallint[], $3::integer[])
    """)

  private static let insertStream = PostgresStatement(
    "event_insert_stream", "INSERT INTO event_streams (event_id, version, head, decided_at) VALUES ($1, 0, $2, $3)")
}

extension Section {
  /// Whether it has seats.
  var isSeated: Bool { if case .seated = kind { true } else { false } }
}
