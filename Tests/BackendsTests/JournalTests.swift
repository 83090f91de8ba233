import BackendsTestSupport
import Pipeline
import PostgreSQL
import Testing
import Ticketing

@testable import Backends

struct JournalTests {
  private let record = EventRecord.onSale([.seated(rows: 2, of: 10), .standing(5)])
  private var id: EventID { record.event.id }

  /// Runs the body with a journal that has the events.
  private func withJournal(
    _ others: EventRecord..., body: (PostgresJournal, PostgresPool) async throws -> Void
  ) async throws {
    try await withDatabase { database in
      for event in [record] + others { _ = try await PostgresEventStore(database.pool).create(event) }
      try await body(PostgresJournal(database.pool), database.pool)
    }
  }

  private func expectConflict(
    _ journal: PostgresJournal, _ batches: [EventBatch], sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let error = await #expect(throws: JournalFailure.self, sourceLocation: sourceLocation) {
      _ = try await journal.commit(batches)
    }
    guard case .conflict? = error else {
      Issue.record("\(String(describing: error)) is no conflict", sourceLocation: sourceLocation)
      return
    }
  }

  /// Nothing of the batches is written, and nothing will be the next time.
  private func expectRefusal(
    _ journal: PostgresJournal, _ batches: [EventBatch], by rule: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    let error = await #expect(throws: JournalFailure.self, sourceLocation: sourceLocation) {
      _ = try await journal.commit(batches)
    }
    guard case .refused(let reason)? = error, reason.contains(rule) else {
      Issue.record("\(String(describing: error)) is no refusal by \(rule)", sourceLocation: sourceLocation)
      return
    }
  }

  /// The database has what the decider knows, and in all tables nothing else.
  private func expect(
    _ decider: Decider, in pool: PostgresPool, of record: EventRecord, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let loaded = try await PostgresJournal(pool).load([record.event.id]).first
    if decider.state.version > 0 { #expect(loaded?.state == decider.state, sourceLocation: sourceLocation) }
    #expect(loaded?.head == decider.head, sourceLocation: sourceLocation)
    #expect(try await audit(record.event.id, in: pool, view: nil) == [], sourceLocation: sourceLocation)
  }

  @Test func `what was committed is loaded as it was`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      let kept = Command.reserve(seats: [3, 4], event: id)
      let released = Command.reserve(seats: [7], event: id)
      let refused = Command.reserve(seats: [3], event: id)
      let none = try await journal.commit([decider.batch([kept, released, .reserve(2, of: 1, event: id), refused])])
      #expect(none.isEmpty)
      let updated = try await journal.commit([
        decider.batch([.extend(kept.reservation, event: id), .release(released.reservation, event: id)])
      ])
      #expect(Set(updated.map(\.id)) == [kept.reservation, released.reservation])

      let loaded = try #require(try await journal.load([id]).first)
      #expect(loaded.state.version == 6 && loaded.state.counts == decider.state.counts)
      #expect(loaded.state.reservations == decider.state.reservations && loaded.state.reservationCount == 2)
      #expect(loaded.state == decider.state && loaded.head == decider.head)
      try await expect(decider, in: pool, of: record)
    }
  }

  @Test func `events are loaded together, each with what is its own, and one that does not exist is left out`() async throws {
    try await withJournal { journal, pool in
      var deciders: [Decider] = []
      for seats in 3...5 {
        let record = EventRecord.onSale([.seated(rows: 2, of: seats), .standing(seats), .seated(rows: 1, of: 1, id: "box")])
        _ = try await PostgresEventStore(pool).create(record)
        var decider = Decider(record)
        _ = try await journal.commit([decider.batch((1..<seats).map { .reserve(seats: [SeatIndex($0)], event: record.event.id) })]
        )
        deciders.append(decider)
      }
      let loaded = try await journal.load(deciders.map(\.state.event.id) + [random()])
      #expect(Set(loaded.map(\.state.event.id)) == Set(deciders.map(\.state.event.id)) && loaded.count == 3)
      for decider in deciders {
        let event = try #require(loaded.first { $0.state.event.id == decider.state.event.id })
        #expect(event.state == decider.state && event.head == decider.head)
      }
    }
  }

  @Test func `streams with holds are those of the events that have some now`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      let hold = Command.reserve(seats: [1], event: id)
      let one = Partitioning(count: 1)
      #expect(try await journal.streamsWithHolds(of: 0, in: one) == [])
      _ = try await journal.commit([decider.batch([hold])])
      let stream = EventStream(event: id, version: 1, nextExpiry: decider.state.nextExpiry)
      #expect(try await journal.streamsWithHolds(of: 0, in: one) == [stream])
      let many = Partitioning(count: 7)
      for partition in 0..<7 {
        let found = try await journal.streamsWithHolds(of: partition, in: many)
        #expect(found == (partition == many.partition(of: id) ? [stream] : []))
      }
      _ = try await journal.commit([decider.batch([.release(hold.reservation, event: id)])])
      #expect(try await journal.streamsWithHolds(of: 0, in: one) == [])
      #expect(try await journal.streams(of: 0, in: one).map(\.version) == [2])
    }
  }

  @Test func `a batch on an old version writes nothing`() async throws {
    try await withJournal { journal, pool in
      var first = Decider(record)
      var second = first
      _ = try await journal.commit([first.batch([.reserve(seats: [0], event: id)])])
      await expectConflict(journal, [second.batch([.reserve(seats: [9], event: id)])])
      try await expect(first, in: pool, of: record)
    }
  }

  @Test func `a command that was decided before writes nothing`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      let command = Command.reserve(seats: [0], event: id)
      _ = try await journal.commit([decider.batch([command])])
      let present = decider
      var forgetful = try Decider(forgetting: decider)
      var again = command
      again.action = .reserve(Command.Request(customer: random(), selection: .seats([9])))
      await expectConflict(journal, [forgetful.batch([.reserve(seats: [8], event: id), again])])
      try await expect(present, in: pool, of: record)
    }
  }

  @Test func `a seat that is gone is refused by the database itself`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      _ = try await journal.commit([decider.batch([.reserve(seats: [0, 1], event: id)])])
      let forgetful = try Decider(forgetting: decider)
      var wrong = forgetful
      await expectRefusal(journal, [wrong.batch([.reserve(seats: [1, 2], event: id)])], by: "seat_allocations_pkey")
      try await expect(decider, in: pool, of: record)
      var lucky = forgetful
      _ = try await journal.commit([lucky.batch([.reserve(seats: [2, 3], event: id)])])
    }
  }

  @Test func `a section over its capacity is refused by the database itself`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      let present = decider
      var batch = decider.batch([.reserve(5, of: 1, event: id)])
      batch.counts[1].held = 6
      await expectRefusal(journal, [batch], by: "never_oversold")
      try await expect(present, in: pool, of: record)
      batch.counts[1].held = 5
      _ = try await journal.commit([batch])
      try await expect(decider, in: pool, of: record)
    }
  }

  @Test func `batches of two events are written both or not at all`() async throws {
    let other = EventRecord.onSale([.seated(rows: 1, of: 8)])
    try await withJournal(other) { journal, pool in
      var (first, second) = (Decider(record), Decider(other))
      let (firstBefore, stale) = (first, second)
      _ = try await journal.commit([second.batch([.reserve(seats: [0], event: other.event.id)])])
      let batch = first.batch([.reserve(seats: [0], event: id)])
      var outdated = stale
      await expectConflict(journal, [batch, outdated.batch([.reserve(seats: [5], event: other.event.id)])])
      try await expect(firstBefore, in: pool, of: record)
      try await expect(second, in: pool, of: other)

      _ = try await journal.commit([batch, second.batch([.reserve(seats: [5], event: other.event.id)])])
      try await expect(first, in: pool, of: record)
      try await expect(second, in: pool, of: other)
    }
  }

  @Test func `a batch takes seven statements at most, however large it is`() async throws {
    let large = EventRecord.onSale([.seated(rows: 30, of: 20), .standing(500)])
    let event = large.event.id
    try await withJournal(large) { journal, pool in
      var decider = Decider(large)
      let holds = (0..<100).map { Command.reserve(seats: [SeatIndex($0)], event: event) }
      let one = decider.batch([holds[0]])
      #expect(JournalStatements([one]).queries.count <= 7)
      _ = try await journal.commit([one])
      _ = try await journal.commit([decider.batch(Array(holds.dropFirst()))])
      let batch = decider.batch(
        holds.map { .release($0.reservation, event: event) }
          + (100..<200).map { .reserve(seats: [SeatIndex($0)], event: event) }
          + (0..<100).map { _ in .reserve(2, of: 1, event: event) })
      #expect(batch.entries.count == 300 && JournalStatements([batch]).queries.count == 7)
      _ = try await journal.commit([batch])
      try await expect(decider, in: pool, of: large)
    }
  }

  @Test func `only the commands that were decided are named`() async throws {
    try await withJournal { journal, _ in
      var decider = Decider(record)
      let decided = Command.reserve(event: id)
      let refused = Command.reserve(6, of: 1, event: id)
      _ = try await journal.commit([decider.batch([decided, refused])])
      #expect(try await journal.decided([random(), decided.id, random(), refused.id]) == [decided.id, refused.id])
      #expect(try await journal.decided([random()]).isEmpty)
      #expect(try await journal.decided([]).isEmpty)
    }
  }

  @Test func `changes come in pieces, the last of them with the present`() async throws {
    try await withJournal { journal, _ in
      var decider = Decider(record)
      let commands = (0..<10).map { Command.reserve(seats: [SeatIndex($0)], event: id) }
      _ = try await journal.commit([decider.batch(commands)])
      var version: Int64 = 0
      for expected in [commands[0..<4], commands[4..<8]] {
        let piece = try await journal.changes(of: id, after: version, limit: 4)
        #expect(piece.toVersion == version + 4 && piece.present == nil)
        #expect(Set(piece.reservations.map(\.id)) == Set(expected.map(\.reservation)))
        version = piece.toVersion
      }
      let last = try await journal.changes(of: id, after: version, limit: 4)
      #expect(last.toVersion == 10 && Set(last.reservations.map(\.id)) == Set(commands[8...].map(\.reservation)))
      let present = try #require(last.present)
      #expect(present.availability == Availability(version: 10, sections: [.init(held: 10, sold: 0), .init(held: 0, sold: 0)]))
      #expect(present.seats.map(\.section) == [0] && present.seats.map(\.letters) == [Array(decider.state.seatMap(of: 0))])
      let nothing = try await journal.changes(of: id, after: 10, limit: 4)
      #expect(nothing.toVersion == 10 && nothing.reservations.isEmpty && nothing.present != nil)
    }
  }

  private static let age = PostgresStatement(
    "age", "UPDATE decisions SET decided_at = decided_at - interval '8 days' WHERE version <= 2")

  @Test func `what nothing has happened to for longer than the view keeps it is told apart`() async throws {
    try await withJournal { journal, pool in
      var decider = Decider(record)
      let commands = (0..<3).map { Command.reserve(seats: [SeatIndex($0)], event: id) }
      let release = Command.release(commands[1].reservation, event: id)
      _ = try await journal.commit([decider.batch(commands + [release])])
      _ = try await pool.query(PostgresQuery(Self.age))
      let changes = try await journal.changes(of: id, after: 0, limit: 9)
      #expect(changes.forgotten.map(\.id) == [commands[0].reservation])
      #expect(Set(changes.reservations.map(\.id)) == [commands[1].reservation, commands[2].reservation])
    }
  }

  @Test func `reservations are told as they are now, those that were refused too`() async throws {
    try await withJournal { journal, _ in
      var decider = Decider(record)
      let held = Command.reserve(seats: [1], event: id)
      let refused = Command.reserve(seats: [1], event: id)
      _ = try await journal.commit([decider.batch([held, refused])])
      _ = try await journal.commit([decider.batch([.release(held.reservation, event: id)])])
      let found = try await journal.reservations([held.reservation, refused.reservation, random()])
      let statuses = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0.status) })
      #expect(statuses == [held.reservation: .released, refused.reservation: .rejected])
    }
  }

  @Test func `what is set aside keeps its bytes`() async throws {
    try await withJournal { journal, pool in
      let payload: [UInt8] = Array(0...255)
      try await journal.setAside([
        DeadLetter(partition: 3, command: CommandID(7), event: id, reason: "unreadable: ż", attempts: 5, payload: payload),
        DeadLetter(partition: 4, command: nil, event: nil, reason: "empty", attempts: 1, payload: []),
      ])
      let rows = try await pool.query(PostgresQuery(Self.deadLetters))
      #expect(try rows.map { try $0.bytes(0) } == [payload, []])
      #expect(try rows.map { try $0.optionalUUID(1) } == [7, nil])
      #expect(try rows.map { try $0.text(2) } == ["unreadable: ż", "empty"])
    }
  }

  @Test func `what is set aside again is kept once`() async throws {
    try await withJournal { journal, pool in
      let command = DeadLetter(partition: 3, command: CommandID(7), event: id, reason: "first", attempts: 1, payload: [1])
      var again = command
      again.reason = "second"
      let bytes = DeadLetter(partition: 4, command: nil, event: nil, reason: "bytes", attempts: 1, payload: [2])
      var elsewhere = bytes
      elsewhere.partition = 5
      try await journal.setAside([command, bytes])
      try await journal.setAside([bytes, again, elsewhere])
      let rows = try await pool.query(PostgresQuery(Self.deadLetters))
      #expect(try rows.map { try $0.text(2) } == ["first", "bytes", "bytes"])
    }
  }

  private static let deadLetters = PostgresStatement(
    "test_dead_letters", "SELECT payload, command_id, reason FROM dead_letters ORDER BY partition")
}

struct PartitionTests {
  @Test func `the database has the same partition for every event as the code`() async throws {
    try await withDatabase { database in
      for count in [1, 3, 16, 256] {
        let partitioning = Partitioning(count: count)
        let events: [EventID] = [EventID(1), EventID(.max)] + (0..<20).map { _ in random() }
        for event in events {
          let query = PostgresQuery(Self.partition, .uuid(event.rawValue), .int8(Int64(count)))
          let found = try await database.pool.query(query).first?.int8(0)
          #expect(found == Int64(partitioning.partition(of: event)))
        }
      }
    }
  }

  private static let partition = PostgresStatement("test_partition", "SELECT mod(fnv1a($1), $2)::bigint")

  @Test func `streams are given to their partition, once there are decisions`() async throws {
    let partitioning = Partitioning(count: 3)
    try await withDatabase { database in
      let journal = PostgresJournal(database.pool)
      var streams: Set<EventStream> = []
      for _ in 0..<12 {
        let record = EventRecord.onSale([.standing(5)])
        _ = try await PostgresEventStore(database.pool).create(record)
        var decider = Decider(record)
        _ = try await journal.commit([decider.batch([.reserve(event: record.event.id)])])
        streams.insert(EventStream(event: record.event.id, version: 1, nextExpiry: decider.state.nextExpiry))
      }
      _ = try await PostgresEventStore(database.pool).create(.onSale([.standing(5)]))
      for partition in 0..<3 {
        let found = try await journal.streams(of: partition, in: partitioning)
        #expect(Set(found) == streams.filter { partitioning.partition(of: $0.event) == partition })
      }
    }
  }
}
