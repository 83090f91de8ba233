import Backends
import BackendsTestSupport
import Pipeline
import Testing
import Ticketing

struct ReservationStoreTests {
  private let record = EventRecord.onSale([.seated(rows: 1, of: 4), .standing(50), .seated(rows: 2, of: 3, id: "block-b")])
  private var id: EventID { record.event.id }

  /// Runs the body with a database in which these have been decided, and with what became of them.
  private func withStore(
    _ commands: [Command], body: (PostgresReservationStore, [ReservationRecord]) async throws -> Void
  ) async throws {
    try await withDatabase { database in
      _ = try await PostgresEventStore(database.pool).create(record)
      var decider = Decider(record)
      let batch = decider.batch(commands)
      _ = try await PostgresJournal(database.pool).commit([batch])
      try await body(PostgresReservationStore(database.pool), batch.created)
    }
  }

  @Test(arguments: [1, 4, 100])
  func `a customer's reservations come newest first, each once, whatever the page`(limit: Int) async throws {
    let (customer, now): (CustomerID, Timestamp) = (random(), wallClock())
    // Half of them are of the same microsecond.
    let times = Array(repeating: now, count: 5) + (1...5).map { now.adding(seconds: -$0) }
    let own = times.shuffled().map { Command.reserve(of: 1, event: id, by: customer, at: $0) }
    let others = [Command.reserve(of: 1, event: id, at: now)]
    try await withStore(own + others) { store, decided in
      var listed: [ReservationRecord] = []
      while true {
        let page = try await store.reservations(of: customer, after: listed.last?.pageMark, limit: limit)
        #expect(page.count == min(limit, own.count - listed.count))
        listed += page
        if page.isEmpty || listed.count > own.count { break }
      }
      let expected = decided.filter { $0.customer == customer }.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
      #expect(listed == expected)
    }
  }

  @Test func `a reservation whose command was set aside is queued, until it is discarded`() async throws {
    try await withDatabase { database in
      let store = PostgresReservationStore(database.pool)
      let command = Command.reserve(of: 1, event: id)
      let letter = DeadLetter(
        partition: 0, command: command.id, event: id, reason: "test", attempts: 3,
        payload: CommandMessage.encode([QueuedCommand(command, ordinal: 77)]))
      #expect(try await store.reservations([command.reservation]).first == nil)
      try await PostgresJournal(database.pool).setAside([letter])
      let waiting = try await store.reservations([command.reservation]).first
      #expect(waiting?.status == .queued && waiting?.ordinal == 0 && waiting?.request == command.request)
      #expect(waiting?.createdAt == command.acceptedAt)
      let publisher = FakeMessagePublisher()
      try await PostgresDeadLetters(database.pool, publisher: publisher, partitioning: Partitioning(count: 4)).discard(letter.id)
      #expect(try await store.reservations([command.reservation]).first == nil)
    }
  }

  @Test func `each section has its own seats, and one without seats has none`() async throws {
    try await withStore([.reserve(seats: [1], event: id), .reserve(seats: [6, 9], event: id)]) { store, _ async throws in
      for (section, letters) in [(0, "ahaa"), (2, "aahaah")] {
        let expected = ViewedSeats(version: 2, letters: Array(letters.utf8))
        #expect(try await store.seats(of: record.event, section: section) == expected)
      }
      #expect(try await store.seats(of: record.event, section: 1) == nil)
      #expect(try await store.seats(of: EventRecord.onSale([.seated(rows: 1, of: 4)]).event, section: 0) == nil)
    }
  }
}
