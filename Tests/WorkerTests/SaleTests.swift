import Backends
import BackendsTestSupport
import Pipeline
import PostgreSQL
import Redis
import TestSupport
import Testing
import Ticketing

@testable import Worker

/// Workers with their real backends.
struct SaleTests {
  private static func venue(holdSeconds: Int = 600) -> EventRecord {
    .onSale(
      [.seated(rows: 6, of: 20), .standing(60), .seated(rows: 3, of: 7, id: "balcony")], holdSeconds: holdSeconds, limit: 30)
  }

  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func `after a random history tables, view and journal agree, and each command was decided once`(seed: UInt64) async throws {
    try await Rig.with(Self.venue(), Self.venue(holdSeconds: 2), Self.venue()) { rig in
      var history = RandomHistory(seed: seed, events: rig.events)
      let worker = try rig.startWorker()
      for _ in 0..<30 { try await rig.send(history.next(20)) }
      try await rig.waitUntilDecided(history.ids)
      let journal = PostgresJournal(rig.database.pool)
      try await eventually(within: .seconds(60), "the short holds have expired") {
        try await journal.load([rig.events[1].event.id]).first?.state.reservationCount == 0
      }
      try await rig.expectAgreement()
      await worker.stop()
    }
  }

  @Test func `a view that is emptied in the middle becomes equal again by itself`() async throws {
    try await Rig.with(Self.venue(), Self.venue()) { rig in
      var history = RandomHistory(seed: 3, events: rig.events)
      try await rig.send(history.next(40))
      // What was only noted by then is gone as well.
      _ = try await rig.redis.command("FLUSHDB")
      let worker = try rig.startWorker()
      for round in 0..<20 {
        try await rig.send(history.next(20))
        if round % 5 == 4 { _ = try await rig.redis.command("FLUSHDB") }
      }
      try await rig.waitUntilDecided(history.ids)
      _ = try await rig.redis.command("FLUSHDB")
      try await rig.expectAgreement()
      await worker.stop()
    }
  }

  @Test func `two workers share the partitions, and one that leaves is replaced at once`() async throws {
    try await Rig.with(Self.venue(), Self.venue(), Self.venue(), partitions: 6) { rig in
      var history = RandomHistory(seed: 4, events: rig.events)
      let stays = try rig.startWorker()
      let leaves = try rig.startWorker()
      let members = PostgresMembership(rig.database.pool, host: "tests")
      try await eventually("two workers") { try await members.members().count == 2 }
      try await rig.send(history.next(200))
      try await eventually("one consumer a partition") { try await rig.consumerCounts() == [1, 1, 1, 1, 1, 1] }
      try await rig.waitUntilDecided(history.ids)

      await leaves.stop()
      #expect(try await members.members() == [stays.id])
      let left = ContinuousClock.now
      try await rig.send(history.next(200))
      try await rig.waitUntilDecided(history.ids)
      print("orderly leave: the other had decided everything after \(ContinuousClock.now - left)")
      try await rig.expectAgreement()
      await stays.stop()
    }
  }

  @Test func `a worker that dies is replaced within seconds`() async throws {
    try await Rig.with(Self.venue(), Self.venue(), Self.venue(), partitions: 6) { rig in
      var history = RandomHistory(seed: 5, events: rig.events)
      let stays = try rig.startWorker()
      let dies = try rig.startWorker()
      let members = PostgresMembership(rig.database.pool, host: "tests")
      try await eventually("two workers") { try await members.members().count == 2 }
      for _ in 0..<10 { try await rig.send(history.next(20)) }
      await dies.abandon()
      let died = ContinuousClock.now
      for _ in 0..<10 { try await rig.send(history.next(20)) }
      try await rig.waitUntilDecided(history.ids)
      let takeover = ContinuousClock.now - died
      print("death: the other had decided everything after \(takeover)")
      #expect(takeover < .seconds(20))
      try await rig.expectAgreement()
      await stays.stop()
    }
  }

  @Test(arguments: [true, false])
  func `a worker that no longer reaches the broker, or the database, leaves what it had to the others`(
    losesBroker: Bool
  ) async throws {
    try await Rig.with(Self.venue(), Self.venue(), Self.venue(), partitions: 6) { rig in
      var history = RandomHistory(seed: 8, events: rig.events)
      let proxy = try StallingProxy(to: await TestServer.shared(losesBroker ? .rabbitmq : .postgres).port)
      let stays = try rig.startWorker()
      let loses = try rig.startWorker(broker: losesBroker ? proxy : nil, postgres: losesBroker ? nil : proxy)
      let members = PostgresMembership(rig.database.pool, host: "tests")
      try await eventually("two workers") { try await members.members().count == 2 }
      try await eventually("one consumer a partition") { try await rig.consumerCounts() == [1, 1, 1, 1, 1, 1] }
      try await rig.send(history.next(100))
      proxy.close()
      try await rig.send(history.next(100))
      try await rig.waitUntilDecided(history.ids)
      try await eventually("the other one is missed") { try await members.members() == [stays.id] }
      try await rig.expectAgreement()
      await loses.abandon()
      await stays.stop()
    }
  }

  @Test func `what a worker committed and never showed, its successor shows`() async throws {
    try await Rig.with(Self.venue(), partitions: 1) { rig in
      var history = RandomHistory(seed: 6, events: rig.events)
      let dying = DyingJournal(PostgresJournal(rig.database.pool), commits: 3)
      let first = try rig.startWorker(journal: dying)
      // One at a time: sent together, all of them could be one commit.
      for _ in 0..<3 {
        try await rig.send(history.next(10))
        try await rig.waitUntilDecided(history.ids)
      }
      await dying.waitUntilDead()
      await first.abandon()
      let second = try rig.startWorker()
      try await rig.waitUntilDecided(history.ids)
      try await rig.expectAgreement()
      await second.stop()
    }
  }

  @Test func `workers that share a partition by mistake do no harm`() async throws {
    try await Rig.with(Self.venue(), Self.venue(holdSeconds: 1), partitions: 1) { rig in
      var history = RandomHistory(seed: 7, events: rig.events)
      let journal = PostgresJournal(rig.database.pool)
      var one = Settler(journal: journal, now: wallClock, logger: quietLogger)
      var other = Settler(journal: journal, now: wallClock, logger: quietLogger)
      for round in 0..<30 {
        let commands = history.next(10).map { QueuedCommand($0, ordinal: 1) }
        // One of the two is always behind, and half of the commands come to both.
        if round % 2 == 0 {
          _ = try await one.settle(commands, mayBeDecided: false)
          _ = try await other.settle(Array(commands.prefix(5)), mayBeDecided: false)
        } else {
          _ = try await other.settle(commands, mayBeDecided: false)
          _ = try await one.settle(Array(commands.suffix(5)), mayBeDecided: false)
        }
      }
      try await rig.waitUntilDecided(history.ids)
      for event in rig.events {
        #expect(try await audit(event.event.id, in: rig.database.pool, view: nil) == [])
      }
    }
  }
}
