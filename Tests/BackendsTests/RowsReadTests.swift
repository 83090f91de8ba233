import BackendsTestSupport
import Pipeline
import PostgreSQL
import Testing
import Ticketing

@testable import Backends

/// What looks for rows by their keys reads these rows, and not all that are there: also where PostgreSQL believes that there are few, as
/// it does from the time at which a table has grown until it counts the rows again.
struct RowsReadTests {
  /// A database whose tables had a row each when they were counted and the statements were planned. It has one connection, which can be
  /// told to report what it has read.
  private func withSmallTables(_ body: (PostgresJournal, PostgresPool) async throws -> Void) async throws {
    try await withDatabase(connections: 1) { database in
      let (journal, pool) = (PostgresJournal(database.pool), database.pool)
      let record = EventRecord.onSale([.seated(rows: 1, of: 1)])
      _ = try await PostgresEventStore(pool).create(record)
      var first = Decider(record)
      let only = Command.reserve(seats: [0], event: record.event.id)
      _ = try await journal.commit([first.batch([only])])
      try await pool.execute("ANALYZE")
      _ = try await PostgresReservationStore(pool).reservations([only.reservation])
      _ = try await PostgresReservationStore(pool).reservations([random()])
      _ = try await journal.changes(of: record.event.id, after: 0, limit: 10)
      _ = try await journal.load([record.event.id])
      _ = try await journal.streamsWithHolds(of: 0, in: Partitioning(count: 1))
      _ = try await journal.commit([first.batch([.release(only.reservation, event: record.event.id)])])
      try await body(journal, pool)
    }
  }

  private func decider(in pool: PostgresPool, seats: Int) async throws -> Decider {
    let record = EventRecord.onSale([.seated(rows: 1, of: seats), .standing(10)])
    _ = try await PostgresEventStore(pool).create(record)
    return Decider(record)
  }

  /// How many rows have been read until now, of all tables.
  private func rowsRead(_ pool: PostgresPool) async throws -> Int64 {
    try await count(
      PostgresStatement(
        "rows_read",
        """
        SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::bigint
        """), in: pool)
  }

  /// How many pages of indexes have been read until now.
  private func indexPagesRead(_ pool: PostgresPool) async throws -> Int64 {
    try await count(
      PostgresStatement("index_pages_read", "SELECT sum(idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_indexes"),
      in: pool)
  }

  private func count(_ statement: PostgresStatement, in pool: PostgresPool) async throws -> Int64 {
    _ = try await pool.query(PostgresQuery(PostgresStatement("report", "SELECT pg_stat_force_next_flush()::text")))
    return try await pool.query(PostgresQuery(statement))[0].int8(0)
  }

  @Test func `a batch of some events does not read the rows of all others`() async throws {
    try await withSmallTables { journal, pool in
      var deciders: [Decider] = []
      for _ in 0..<300 { deciders.append(try await decider(in: pool, seats: 2)) }
      deciders.sort { $0.state.event.id < $1.state.event.id }
      func commit(_ commands: (EventID, Int) -> [Command]) async throws {
        let batches = (0..<10).map { deciders[$0].batch(commands(deciders[$0].state.event.id, $0)) }
        _ = try await journal.commit(batches)
      }
      let (seated, standing) = ((0..<10).map { _ in random() as CommandID }, (0..<10).map { _ in random() as CommandID })
      let before = try await rowsRead(pool)
      // More often than the server plans a statement anew by itself.
      for _ in 0..<8 { try await commit { event, _ in [.reserve(1, of: 1, event: event)] } }
      try await commit { event, index in
        [.reserve(seats: [0], event: event, id: seated[index]), .reserve(1, of: 1, event: event, id: standing[index])]
      }
      try await commit { event, index in
        [
          .extend(ReservationID(standing[index].rawValue), event: event),
          .release(ReservationID(seated[index].rawValue), event: event),
        ]
      }
      // Of each event a stream, at most two counters, two reservations and a seat, and what these were before.
      #expect(try await rowsRead(pool) - before < 10 * 10 * 12)
    }
  }

  @Test func `what a batch changes is looked for, however much its event has besides`() async throws {
    try await withSmallTables { journal, pool in
      var hall = try await decider(in: pool, seats: 50)
      let event = hall.state.event.id
      let holds = (0..<50).map { Command.reserve(seats: [SeatIndex($0)], event: event) }
      _ = try await journal.commit([hall.batch(holds)])
      try await pool.execute(
        """
        INSERT INTO reservations
        SELECT event_id, 1000 + n, gen_random_uuid(), customer_id, status, version, request, section_index, quantity, seats, expires_at,
               extensions_used, created_at
          FROM reservations, generate_series(1, 20000) n WHERE event_id = '\(event)' AND sequence = 1;
        INSERT INTO seat_allocations
        SELECT event_id, 1000 + n, 1000 + n FROM event_streams, generate_series(1, 20000) n WHERE event_id = '\(event)'
        """)
      let (before, rowsBefore) = (try await indexPagesRead(pool), try await rowsRead(pool))
      _ = try await journal.commit([
        hall.batch(
          holds[..<25].map { .extend($0.reservation, event: event) } + holds[25...].map { .release($0.reservation, event: event) }
        )
      ])
      // A search takes two or three pages, and a row that moves to another page has keys to be put in.
      #expect(try await indexPagesRead(pool) - before < 50 * 20)
      #expect(try await rowsRead(pool) - rowsBefore < 50 * 10)
    }
  }

  @Test func `what has holds is found without reading what has none, and events are loaded without the others`() async throws {
    try await withSmallTables { journal, pool in
      let partitioning = Partitioning(count: 4)
      var deciders: [Decider] = []
      for _ in 0..<300 { deciders.append(try await decider(in: pool, seats: 2)) }
      let events = deciders.map(\.state.event.id)
      // All have a history, and ten have holds.
      let holds = events.map { Command.reserve(seats: [0], event: $0) }
      for index in deciders.indices { _ = try await journal.commit([deciders[index].batch([holds[index]])]) }
      for index in 10..<300 {
        _ = try await journal.commit([deciders[index].batch([.release(holds[index].reservation, event: events[index])])])
      }
      let before = try await rowsRead(pool)
      var found: [EventID] = []
      for partition in 0..<4 { found += try await journal.streamsWithHolds(of: partition, in: partitioning).map(\.event) }
      #expect(Set(found) == Set(events[..<10]))
      // Index entries of holds that have ended are passed over until they are swept, once.
      #expect(try await rowsRead(pool) - before < 2 * 300)
      let swept = try await rowsRead(pool)
      for partition in 0..<4 { _ = try await journal.streamsWithHolds(of: partition, in: partitioning) }
      #expect(try await rowsRead(pool) - swept <= 4 * 10 * 2)
      let loading = try await rowsRead(pool)
      #expect(try await journal.load(Array(events[..<5])).count == 5)
      // A stream, an event, a reservation, two sections and a row of seats, by their indexes.
      #expect(try await rowsRead(pool) - loading <= 5 * 6 * 2)
    }
  }

  @Test func `a reservation is read without the others, and a hall's seats each once`() async throws {
    try await withSmallTables { journal, pool in
      var hall = try await decider(in: pool, seats: 300)
      let event = hall.state.event.id
      let commands = (0..<300).map { Command.reserve(seats: [SeatIndex($0)], event: event) }
      _ = try await journal.commit([hall.batch(commands)])
      let before = try await rowsRead(pool)
      let store = PostgresReservationStore(pool)
      for command in commands[..<10] {
        #expect(try await store.reservations([command.reservation]).first?.id == command.reservation)
      }
      try await pool.execute(
        """
        INSERT INTO dead_letters (dead_letter_id, partition, command_id, reason, attempts, payload)
        SELECT gen_random_uuid(), 0, gen_random_uuid(), '', 1, '' FROM generate_series(1, 1000)
        """)
      for _ in 0..<10 { #expect(try await store.reservations([random()]).first == nil) }
      let read = try await rowsRead(pool) - before
      #expect(read < 10 * 5)
      let piece = try await journal.changes(of: event, after: 0, limit: 1000)
      #expect(piece.reservations.count == 300 && piece.present?.seats.first?.letters.count == 300)
      #expect(try await rowsRead(pool) - before - read < 300 * 10)
    }
  }
}
