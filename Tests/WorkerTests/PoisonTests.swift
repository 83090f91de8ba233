import Backends
import BackendsTestSupport
import Pipeline
import PostgreSQL
import TestSupport
import Testing
import Ticketing

@testable import Worker

/// What nobody can decide, between commands that everybody can, on real servers.
struct PoisonTests {
  @Test func `what can't be read and what the database refuses is set aside, and can be discarded or replayed`() async throws {
    let event = EventRecord.onSale([.seated(rows: 4, of: 10), .standing(100)], limit: 100)
    let id = event.event.id
    try await Rig.with(event, partitions: 1) { rig in
      let commands = (0..<30).map { _ in Command.reserve(of: 1, event: id) }
      let (discarded, replayed) = (commands[7], commands[20])
      try await rig.database.pool.execute(Self.refusal(of: [discarded.id, replayed.id]))
      try await rig.send(bytes: [], to: 0)
      try await rig.send(bytes: [99, 0, 1, 2, 3], to: 0)
      try await rig.send(commands)
      try await rig.send(bytes: Array("no message".utf8), to: 0)
      let worker = try rig.startWorker()
      let mates = commands.filter { $0.id != discarded.id && $0.id != replayed.id }
      try await rig.waitUntilDecided(Set(mates.map(\.id)))
      try await eventually("five dead letters") { try await rig.deadLetters.list(after: nil, limit: 9).count == 5 }

      let dead = try await rig.deadLetters.list(after: nil, limit: 9)
      let unreadable = dead.filter { $0.letter.command == nil }
      #expect(Set(unreadable.map(\.letter.payload)) == [[], [99, 0, 1, 2, 3], Array("no message".utf8)])
      #expect(Set(unreadable.map(\.letter.attempts)) == [1])
      for command in [discarded, replayed] {
        let letter = try #require(dead.first { $0.letter.command == command.id }?.letter)
        #expect(letter.attempts == 3 && letter.event == id && letter.queuedCommand?.command == command)
        #expect(letter.reason.contains("22003"), "\(letter.reason)")
        #expect(try await RedisView(rig.redis).reservation(command.reservation)?.status == .queued)
        // Its customer sends it again, and it stays where it is.
        try await rig.send([command, .reserve(of: 1, event: id)])
      }

      for letter in unreadable { try await rig.deadLetters.discard(letter.id) }
      try await rig.deadLetters.discard(try #require(dead.first { $0.letter.command == discarded.id }).id)
      try await rig.database.pool.execute("DROP TRIGGER refusal ON decisions")
      try await rig.deadLetters.replay(try #require(dead.first { $0.letter.command == replayed.id }).id)
      try await rig.waitUntilDecided([discarded.id, replayed.id])
      let store = PostgresReservationStore(rig.database.pool)
      let rejected = try await store.reservations([discarded.reservation]).first
      #expect(rejected?.status == .rejected && rejected?.rejection == .discarded && rejected?.request == discarded.request)
      #expect(try await store.reservations([replayed.reservation]).first?.status == .held)
      // The mates' order is the queue's.
      let decided = try await rig.database.pool.query(PostgresQuery(Self.commands)).map { CommandID(try $0.uuid(0)) }
      #expect(decided.filter(Set(mates.map(\.id)).contains) == mates.map(\.id))
      try await rig.expectAgreement()
      #expect(try await rig.deadLetters.list(after: nil, limit: 9).count == 5)
      await worker.stop()
    }
  }

  private static let commands = PostgresStatement(
    "test_commands", "SELECT command_id FROM decisions WHERE command_id IS NOT NULL ORDER BY version")

  /// Has the database take nothing of these commands, as a value that is out of its column's range would; but their discarding it takes.
  private static func refusal(of commands: [CommandID]) -> String {
    """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'value out of range' USING ERRCODE = '22003'; END $$;
    CREATE TRIGGER refusal BEFORE INSERT ON decisions FOR EACH ROW
      WHEN (NEW.command_id IN (\(commands.map { "'\($0)'" }.joined(separator: ","))) AND get_byte(NEW.command, 0) = 1)
      EXECUTE FUNCTION refuse();
    """
  }

  /// What a death costs that has nothing to do with any command.
  @Test func `after a worker's death its successor is as fast as ever, and nobody is suspected`() async throws {
    let event = EventRecord.onSale([.standing(20_000)], limit: 100)
    try await Rig.with(event, partitions: 1) { rig in
      let commands = (0..<10_000).map { _ in Command.reserve(event: event.event.id) }
      let dying = DyingJournal(PostgresJournal(rig.database.pool), commits: 0)
      let first = try rig.startWorker(journal: dying)
      for start in stride(from: 0, to: commands.count, by: 250) { try await rig.send(Array(commands[start..<start + 250])) }
      try await eventually("the first worker has the partition") { try await rig.consumerCounts() == [1] }
      await first.abandon()
      let successor = try rig.startWorker()
      let began = ContinuousClock.now
      try await rig.waitUntilDecided(Set(commands.map(\.id)))
      print("10,000 commands of a worker that died were decided within \(ContinuousClock.now - began)")
      #expect(try await rig.deadLetters.list(after: nil, limit: 1).isEmpty)
      await successor.stop()
    }
  }
}
