import BackendsTestSupport
import Pipeline
import PostgreSQL
import Testing
import Ticketing

@testable import Backends

struct DeadLetterTests {
  private let partitioning = Partitioning(count: 4)
  private let publisher = FakeMessagePublisher()

  /// Runs the body with these set aside.
  private func with(
    _ dead: DeadLetter..., body: (PostgresDeadLetters, PostgresPool) async throws -> Void
  ) async throws {
    try await withDatabase { database in
      // One by one, so that each has a time of its own.
      for letter in dead { try await PostgresJournal(database.pool).setAside([letter]) }
      try await body(PostgresDeadLetters(database.pool, publisher: publisher, partitioning: partitioning), database.pool)
    }
  }

  private func letter(_ command: Command, ordinal: Int64 = 77) -> DeadLetter {
    DeadLetter(
      partition: partitioning.partition(of: command.event), command: command.id, event: command.event, reason: "it crashes",
      attempts: 3, payload: CommandMessage.encode([QueuedCommand(command, ordinal: ordinal)]))
  }

  private func create(_ event: EventID, in pool: PostgresPool) async throws {
    _ = try await PostgresEventStore(pool).create(.onSale([.standing(9)], id: event))
  }

  private func expectFailure(
    _ expected: DeadLetterFailure?, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws(DeadLetterFailure) -> Void
  ) async {
    do throws(DeadLetterFailure) {
      try await body()
      #expect(expected == nil, sourceLocation: sourceLocation)
    } catch {
      #expect(error == expected, sourceLocation: sourceLocation)
    }
  }

  @Test func `the newest are first, page by page, and each is there with all that is known`() async throws {
    let dead = (1...5).map { letter(.reserve(event: random(), id: CommandID($0))) }
    try await with(dead[0], dead[1], dead[2], dead[3], dead[4]) { letters, _ in
      let first = try await letters.list(after: nil, limit: 3)
      #expect(first.map(\.letter) == [dead[4], dead[3], dead[2]] && first.allSatisfy { $0.status == .dead })
      #expect(try await letters.list(after: first[2].pageMark, limit: 3).map(\.letter) == [dead[1], dead[0]])
      #expect(try await letters.letter(dead[1].id)?.letter == dead[1])
      #expect(try await letters.letter(random()) == nil)
    }
  }

  @Test func `a replayed command is queued without its former place in the line`() async throws {
    let command = Command.extend(random(), event: random())
    try await with(letter(command)) { letters, _ in
      try await letters.replay(letter(command).id)
      let message = try #require(publisher.messages.first)
      #expect(message.partition == partitioning.partition(of: command.event))
      #expect(message.body == CommandMessage.encode([QueuedCommand(command, ordinal: 0)]))
      #expect(try await letters.letter(letter(command).id)?.status == .replayed)
      await expectFailure(.settled(.replayed)) { () async throws(DeadLetterFailure) in
        try await letters.replay(letter(command).id)
      }
      await expectFailure(.settled(.replayed)) { () async throws(DeadLetterFailure) in
        try await letters.discard(letter(command).id)
      }
    }
  }

  @Test func `bytes that nobody can read are replayed as they are, and discarding them queues nothing`() async throws {
    let (one, other) = (
      DeadLetter(partition: 3, command: nil, event: nil, reason: "version 9", attempts: 1, payload: [9, 1, 2]),
      DeadLetter(partition: 2, command: nil, event: nil, reason: "version 8", attempts: 1, payload: [8])
    )
    try await with(one, other) { letters, _ in
      try await letters.replay(one.id)
      try await letters.discard(other.id)
      #expect(publisher.messages.map(\.body) == [[9, 1, 2]] && publisher.messages.map(\.partition) == [3])
      #expect(try await letters.list(after: nil, limit: 9).map(\.status) == [.discarded, .replayed])
    }
  }

  @Test func `discarding a request queues its end, under its own name`() async throws {
    let command = Command.reserve(2, event: random())
    let request = try #require(command.request)
    let release = Command.release(random(), event: random())
    try await with(letter(command), letter(release)) { letters, pool in
      try await create(command.event, in: pool)
      try await letters.discard(letter(command).id)
      try await letters.discard(letter(release).id)
      let end = Command(id: command.id, event: command.event, action: .discard(request), acceptedAt: command.acceptedAt)
      #expect(publisher.messages.map(\.body) == [CommandMessage.encode([QueuedCommand(end, ordinal: 0)])])
      await expectFailure(.settled(.discarded)) { () async throws(DeadLetterFailure) in
        try await letters.replay(letter(command).id)
      }
    }
  }

  @Test func `a request about an event that does not exist is given up without an answer`() async throws {
    let command = Command.reserve(event: random())
    try await with(letter(command)) { letters, _ in
      // No worker could decide its end, which would only be set aside in turn.
      #expect(try await letters.giveUp(letter(command).id) == command.event)
      #expect(publisher.messages.isEmpty)
      let kept = try #require(try await letters.letter(letter(command).id))
      #expect(kept.status == .discarded && kept.letter == letter(command))
    }
  }

  @Test func `an end that can't be decided either is told, and does not take the place of what it was to end`() async throws {
    let command = Command.reserve(event: random())
    try await with(letter(command)) { letters, pool in
      try await create(command.event, in: pool)
      #expect(try await letters.giveUp(letter(command).id) == nil)
      var end = letter(command)
      end.payload = try #require(publisher.messages.first).body
      end.reason = "it crashes, too"
      try await PostgresJournal(pool).setAside([end])
      let kept = try #require(try await letters.letter(letter(command).id))
      #expect(kept.status == .dead && kept.letter.payload == letter(command).payload)
      #expect(kept.letter.reason == "discarding it failed: it crashes, too")
      try await letters.replay(kept.id)
      #expect(publisher.messages.last?.body == CommandMessage.encode([QueuedCommand(command, ordinal: 0)]))
    }
  }

  @Test(arguments: [PublishOutcome.refused, .unavailable, .unknown])
  func `what the broker does not confirm still waits and can be asked for again`(outcome: PublishOutcome) async throws {
    let command = Command.reserve(event: random())
    let id = letter(command).id
    try await with(letter(command)) { letters, pool in
      try await create(command.event, in: pool)
      publisher.outcome = outcome
      for _ in 0..<2 {
        await #expect(throws: DeadLetterFailure.self) { try await letters.replay(id) }
        #expect(try await letters.letter(id)?.status == .replaying)
        await #expect(throws: DeadLetterFailure.self) { try await letters.discard(id) }
        #expect(try await letters.letter(id)?.status == .discarding)
      }
      publisher.outcome = .queued
      try await letters.replay(id)
      #expect(try await letters.letter(id)?.status == .replayed && publisher.messages.count == 1)
    }
  }

  @Test func `of many operators at once none breaks anything`() async throws {
    let command = Command.reserve(event: random())
    let id = letter(command).id
    try await with(letter(command)) { letters, _ in
      let successes = await withTaskGroup { group in
        for _ in 0..<12 {
          group.addTask { await replays(id, with: letters) ? 1 : 0 }
        }
        return await group.reduce(0, +)
      }
      let kept = try await letters.letter(id)
      #expect(successes >= 1 && publisher.messages.count == successes && kept?.status == .replayed)
    }
  }

  /// Whether this operator was the one, or one of those, who did it.
  private func replays(_ id: DeadLetterID, with letters: PostgresDeadLetters) async -> Bool {
    do throws(DeadLetterFailure) {
      try await letters.replay(id)
      return true
    } catch {
      #expect(error == .settled(.replayed))
      return false
    }
  }

  @Test(arguments: [false, true])
  func `one that dies again waits again, under the same name, also before its replay is finished`(isEarly: Bool) async throws {
    let command = Command.reserve(event: random())
    try await with(letter(command)) { letters, pool in
      var again = letter(command)
      again.reason = "it still crashes"
      // A worker may be faster than the broker's confirm.
      if isEarly { publisher.setMeanwhile { [again] in try? await PostgresJournal(pool).setAside([again]) } }
      try await letters.replay(letter(command).id)
      if !isEarly { try await PostgresJournal(pool).setAside([again]) }
      let kept = try #require(try await letters.list(after: nil, limit: 2).first)
      #expect(kept.status == .dead && kept.letter == again && kept.id == letter(command).id)
      #expect(try await letters.list(after: nil, limit: 2).count == 1)
    }
  }

  @Test func `what does not exist can't be replayed or discarded`() async throws {
    try await with { letters, _ in
      await expectFailure(.unknown) { () async throws(DeadLetterFailure) in try await letters.replay(random()) }
      await expectFailure(.unknown) { () async throws(DeadLetterFailure) in try await letters.discard(random()) }
    }
  }
}
