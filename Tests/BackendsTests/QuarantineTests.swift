import BackendsTestSupport
import Pipeline
import Testing
import Ticketing

@testable import Backends

struct QuarantineTests {
  private let ids = (1...3).map { CommandID($0) }

  @Test func `attempts alone and together are counted apart, and forgotten with the partition`() async throws {
    try await withDatabase { database in
      let quarantine = PostgresQuarantine(database.pool)
      #expect(try await quarantine.attempts(at: ids).isEmpty)
      // A command may be in a batch twice.
      #expect(try await quarantine.noteAttempt(at: ids + ids, in: 1).values.allSatisfy { $0 == Attempts(together: 1) })
      for count in 1...4 {
        #expect(try await quarantine.noteAttempt(at: [ids[0]], in: 1) == [ids[0]: Attempts(alone: count, together: 1)])
      }
      try await quarantine.withdrawAttempt(at: ids[0])
      try await quarantine.withdrawAttempt(at: ids[1])
      _ = try await quarantine.noteAttempt(at: [CommandID(9)], in: 2)
      #expect(
        try await quarantine.attempts(at: ids + [random()])
          == [ids[0]: Attempts(alone: 3, together: 1), ids[1]: Attempts(together: 1), ids[2]: Attempts(together: 1)])
      try await quarantine.clearAttempts(in: 1)
      #expect(try await quarantine.attempts(at: ids + [CommandID(9)]) == [CommandID(9): Attempts(alone: 1)])
    }
  }

  @Test func `setting aside forgets the attempts and closes the way, until it is opened by a replay`() async throws {
    try await withDatabase { database in
      let quarantine = PostgresQuarantine(database.pool)
      let publisher = FakeMessagePublisher()
      let letters = PostgresDeadLetters(database.pool, publisher: publisher, partitioning: Partitioning(count: 4))
      _ = try await quarantine.noteAttempt(at: [ids[0]], in: 1)
      let dead = ids.map { DeadLetter(partition: 1, command: $0, event: nil, reason: "x", attempts: 3, payload: []) }
      try await PostgresJournal(database.pool).setAside(
        dead + [DeadLetter(partition: 1, command: nil, event: nil, reason: "y", attempts: 1, payload: [1])])
      #expect(try await quarantine.attempts(at: ids).isEmpty)
      #expect(try await quarantine.commandsSetAside(in: 1) == Set(ids))
      #expect(try await quarantine.commandsSetAside(in: 2).isEmpty)
      try await letters.replay(dead[0].id)
      try await letters.discard(dead[1].id)
      #expect(try await quarantine.commandsSetAside(in: 1) == [ids[1], ids[2]])
    }
  }
}
