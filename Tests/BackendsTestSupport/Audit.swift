import Backends
public import Pipeline
public import PostgreSQL
public import Redis
import Ticketing

/// Where the tables and the view of an event differ from its journal told again, in words; nothing if all is well.
public func audit(
  _ record: EventRecord, in pool: PostgresPool, view redis: RedisClient, partitioning: Partitioning
) async throws -> [String] {
  let replay = try await Replay(of: record, in: pool)
  return try await replay.differences + tableDifferences(from: replay, in: pool)
    + viewDifferences(from: replay, in: redis, partitioning: partitioning)
}

/// Where the tables differ from the journal told again.
public func tableDifferences(from replay: Replay, in pool: PostgresPool) async throws -> [String] {
  var differences = Differences()
  let event = replay.state.event
  let loaded = try await PostgresJournal(pool).load(event.id)
  if replay.state.version > 0 { differences.compare("the loaded state", loaded?.state, replay.state) }
  differences.compare("the head", loaded?.head, replay.head)

  let id = PostgresValue.uuid(event.id.rawValue)
  let rows = try await pool.pipeline([
    PostgresQuery(SQL.stream, id), PostgresQuery(SQL.seats, id), PostgresQuery(SQL.counters, id),
  ])
  let stream = try rows[0].first.map { row in
    "\(try row.int8(0)) \(try row.optionalTimestamp(1) ?? 0)"
  }
  differences.compare("the stream", stream, "\(replay.state.version) \(replay.state.nextExpiry?.microseconds ?? 0)")
  let live = replay.state.reservations
  let allocations = live.flatMap { reservation -> [Seat] in
    guard case .seats(let seats) = reservation.allocation else { return [] }
    return seats.map { Seat(seat: $0, sequence: reservation.sequence) }
  }
  differences.compare(
    "the seats", try rows[1].map { Seat(seat: try $0.int4(0), sequence: try $0.int8(1)) },
    allocations.sorted { $0.seat < $1.seat })
  differences.compare(
    "the counters", try rows[2].map { Availability.Counts(held: Int(try $0.int4(0)), sold: Int(try $0.int4(1))) }, replay.counts)

  let store = PostgresReservationStore(pool)
  for (id, expected) in replay.reservations {
    differences.compare("reservation \(id) in the database", try await store.reservation(id), expected)
  }
  return differences.list
}

/// Where the view differs from the journal told again.
public func viewDifferences(
  from replay: Replay, in redis: RedisClient, partitioning: Partitioning
) async throws -> [String] {
  var differences = Differences()
  let event = replay.state.event
  let partition = partitioning.partition(of: event.id)
  let view = RedisView(redis)
  differences.compare("the view's version", try await RedisProjection(redis).versions(of: [event.id]), [replay.state.version])
  let availability = Availability(version: replay.state.version, sections: replay.counts)
  differences.compare("the view's counts", try await view.availability(of: event, in: partition), availability)
  for (index, section) in event.sections.enumerated() {
    guard case .seated = section.kind else { continue }
    let seats = ViewedSeats(version: replay.state.version, letters: Array(replay.state.seatMap(of: index)))
    differences.compare(
      "the view's seats of \(section.id)", try await view.seats(of: event, section: index, in: partition), seats)
  }
  for (id, expected) in replay.reservations {
    differences.compare("reservation \(id) in the view", try await view.reservation(id), expected)
  }
  for (customer, expected) in Dictionary(grouping: replay.reservations.values, by: \.customer) {
    // A customer's list has other events' reservations as well.
    let list = try await view.reservations(of: customer, after: nil, limit: 10_000)?.filter { $0.event == event.id }
    differences.compare(
      "the list of customer \(customer)", list?.map(\.id),
      expected.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }.map(\.id))
  }
  return differences.list
}

/// Who has a seat.
private struct Seat: Hashable {
  var seat: SeatIndex
  var sequence: Int64
}

private enum SQL {
  static let stream = PostgresStatement("test_stream", "SELECT version, next_expiry FROM event_streams WHERE event_id = $1")
  static let seats = PostgresStatement(
    "test_seats", "SELECT seat_index, sequence FROM seat_allocations WHERE event_id = $1 ORDER BY seat_index")
  static let counters = PostgresStatement(
    "test_counters", "SELECT held, sold FROM section_counters WHERE event_id = $1 ORDER BY section_index")
}

private struct Differences {
  private(set) var list: [String] = []

  mutating func compare<Value: Equatable>(_ what: String, _ found: Value?, _ expected: Value) {
    if found != expected { list.append("\(what): \(found.map { "\($0)" } ?? "nothing"), expected \(expected)") }
  }
}
