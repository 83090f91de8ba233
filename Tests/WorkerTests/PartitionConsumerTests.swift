import BackendsTestSupport
import Pipeline
import Synchronization
import Telemetry
import TestSupport
import Testing
import Ticketing

@testable import Worker

struct PartitionConsumerTests {
  private let event = EventRecord.onSale([.seated(rows: 2, of: 10), .standing(50)]).event
  private let partitioning = Partitioning(count: 1)
  private let queue = FakeQueue()
  private let view = FakeView()
  private let quarantine = FakeQuarantine()
  private let metrics = MetricRegistry()

  /// Runs the body beside a consumer of the queue, and its view's keeper.
  private func consuming(
    _ journal: FakeJournal, now: @escaping @Sendable () -> Timestamp = wallClock, time: Timekeeper = .system,
    deciding: (@Sendable (Command) -> Void)? = nil, _ body: (PartitionConsumer) async throws -> Void
  ) async throws {
    let keeper = ViewKeeper(view: view, queue: queue, journal: journal, partitioning: partitioning, logger: quietLogger)
    let consumer = PartitionConsumer(
      partition: 0, queue: queue, journal: journal, quarantine: quarantine, keeper: keeper, partitioning: partitioning, now: now,
      time: time, logger: quietLogger, metrics: WorkerMetrics(metrics), turn: Turn(), watch: DecisionWatch { _, _ in },
      deciding: deciding)
    try await withThrowingTaskGroup { group in
      group.addTask { await keeper.run() }
      group.addTask { await consumer.run() }
      defer { group.cancelAll() }
      try await body(consumer)
    }
  }

  private func queued(_ commands: Command...) -> [QueuedCommand] { commands.map { QueuedCommand($0, ordinal: 1) } }

  /// Requests with these places in the line.
  private func requests(_ ordinals: ClosedRange<Int64>) -> [QueuedCommand] {
    ordinals.map { QueuedCommand(.reserve(event: event.id), ordinal: $0) }
  }

  /// Has what is queued delivered to somebody who never acknowledges it.
  private func deliverInVain() async throws {
    _ = try await queue.subscribe(to: 0).take(PartitionConsumer.maximumMessages, waitingAtMost: .zero)
  }

  @Test func `commands are decided, shown and acknowledged`() async throws {
    let journal = FakeJournal(event)
    let command = Command.reserve(seats: [2], event: event.id)
    queue.publish(queued(command))
    try await consuming(journal) { _ in
      try await eventually("the acknowledgement") { queue.isEmpty }
      #expect(view.reservation(command.reservation)?.status == .held && view.letters(of: event, 0) == "aah")
      for line in ["decisions_total 1", "commands_total 1", "batches_total 1", "dead_letters_total 0", "partitions 1.0"] {
        #expect(metrics.text.contains("tickethub_worker_\(line)\n"))
      }
      #expect(metrics.text.contains("tickethub_worker_lag_seconds{partition=\"0\"} "))
    }
    #expect(metrics.text.contains("tickethub_worker_partitions 0.0\n") && !metrics.text.contains("partition=\"0\""))
  }

  @Test func `whoever waits is told how far and how fast the line moves`() async throws {
    let journal = FakeJournal(event)
    // No time passes but in decisions.
    let clock = Mutex(ContinuousClock.now)
    let time = Timekeeper(now: { clock.withLock { $0 } }, sleep: Timekeeper.system.sleep)
    queue.publish(requests(6...7))
    let deciding: @Sendable (Command) -> Void = { _ in clock.withLock { $0 = $0.advanced(by: .milliseconds(250)) } }
    try await consuming(journal, time: time, deciding: deciding) { _ in
      try await eventually("the acknowledgement") { queue.isEmpty }
    }
    #expect(view.progress == [Progress(ordinal: 7, rate: 4)])
  }

  @Test func `bytes that cannot be read are set aside alone, message or command`() async throws {
    let journal = FakeJournal(event)
    let before = Command.reserve(event: event.id)
    let after = Command.reserve(event: event.id)
    queue.publish(bytes: [0xFF, 1, 2, 3])
    // The message's second command is of an unknown kind.
    var body = CommandMessage.encode(queued(before, .reserve(event: event.id), after))
    let first = 3 + 4 + Int(body[3]) << 24 + Int(body[4]) << 16 + Int(body[5]) << 8 + Int(body[6])
    body[first + 4 + 8] = 99
    queue.publish(bytes: body)
    queue.publish(bytes: [])
    let stray = Command.reserve(event: random())
    queue.publish(queued(stray))
    try await consuming(journal) { _ in
      try await eventually("the acknowledgements") { queue.isEmpty }
    }
    #expect(journal.decisions(of: event).map(\.command.id) == [before.id, after.id])
    #expect(journal.letters.count == 4)
    #expect(Set(journal.letters.map(\.payload)).contains([0xFF, 1, 2, 3]))
    #expect(journal.letters.compactMap(\.command) == [stray.id] && journal.letters.compactMap(\.event) == [stray.event])
    // Each can be queued again as it is.
    #expect(journal.letters.filter { (try? CommandMessage.decode($0.payload))?.count == 1 }.count == 2)
  }

  @Test func `a command that the journal refuses is set aside, and its mates are decided in their order`() async throws {
    let journal = FakeJournal(event)
    let commands = (0..<5).map { _ in Command.reserve(event: event.id) }
    journal.cause(.refused(commands[2].id))
    queue.publish(commands.map { QueuedCommand($0, ordinal: 1) })
    try await consuming(journal) { _ in
      try await eventually("the acknowledgement") { queue.isEmpty }
      #expect(view.reservation(commands[4].reservation)?.status == .held)
      // Its customer sends it again.
      queue.publish(queued(commands[2], .reserve(event: event.id)))
      try await eventually("the acknowledgement") { queue.isEmpty }
    }
    #expect(
      journal.decisions(of: event).map(\.command.id).prefix(4) == [
        commands[0].id, commands[1].id, commands[3].id, commands[4].id,
      ])
    let letter = try #require(journal.letters.first)
    #expect(
      letter.command == commands[2].id && letter.event == event.id && letter.attempts == 3 && letter.reason == "no room for it")
    #expect(letter.queuedCommand?.command == commands[2])
  }

  @Test func `expiries that the journal refuses hold nobody up`() async throws {
    let clock = TestClock()
    let journal = FakeJournal(event)
    let (held, next) = (Command.reserve(event: event.id), Command.reserve(event: event.id))
    try await consuming(journal, now: { clock.now }) { _ in
      queue.publish(queued(held))
      try await eventually("the hold") { view.reservation(held.reservation)?.status == .held }
      journal.cause(.refused(CommandID(0)))
      clock.advance(seconds: 601)
      queue.publish(queued(next))
      try await eventually("the next one's hold") { view.reservation(next.reservation)?.status == .held }
      journal.cause(.refused(random()))
      clock.advance(seconds: 31)
      try await eventually("the first one's end") { view.reservation(held.reservation)?.status == .expired }
    }
    #expect(journal.letters.isEmpty)
  }

  @Test func `nothing is acknowledged before it is committed`() async throws {
    let journal = FakeJournal(event)
    try await consuming(journal) { _ in
      try await eventually("the takeover") { view.isComplete(0) }
      journal.cause(.away(calls: .max))
      queue.publish(queued(.reserve(event: event.id)))
      try await eventually("two attempts") { journal.refusals >= 2 }
      #expect(queue.acknowledged == 0)
      journal.cause(.away(calls: 1))
      try await eventually("the acknowledgement") { queue.isEmpty }
    }
    #expect(journal.decisions(of: event).count == 1)
  }

  @Test func `messages of a backlog share their acknowledgements`() async throws {
    let journal = FakeJournal(event)
    for _ in 0..<70 { queue.publish(queued(.reserve(event: event.id))) }
    try await consuming(journal) { _ in
      try await eventually("the last acknowledgement") { queue.isEmpty }
    }
    #expect(journal.decisions(of: event).count == 70)
    #expect((2...5).contains(queue.acknowledgements))
  }

  @Test func `a partition that is given up leaves nothing unacknowledged behind`() async throws {
    let journal = FakeJournal(event)
    try await consuming(journal) { consumer in
      queue.publish(queued(.reserve(event: event.id)))
      try await eventually("the decision") { journal.decisions(of: event).count == 1 }
      consumer.giveUp()
      try await eventually("its end") { consumer.hasEnded }
      #expect(queue.isEmpty)
    }
  }

  @Test func `a view that is away holds nobody up, and is shown everything once it is back`() async throws {
    let journal = FakeJournal(event)
    view.goAway()
    try await consuming(journal) { _ in
      for _ in 0..<5 {
        queue.publish(queued(.reserve(event: event.id)))
        try await eventually("the acknowledgement") { queue.isEmpty }
      }
      #expect(journal.decisions(of: event).count == 5 && view.version(of: event) == 0)
      view.comeBack()
      try await eventually("the view") { view.version(of: event) == 5 }
      #expect(view.availability(of: event)?.sections.map(\.held) == [5, 0])
    }
  }

  @Test func `a commit whose answer is lost is shown all the same`() async throws {
    let journal = FakeJournal(event)
    let command = Command.reserve(event: event.id)
    try await consuming(journal) { _ in
      // By then the partition has been compared, and nothing would make anybody look again.
      try await eventually("the first comparison") { view.isComplete(0) }
      journal.cause(.answerLost)
      queue.publish(queued(command))
      try await eventually("the view") { view.reservation(command.reservation)?.status == .held }
    }
    #expect(journal.decisions(of: event).count == 1)
  }

  @Test func `after a lost subscription what comes again is not decided again`() async throws {
    let journal = FakeJournal(event)
    try await consuming(journal) { _ in
      for _ in 0..<30 {
        queue.publish(queued(.reserve(event: event.id), .reserve(event: event.id)))
        queue.breakConnection()
      }
      try await eventually("the acknowledgements") { queue.isEmpty }
    }
    let ids = journal.decisions(of: event).map(\.command.id)
    #expect(ids.count == 60 && Set(ids).count == 60)
  }

  @Test func `what comes back is begun one at a time and noted, also where something new comes with it`() async throws {
    let journal = FakeJournal(event)
    queue.publish(requests(1...1))
    try await deliverInVain()
    queue.publish(requests(2...2))
    try await consuming(journal) { _ in
      try await eventually("the acknowledgements") { queue.isEmpty }
    }
    #expect(quarantine.notes == 2 && journal.decisions(of: event).count == 2)
  }

  @Test func `while commands are begun one at a time, nobody is told that the line moves before all of them are settled`()
    async throws
  {
    let journal = FakeJournal(event)
    queue.publish(requests(4...6))
    try await deliverInVain()
    try await consuming(journal) { _ in
      try await eventually("the acknowledgement") { queue.isEmpty }
    }
    #expect(quarantine.notes == 3 && view.progress.map(\.ordinal) == [6])
  }

  @Test func `holds expire without any message`() async throws {
    let clock = TestClock()
    let journal = FakeJournal(event)
    let command = Command.reserve(event: event.id)
    try await consuming(journal, now: { clock.now }) { _ in
      queue.publish(queued(command))
      try await eventually("the hold") { view.reservation(command.reservation)?.status == .held }
      clock.advance(seconds: 601)
      try await eventually("its end") { view.reservation(command.reservation)?.status == .expired }
    }
  }

  @Test func `holds that the former owner gave at the last moment expire too`() async throws {
    let clock = TestClock()
    let journal = FakeJournal(event)
    try await consuming(journal, now: { clock.now }) { _ in
      try await eventually("the takeover") { view.isComplete(0) }
      try journal.decideElsewhere([.reserve(event: event.id)], at: clock.now)
      clock.advance(seconds: 601)
      try await eventually("its end") { journal.decisions(of: event).last?.outcome == .expired }
    }
  }

  @Test(arguments: [true, false])
  func `a partition that is given up is let go of, also while the journal is away`(journalIsAway: Bool) async throws {
    let journal = FakeJournal(event)
    try await consuming(journal) { consumer in
      try await eventually("the takeover") { view.isComplete(0) }
      if journalIsAway {
        journal.cause(.away(calls: .max))
        queue.publish(queued(.reserve(event: event.id)))
        try await eventually("an attempt") { journal.refusals > 0 }
      }
      consumer.giveUp()
      try await eventually("the end") { consumer.hasEnded }
    }
    #expect(queue.acknowledged == 0)
  }
}
