import BackendsTestSupport
import Pipeline
import Synchronization
import Testing
import Ticketing

@testable import Worker

struct IsolationTests {
  private let event = EventRecord.onSale([.standing(1000)]).event
  private let quarantine = FakeQuarantine()

  /// As a worker has it that has just taken the partition over.
  private func isolation(_ journal: FakeJournal) async throws -> Isolation {
    var isolation = Isolation(
      partition: 0, journal: journal, quarantine: quarantine, turn: Turn(), time: .system, logger: quietLogger)
    try await isolation.takeOver()
    return isolation
  }

  private func commands(_ count: Int) -> [QueuedCommand] {
    (0..<count).map { QueuedCommand(.reserve(event: event.id), ordinal: Int64($0)) }
  }

  /// Begins the steps as a worker does, and is killed when it comes to this command. The number of commands that were settled.
  private func work(
    _ commands: [QueuedCommand], _ journal: FakeJournal, dieAt mortal: CommandID?
  ) async throws -> (settled: Int, setAside: [Undecidable]) {
    var isolation = try await isolation(journal)
    var settler = Settler(journal: journal, now: wallClock, logger: quietLogger)
    var settled = 0
    var setAside: [Undecidable] = []
    for step in try await isolation.steps(for: commands, redelivered: true) {
      switch step {
      case .freely(let commands): _ = try await settler.settle(commands, mayBeDecided: true)
      case .together(let commands):
        try await isolation.noteTogether(commands)
        if commands.contains(where: { $0.command.id == mortal }) { return (settled, setAside) }
        settled += try await settler.settle(commands, mayBeDecided: true).decisions
      case .alone(let command):
        let attempts = quarantine.attempts[command.command.id]?.alone ?? 0
        if command.command.id == mortal, attempts < Isolation.maximumAttempts {
          _ = try await quarantine.noteAttempt(at: [command.command.id], in: 0)
          return (settled, setAside)
        }
        let settlement = try await isolation.settleAlone(command, with: &settler) { false }
        settled += settlement.decisions
        setAside += settlement.undecidable
      }
    }
    return (settled, setAside)
  }

  @Test func `of commands that came back before, no two partitions begin one at the same time`() async throws {
    let commands = commands(8)
    for command in commands { _ = try await quarantine.noteAttempt(at: [command.command.id], in: 0) }
    let (turn, quarantine, event) = (Turn(), quarantine, event)
    let decisions = WatchedDecisions()
    try await withThrowingTaskGroup { group in
      for command in commands {
        group.addTask {
          let journal = FakeJournal(event)
          let isolation = Isolation(
            partition: 0, journal: journal, quarantine: quarantine, turn: turn, time: .system, logger: quietLogger)
          var settler = Settler(journal: journal, now: wallClock, logger: quietLogger) { command in
            decisions.note(command.id, begun: quarantine.attempts.filter { $0.value.alone > 1 }.map(\.key))
          }
          _ = try await isolation.settleAlone(command, with: &settler) { false }
        }
      }
      try await group.waitForAll()
    }
    #expect(decisions.count == commands.count && decisions.begunBeside == 0)
  }

  /// Counts commands that were begun, and not yet decided, when another one was decided.
  private final class WatchedDecisions: Sendable {
    private let state = Mutex((decided: Set<CommandID>(), begunBeside: 0))

    var count: Int { state.withLock { $0.decided.count } }
    var begunBeside: Int { state.withLock { $0.begunBeside } }

    func note(_ command: CommandID, begun: [CommandID]) {
      state.withLock { state in
        state.decided.insert(command)
        state.begunBeside += Set(begun).subtracting(state.decided).count
      }
    }
  }

  @Test(arguments: [1, 10, 400]) func `a command that no worker survives is set aside, and all others are decided`(
    count: Int
  ) async throws {
    let journal = FakeJournal(event)
    let commands = commands(count)
    let culprit = commands[count / 2].command.id
    var deaths = 0
    var setAside: [Undecidable] = []
    while setAside.isEmpty {
      setAside = try await work(commands, journal, dieAt: culprit).setAside
      if setAside.isEmpty { deaths += 1 }
    }
    #expect(deaths == (count <= Isolation.fewCommands ? 3 : 4), "three alone, and one to learn that something is wrong")
    #expect(setAside.map(\.command.command.id) == [culprit] && setAside.map(\.attempts) == [3])
    #expect(journal.decisions(of: event).map(\.command.id) == commands.map(\.command.id).filter { $0 != culprit })
  }

  @Test func `whoever is killed with others is not suspected, however often that happens`() async throws {
    let journal = FakeJournal(event)
    let commands = commands(100)
    for round in 0..<30 {
      // Another one each time.
      let mortal = commands[round * 3].command.id
      #expect(try await work(commands, journal, dieAt: mortal).setAside.isEmpty)
    }
    #expect(try await work(commands, journal, dieAt: nil).setAside.isEmpty)
    #expect(journal.decisions(of: event).map(\.command.id) == commands.map(\.command.id))
  }

  @Test func `what comes back after one death takes one note, and nothing is noted of the rest`() async throws {
    let journal = FakeJournal(event)
    var isolation = try await isolation(journal)
    let first = commands(512)
    #expect(try await isolation.steps(for: first, redelivered: true) == [.together(first)])
    let second = commands(512)
    #expect(
      try await isolation.steps(for: second, redelivered: true) == [.together(second)], "its message may have been under way")
    let third = commands(512)
    #expect(try await isolation.steps(for: third, redelivered: true) == [.freely(third)])
    let new = commands(1)
    #expect(try await isolation.steps(for: new, redelivered: false) == [.freely(new)])
    #expect(quarantine.clearances == 1, "what was noted is past, however much came back")
  }

  @Test func `what was decided and comes back takes no suspicion from what was under way`() async throws {
    let journal = FakeJournal(event)
    let decided = commands(2000)
    #expect(try await work(decided, journal, dieAt: nil).settled == 2000)
    var isolation = try await isolation(journal)
    for start in stride(from: 0, to: 2000, by: 500) {
      let batch = Array(decided[start..<start + 500])
      #expect(try await isolation.steps(for: batch, redelivered: true) == [.freely(batch)])
    }
    let underWay = commands(100)
    #expect(try await isolation.steps(for: underWay, redelivered: true) == [.together(underWay)])
  }

  @Test func `the first message that is new ends all suspicion`() async throws {
    let journal = FakeJournal(event)
    let commands = commands(20)
    _ = try await quarantine.noteAttempt(at: [commands[0].command.id], in: 0)
    var isolation = try await isolation(journal)
    #expect(try await isolation.steps(for: commands, redelivered: false) == [.freely(commands)])
    #expect(quarantine.attempts.isEmpty && quarantine.clearances == 1)
    #expect(try await isolation.steps(for: commands, redelivered: true) == [.freely(commands)])
    #expect(quarantine.clearances == 1 && quarantine.notes == 1)
  }

  @Test func `a database that is away in between is nobody's fault`() async throws {
    let journal = FakeJournal(event)
    let isolation = try await isolation(journal)
    var settler = Settler(journal: journal, now: wallClock, logger: quietLogger)
    let command = commands(1)[0]
    journal.cause(.away(calls: 4))
    let settlement = try await isolation.settleAlone(command, with: &settler) { false }
    #expect(settlement.decisions == 1 && settlement.undecidable.isEmpty)
    #expect(quarantine.notes == 5 && quarantine.attempts[command.command.id]?.alone == 1)
  }

  @Test func `a worker that is to stop does not wait for a database that is away`() async throws {
    let journal = FakeJournal(event)
    let isolation = try await isolation(journal)
    var settler = Settler(journal: journal, now: wallClock, logger: quietLogger)
    let command = commands(1)[0]
    // Not for ever, so that a worker that waits for it is found out and ends.
    quarantine.goAway(calls: 5)
    await #expect(throws: CancellationError.self) {
      _ = try await isolation.settleAlone(command, with: &settler) { true }
    }
    #expect(quarantine.refusals == 3, "nobody could say whether it was begun before, note the attempt, or withdraw it")
  }

  @Test func `a command that the journal refuses is decided twice alone before it is set aside`() async throws {
    let journal = FakeJournal(event)
    let isolation = try await isolation(journal)
    let decisions = Mutex(0)
    var settler = Settler(
      journal: journal, now: wallClock, logger: quietLogger, deciding: { _ in decisions.withLock { $0 += 1 } })
    let command = commands(1)[0]
    journal.cause(.refused(command.command.id))
    let settlement = try await isolation.settleAlone(command, with: &settler) { false }
    let made = decisions.withLock { $0 }
    #expect(made == 2 && settlement.undecidable.map(\.reason) == ["no room for it"])
  }

  @Test func `a command that was set aside and comes again is left alone until it is replayed, and then tried alone`()
    async throws
  {
    let journal = FakeJournal(event)
    let commands = commands(3)
    let dead = commands[1].command
    quarantine.setAside = [dead.id]
    var isolation = try await isolation(journal)
    #expect(try await isolation.steps(for: commands, redelivered: false) == [.freely([commands[0], commands[2]])])
    #expect(try await isolation.steps(for: [commands[1]], redelivered: false) == [.freely([])])
    quarantine.setAside = []
    #expect(
      try await isolation.steps(for: commands, redelivered: false)
        == [.freely([commands[0]]), .alone(commands[1]), .freely([commands[2]])])
  }

  @Test func `a command that was set aside can be discarded`() async throws {
    let journal = FakeJournal(event)
    let dead = Command.reserve(event: event.id)
    quarantine.setAside = [dead.id]
    var isolation = try await isolation(journal)
    let request = try #require(dead.request)
    let discard = QueuedCommand(
      Command(id: dead.id, event: event.id, action: .discard(request), acceptedAt: dead.acceptedAt), ordinal: 0)
    #expect(
      try await isolation.steps(for: [discard, QueuedCommand(dead, ordinal: 0)], redelivered: false) == [.freely([discard])])
  }
}
